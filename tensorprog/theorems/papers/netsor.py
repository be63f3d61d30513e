"""Netsor: perceptrons, convolutions, recurrences with tied weights (Yang 2019, Theorem 5.4; Fact 1 of Sakai et al.)."""

from __future__ import annotations

from tensorprog.kernel.ground.nodes import Dot, Moment, Node, Scalar
from tensorprog.kernel.ground.place import Place
from tensorprog.terms import Term, to_text
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.conditions.common import READOUTS, SAMPLED, first_problem, judged_controlled
from tensorprog.theorems.conditions.finding import Finding, proved
from tensorprog.theorems.conditions.scalars import every_member, limit_of
from tensorprog.theorems.conditions.statement import Premise, Theorem
from tensorprog.theorems.vectors.nonlinearities import Judged


def instructions(case: Case) -> Finding:
    readouts = {id(d) for d in case.plain}
    for node in case.nodes:
        if isinstance(node, Moment) or (isinstance(node, Dot) and id(node) not in readouts):
            word = "a Moment" if isinstance(node, Moment) or node in case.moments else "a dot product"
            word = "a readout that enters a function" if node in case.readout_scores else word
            return Finding("refuted", f"{node.name} is {word}", node.place)
    return proved("only Input, MatMul, LinComb, Nonlin" + (" and readouts occur" if readouts else " occur"))


def controlled(case: Case) -> Finding:
    findings = [limit_of(case, n) if isinstance(n, Scalar) else _controlled(case, n) for n in case.consumed]
    return first_problem(findings, "every nonlinearity is pseudo-Lipschitz or controlled")


def _controlled(case: Case, node: Node) -> Finding:
    whole = case.functions.controlled(node)
    found = judged_controlled(whole, "nonlinearity")
    if whole.fact.proved or case.functions.body(node) is None:
        return found
    return every_member(case, node, lambda t: controlled_term(case, t, whole.place, "nonlinearity"), found)


def controlled_term(case: Case, t: Term, place: Place | None, word: str) -> Finding:
    """Return whether one composed function is controlled."""
    return judged_controlled(Judged(case.functions.facts(t).controlled, to_text(t), place), word)


THEOREM = Theorem(
    "netsor",
    "Netsor Master Theorem",
    "Yang 2019, Wide Feedforward or Recurrent Neural Networks of Any Architecture are Gaussian Processes, Theorem 5.4"
    " (Sakai, Karakida & Imaizumi 2025, Fact 1)",
    "(1/n) sum_a psi(g^1_a, ..., g^k_a) -> E[psi(Z^{g^1}, ..., Z^{g^k})] almost surely, for psi of the same class",
    (
        *SAMPLED,
        Premise(
            "instructions",
            "the program consists of Input, MatMul, LinComb, Nonlin (readouts as outputs)",
            instructions,
        ),
        READOUTS,
        Premise(
            "nonlinearities",
            "all nonlinearities used in Nonlin are pseudo-Lipschitz (Yang: controlled)",
            controlled,
        ),
    ),
    example="""
index t in 1..4
input x[t], b ~ N(0, 1)
weight W, U, V ~ N(0, 1/n)
h[1] = U @ x[1] + b
for s in 2..4:
    h[s] = W @ tanh(h[s-1]) + U @ x[s] + b
y = V @ tanh(h[4])
output y
""",
    cites=("yang2019wide",),
)

"""A function of the reference corpus as an instruction of a program, and what is certified of it."""

from __future__ import annotations

from fractions import Fraction

from tensorprog.kernel.core.rates import ORDER
from tensorprog.kernel.ground.nodes import Nonlin, Scalar
from tensorprog.kernel.ground.term import add, mul, neg, recip, variables
from tensorprog.language import loads
from tensorprog.program import Program
from tensorprog.proof import prove, verify
from tensorprog.terms import App, Term
from tests.functions.reference import Case

PROPERTIES = {
    "total": "total",
    "continuous": "continuous",
    "bounded": "bounded",
    "polynomially bounded": "polynomially_bounded",
    "controlled": "controlled",
    "pseudo-Lipschitz": "pseudo_lipschitz",
}


def program_of(case: Case) -> Program:
    """The function of its variables, beside an output that a theorem covers anyway."""
    params = []
    for name, interval in case.assumptions.items():
        params.append(f"param {name} > 0 = 1" if interval.low == Fraction(0) else f"param {name} = 1")
    p = loads("\n".join([*params, f"input {', '.join(case.vars)} ~ N(0, 1)", f"output {case.vars[0]}", ""]))
    node = Nonlin if variables(case.term) else Scalar
    p.append(node("the_function", (), as_read(case.term)))
    return p


def as_read(t: Term) -> Term:
    """The term as the reader of programs would make it."""
    if not isinstance(t, App):
        return t
    args = tuple(map(as_read, t.args))
    made = {"add": add, "mul": mul, "neg": neg, "recip": recip}.get(t.head)
    return made(*args) if made else App(t.head, args)


def certified(case: Case) -> dict[str, str]:
    """What the kernel accepts of each property: `proved`, or `refuted: ` and the curve; under `order` an order."""
    p = program_of(case)
    found = prove(p, ["the_function"])
    said = verify(p, found).goals
    refuted = {goal[2]: f"refuted: {', '.join(goal[3:])}" for goal in said if goal[0] == "refuted"}
    proved = {goal[2]: "proved" for goal in said if goal[0] == "property"}
    orders = [what.removeprefix(ORDER) for what in proved if what.startswith(ORDER)]
    out = {**refuted, **{k: v for k, v in proved.items() if not k.startswith(ORDER)}}
    return {**out, "order": orders[0]} if orders else out

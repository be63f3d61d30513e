"""What a dishonest prover would write as the normal form of a program, for each side condition of its validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorprog.kernel.core.statements import Nonzero, Statement
from tensorprog.kernel.ground.nodes import Input
from tensorprog.kernel.verdict.normal_form import Validation, read
from tensorprog.language import loads
from tensorprog.proof.writer import written
from tensorprog.terms import Num
from tests.kernel.bench import Bench

PROGRAM = """
index i, j in 1..3
width m = 2*n
input u[i] ~ N(0, 1)
input w: m ~ N(0, 1)
weight W, V, U[i] ~ N(0, 1/n)
q = W @ u[1]
k[i] = V @ u[i]
p[i] = dot(q, k[i])/sqrt(n)
x = sum(p[i]*k[i] for i)
y = U[1] @ x
output y
"""
Q, U1, W = ["var", "q"], ["var", "u", 1], ["var", "W"]


def normal_form(*more: list[Any], without: str = "", changed: dict[str, list[Any]] | None = None) -> Statement:
    """Validate the honest normal form with these instructions added, left out, or with other right-hand sides."""
    program = loads(PROGRAM)
    data = [written(n) for n in program.analysis.nodes if not isinstance(n, Input)]
    kept = [[*d[:3], (changed or {})[str(d[1])]] if d[1] in (changed or {}) else d for d in data if d[1] != without]
    new = read(program, [*kept, *more])
    Validation(program, new).check()
    return Nonzero(Num(1))


NORMAL_FORMS: dict[str, Callable[[Bench], Statement]] = {
    "an instruction of the normal form is that of the program": lambda b: normal_form(changed={"x": Q}),
    "all members of what is put out or claimed": lambda b: normal_form(without="y"),
    "an index on the right is bound, or on the left": lambda b: normal_form(["LinComb", "z", [], ["var", "u", "i"]]),
    "what an instruction reads is defined before it": lambda b: normal_form(
        ["LinComb", "z", [1], Q], ["LinComb", "z", [2], ["var", "z", 3]], ["LinComb", "z", [3], ["var", "z", 2]]
    ),
    "each member is defined once, under a name of one kind": lambda b: normal_form(
        ["LinComb", "z", [], Q], ["LinComb", "z", [], ["mul", ["num", "2"], Q]]
    ),
    "an index stands once on the left": lambda b: normal_form(["LinComb", "z", ["i", "i"], ["var", "u", "i"]]),
    "a matrix of the program": lambda b: normal_form(["MatMul", "z", [], ["var", "U", 9], U1]),
    "the width of a product": lambda b: normal_form(["MatMul", "z", [], W, ["var", "w"]]),
    "two vectors of one width": lambda b: normal_form(["Dot", "z", [], Q, ["var", "w"], ["num", "1"]]),
    "a constant factor": lambda b: normal_form(["Dot", "z", [], Q, U1, Q]),
    "vectors of one width, and none in a scalar": lambda b: normal_form(["Scalar", "z", [], Q]),
}
SHIFTED = """
index i in 1..2
index k in 2..3
index l in 1..3
input u ~ N(0, 1)
weight A[l] ~ N(0, 1/n)
x[1] = exp(u^4)
x[2] = u
x[3] = tanh(u)
h[i] = A[i] @ x[i]
output h
"""


def another_member() -> Statement:
    """h[2] and h[3] for h[1] and h[2]: as many members, but not exp(u^4), which no theorem covers."""
    program, other = loads(SHIFTED), loads(SHIFTED.replace("[i]", "[k]"))
    new = read(program, [written(n) for n in other.nodes if not isinstance(n, Input)])
    Validation(program, new).check()
    return Nonzero(Num(1))


NORMAL_FORMS["members of the program, and no others"] = lambda _: another_member()

GUARDED_NORMAL_FORMS = {
    "one kind and width": "a scalar and a vector, or two widths, have no right-hand sides of one form",
}

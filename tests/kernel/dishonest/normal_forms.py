"""What a dishonest prover would write as the normal form of a program, for each side condition of its validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.statements import Nonzero, Statement
from tensorprog.kernel.ground.nodes import Input
from tensorprog.kernel.verdict.normal_form import Validation
from tensorprog.kernel.verdict.normal_form import read as read_normal_form
from tensorprog.language import loads
from tensorprog.proof.writer import written
from tensorprog.terms import Num, Var, read, to_json
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
    new = read_normal_form(program, [*kept, *more])
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
    new = read_normal_form(program, [written(n) for n in other.nodes if not isinstance(n, Input)])
    Validation(program, new).check()
    return Nonzero(Num(1))


NORMAL_FORMS["members of the program, and no others"] = lambda _: another_member()

TIED_BLOCK = """
index i, j in 1..2
input x[i] ~ N(0, 1)
weight A ~ N(0, 1/n)
f[i] = tanh(x[i])
q[i] = A @ f[i]
y[i] = attention(q[i], q[j], f[j] over j, scale = 1/sqrt(n))
output y
"""


def block() -> Statement:
    """An attention block, whose scores nothing shows, taken for an initial vector."""
    b = Bench(TIED_BLOCK)
    b.context = Context(loads(TIED_BLOCK), 10**6)
    fact = b.do("apply", b.do("variable", var=Var("x", ("i",))), head="tanh")
    return b.do("applies", b.do("instruction", fact, node=1), theorem="netsor", output=0)


HIDDEN = """
input x ~ N(0, 1)
input z ~ N(0, 0)
weight W ~ N(0, 1/n)
m = mean(z^2)
s = 1/(1/n + m)
y = W @ (s*x)
output y
"""


def hidden_width() -> Statement:
    """s = 1/(1/n + m), whose sum has no name of its own in the normal form: it is n, and not bounded."""
    b, program = Bench(HIDDEN), loads(HIDDEN)
    data = [["Moment", "m", [], to_json(read("z^2"))], ["Scalar", "s", [], to_json(read("1/(1/n + m)"))],
            ["Nonlin", "y_1", [], to_json(read("s*x"))], ["MatMul", "y", [], W, ["var", "y_1"]]]  # fmt: skip
    b.program = read_normal_form(program, data)
    Validation(program, b.program).check()
    b.context = Context(b.program, 10**6)
    square = b.fact("z^2")
    m = b.do("limit_scalar", b.do("sign", square, node=b.node("m")), var=Var("m"))
    below = b.do("apply", b.do("constant", term=read("1/n")), m, head="add")
    s = b.do("instruction", b.do("apply", below, head="recip"), node=b.node("s"))
    f = b.do("apply", b.do("variable", s, var=Var("s")), b.fact("x"), head="mul")
    known = (b.do("instruction", f, node=b.node("y_1")), b.do("instruction", square, node=b.node("m")))
    return b.do("applies", *known, theorem="netsor-plus", output=0)


NORMAL_FORMS["an attention block is written out"] = lambda _: block()
NORMAL_FORMS["a width stands in no function"] = lambda _: hidden_width()

GUARDED_NORMAL_FORMS = {
    "one kind and width": "a scalar and a vector, or two widths, have no right-hand sides of one form",
}

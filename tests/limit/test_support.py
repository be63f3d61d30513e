"""`derive` and `check` agree on which theorem covers an output, unused scores among what absorbs further products."""

from __future__ import annotations

import pytest

import tensorprog as tp
from tensorprog.limit.support import Supports

TEXT = """
index i in 1..2
input u[i] ~ N(0, 1)
weight A, B, C, D ~ N(0, 1/n)
x[i] = atan(u[i])
p[i] = dot(A @ x[i], B @ x[i]) / sqrt(n)
v = A @ {v}
s = dot(C @ x[1], D @ {s}) / sqrt(n)
y = tanh(p[1]) * v
output y
"""


@pytest.mark.parametrize(
    ("v", "s", "covered"),
    [
        ("(x[1] - x[2])", "x[1]", True),  # p[2] is unused, and absorbs A @ x[2]
        ("x[2]", "x[1]", True),
        ("cos(u[1])", "x[1]", False),
        ("x[2]", "(C @ x[1])", True),  # s does not qualify, and need not
    ],
)
def test_a_statement_has_the_support_that_check_names(v: str, s: str, covered: bool) -> None:
    program = tp.loads(TEXT.format(v=v, s=s))
    assert ("attention" in tp.check(program).covered_by) == covered
    assert Supports(program).of([program.outputs[0].ref]).covered == covered

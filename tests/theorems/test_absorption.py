"""What counts as another use of a score matrix: not a combination of score sides, nor a side of an unused score."""

from __future__ import annotations

import pytest

import tensorprog as tp


def verdict(text: str) -> str:
    return tp.check(tp.loads(text)).verdict


# -- products of sums ----------------------------------------------------------------------------------------------

SPANS = """
index i, j in 1..3
matrix D = [[1, 0, 0], [0, 1, 0], [1, 1, 0]]
input u[i] ~ N(0, 1)
weight A, B[i] ~ N(0, 1/n)
x[i] = tanh(u[i])
{body}
output y
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("p[i] = dot(A @ x[i], B[i] @ x[i])/sqrt(n)\ny = tanh(p[1] + p[2])*(A @ (x[1] + x[2]))", "valid"),
        ("p[i] = dot(A @ x[i], B[i] @ x[i])/sqrt(n)\ny = tanh(p[1] + p[2])*(A @ (x[1] + x[3]))", "valid"),
        ("p = dot(A @ x[1], B[1] @ x[1])/sqrt(n)\ny = tanh(p)*(A @ (x[1] + x[2]))", "invalid"),
        ("p = dot(A @ x[1], B[1] @ x[1])/sqrt(n)\ny = tanh(p)*(A @ (2*x[1] + 0*x[2]))", "valid"),
        (
            "z = x[1] + x[2]\np = dot(A @ z, B[1] @ x[1])/sqrt(n)\nq = dot(A @ x[2], B[2] @ x[2])/sqrt(n)\n"
            "y = tanh(p + q)*(A @ x[1])",
            "valid",
        ),
        ("z = x[1] + x[2]\np = dot(A @ z, B[1] @ x[1])/sqrt(n)\ny = tanh(p)*(A @ (3*x[1] + 3*x[2]))", "valid"),
        ("z = x[1] + x[2]\np = dot(A @ z, B[1] @ x[1])/sqrt(n)\ny = tanh(p)*(A @ (3*x[1] + 2*x[2]))", "invalid"),
        (
            "z[i] = sum(D[i,j]*x[j] for j)\np = dot(A @ x[1], B[1] @ x[1])/sqrt(n)\ny = tanh(p)*(A @ z[1])",
            "valid",
        ),
        (
            "z[i] = sum(D[i,j]*x[j] for j)\np = dot(A @ x[1], B[1] @ x[1])/sqrt(n)\ny[i] = tanh(p)*(A @ z[i])",
            "invalid",
        ),
        (
            "z[i] = sum(D[i,j]*x[j] for j)\np = dot(A @ x[1], B[1] @ x[1])/sqrt(n)\n"
            "q = dot(A @ x[2], B[1] @ x[1])/sqrt(n)\ny[i] = tanh(p + q)*(A @ z[i])",
            "valid",
        ),
        ("z = tanh(x[1] + x[2])\np[i] = dot(A @ x[i], B[i] @ x[i])/sqrt(n)\ny = tanh(p[1] + p[2])*(A @ z)", "invalid"),
    ],
)
def test_a_product_of_a_combination_of_score_inputs_is_no_other_use(body: str, expected: str) -> None:
    """A fresh unused score would absorb the others, but the program defines none."""
    assert verdict(SPANS.format(body=body)) == expected


# -- unused scores -------------------------------------------------------------------------------------------------

UNUSED = """
index i, j in 1..2
input u, w[i] ~ N(0, 1)
weight A, B, C, D, F[i] ~ N(0, 1/n)
x = tanh(u)
z = sin(u)
p = dot(A @ x, B @ x)/sqrt(n)
v = A @ z
{body}
y = tanh(p)*v
output y
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", "invalid"),
        ("s = dot(v, D @ z)/sqrt(n)", "valid"),
        ("s = dot(v, D @ z)/sqrt(n)\nbad = dot(C @ x, C @ x)/sqrt(n)", "valid"),
        ("s = dot(v, D @ z)/sqrt(n)\nbad = dot(D @ x, D @ z)/sqrt(n)", "valid"),
        ("d = dot(v, D @ z)\ns = d/sqrt(n)", "valid"),
        ("d = dot(v, D @ z)\ns = d/n", "invalid"),
        ("s = dot(v, A @ z)/sqrt(n)", "invalid"),
        ("s = dot(v, D @ z)/sqrt(n)\nbad = dot(v, C @ (A @ x))/sqrt(n)", "valid"),
        ("bad = dot(v, C @ tanh(u*p))/sqrt(n)", "invalid"),
        ("good = dot(v, C @ (z*tanh(p)))/sqrt(n)", "valid"),
        ("s[i,j] = dot(v, F[i] @ w[j])/sqrt(n)", "valid-by-remark"),
        ("s[i,j] = dot(v, F[i] @ w[j])/sqrt(n)\nt = dot(v, D @ z)/sqrt(n)", "valid"),
        ("s = dot(v, D @ z)/sqrt(n)\nt = D @ sin(w[1])\nr = dot(t + v, C @ z)/sqrt(n)", "valid"),
    ],
)
def test_unused_scores_absorb_where_some_set_of_them_can(body: str, expected: str) -> None:
    assert verdict(UNUSED.format(body=body)) == expected


def test_an_unused_score_with_a_matrix_that_makes_something_else_absorbs_nothing() -> None:
    text = UNUSED.format(body="s = dot(v, D @ z)/sqrt(n)")
    assert verdict(text.replace("y = tanh(p)*v", "y = tanh(p)*v + D @ x")) == "invalid"
    again = text.replace("y = tanh(p)*v", "t = dot(D @ x, C @ x)/sqrt(n)\ny = tanh(p)*v + D @ x")
    assert verdict(again) == "valid"

"""The zero test behind proofs: identities are recognised, and what is not zero is never called zero."""

from __future__ import annotations

import mpmath
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorprog.limit.claims.zero import is_zero

a, b = sympy.symbols("a b", real=True)
POSITIVE = frozenset({"a", "b"})
IDENTITIES = [
    sympy.sqrt(6) - sympy.sqrt(2) * sympy.sqrt(3),
    (a + b) ** 3 - a**3 - 3 * a**2 * b - 3 * a * b**2 - b**3,
    1 / (a + b) - (a - b) / (a**2 - b**2),
    sympy.exp(a + b) - sympy.exp(a) * sympy.exp(b),
    sympy.exp(a / 2) ** 2 - sympy.exp(a),
    sympy.erf(-a) + sympy.erf(a),
    sympy.sqrt(a) * sympy.sqrt(b) - sympy.sqrt(a * b),
    sympy.sqrt(a**2 * b) - a * sympy.sqrt(b),
    1 / sympy.sqrt(2 * sympy.pi) - sympy.sqrt(2) / (2 * sympy.sqrt(sympy.pi)),
    sympy.sqrt(a / b) - sympy.sqrt(a * b) / b,
    sympy.acos(a / 3) + sympy.asin(a / 3) - sympy.pi / 2,
    sympy.asin((a + b) ** 2 / 9) - sympy.asin((a**2 + 2 * a * b + b**2) / 9),
]


@pytest.mark.parametrize("expr", IDENTITIES, ids=str)
def test_identities(expr: sympy.Expr) -> None:
    assert is_zero(expr, POSITIVE)


def test_sqrt_of_a_square_needs_a_sign() -> None:
    assert not is_zero(a - sympy.sqrt(a**2))
    assert is_zero(a - sympy.sqrt(a**2), frozenset({"a"}))


ATOMS = st.sampled_from(
    [a, b, sympy.Integer(2), sympy.Rational(1, 3), sympy.pi, sympy.sqrt(2), sympy.sqrt(a), sympy.exp(-a), sympy.erf(b)]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: p[0] + p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] * p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] - p[1]),
        inner.map(lambda x: x**2),
        inner.map(lambda x: sympy.exp(x) if x.count_ops() < 8 else x),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS)
def test_zero_only_if_numerically_zero(x: sympy.Expr, y: sympy.Expr) -> None:
    for expr in (x - y, sympy.expand(x * y) - x * y, (x + y) ** 2 - x**2 - 2 * x * y - y**2):
        if is_zero(expr, POSITIVE):
            f = sympy.lambdify((a, b), expr, "mpmath")
            with mpmath.workdps(60):
                at = mpmath.mpf("0.731"), mpmath.mpf("1.173")
                size = abs(sympy.lambdify((a, b), x, "mpmath")(*at)) + abs(sympy.lambdify((a, b), y, "mpmath")(*at)) + 1
                assert abs(f(*at)) <= mpmath.mpf(10) ** -40 * size**2


@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS, EXPRESSIONS)
def test_ring_identities_are_found(x: sympy.Expr, y: sympy.Expr, z: sympy.Expr) -> None:
    assert is_zero(x * (y + z) - x * y - x * z, POSITIVE)

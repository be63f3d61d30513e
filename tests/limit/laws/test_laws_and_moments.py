"""Two roads to one number: moments of a law, and expectations of powers of its variable."""

from __future__ import annotations

import math
import random

import pytest

import tensorprog as tp
from tests.networks import network


@pytest.mark.parametrize("body", ["x*x", "x*x*x", "(x*x)*2", "x*x + x", "x*x*h", "(x + h)*(x + h)", "2*x*x - x*x"])
def test_products_of_one_vector_with_itself(body: str) -> None:
    """x*x is no coefficient times x, though both factors may be one object."""
    text = f"input x ~ N(0, 1)\nweight W ~ N(0, 1/n)\nh = W @ x\na = {body}\noutput a\nclaim gaussian(a)\n"
    program = tp.loads(text)
    assert [c.status for c in tp.claims(program)] == ["refuted"]
    limit = tp.derive(program)
    law = limit.law("a")
    assert law.kind == "function-of-gaussian"
    for k in (1, 2, 3, 4):
        assert law.moment(k).value == pytest.approx(limit.expect(f"a^{k}").value, rel=1e-12, abs=1e-12)


def test_products_with_scores() -> None:
    """Of a score with itself, and of a vector with itself beside scores."""
    text = """
index i, j in 1..2
input x[i] ~ N(0, 1)
weight Wq, Wk, Wv ~ N(0, 1/n)
v[i] = Wv @ x[i]
p[i,j] = dot(Wq @ x[i], Wk @ x[j]) / sqrt(n)
s[i] = p[i,1] * p[i,1] * v[i]
t[i] = v[i] * v[i] + p[i,1]
output s
output t
claim gaussian(s[1])
claim gaussian(t[1])
"""
    program = tp.loads(text)
    assert [c.status for c in tp.claims(program)] == ["refuted", "refuted"]
    limit = tp.derive(program)
    assert limit.law("s[1]").kind == "hierarchical-gaussian"
    assert limit.law("t[1]").kind == "function-of-hierarchical"
    assert limit.law("s[1]").variance.value[0] == pytest.approx(3, rel=1e-2)  # E p^4 E v^2
    assert limit.law("t[1]").mean.value[0] == pytest.approx(1, rel=1e-2)


def test_scores_of_tokens_that_are_one_vector() -> None:
    """The formula of a covariance is singular where two tokens are one, and the law has its numbers all the same."""
    text = """
param r > 0 = 1
index i, j in 1..2
input x[i] ~ N(0, r^abs(i - i'))
weight Wq, Wk, Wv ~ N(0, 1/n)
a[i] = clip(x[i], -1, 2)
p[i,j] = dot(Wq @ a[i], Wk @ a[j]) / sqrt(n)
y[i] = sum(softmax(p[i,j] over j) * (Wv @ a[j]) for j)
output y
"""
    limit = tp.derive(tp.loads(text))
    known = limit.expect("a[1]^2").value
    for pair in (("y[1]", "y[1]"), ("y[1]", "y[2]")):
        assert limit.cov(*pair).value == pytest.approx(known, rel=1e-6)


def compared(seed: int) -> int:
    """How many moments of laws of vectors without scores were compared with expectations."""
    program = tp.loads(network(random.Random(seed)))
    limit, count = tp.derive(program), 0
    for name, family in program.families.items():
        if family.kind != "vector" or name.startswith("_"):
            continue
        member = f"{name}[1]" if family.arity == 1 else name
        try:
            law = limit.law(member)
            moments = [(law.moment(k), limit.expect(f"{member}^{k}")) for k in (1, 2, 3)]
        except tp.TensorProgError:
            continue
        if law.kind not in ("gaussian", "function-of-gaussian", "deterministic"):
            continue
        for one, other in moments:
            if other.value is not None and other.error is not None and math.isfinite(other.error):
                gap = abs(float(one.value) - other.value)
                assert gap <= float(one.error) + other.error + 1e-9 * (1 + abs(other.value)), (seed, member, one, other)
                count += 1
    return count


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_moments_of_laws_are_expectations(part: int) -> None:
    assert sum(map(compared, range(700 + 6 * part, 706 + 6 * part))) >= 12


@pytest.mark.long
def test_a_covariance_that_rests_on_one_without_a_number_has_none() -> None:
    """The quadrature of cov(u[1], u[2]) does not settle: what is computed from it is unknown, and no traceback."""
    text = """
index i in 1..2
input x[i] ~ N(0.3, 1)
weight W1, W2, W3 ~ N(0, 1/n)
h[i] = W1 @ x[i]
u[i] = W2 @ ((x[i] - 2)/(1 + (h[i]/(1 + x[i]^2))^2))
v[i] = W3 @ gelu(u[i])
output v
"""
    limit = tp.derive(tp.loads(text))
    assert limit.cov("v[1]", "v[1]").value is not None
    found = limit.cov("v[1]", "v[2]")
    assert (found.value is None) == (limit.cov("u[1]", "u[2]").value is None)

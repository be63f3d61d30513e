"""Facts of members: which scores exist under masks, and which have positive variance."""

from __future__ import annotations

import random
from itertools import product

import pytest

import tensorprog as tp
from tensorprog.kernel.ground.indices import Pattern
from tensorprog.kernel.ground.masks import holds
from tensorprog.program.graph.apart import Apart, differing, fixed_at, separated
from tensorprog.program.graph.unify import unify
from tensorprog.program.lowering.masks import allowed
from tensorprog.terms import read
from tensorprog.theorems.conditions.ancestors import Shared
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.conditions.exclusivity import not_exclusive


def verdict(text: str) -> str:
    return tp.check(tp.loads(text)).verdict


# -- positive variance of scores -----------------------------------------------------------------------------------

SCORED = """
index i, j, k, l in 1..3
matrix D = [[1, 0, 2], [0, 0, 1], [0.5, -1, 0]]
matrix O = [[1, 1, 0], [0, 0, 0], [1, 0, 1]]
matrix S = [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 2]]
matrix T = [[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]]
param r in (-1, 1) = 0.5
param q = 1
input u[i], e[i,k] ~ N(0, 1)
input s[i] ~ N(0, S)
input t[i] ~ N(0, T)
input (a, b) ~ N([0, 0], [[1, r], [r, 1]])
input (c, d) ~ N([1, 0], [[1, 1], [1, 1]])
weight P[k], W, U, Q, K ~ N(0, 1/n)
{features}
p[i,j] = dot(Q @ x[i], K @ x[j])/sqrt(n)
y[i] = sum(softmax(p[i,j] over j)*u[j] for j)
output y
"""


@pytest.mark.parametrize(
    "features",
    [
        "x[i] = tanh(sum(P[k] @ e[i,k] for k))",
        "x[i] = sum(D[i,k]*(2*Phi(u[k]) - 1) for k)",
        "x[i] = tanh(sum(D[i,k]*u[k] for k))",
        "x[i] = tanh(u[1] - 2*u[2] + 0*u[i])",
        "x[i] = tanh(sum(W @ tanh(e[i,k]) for k))",
        "h[i] = W @ tanh(u[i])\nx[i] = tanh(sum(h[k] for k)) - 0.1*tanh(h[i])",
        "h[1] = P[1] @ u[1] + P[2] @ u[2]\nh[2] = P[1] @ u[2] + P[2] @ u[3]\nh[3] = P[1] @ u[3]\nx[i] = tanh(h[i])",
        "h[i] = tanh(W @ u[i])\nx[i] = sum(h[k] for k)/3 + 0*h[i]",
        "h[i,k] = tanh(W @ e[i,k])\nx[i] = max(h[i,k] for k)",
        "x[i] = tanh(s[1] - s[2]) + 0*u[i]",
        "x[i] = sin(a - b) + 0*u[i]",
        "x[i] = tanh(c - d) + 0*u[i]",
        "x[i] = cos(u[1])*cos(t[1] + t[2] + t[3]) + 0*u[i]",
        "h[i] = U @ tanh(W @ u[i])\nx[i] = tanh(h[1])*tanh(h[2]) + 0*u[i]",
    ],
)
def test_features_of_several_members_have_positive_variance(features: str) -> None:
    assert verdict(SCORED.format(features=features)) == "valid"


@pytest.mark.parametrize(
    "features",
    [
        "x[i] = tanh(u[1] - u[i])",
        "x[i] = sum(O[i,k]*tanh(u[k]) for k)",
        "x[i] = tanh(sum(t[k] for k)) + 0*u[i]",
        "h[i] = W @ tanh(u[i])\ng = W @ tanh(u[2])\nx[i] = tanh(h[2] - g) + 0*u[i]",
        "h[i] = W @ tanh(t[i])\nx[i] = tanh(sum(h[k] for k))",
        "z = u[1]\ng = W @ z\nx[i] = tanh(W @ u[1] - g) + 0*u[i]",
        "x[i] = q*tanh(u[i])",
        "x[i] = tanh(d - c + 1) + 0*u[i]",
    ],
)
def test_features_whose_variance_may_vanish_are_not_called_positive(features: str) -> None:
    """The first members vanish, or rest on a singular covariance: u[1] - u[1], rows of zeros, W x - W x, q = 0."""
    assert verdict(SCORED.format(features=features)) in ("undecided", "invalid")


def test_positive_variance_is_asked_of_all_members_of_large_families() -> None:
    text = """
index i, j in 1..5000
index k in 1..300
input e[i,k] ~ N(0, 1)
weight P[k], Q, K, V ~ N(0, 1/n)
x[i] = tanh(sum(P[k] @ e[i,k] for k))
p[i,j] = dot(Q @ x[i], K @ {})/sqrt(n)
y[i] = sum(softmax(p[i,j] over j)*(V @ x[j]) for j)
output y
"""
    assert verdict(text.format("x[j]")) == "valid"
    assert verdict(text.format("(x[j] - x[4321])")) == "undecided"


# -- masks ---------------------------------------------------------------------------------------------------------

MASKED = """
index i, j in 1..{s}
input u[i] ~ N(0, 1)
weight A[i], B, C ~ N(0, 1/n)
q[i] = A[i] @ tanh(u[i])
p[i,j] = dot(q[i], q[j])/sqrt(n)
{body}
output {out}
"""


@pytest.mark.parametrize("s", [3, 9, 40, 1000])
@pytest.mark.parametrize("mask", ["j != i", "i != j", "i != j and i >= 0"])
def test_a_masked_score_does_not_exist(mask: str, s: int) -> None:
    body = f"y[i] = sum(softmax(p[i,j] over j, mask = {mask})*u[j] for j)"
    assert verdict(MASKED.format(s=s, body=body, out="y")) == "valid"
    assert verdict(MASKED.format(s=s, body=body, out="y[2]")) == "valid"


@pytest.mark.parametrize(
    ("body", "out", "expected"),
    [
        ("y[i] = sum(softmax(p[i,j] over j)*u[j] for j)", "y", "invalid"),
        ("y[i] = sum(softmax(p[i,j] over j, mask = j <= i)*u[j] for j)", "y", "invalid"),
        ("y[i] = sum(softmax(p[i,j] over j, mask = j != i)*u[j] for j) + tanh(p[1,1])*u[i]", "y", "invalid"),
        ("y[i] = sum(softmax(p[i,j] over j, mask = j != i)*u[j] for j) + tanh(p[1,2])*u[i]", "y", "valid"),
        ("y[i] = sum(softmax(p[i,j] over j, mask = j != i)*softmax(p[i,j] over j) for j)*u[i]", "y", "invalid"),
        ("y[i] = sum(softmax(p[i,j] over j, mask = j != 1)*u[j] for j)", "y[1]", "valid"),
        ("y[i] = sum(softmax(p[i,j] over j, mask = j != 1)*u[j] for j)", "y", "invalid"),
        ("y[i] = sum(softmax(p[i,j] over j, mask = j >= 3 - i)*u[j] for j)", "y[1]", "valid"),
    ],
)
def test_a_score_that_some_mask_lets_through_exists(body: str, out: str, expected: str) -> None:
    assert verdict(MASKED.format(s=4, body=body, out=out)) == expected


@pytest.mark.parametrize("s", [4, 30])
@pytest.mark.parametrize(
    ("mask", "k", "covered"),
    [("j != i", "i", False), ("j >= 0", "i", True), ("j != i", "j", False), ("j >= 0", "j", True)],
)
def test_a_product_is_covered_only_by_scores_that_the_mask_lets_through(
    s: int, mask: str, k: str, covered: bool
) -> None:
    """B @ x[i,i] is a side of the masked score p[i,i] alone."""
    text = f"""
index i, j in 1..{s}
input u[i], w[i,j] ~ N(0, 1)
weight A, B ~ N(0, 1/n)
x[i,j] = tanh(w[i,j])
p[i,j] = dot(A @ x[i,j], B @ x[i,j])/sqrt(n)
y[i] = sum(softmax(p[i,j] over j, mask = {mask})*u[j] for j) + sum(B @ x[i,{k}] for j)/{s}
output y
"""
    program = tp.loads(text)
    case = Case(Shared(program.analysis), [program.outputs[0].ref])
    assert (not_exclusive(case, case.scores) is None) == covered
    assert tp.check(program).verdict == "valid", "the program defines p[i,i], an unused score that absorbs the product"


def test_patterns_with_positions_that_differ_are_their_members() -> None:
    rng = random.Random(5)
    for _ in range(400):
        ranges = {name: tuple(sorted((rng.randint(1, 4), rng.randint(1, 4)))) for name in "abc"}
        slots = tuple(rng.choice([1, 2, 3, "a", "b", "c"]) for _ in range(3))
        whole = Pattern.of(slots, ranges)
        k, m = rng.sample(range(3), 2)
        wanted = {x for x in whole.members() if x[k] != x[m]}
        parts = separated(whole, k, m)
        assert sorted(x for p in parts for x in p.members()) == sorted(wanted)
        for x in product(range(1, 5), repeat=3):
            assert any(p.contains(x) for p in parts) == (x in wanted)
        fixed = {j: rng.randint(1, 4) for j in rng.sample(range(3), 2)}
        expected = sorted(x for x in wanted if all(x[j] == v for j, v in fixed.items()))
        assert sorted(x for p in parts for q in fixed_at(p, fixed) for x in q.members()) == expected
        for p in parts:
            if isinstance(p, Apart):
                assert differing(p) == (p.slots[p.apart[0]], p.slots[p.apart[1]])
                found = unify(p.slots, p.slots, dict(p.ranges), (p.slots[k], p.slots[m]))
                assert found is not None
                assert found[str(p.slots[k])] != found[str(p.slots[m])]


@pytest.mark.parametrize("mask", ["j != i", "j <= i", "j < i and i > 2", "i + j != 4", "j == i", "2*j > i and j != i"])
def test_allowed_values_are_those_at_which_the_mask_holds(mask: str) -> None:
    term = read(mask)
    for slots in ({}, {"i": 2}, {"j": 3}, {"i": "j"}):
        ranges = {"i": (1, 4), "j": (2, 5)}
        boxes, apart = allowed(term, slots, ranges)
        found = set()
        for box in boxes:
            for i, j in product(range(box["i"][0], box["i"][1] + 1), range(box["j"][0], box["j"][1] + 1)):
                at = {"i": i, "j": j}
                if apart is None or at[str(apart[0])] != at[str(apart[1])]:
                    found.add((i, j))
        for i, j in product(range(1, 5), range(2, 6)):
            at = {name: {"i": i, "j": j}.get(str(s), s) for name, s in {"i": "i", "j": "j", **slots}.items()}
            assert ((i, j) in found) == holds(term, {k: int(v) for k, v in at.items()})

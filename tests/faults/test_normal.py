"""Faults of the normal form and of what is judged in it: each with its right answer, and others of its kind."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path

import pytest

import tensorprog as tp
from tensorprog.program.indices import Pattern, unify
from tensorprog.program.masks import allowed, holds
from tensorprog.program.normalize import normalize
from tensorprog.terms import read
from tensorprog.theorems.case import Case, Shared
from tensorprog.theorems.exclusivity import not_exclusive

PROGRAMS = Path(__file__).parent / "programs"


def verdict(text: str) -> str:
    return tp.check(tp.loads(text)).verdict


ROWS = (
    "C1_weight_variance_indexed",
    "D1_readout_order",
    "D3_readout_family_partial",
    "E1_naming_product",
    "E3_inline_values",
    "F1_mask_diag",
    "G1_vit_patch",
    "G2_family_difference",
    "H1_distribute_sum",
    "J1_unused_bad_score_blocks_absorption",
)


@pytest.mark.parametrize("name", ROWS)
def test_rows_that_are_valid(name: str) -> None:
    assert tp.check(tp.load(PROGRAMS / f"{name}.tp")).verdict == "valid"


# -- variances of weights ------------------------------------------------------------------------------------------

INDEXED = """
matrix c = [0.5, {last}]
param s > 0 = 2
index i in 1..2
input u ~ N(0, 1)
weight A[i] ~ N(0, {variance})
weight B[i] ~ N(0, 1/n)
y[i] = A[i] @ (2*u)
p[i] = dot(A[i] @ sin(u), B[i] @ sin(u))/sqrt(n)
w[i] = tanh(p[i])*u
output y
output w
"""


def test_each_member_of_a_weight_family_has_its_own_variance() -> None:
    program = tp.loads(INDEXED.format(last="1", variance="s*c[i]/(i*n)"))
    assert [o.verdict for o in tp.check(program).outputs] == ["valid", "valid"]
    limit = tp.derive(program)
    for i, sigma2 in ((1, 1.0), (2, 1.0)):
        assert limit.cov(f"y[{i}]", f"y[{i}]").value == pytest.approx(4 * sigma2)
        assert limit.law(f"y[{i}]").variance.value == pytest.approx(4 * sigma2)
    draws = tp.simulate(program, n=64, samples=1000, rng=1)["y"]
    for i in (0, 1):
        assert abs(draws[:, i].var() - 4) < 5 * 4 * (2 / 1000) ** 0.5 * 1.1


def test_a_member_of_variance_zero_makes_no_score_and_a_negative_one_is_refused() -> None:
    zero = tp.check(tp.loads(INDEXED.format(last="0", variance="c[i]/n")))
    assert [o.verdict for o in zero.outputs] == ["valid", "undecided"]
    with pytest.raises(tp.TensorProgError) as caught:
        tp.loads(INDEXED.format(last="-1", variance="c[i]/n"))
    assert caught.value.diagnostics[0].code == "TP008"


SUMS = """
width m = 2*n
width k = 3*n
input u: m ~ N(0, 1)
input v: k ~ N(0, 1)
weight A: n x m ~ N(0, 1/(m + k))
weight B: n x k ~ N(0, 5/(k + m))
p = dot(A @ sin(u), B @ sin(v))/sqrt(m + k)
w = tanh(p)*(B @ sin(v))
output w
"""


def test_sums_of_widths_are_widths() -> None:
    program = tp.loads(SUMS)
    assert tp.check(program).verdict == "valid-by-remark"
    sine = 1 - 2.718281828459045**-2
    second = sine / 2
    limit = tp.derive(program)
    assert limit.cov("p", "p").value == pytest.approx(2 / 5 * second * 3 * second / 5)
    result = limit.cov("w", "w")
    draws = tp.simulate(program, n=128, samples=4000, rng=3, coordinates=1)["w"]
    assert abs(draws.var() - result.value) < 5 * draws.std() ** 2 * (8 / 4000) ** 0.5


def test_a_sum_of_different_powers_of_the_width_is_no_power() -> None:
    text = "input u ~ N(0, 1)\nweight A ~ N(0, 1/(n + {}))\ny = A @ u\noutput y\n"
    assert verdict(text.format("n/2")) == "valid"
    assert verdict(text.format("n^2")) == "invalid"
    assert verdict(text.format("1")) == "invalid"


# -- readout vectors -----------------------------------------------------------------------------------------------

READ = "index i, j in 1..3\ninput u, v, w ~ N(0, 1)\ninput v3[i] ~ N(0, 1)\nweight A ~ N(0, 1/n)\n"


@pytest.mark.parametrize(
    "body",
    [
        "f = dot(v, u)/sqrt(n)\ng = dot(v, u^2)/sqrt(n)",
        "f = dot(u, v)/sqrt(n)\ng = dot(tanh(u), v)/sqrt(n)",
        "f = dot(u, v)/sqrt(n)\ng = dot(v, w)/sqrt(n)",
        "f = dot(v3[1], v3[2])/sqrt(n)\ng = dot(v3[3], v3[2])/sqrt(n)",
        "f = dot(v3[1], A @ v3[2])/sqrt(n)\ng = dot(sin(v3[2]), v3[1])/sqrt(n)",
        "z = v\nf = dot(u, z)/sqrt(n)\ng = dot(u^2, v)/sqrt(n)",
    ],
)
def test_a_readout_vector_is_the_side_that_can_be_one(body: str) -> None:
    assert verdict(f"{READ}{body}\ns = f + g\noutput s\n") == "valid"


@pytest.mark.parametrize(
    "body",
    [
        "f = dot(u, u)/sqrt(n)\ng = f",
        "f = dot(u, v)/sqrt(n)\ng = dot(u^2, v^2)/sqrt(n)",
        "f = dot(v3[1], v3[2])/sqrt(n)\ng = dot(v3[2], v3[3])/sqrt(n) + dot(v3[3], v3[1])/sqrt(n)",
        "f = dot(v3[1], A @ v3[1])/sqrt(n)\ng = f",
        "f[i,j] = dot(v3[i], v3[j])/sqrt(n)\ng = f[1,1]",
    ],
)
def test_a_vector_that_is_read_out_and_used_is_no_readout_vector(body: str) -> None:
    text = f"{READ}{body}\ns = f + g\n" if "f[i,j]" not in body else f"{READ}{body}\ns = g\n"
    assert verdict(f"{text}output s\n") == "invalid"


def test_members_that_are_coupled_are_not_independent() -> None:
    text = "index i in 1..2\ninput v[i] ~ N(0, {})\nf = dot(v[1], tanh(v[2]))/sqrt(n)\noutput f\n"
    assert verdict(text.format("1")) == "valid"
    assert verdict(text.format("1/2^abs(i - i')")) == "invalid"


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


# -- names and products --------------------------------------------------------------------------------------------

NAMED = """
index i, j in 1..3
input u[i], w ~ N(0, 1)
weight A, B, C[i], V, R ~ N(0, 1/n)
p[i,j] = dot(A @ tanh(u[i]), B @ tanh(u[j]))/sqrt(n)
r = dot(C[1] @ sin(w), C[2] @ sin(w))/sqrt(n)
{body}
output y
"""


@pytest.mark.parametrize(
    "body",
    [
        "y = V @ (w*sin(r)*cos(w))",
        "y = V @ (2*w + sin(r)*x[1])\nx[i] = u[i]*w",
        "z = sin(r)*w\ny = V @ (z*cos(w))",
        "z = sin(r)*w\ny = V @ (cos(w)*z*z/2)",
        "y = V @ (sin(r)*w)^2",
        "y = V @ ((sin(r)*w + tanh(r)*cos(w))*(w - sin(r)*w))",
        "y[i] = V @ sum(softmax(p[i,j] over j)*tanh(u[j]) for j)",
        "y[i] = V @ (sum(softmax(p[i,j] over j)*tanh(u[j]) for j)*w)",
        "z[j] = tanh(u[j])*w\ny[i] = V @ sum(softmax(p[i,j] over j)*z[j] for j)",
        "z[i] = sum(softmax(p[i,j] over j)*u[j] for j)\ny[i] = V @ (R @ (z[i]*z[1]))",
        "z[i] = sum(softmax(p[i,j] over j)*u[j] for j)*w\nv[i] = z[i]\ny[i] = V @ (v[i]/2 - w)",
    ],
)
def test_products_of_scores_and_vectors_are_multiplied_out_before_a_weight(body: str) -> None:
    lines = sorted(body.split("\n"), key=lambda line: line.startswith("y"))
    assert verdict(NAMED.format(body="\n".join(lines))) == "valid"


@pytest.mark.parametrize("body", ["y = V @ tanh(sin(r)*w)", "y = V @ (w*tanh(r*w))", "y = V @ abs(r*w - u[1])"])
def test_functions_of_scores_that_no_rewriting_splits_are_nested(body: str) -> None:
    assert verdict(NAMED.format(body=body)) == "undecided"


def test_a_multiplied_out_product_has_the_simulated_variance() -> None:
    body = "y = V @ ((sin(r)*w + tanh(r)*cos(w))*(w - sin(r)*w))"
    program = tp.loads(NAMED.format(body=body))
    theory = tp.derive(program).cov("y", "y").value
    draws = tp.simulate(program, n=256, samples=3000, rng=5)["y"]
    assert abs(draws.var() - theory) < 5 * draws.var() * (12 / 3000) ** 0.5


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
    case = Case(Shared(normalize(program)), [program.outputs[0].ref])
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
        parts = whole.separated(k, m)
        assert sorted(x for p in parts for x in p.members()) == sorted(wanted)
        for x in product(range(1, 5), repeat=3):
            assert any(p.contains(x) for p in parts) == (x in wanted)
        fixed = {j: rng.randint(1, 4) for j in rng.sample(range(3), 2)}
        expected = any(all(x[j] == v for j, v in fixed.items()) for x in wanted)
        assert any(p.meets(fixed) for p in parts) == expected
        for p in parts:
            if p.apart is not None and p.slots[k] != p.slots[m]:
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

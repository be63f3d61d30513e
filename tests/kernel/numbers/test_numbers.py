"""The kernel's trapezoid rule against mpmath's quadrature, also where it is far too coarse: its error is a bound."""

from __future__ import annotations

import random
from fractions import Fraction
from functools import cache

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorprog as tp
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.numbers.statements import Number
from tensorprog.kernel.numbers.values import read as interval
from tensorprog.kernel.numbers.values import shown
from tensorprog.terms import Var, read
from tests.kernel.bench import Bench

ONE = {
    "tanh(g)^2": lambda x: mpmath.tanh(x) ** 2, "sigmoid(g)": lambda x: 1 / (1 + mpmath.exp(-x)),
    "silu(g)^2": lambda x: (x / (1 + mpmath.exp(-x))) ** 2, "gelu(g)": lambda x: x * mpmath.ncdf(x),
    "erf(g)*tanh(g)": lambda x: mpmath.erf(x) * mpmath.tanh(x), "exp(tanh(g))": lambda x: mpmath.exp(mpmath.tanh(x)),
    "g^2*sigmoid(g)": lambda x: x**2 / (1 + mpmath.exp(-x)), "g^4": lambda x: x**4,
    "tanh(2*g - 1)": lambda x: mpmath.tanh(2 * x - 1),
    "tanh(tanh(g) + g)^2": lambda x: mpmath.tanh(x + mpmath.tanh(x)) ** 2,
    "Phi(tanh(g)/2)*g^2": lambda x: mpmath.ncdf(mpmath.tanh(x) / 2) * x**2,
    "softplus(g)": lambda x: mpmath.log1p(mpmath.exp(x)), "sin(g)^2": lambda x: mpmath.sin(x) ** 2,
    "mish(g)": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "cos(tanh(g) + 2*g)": lambda x: mpmath.cos(mpmath.tanh(x) + 2 * x),
    "hermite(3, g)*tanh(g)": lambda x: (x**3 - 3 * x) / mpmath.sqrt(6) * mpmath.tanh(x),
}  # fmt: skip
TWO = {
    "tanh(g)*tanh(h)": lambda x, y: np.tanh(x) * np.tanh(y), "silu(g)*h": lambda x, y: x / (1 + np.exp(-x)) * y,
    "tanh(g + h)^2": lambda x, y: np.tanh(x + y) ** 2, "sigmoid(g - 2*h)": lambda x, y: 1 / (1 + np.exp(2 * y - x)),
    "exp(tanh(g)*tanh(h))": lambda x, y: np.exp(np.tanh(x) * np.tanh(y)), "g^2*h^2": lambda x, y: x**2 * y**2,
}  # fmt: skip
PROGRAM = "input x, y ~ N(0, 1)\nweight W ~ N(0, 1/n)\ng = W @ x\nh = W @ y\nf = tanh(g) + tanh(h)\noutput f\n"


def number(text: str, low: str, high: str = "") -> Number:
    """As if another step had concluded it."""
    return Number(read(text), low, high or low)


def rule(term: str, law: tuple[str, ...], strip: Fraction, spacing: Fraction, count: int) -> tuple[mpmath.mpf, ...]:
    """The interval of E term; `law`: mean and E g^2, and of h, and E g h."""
    before, at = [number("g", law[0]), number("g*g", law[1])], (Var("g"), Var("h"))[: 1 + (len(law) > 2)]
    if len(law) > 2:
        before += [number("h", law[2]), number("h*h", law[3]), number("g*h", law[4])]
    b = Bench(PROGRAM)
    out = b.do("quadrature", *before, term=read(term), at=at, strip=strip, spacing=spacing, count=count)
    with mpmath.workdps(40):
        return tuple(map(mpmath.mpf, (out.low, out.high)))


@cache
def exact(text: str, mean: str, variance: str) -> mpmath.mpf:
    with mpmath.workdps(30):
        m, s = mpmath.mpf(mean), mpmath.sqrt(mpmath.mpf(variance) - mpmath.mpf(mean) ** 2)
        f, parts = ONE[text], range(-15, 16, 2)
        return mpmath.quad(lambda z: f(m + s * z) * mpmath.npdf(z), parts, method="gauss-legendre")


def contains(found: tuple[mpmath.mpf, ...], truth: mpmath.mpf) -> bool:
    with mpmath.workdps(30):
        slack = mpmath.mpf(10) ** -19
        return bool(found[0] - slack <= truth <= found[1] + slack)


@pytest.mark.parametrize("law", [("0", "1.5"), ("0.3", "0.49"), ("-1", "5")])
@pytest.mark.parametrize("text", ONE)
def test_a_mean_of_one_member(text: str, law: tuple[str, str]) -> None:
    found = rule(text, law, Fraction(1, 5), Fraction(1, 30), 420)
    assert contains(found, exact(text, *law))
    assert found[1] - found[0] < 1e-7 * (1 + abs(found[0]))


def random_grid(rng: random.Random, most: int) -> tuple[Fraction, Fraction, int]:
    """A strip, a spacing and a count, from fine to absurd."""
    strip, spacing = (Fraction(rng.randint(1, top), 20) for top in (rng.choice((10, 30, 120)), rng.choice((6, 30, 60))))
    return strip, spacing, rng.randint(1, most)


@pytest.mark.long
def test_the_error_of_a_coarse_rule_is_a_bound() -> None:
    rng, accepted = random.Random(5), 0
    for _ in range(900):
        text, (strip, spacing, count) = rng.choice(sorted(ONE)), random_grid(rng, 60)
        law = rng.choice([("0", "1.5"), ("0.3", "0.49"), ("-1", "5"), ("0", "0"), ("0.5", "0.25")])
        try:
            found = rule(text, law, strip, spacing, count)
        except Refused:
            continue
        accepted += 1
        assert contains(found, exact(text, *law)), (text, law, strip, spacing, count)
    assert accepted > 300


@cache
def nearly(text: str, law: tuple[str, ...]) -> float:
    """By a rule of Gauss and Hermite in each variable, good to 1e-8 for these functions and laws."""
    m, k, c = float(law[0]), float(law[2]), np.array([[float(law[1]), float(law[4])], [float(law[4]), float(law[3])]])
    c = c - np.outer((m, k), (m, k))
    z, w = np.polynomial.hermite_e.hermegauss(180)
    w = w / w.sum()
    rows = np.linalg.cholesky(c + 1e-30 * np.eye(2))
    x, y = rows @ np.stack([a.ravel() for a in np.meshgrid(z, z, indexing="ij")])
    return float(np.sum(np.outer(w, w).ravel() * TWO[text](m + x, k + y)))


LAWS = [("0", "1", "0", "1", "0.3"), ("0.2", "0.8", "-0.1", "0.5", "-0.4"), ("0", "1", "0", "1", "-0.9")]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("text", TWO)
def test_a_mean_of_two_members(text: str, law: tuple[str, ...]) -> None:
    low, high = rule(text, law, Fraction(1, 2), Fraction(1, 8), 110)
    assert low - 1e-8 <= nearly(text, law) <= high + 1e-8
    assert high - low < (0.2 if text == "g^2*h^2" else 2e-5) * (1 + abs(low))  # exp(g^2/2), g = 4, is large


@pytest.mark.long
def test_the_error_of_a_coarse_rule_in_two_variables_is_a_bound() -> None:
    rng, accepted = random.Random(6), 0
    for _ in range(400):
        text, law, (strip, spacing, count) = rng.choice(sorted(TWO)), rng.choice(LAWS), random_grid(rng, 12)
        try:
            low, high = rule(text, law, strip, spacing, count)
        except Refused:
            continue
        accepted += 1
        assert low - 1e-8 <= nearly(text, law) <= high + 1e-8, (text, law, strip, spacing, count)
    assert accepted > 80


def test_two_members_that_are_one() -> None:
    """A covariance without determinant."""
    low, high = rule("tanh(g)*tanh(h)", ("0", "1", "0", "1", "1"), Fraction(1, 2), Fraction(1, 10), 90)
    assert contains((low, high), exact("tanh(g)^2", "0", "1"))
    assert high - low < 1e-9


@given(x=st.fractions(-1000, 1000), w=st.fractions(0, 1))
def test_decimals_are_rounded_outwards(x: Fraction, w: Fraction) -> None:
    unit = 2**96
    ends = (x * unit).__floor__(), ((x + w) * unit).__ceil__()
    low, high = shown(ends)
    assert Fraction(low) * unit <= ends[0]
    assert Fraction(high) * unit >= ends[1]
    assert Fraction(high) - Fraction(low) <= w + Fraction(4, 10**20)
    assert interval(low, high)[0] <= ends[0]


# -- whole programs ----------------------------------------------------------------------------------------------------

DEEP = """
param sw > 0 = 1.5
index i, j in 1..2
matrix S = [[1, 0.3], [0.3, 1]]
input x[i] ~ N(0, S[i,i'])
weight W1, W2 ~ N(0, sw/n)
h[i] = W1 @ x[i]
a[i] = tanh(h[i])
k[i] = W2 @ a[i]
b[i] = {}(k[i])
output b
claim var(a[1]) = 0.468 within 0.001
claim var(a[1]) = 0.469 within 0.0001
claim cov(a[i], a[j]) = 0.128 within 0.0005 for i != j
claim E(relu(k[1])) = 0.3343584532300 within 0.000000000001
claim var(h[1]) = sw
"""


@pytest.mark.parametrize("function", ["tanh", "silu", "erf", "sigmoid", "softplus", "relu", "gelu", "sin", "softsign"])
def test_numbers_of_a_program_are_those_of_the_limit_engine(function: str) -> None:
    program = tp.loads(DEEP.format(function))
    found = tp.prove(program, goals=["numbers"])
    trusted = [a for a in found.axioms if a.startswith("trusted-numeric: ")]
    assert bool(trusted) == (function == "softsign")
    limit, goals = tp.derive(program), [g for g in tp.verify(program, found).goals if g[0] == "covariance number"]
    assert len(goals) == 3
    for _, a, b, low, high, at in goals:
        known = limit.cov(a, b)
        assert float(low) - known.error - 1e-16 <= known.value <= float(high) + known.error + 1e-16
        assert float(high) - float(low) < 1e-9 + 4 * known.error
        assert at == "sw = 3/2"


def test_claims_with_a_tolerance_are_confirmed() -> None:
    found = tp.prove(tp.loads(DEEP.format("tanh")), goals=["claims"])
    said = {g[2]: g[0] for g in found.goals if g[0].startswith("claim")}
    assert said == {
        "claim var(a[1]) = 117/250 within 1/1000": "claim confirmed",
        "claim cov(a[i], a[j]) = 16/125 within 1/2000 for i != j": "claim confirmed",
        "claim E(relu(k[1])) = 334358453230/1000000000000 within 1/1000000000000".replace(
            "334358453230/1000000000000", "33435845323/100000000000"): "claim confirmed",
        "claim var(h[1]) = sw": "claim",
    }  # fmt: skip
    (left,) = found.without
    assert left.startswith("claim var(a[1]) = 469/1000 within 1/10000: ")


def test_a_param_without_a_value_has_no_number() -> None:
    program = tp.loads("param r > 0\ninput x ~ N(0, r)\ny = tanh(x)\noutput y\n")
    with pytest.raises(tp.TensorProgError, match="TP602"):
        tp.prove(program, goals=["numbers"])


def test_what_is_trusted_is_an_axiom_and_counted(tmp_path: object) -> None:
    program = tp.loads("input x ~ N(0, 1)\ny = abs(x)^(1/3)\noutput y\nclaim E(y) = 0.8 within 0.1\n")
    found = tp.prove(program, goals=["claims"])
    (axiom,) = [a for a in found.axioms if a.startswith("trusted-numeric")]
    assert axiom.startswith("trusted-numeric: E(abs(x)^(1/3)) in [0.8")


def test_what_is_trusted_contains_the_number_to_the_last_digit() -> None:
    """A bound of the error may be smaller than half the distance of two floating-point numbers."""
    text = "input (x, w) ~ N([0, 0], [[1, 1/2], [1/2, 1]])\ny = step(x - 1/3)*step(w + 1/4)\noutput y\n"
    found = tp.prove(tp.loads(text), goals=["numbers"])
    axioms = [a for a in found.axioms if a.startswith("trusted-numeric: E(y) ")]
    low, high = axioms[0].partition("[")[2].partition("]")[0].split(", ")
    with mpmath.workdps(30):
        a, b, s = mpmath.mpf(1) / 3, mpmath.mpf(1) / 4, mpmath.sqrt(mpmath.mpf(3) / 4)
        truth = mpmath.quad(lambda z: mpmath.ncdf((z / 2 + b) / s) * mpmath.npdf(z), [a, 1, 2, 4, 8, 16])
        assert mpmath.mpf(low) <= truth <= mpmath.mpf(high)
        assert mpmath.mpf(high) - mpmath.mpf(low) < mpmath.mpf(10) ** -17


# -- laws that are not Gaussian ----------------------------------------------------------------------------------------

LAYER = """
index i, j in 1..{tokens}
input u[i] ~ N(0, {covariance})
weight U, Wq, Wk, Wv ~ N(0, 1/n)
x[i] = tanh(U @ u[i])
p[i,j] = dot(Wq @ x[i], Wk @ x[j]) / {scale}
v[i] = Wv @ x[i]
y[i] = sum(softmax(p[i,j] over j) * v[j] for j)
output y
claim not gaussian(y[1])
claim not gaussian(v[1])
"""


@pytest.mark.parametrize("covariance", ["1", "0.5^abs(i - i')"])
def test_attention_is_not_gaussian(covariance: str) -> None:
    """Its variance given the scores takes two values, also where the scores are correlated."""
    program = tp.loads(LAYER.format(tokens=3, covariance=covariance, scale="sqrt(n)"))
    found = tp.prove(program, goals=["claims"])
    assert [g for g in found.goals if g[0] == "claim confirmed"] == [
        ("claim confirmed", "0", "claim not gaussian(y[1])")
    ]
    assert found.axioms == ("theorem attention",)
    (left,) = found.without
    assert left.startswith("claim not gaussian(v[1]): ")


def test_attention_to_one_token_or_of_one_law_is_not_said_to_be_mixed() -> None:
    """Softmax over one token is 1; keys that are one vector have one softmax; scores over n have limits."""
    same = (
        LAYER.format(tokens=2, covariance="1", scale="sqrt(n)")
        .replace("u[i] ~ N(0, 1)", "w ~ N(0, 1)")
        .replace("u[i]", "w")
    )
    for text in (LAYER.format(tokens=1, covariance="1", scale="sqrt(n)"), same,
                 LAYER.format(tokens=2, covariance="1", scale="n")):  # fmt: skip
        program = tp.loads(text)
        found = tp.prove(program, goals=["claims"])
        assert not [g for g in found.goals if g[0] == "claim confirmed"]
        assert len(found.without) == 2

"""Numbers with bounds: the stated error is never smaller than the actual one, by oracles that share no code."""

import json
from fractions import Fraction
from math import inf, isinf, sqrt
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from tensorprog.errors import DivergentError, TensorProgError
from tensorprog.gaussian.integrate.quadrature import expectation
from tensorprog.gaussian.problem.covariance import covariance, factor
from tensorprog.numbers.budget import Budget, search
from tensorprog.numbers.estimate import Estimate
from tensorprog.terms import Term, Var, read
from tests.gaussian.oracle import Function as Oracle
from tests.gaussian.oracle import pair_mean

A, B, Z = Var("a"), Var("b"), Var("z")
REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "gaussian_expectations.json").read_text())
SPELLED = {
    "Max(z,0)": "relu(z)",
    "Heaviside(z)": "step(z)",
    "Abs(z)": "abs(z)",
    "Max(z,0)+Min(z,0)/10": "max(z,0)+min(z,0)/10",
    "Max(z,0)**2": "max(z,0)^2",
    "Min(Max(z,-1),1)": "clip(z,-1,1)",
    "Piecewise((z, z>0),(exp(z)-1,True))": "where(z>0,z,exp(z)-1)",
}


def mean1(term: Term, var: Var, mean: Any, variance: Any, values: Any = None) -> Estimate:
    """E f(Z), Z ~ N(mean, variance)."""
    return expectation(term, [var], [[variance]], [mean], values)


def spelled(f: str, name: str) -> str:
    text = SPELLED.get(f, f).replace("**", "^")
    return "".join(name if c == "z" and text[k - 1 : k].isalpha() is False else c for k, c in enumerate(text))


@pytest.mark.parametrize("entry", REFERENCE, ids=lambda e: f"{e['f']}|{e['g']}|{','.join(e['K'])}")
def test_reference_values(entry: dict[str, Any]) -> None:
    a, b, c = map(Fraction, entry["K"])
    term = read(f"({spelled(entry['f'], 'a')})*({spelled(entry['g'], 'b')})")
    got = expectation(term, [A, B], [[a, b], [b, c]])
    assert abs(Fraction(got.value) - Fraction(entry["value"])) <= got.error
    assert got.error <= 1e-10 * max(1.0, 3 * sqrt(a * c))


FUNCTIONS = [
    Oracle("relu(Z)", lambda z: np.maximum(z, 0), (0.0,)),
    Oracle("step(Z - 1/2)", lambda z: np.heaviside(z - 0.5, 0.5), (0.5,)),
    Oracle("abs(Z)", np.abs, (0.0,)),
    Oracle("clip(Z, -1, 2)", lambda z: np.clip(z, -1, 2), (-1.0, 2.0)),
    Oracle("max(Z^2 - 2, Z)", lambda z: np.maximum(z * z - 2, z), (-1.0, 2.0)),
    Oracle("tanh(Z)", np.tanh),
    Oracle("silu(Z)", lambda z: z / (1 + np.exp(-z))),
    Oracle("sin(3*Z)", lambda z: np.sin(3 * z)),
    Oracle("exp(Z/2)", lambda z: np.exp(z / 2)),
    Oracle("1/(1 + Z^2)", lambda z: 1 / (1 + z * z)),
    Oracle("softsign(Z)", lambda z: z / (1 + np.abs(z)), (0.0,)),
    Oracle("Z^3 - Z", lambda z: z**3 - z),
]


@pytest.mark.long
def test_random_pairs_stay_within_their_error() -> None:
    rng = np.random.default_rng(11)
    for _ in range(100):
        f, g = FUNCTIONS[rng.integers(len(FUNCTIONS))], FUNCTIONS[rng.integers(len(FUNCTIONS))]
        s, t = rng.uniform(0.3, 1.6, 2)
        rho = float(rng.choice([rng.uniform(-1, 1), 0.0]))
        m = rng.uniform(-1, 1, 2) * rng.integers(0, 2)
        K = [[s * s, rho * s * t], [rho * s * t, t * t]]
        got = expectation(read(f"({f.at('a')})*({g.at('b')})"), [A, B], K, m.tolist())
        exact = pair_mean(f, g, (K[0][0], K[0][1], K[1][1]), tuple(m))
        # the oracle itself is good to about 1e-13 of the sizes involved
        assert abs(got.value - exact) <= got.error + 2e-12, (f.text, g.text, K, m)
        assert got.error < 1e-8


ONE_DIMENSIONAL = {
    "tanh(z)^2": lambda z: mp.tanh(z) ** 2,
    "relu(z - 1/3)": lambda z: max(z - mp.mpf(1) / 3, mp.mpf(0)),
    "sign(z)*z": abs,
    "log(1 + exp(z))": lambda z: mp.log1p(mp.exp(z)),
    "cos(5*z)": lambda z: mp.cos(5 * z),
    "exp(-10*z^2)": lambda z: mp.exp(-10 * z * z),
    "gelu(z)": lambda z: z * mp.ncdf(z),
    "sqrt(abs(z))": lambda z: mp.sqrt(abs(z)),
    "floor(z)": mp.floor,
}


@pytest.mark.parametrize("text", ONE_DIMENSIONAL)
def test_one_dimension_against_mpmath(text: str) -> None:
    f = ONE_DIMENSIONAL[text]
    rng = np.random.default_rng(5)
    mp.mp.dps = 20
    for power in (-3, 0, 1):
        sigma = float(10.0**power * rng.uniform(0.5, 1.5))
        mean = float(rng.choice([0.0, rng.uniform(-1, 1)]))
        got = mean1(read(text), Z, mean, Fraction(sigma) ** 2)
        places = {mean + k * sigma / 2 for k in range(-24, 25, 2)} | {0.0, 1 / 3}
        places |= {sigma * k / 50 for k in range(-40, 41, 5)}
        if text.startswith("floor"):
            places |= {float(k) for k in range(-200, 200) if abs(k - mean) < 12 * sigma}
        ends = [mp.mpf(p) for p in sorted(places) if abs(p - mean) <= 12 * sigma]
        ends = sorted({*ends, mp.mpf(1) / 3} if abs(1 / 3 - mean) <= 12 * sigma else set(ends))
        density = lambda z, m=mean, s=sigma: mp.exp(-(((z - m) / s) ** 2) / 2) / (s * mp.sqrt(2 * mp.pi))  # noqa: E731
        exact = mp.quad(lambda z: f(z) * density(z), ends, maxdegree=5)  # noqa: B023
        assert abs(got.value - float(exact)) <= got.error + 1e-11 * abs(float(exact)), (sigma, mean)
        assert got.error <= 1e-9 * max(1.0, sigma)


def arc_cosine(s: float, t: float, rho: mp.mpf) -> mp.mpf:
    """E relu relu (Cho & Saul 2009)."""
    theta = mp.acos(rho)
    return s * t * (mp.sin(theta) + (mp.pi - theta) * rho) / (2 * mp.pi)


def test_nearly_perfect_correlation() -> None:
    mp.mp.dps = 40
    for k in range(1, 15):
        for sign in (1, -1):
            rho = sign * (1 - Fraction(1, 10**k))
            got = expectation(read("relu(a)*relu(b)"), [A, B], [[4, 2 * rho], [2 * rho, 1]])
            exact = arc_cosine(2, 1, mp.mpf(rho.numerator) / rho.denominator)
            assert abs(mp.mpf(got.value) - exact) <= got.error, rho
            assert got.error <= 1e-9 * got.value + 1e-30


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1.0, 1e4, 1e12])
def test_relative_accuracy_at_every_scale(scale: float) -> None:
    got = expectation(read("relu(a)*relu(b)"), [A, B], [[scale, scale / 2], [scale / 2, scale]])
    exact = scale * (sqrt(0.75) + 0.5 * (np.pi - np.arccos(0.5))) / (2 * np.pi)
    assert abs(got.value - exact) <= got.error + 1e-15 * exact
    assert got.error <= 1e-10 * scale


def test_oscillation_is_not_aliased() -> None:
    for w in (7, 40, 100, 333):
        got = mean1(read(f"cos({w}*z)"), Z, 0, 1)
        assert abs(got.value - np.exp(-w * w / 2)) <= got.error < 1e-10
    # E cos(wa) cos(wb) = (e^{-w²(1-ρ)} + e^{-w²(1+ρ)})/2
    got = expectation(read("cos(50*a)*cos(50*b)"), [A, B], [[1, Fraction(9999, 10000)], [Fraction(9999, 10000), 1]])
    assert abs(got.value - np.exp(-0.25) / 2) <= got.error < 1e-10


def test_narrow_places_are_seen() -> None:
    # exp(-n(z-1/3)²) at variance 1: (1+2n)^(-1/2) exp(-n/9/(1+2n))
    n = 10**6
    got = mean1(read(f"exp(-{n}*(z - 1/3)^2)"), Z, 0, 1)
    assert abs(got.value - (1 + 2 * n) ** -0.5 * np.exp(-n / 9 / (1 + 2 * n))) <= got.error < 1e-12
    # tanh(1000 a) tanh(1000 b) is nearly sign sign
    got = expectation(read("tanh(1000*a)*tanh(1000*b)"), [A, B], [[1, 0.5], [0.5, 1]])
    assert got.error < 1e-9
    assert abs(got.value - 1 / 3) < 1e-5


def test_three_and_four_dimensions() -> None:
    K = [[1, 0.5, 0.2], [0.5, 1, 0.3], [0.2, 0.3, 2]]
    variables = [Var(x) for x in "abc"]
    # E sg sg sg sg and the orthant: P(a,b,c > 0) = 1/8 + (asin r12 + asin r13 + asin r23)/(4π)
    r = [0.5, 0.2 / sqrt(2), 0.3 / sqrt(2)]
    got = expectation(read("step(a)*step(b)*step(c)"), variables, K)
    assert abs(got.value - (0.125 + sum(np.arcsin(r)) / (4 * np.pi))) <= got.error < 1e-10
    # E max of three: Σ of the standard deviations of the differences / (2√(2π))
    got = expectation(read("max(a, b, c)"), variables, K)
    spread = sum(sqrt(K[i][i] + K[j][j] - 2 * K[i][j]) for i in range(3) for j in range(i))
    assert abs(got.value - spread / (2 * sqrt(2 * np.pi))) <= got.error < 1e-10
    four = [Var(x) for x in "abcd"]
    K4 = np.eye(4) * 0.6 + 0.4
    got = expectation(read("a^2*b^2*cos(c)*cos(d)"), four, K4.tolist(), tolerance=1e-8)
    # moments of the tilted Gaussian, by the characteristic function
    exact = 0.0
    for s in (1, -1):
        u = K4 @ np.array([0, 0, 1, s])
        size = np.exp(-0.5 * np.array([0, 0, 1, s]) @ u)
        x, y, c = 1j * u[0], 1j * u[1], 0.4
        exact += 0.5 * size * ((x * x + 1) * (y * y + 1) + 4 * c * x * y + 2 * c * c).real
    assert abs(got.value - exact) <= got.error < 1e-7


def test_sampling_beyond_four_dimensions() -> None:
    K = [[1 if i == j else 0.5 for j in range(5)] for i in range(5)]
    got = expectation(read("step(a)*step(b)*step(c)*step(d)*step(e)"), [Var(x) for x in "abcde"], K, tolerance=1e-3)
    assert got.method == "sampling"
    assert abs(got.value - 1 / 6) <= got.error < 5e-3
    again = expectation(read("step(a)*step(b)*step(c)*step(d)*step(e)"), [Var(x) for x in "abcde"], K, tolerance=1e-3)
    assert again == got


@pytest.mark.parametrize(
    ("text", "variance"),
    [("exp(z^2/4)", 2), ("exp(z^2/4)", 2.5), ("exp(z^3)", 1), ("1/z", 1), ("1/z^2", 1), ("abs(z)^(-3/2)", 1),
     ("tan(z)", 1), ("exp(exp(z))", 1), ("log(z)", 1), ("acos(z)", 1), ("exp(z^2/2)*step(z)", 1),
     ("z*exp(z^2/2)", 1), ("exp(z^2/4)/(1 + z^2)^(1/2)", 2)],
)  # fmt: skip
def test_moments_that_do_not_exist(text: str, variance: float) -> None:
    with pytest.raises(DivergentError, match="TP501"):
        mean1(read(text), Z, 0, variance)


def test_divergence_between_the_axes() -> None:
    with pytest.raises(DivergentError, match="TP501"):
        expectation(read("exp(a*b)"), [A, B], [[1, 0], [0, 1]])
    with pytest.raises(DivergentError, match="TP501"):
        expectation(read("exp(3/4*a*b)"), [A, B], [[1, 0.5], [0.5, 1]])
    got = expectation(read("exp(9/10*a*b)"), [A, B], [[1, 0], [0, 1]])
    assert abs(got.value - (1 - 0.81) ** -0.5) <= got.error < 1e-10


def test_slow_decay_is_not_guessed() -> None:
    # it exists, but no truncation is negligible
    assert isinf(mean1(read("exp(z^2/4)/(1 + z^2)^2"), Z, 0, 2).error)


@pytest.mark.parametrize("bad", [float("nan"), inf, -inf])
def test_nan_and_infinity_are_refused(bad: float) -> None:
    with pytest.raises(TensorProgError, match="TP008"):
        expectation(read("a*b"), [A, B], [[1, bad], [bad, 1]])
    with pytest.raises(TensorProgError, match="TP008"):
        mean1(read("z"), Z, bad, 1)


def test_only_covariances() -> None:
    for K in ([[1, 2], [2, 1]], [[-1, 0], [0, 1]], [[0, 1], [1, 1]], [[1, 0.5], [0.4, 1]], [[1, 0]]):
        with pytest.raises(TensorProgError, match="TP008"):
            covariance(K)
    # a rounded Gram matrix of rank one
    x = np.random.default_rng(0).standard_normal(4)
    assert len(factor(covariance(np.outer(x, x).tolist()))[0]) >= 1


def test_singular_covariances() -> None:
    relu2 = read("relu(a)*relu(b)")
    assert expectation(relu2, [A, B], [[1, -1], [-1, 1]]).value == 0.0
    assert abs(expectation(relu2, [A, B], [[1, 2], [2, 4]]).value - 1.0) < 1e-14
    assert abs(expectation(relu2, [A, B], [[0, 0], [0, 4]], [3, 0]).value - 6 / sqrt(2 * np.pi)) < 1e-13
    point = expectation(read("a + b"), [A, B], [[0, 0], [0, 0]], [1, 2])
    assert abs(point.value - 3.0) <= point.error < 1e-14


def test_order_of_the_variables_does_not_matter() -> None:
    K = [[1.3, -0.7], [-0.7, 0.9]]
    turned = [[0.9, -0.7], [-0.7, 1.3]]
    term = read("relu(a)*tanh(b)")
    assert abs(expectation(term, [A, B], K).value - expectation(term, [B, A], turned).value) < 1e-15


def test_params() -> None:
    got = mean1(read("clip(z, -C, C)^2"), Z, 0, 1, {"C": Fraction(3, 2)})
    exact = mp.quad(lambda z: min(z * z, 2.25) * mp.npdf(z), [-9, -1.5, 1.5, 9])
    assert abs(got.value - float(exact)) <= got.error < 1e-10


@pytest.mark.parametrize("text", ["1/min(z, 1)", "1/clip(z, -1, 2)", "1/elu(z)", "1/tanh(z)", "1/sinh(z)"])
def test_a_pole_is_found_however_little_time_there_is(text: str) -> None:
    with search(Budget(seconds=1e-9)):
        assert not expectation(read(text), [Z], [[1]]).known

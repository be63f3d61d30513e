"""Closed forms and series on arrays: against mpmath, at the hard places, with true errors."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy

from tensorprog.errors import DivergentError, TensorProgError
from tensorprog.gaussian.arrays.compiled import compile_closed_form
from tensorprog.gaussian.arrays.series import _Pair, expand, pair_matrix, prepare
from tensorprog.gaussian.behaviour.kinks import loci
from tensorprog.gaussian.closed.special import OwenT, Phi2
from tensorprog.numbers.budget import Budget
from tensorprog.numbers.double_double import polynomial, two_product, two_sum
from tensorprog.numbers.rounded import phi2
from tensorprog.numbers.scrambled import sample
from tensorprog.terms import read
from tests.gaussian.oracle import Function, pair_mean

K11, K12, K22 = sympy.symbols("K11 K12 K22", real=True)
NAMES = ["K11", "K12", "K22"]
RHO, ROOT, PI = sympy.asin(K12 / sympy.sqrt(K11 * K22)), sympy.sqrt(K11 * K22 - K12**2), sympy.pi
P = (K11 + 1) * (K22 + 1)
GELU_ROOT = sympy.sqrt(P - K12**2)


def theta(a: Any, b: Any, c: Any) -> Any:
    """The angle between the variables, for exact inputs."""
    return mp.atan2(mp.sqrt(max(a * c - b * b, mp.mpf(0))), b)


def relu(a: Any, b: Any, c: Any) -> Any:
    t = theta(a, b, c)
    return mp.sqrt(a * c) * (mp.sin(t) + (mp.pi - t) * mp.cos(t)) / (2 * mp.pi)


def gelu(a: Any, b: Any, c: Any) -> Any:
    p = (1 + a) * (1 + c)
    d = mp.sqrt(p - b * b)
    return b / 4 + b * mp.asin(b / mp.sqrt(p)) / (2 * mp.pi) + (a * c * d * d + b * b) / (2 * mp.pi * p * d)


def erf(a: Any, b: Any, c: Any) -> Any:
    return 2 / mp.pi * mp.asin(2 * b / mp.sqrt((1 + 2 * a) * (1 + 2 * c)))


FORMS: dict[str, tuple[Any, Callable[[Any, Any, Any], Any]]] = {
    "relu": (K12 * RHO / (2 * PI) + K12 / 4 + ROOT / (2 * PI), relu),
    "step": (RHO / (2 * PI) + sympy.Rational(1, 4), lambda a, b, c: (mp.pi - theta(a, b, c)) / (2 * mp.pi)),
    "abs": (
        2 * K12 * RHO / PI + 2 * ROOT / PI,
        lambda a, b, c: 2 / mp.pi * (mp.sqrt(a * c - b * b) + b * (mp.pi / 2 - theta(a, b, c))),
    ),
    "leaky": (
        81 * K12 * RHO / (200 * PI) + 121 * K12 / 400 + 81 * ROOT / (200 * PI),
        lambda a, b, c: b / 10 + mp.mpf(81) / 100 * relu(a, b, c),
    ),
    "erf": (2 * sympy.asin(2 * K12 / sympy.sqrt((2 * K11 + 1) * (2 * K22 + 1))) / PI, erf),
    "gelu": (
        K11 * K22 * GELU_ROOT / (2 * PI * (K11 + 1) * (K22 + 1))
        + K12**2 / (2 * PI * (K11 + 1) * GELU_ROOT * (K22 + 1))
        + K12 * sympy.asin(K12 / sympy.sqrt(P)) / (2 * PI)
        + K12 / 4,
        gelu,
    ),
    "sin": (
        sympy.exp(-K11 / 2 + K12 - K22 / 2) / 2 - sympy.exp(-K11 / 2 - K12 - K22 / 2) / 2,
        lambda a, b, c: mp.exp(-(a + c) / 2) * mp.sinh(b),
    ),
    "z^2 z^4": (12 * K12**2 * K22 + 3 * K11 * K22**2, lambda a, b, c: 12 * b * b * c + 3 * a * c * c),
}


def entries(seed: int, count: int) -> list[np.ndarray]:
    """Covariances of every kind: ordinary, nearly ±1 correlated, nearly uncorrelated, tiny and huge variances."""
    rng = np.random.default_rng(seed)
    a = 10 ** rng.uniform(-8, 5, count)
    c = a * 10 ** rng.uniform(-2, 2, count)
    near = 10 ** rng.uniform(-12, 0, count)
    rho = np.choose(rng.integers(0, 4, count), [rng.uniform(-1, 1, count), 1 - near, near - 1, near])
    return [a, rho * np.sqrt(a) * np.sqrt(c), c]


def condition(f: Callable[[Any, Any, Any], Any], x: list[Any]) -> Any:
    """How far a relative change of 1 in each entry would move the value, from small changes inside the cone."""
    h = mp.mpf(10) ** -10
    out = mp.mpf(0)
    for i in range(3):
        y = list(x)
        y[i] = x[i] * (1 - h if i == 1 else 1 + h)
        out += abs(f(*y) - f(*x)) / h
    return out


@pytest.mark.parametrize("name", FORMS)
def test_closed_forms_to_the_last_digits(name: str) -> None:
    expr, exact = FORMS[name]
    mp.mp.dps = 50
    given = entries(3, 150)
    values, errors = compile_closed_form(expr, NAMES).with_error(*given)
    for k in range(150):
        x = [mp.mpf(float(g[k])) for g in given]
        truth = exact(*x)
        gap = abs(mp.mpf(float(values[k])) - truth)
        assert gap <= errors[k] + 1e-300, (name, x)
        assert gap <= 1e-12 * abs(truth) + 64 * 2.0**-52 * condition(exact, x) + 1e-300, (name, x)


@pytest.mark.parametrize("name", ["relu", "step", "abs", "leaky", "erf", "gelu"])
def test_limits_of_the_cone(name: str) -> None:
    expr, exact = FORMS[name]
    f = compile_closed_form(expr, NAMES)
    mp.mp.dps = 250
    for x in ((1, 1, 1), (1, -1, 1), (4, 2, 1), (4, -2, 1), (1e-200, 1e-200, 1e-200), (1e100, 1e100, 1e100), (3, 0, 2)):
        got = f(*map(float, x))
        truth = exact(*(mp.mpf(float(v)) for v in x))
        assert abs(mp.mpf(float(got)) - truth) <= 1e-14 * max(abs(truth), 1e-15 * x[0]), x
    zero = {"relu": 0.0, "abs": 0.0, "leaky": 0.0, "erf": 0.0, "gelu": 0.0, "step": 0.25}[name]
    for x in ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0)):
        # step(0) = 1/2, and E step = 1/2
        got = float(f(*x))
        assert abs(got - (zero if name != "relu" else 0.0)) < 1e-15


def test_rounded_covariances_are_clipped() -> None:
    f = compile_closed_form(FORMS["relu"][0], NAMES)
    assert float(f(0.1, 0.1 * (1 + 4e-16), 0.1)) == pytest.approx(0.05, rel=1e-14)


def test_hand_tuned_forms_agree_with_the_general_ones() -> None:
    given = entries(9, 200)
    for name in ("relu", "step", "abs", "leaky", "sin"):
        tuned = compile_closed_form(FORMS[name][0], NAMES)
        assert tuned.form is not None
        general = type(tuned)(tuned.expr, tuned.names, tuned.program, None)
        (v, e), (w, d) = tuned.with_error(*given), general.with_error(*given)
        assert np.all(np.abs(v - w) <= e + d + 1e-300)


def test_blocks_broadcast_and_params() -> None:
    C = sympy.Symbol("C", real=True)
    f = compile_closed_form(C * K12 + sympy.sqrt(K11 * K22), [*NAMES, "C"])
    rng = np.random.default_rng(0)
    a, b, c = rng.uniform(1, 2, (300, 1)), rng.uniform(-1, 1, (300, 200)), rng.uniform(1, 2, (1, 200))
    assert np.allclose(f(a, b, c, 2.5), 2.5 * b + np.sqrt(a * c), rtol=1e-15)
    assert f(1.0, 0.5, 1.0, 2.0).shape == ()
    with pytest.raises(ValueError, match="C"):
        compile_closed_form(C * K12, NAMES)


def test_unknown_functions_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="zeta"):
        compile_closed_form(sympy.zeta(K11), NAMES)


@pytest.mark.long
def test_special_functions_on_arrays() -> None:
    mp.mp.dps = 25
    rng = np.random.default_rng(1)
    h, k = rng.normal(0, 1.5, (2, 60))
    r = np.choose(rng.integers(0, 3, 60), [rng.uniform(-1, 1, 60), 1 - 10 ** rng.uniform(-6, 0, 60), -0.999])
    h[:5], k[5:10] = 0.0, 0.0
    k[10:15] = h[10:15]
    values, errors = phi2(h, k, r)
    x = sympy.symbols("h k r", real=True)
    compiled = compile_closed_form(Phi2(*x), ["h", "k", "r"])(h, k, r)
    for i in range(60):
        a, b, s = (mp.mpf(float(v[i])) for v in (h, k, r))
        f = lambda t, a=a, b=b: mp.exp(-((a - b * mp.sin(t)) ** 2) / (2 * mp.cos(t) ** 2) - b * b / 2)  # noqa: E731
        truth = mp.ncdf(a) * mp.ncdf(b) + mp.quad(f, mp.linspace(0, mp.asin(s), 9)) / (2 * mp.pi)
        assert abs(mp.mpf(float(values[i])) - truth) <= errors[i] < 1e-13
        assert abs(mp.mpf(float(compiled[i])) - truth) < 1e-13
    owen = compile_closed_form(OwenT(x[0], x[1]), ["h", "k"])
    truth = mp.quad(lambda t: mp.exp(-(1 + t * t) / 2) / (1 + t * t), [0, 2]) / (2 * mp.pi)
    assert abs(float(owen(1.0, 2.0)) - float(truth)) < 1e-15


def test_double_doubles_are_exact() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(0, 1, (2, 50)) * 10 ** rng.uniform(-5, 5, (2, 50))
    for x, y, s, e, p, q in zip(a, b, *two_sum(a, b), *two_product(a, b), strict=True):
        assert Fraction(x) + Fraction(y) == Fraction(s) + Fraction(e)
        assert Fraction(x) * Fraction(y) == Fraction(p) + Fraction(q)
    c = a * b * (1 + 2.0**-50)
    value, _ = polynomial({(1, 1, 0): Fraction(1), (0, 0, 1): Fraction(-1)}, [a, b, c])
    exact = [float(Fraction(x) * Fraction(y) - Fraction(z)) for x, y, z in zip(a, b, c, strict=True)]
    assert value.tolist() == exact


TANH, SILU = Function("tanh(Z)", np.tanh), Function("silu(Z)", lambda z: z / (1 + np.exp(-z)))
CLIP = Function("clip(Z, -1, 1/2)", lambda z: np.clip(z, -1, 0.5), (-1.0, 0.5))
SOFTPLUS = Function("softplus(Z)", lambda z: np.logaddexp(0, z))


@pytest.mark.parametrize(("f", "g"), [(TANH, TANH), (SILU, SOFTPLUS), (CLIP, TANH)], ids=lambda f: f.text)
def test_kernels_by_series(f: Function, g: Function) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 6)) * rng.uniform(0.3, 1.5, (12, 1))
    K = X @ X.T / 6
    d = np.diag(K)
    values, errors = pair_matrix(read(f.at("z")), read(g.at("z")), d[:, None], K, d[None, :])
    assert float(np.max(errors)) < 1e-8
    for i in range(12):
        for j in range(0, 12, 3):
            exact = pair_mean(f, g, (d[i], K[i, j], d[j]))
            assert abs(values[i, j] - exact) <= errors[i, j] + 1e-12


def test_series_near_perfect_correlation() -> None:
    t = read("tanh(z)")
    rho = np.array([0.9, 0.999, 0.999999, 1 - 1e-12, 1.0, -0.9999, -1.0])
    values, errors = pair_matrix(t, t, 25.0, 25.0 * rho, 25.0)
    assert float(np.max(errors)) < 1e-9
    for r, v, e in zip(rho[:3], values, errors, strict=False):
        assert abs(v - pair_mean(Function("", np.tanh), Function("", np.tanh), (25.0, 25 * r, 25.0))) <= e + 1e-10
    assert values[4] == -values[6]
    assert np.all(np.diff(values[:5]) > 0)


def test_series_is_symmetric_exactly() -> None:
    X = np.random.default_rng(3).standard_normal((40, 10))
    K = X @ X.T / 10
    d = np.diag(K)
    values, errors = pair_matrix(read("silu(z)"), read("silu(z)"), d[:, None], K, d[None, :])
    assert np.array_equal(values, values.T)
    assert np.allclose(errors, errors.T, rtol=1e-9, atol=1e-18)
    forward = pair_matrix(read("tanh(z)"), read("relu(z)"), d[:, None], K, d[None, :])[0]
    backward = pair_matrix(read("relu(z)"), read("tanh(z)"), d[:, None], K, d[None, :])[0]
    assert np.array_equal(forward, backward.T)


def test_the_tail_is_a_bound() -> None:
    # few terms: the stated error is large, and true
    for count in (2, 5, 12):
        rho = np.linspace(-0.95, 0.95, 9)
        values, errors = _Pair(read("relu(z1)"), read("relu(z1)"), 1.0, rho, 2.0).series(count, np.inf)
        exact = [float(relu(mp.mpf(1), mp.mpf(float(r)), mp.mpf(2))) for r in rho]
        assert np.all(np.abs(values - exact) <= errors)
        assert np.max(errors) > 1e-6


def test_zero_variance_and_wrong_covariances() -> None:
    t = read("softplus(z)")
    values, errors = pair_matrix(t, t, [0.0, 0.0], 0.0, [0.0, 1.0])
    assert values[0] == pytest.approx(np.log(2) ** 2, abs=1e-14)
    assert np.all(errors < 1e-13)
    for bad in ((1.0, 2.0, 1.0), (-1.0, 0.0, 1.0), (np.nan, 0.0, 1.0), (1.0, np.inf, 1.0)):
        with pytest.raises(TensorProgError, match="TP008"):
            pair_matrix(t, t, *bad)
    with pytest.raises(DivergentError):
        pair_matrix(read("exp(z^2/2)"), t, 2.0, 0.0, 1.0)


def test_broadcast_views_are_what_they_show() -> None:
    t = read("tanh(z)")
    views = np.broadcast_arrays(np.full((3, 1), 1.0), 0.5, np.full((1, 4), 2.0))
    values = pair_matrix(t, t, *views)[0]
    assert values.shape == (3, 4)
    assert np.all(values == pair_matrix(t, t, 1.0, 0.5, 2.0)[0])


def test_functions_without_a_second_moment() -> None:
    # E exp(Z1²/3) cos(Z2) exists though E exp(2 Z1²/3) does not: tilt to variance 1/(1 - 2/3) = 3
    values, errors = pair_matrix(read("exp(z^2/3)"), read("cos(z)"), 1.0, [0.0, 0.5], 1.0)
    exact = [np.sqrt(3) * np.exp(-(1 + 2 * r * r) / 2) for r in (0.0, 0.5)]
    assert np.all(np.abs(values - exact) <= errors)
    assert np.all(errors < 1e-9)


def test_hermite_coefficients() -> None:
    # relu at variance v: a_0 = √(v/2π), a_1 = √v/2, a_2 = √(v/4π), odd ones beyond vanish
    def coefficients(text: str, variance: float, count: int) -> tuple[Any, float]:
        table = expand(prepare(read(text), variance), np.array([variance]), count)
        return table.coefficients[:, 0], float(table.error[0])

    a, error = coefficients("relu(z1)", 3.0, 8)
    exact = [np.sqrt(3 / (2 * np.pi)), np.sqrt(3) / 2, np.sqrt(3 / (4 * np.pi)), 0.0]
    assert np.all(np.abs(a[:4] - exact) <= error + 1e-15)
    assert error < 1e-13
    a, _ = coefficients("2*hermite(5, z1)", 1.0, 10)
    assert np.allclose(a, 2.0 * (np.arange(10) == 5), atol=1e-12)


def test_kinks_come_from_the_expression() -> None:
    def hard(text: str, reach: float, **values: float) -> list[tuple[float, str]]:
        found = loci(read(text), ["z"], values, [(-reach, reach)]).planes
        return sorted((p.offset / p.normal[0] + 0.0, p.kind) for p in found if p.hard)

    def places(text: str, **values: float) -> list[float]:
        return sorted({at for at, _ in hard(text, 20, **values)})

    assert places("relu(3*z - 1)") == [1 / 3]
    assert places("clip(z, -C, C)", C=1.25) == [-1.25, 1.25]
    assert places("max(z^2 - 2, z)") == pytest.approx([-1, 2], abs=1e-14)
    assert places("relu(relu(z) - 1)") == [0.0, 1.0]
    assert places("step(exp(z) - 2)") == pytest.approx([np.log(2)], abs=1e-15)
    assert places("abs((z - 1)^3*(z + 3))") == [-3.0, 1.0]
    assert places("floor(z/8)") == [-16.0, -8.0, 0.0, 8.0, 16.0]
    assert places("relu(sin(z))") == pytest.approx([k * np.pi for k in range(-6, 7)], abs=1e-13)
    assert places("where(z < 1/7 and z > -2, z, 0)") == [-2.0, 1 / 7]
    assert places("tanh(100*z) + 1/(1 + z^2) + exp(-z^2)") == []
    kinds = {kind for _, kind in hard("sign(z) + relu(z - 1) + sqrt(abs(z - 2)) + 1/(z - 3)", 1e6)}
    assert kinds == {"jump", "kink", "singular", "pole"}


def test_loci_of_several_variables() -> None:
    box = [(-9.0, 9.0)] * 2
    found = loci(read("relu(x - 2*y + 1)*sign(x*y)"), ["x", "y"], {}, box)
    assert {(p.normal, p.offset) for p in found.planes} == {((1.0, -2.0), -1.0), ((1.0, 0.0), 0.0), ((0.0, 1.0), 0.0)}
    assert found.complete
    assert not loci(read("relu(x^2 + y^2 - 1)"), ["x", "y"], {}, box).complete
    assert loci(read("tanh(x + y)"), ["x", "y"], {}, box).smooth


def test_sampling_is_seeded_and_honest() -> None:
    f: Any = lambda t: np.exp(t.sum(axis=1) / 3)  # noqa: E731
    a, b, c = (sample(f, 7, seed, Budget(1e-3)) for seed in (0, 0, 1))
    assert a == b != c
    assert a.method == "sampling"
    assert abs(a.value - np.exp(7 / 18)) <= a.error < 1e-2

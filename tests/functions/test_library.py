"""Every record of the library against mpmath, by definitions that the test states itself."""

from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest

from tensorprog.functions.evaluate.arrays import compile_numpy, numpy_form
from tensorprog.functions.evaluate.derivative import derivative
from tensorprog.functions.named.library import SELU_ALPHA, SELU_SCALE, library
from tensorprog.kernel.ground.signatures import FUNCTIONS
from tensorprog.terms import App, Num, Term, Var, read
from tests.definitions import EXACT

ONE = sorted(n for n, r in library().items() if len(r.args) == 1)


def points(name: str) -> list[float]:
    if name in ("asin", "acos"):
        return [-0.95, -0.3, 0.0, 0.4, 0.99]
    if name in ("log", "ln", "sqrt"):
        return [1e-6, 0.3, 1.0, 2.5, 40.0, 1e6]
    if name == "log1p":
        return [-0.9, -1e-9, 0.0, 1e-12, 3.0, 1e5]
    return [-30.3, -5.25, -1.0, -0.6, -1e-7, 0.0, 1e-7, 0.7, 1.0, 2.5, 30.6]


def test_there_is_one_record_for_every_function() -> None:
    assert library().keys() >= FUNCTIONS.keys()
    for record in library().values():
        least, most = record.arity
        assert least <= len(record.args) <= most


@pytest.mark.parametrize("name", ONE)
def test_numpy_form_is_stable(name: str) -> None:
    xs = np.array(points(name))
    with mp.workdps(40):
        truth = [float(EXACT[name](mp.mpf(float(x)))) for x in xs]
    with np.errstate(all="ignore"):
        got = numpy_form(name)(xs)
    np.testing.assert_allclose(
        got,
        truth,
        rtol=2e-13,
        atol=1e-300 if name in ("silu", "softplus", "mish", "swish", "logsigmoid", "erfc") else 1e-15,
    )


def test_numpy_forms_of_several_arguments() -> None:
    x, y = 0.7, -2.5
    for name, args in [("leaky_relu", (y, 0.1)), ("elu", (y, 2.0)), ("elu", (y,)), ("clip", (x, -0.5, 0.5)),
                       ("min", (x, y, 3.0)), ("max", (x, y, 3.0)), ("mod", (y, 2.0)),
                       ("hermite", (5.0, x))]:  # fmt: skip
        got = numpy_form(name)(*(np.asarray(a) for a in args))
        assert float(got) == pytest.approx(float(EXACT[name](*args)), rel=1e-13)
    assert numpy_form("where")(np.array([True, False]), 1.0, 2.0).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", [n for n in ONE if n not in ("floor", "ceil", "sign", "sgn", "step")])
def test_derivative(name: str) -> None:
    x = Var("x")
    slope = compile_numpy(derivative(App(name, (x,)), x), ["x"])
    for at in [p + 0.013 for p in points(name) if (abs(p) < 6 and p + 0.013 < 1) or name not in ("asin", "acos")]:
        if abs(at) > 25:
            continue
        with mp.workdps(40):
            truth = float(mp.diff(EXACT[name], mp.mpf(at)))
        assert float(slope(at)) == pytest.approx(truth, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    "text", ["leaky_relu(x, a)", "elu(x, a)", "clip(x, -1, a)", "hermite(4, x)", "max(x, a*x)", "mod(x, 2)"]
)
def test_derivative_of_several_arguments(text: str) -> None:
    t = read(text)
    for at in (-1.3, 0.4, 2.2):
        slope = float(compile_numpy(derivative(t, Var("x")), ["x", "a"])(at, 0.7))
        f = compile_numpy(t, ["x", "a"])
        assert slope == pytest.approx(float(f(at + 1e-6, 0.7) - f(at - 1e-6, 0.7)) / 2e-6, abs=1e-8)


@pytest.mark.parametrize("name", ONE)
def test_definition_range_and_minimum(name: str) -> None:
    record = library()[name]
    with mp.workdps(40):
        values = [EXACT[name](mp.mpf(p)) for p in points(name)]
    for v in values:
        assert record.range.low is None or v >= mp.mpf(record.range.low.numerator) / record.range.low.denominator
        assert record.range.high is None or v <= mp.mpf(record.range.high.numerator) / record.range.high.denominator
    if record.minimum is not None:
        with mp.workdps(40):
            at = mp.findroot(lambda x: mp.diff(EXACT[name], x), -1)
            assert (
                abs(EXACT[name](at) - mp.mpf(record.minimum.numerator) / record.minimum.denominator) < mp.mpf(10) ** -20
            )
    if record.monotone is not None:
        steps = np.diff([float(v) for v in values])
        assert (steps >= 0).all() if record.monotone == "increasing" else (steps <= 0).all()
    if record.definition is not None:
        f = compile_numpy(record.expand((Var("x"),)) or Num(0), ["x"])
        for p, v in zip(points(name), values, strict=True):
            if abs(p) < 10:
                assert float(f(p)) == pytest.approx(float(v), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ONE)
def test_growth_slope_and_ends(name: str) -> None:
    record = library()[name]
    if record.domain is None or record.domain.low is not None:
        return
    xs = np.array([-1e4, -300.0, -40.5, 40.5, 300.0, 1e4])
    for end, form in ((xs[:3], record.minus), (xs[3:], record.plus)):
        if form is not None:
            expected: Term = form
            np.testing.assert_allclose(numpy_form(name)(end), compile_numpy(expected, ["x", "a"])(end, 0.5), rtol=1e-12)
    if record.growth is not None:
        assert (np.abs(numpy_form(name)(xs)) <= 3 * (1 + np.abs(xs) ** float(record.growth))).all()
    if record.slope is not None and record.regularity != "jumps":
        slopes = compile_numpy(derivative(App(name, (Var("x"),)), Var("x")), ["x"])(xs)
        assert (np.abs(slopes) <= 3 * (1 + np.abs(xs) ** float(record.slope))).all()


def test_selu_constants() -> None:
    assert abs(float(SELU_SCALE) - 1.0507009873554805) < 1e-15
    assert abs(float(SELU_ALPHA) - 1.6732632423543772) < 1e-15
    assert isinstance(SELU_ALPHA, Fraction)


@pytest.mark.parametrize("name", ONE)
def test_facts_hold_at_sampled_points(name: str) -> None:
    record, xs = library()[name], np.array(points(name))
    with np.errstate(all="ignore"):
        there, mirrored, zero = numpy_form(name)(xs), numpy_form(name)(-xs), numpy_form(name)(np.zeros(1))[0]
    if record.parity is not None:
        np.testing.assert_allclose(mirrored, record.parity * there, rtol=1e-12)
    if np.isfinite(zero):
        assert record.at_zero is None or float(record.at_zero) == zero
    if record.only_zero:
        assert zero == 0
        assert (there[(xs != 0) & (xs > -20)] != 0).all()  # far out gelu underflows
    assert not record.contracts or (np.abs(there) <= np.abs(xs)).all()
    assert not record.keeps_sign or (there * xs >= 0).all()
    if record.degree is not None:
        np.testing.assert_allclose(numpy_form(name)(3 * xs), 3.0**record.degree * there, rtol=1e-12)
    if record.halves is not None:
        below, above = (compile_numpy(half, ["x"]) for half in record.halves)
        expected = [float((above if x > 0 else below)(x)) for x in xs if x]
        np.testing.assert_allclose(there[xs != 0], expected, rtol=2e-9)
    if record.above_line:
        assert (numpy_form(name)(np.array([30.0, 300.0])) >= 10).all()
        assert (np.abs(numpy_form(name)(np.array([-30.0, -300.0]))) < 2).all()


@pytest.mark.parametrize("name", [n for n in ONE if library()[n].analytic or library()[n].breaks])
def test_breaks_are_where_one_formula_ends_and_strips_where_it_holds(name: str) -> None:
    """A Taylor polynomial at c is the function within a quarter of the distance to the next singularity."""
    record = library()[name]
    radius = record.strip or 1.0
    for c in (-0.5, 0.7) if name in ("asin", "acos") else (-0.5, 1.7):
        near = [abs(c - b.at - b.period * round((c - b.at) / (b.period or 1)) * bool(b.period)) for b in record.breaks]
        r = min([radius if record.analytic else 1.0, *near]) / 4
        if record.domain is not None and not (record.domain.low is None or record.domain.low < c):
            continue
        with mp.workdps(40):
            if mp.im(mp.mpc(EXACT[name](mp.mpf(c)))) != 0:
                continue
            series = mp.taylor(EXACT[name], mp.mpf(c), 16)
            for x in (c - r, c + r):
                assert abs(mp.polyval(series[::-1], x - mp.mpf(c)) - EXACT[name](mp.mpf(x))) < 1e-7
    for b in record.breaks:
        if b.kind == "jump":
            assert (
                abs(EXACT[name](mp.mpf(b.at) - mp.mpf(10) ** -9) - EXACT[name](mp.mpf(b.at) + mp.mpf(10) ** -9)) > 0.5
            )
        if b.kind == "kink" and name != "softsign":
            h = mp.mpf(10) ** -6
            left, middle, right = (EXACT[name](mp.mpf(b.at) + k * h) for k in (-1, 0, 1))
            assert abs(left - 2 * middle + right) > h / 2

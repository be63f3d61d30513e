"""Enclosures contain the truth, by mpmath and by the reference values, and are as narrow as asked."""

from dataclasses import dataclass
from fractions import Fraction
from math import inf

import mpmath as mp
import numpy as np
import pytest
from flint import acb, arb

from tensorprog.errors import DivergentError
from tensorprog.functions.evaluate.arrays import compile_numpy
from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.functions.evaluate.branch import resolve
from tensorprog.gaussian.behaviour.envelope import bound
from tensorprog.gaussian.integrate.certified import enclose
from tensorprog.terms import Term, Var, read
from tests.gaussian.integrate.test_quadrature import REFERENCE, spelled

A, B, Z = Var("a"), Var("b"), Var("z")
SMOOTH_OR_SPLIT = [e for e in REFERENCE if Fraction(e["K"][0]) < 100]


@pytest.mark.parametrize("entry", SMOOTH_OR_SPLIT[::6], ids=lambda e: f"{e['f']}|{e['g']}|{','.join(e['K'])}")
def test_reference_values_are_enclosed(entry: dict[str, str]) -> None:
    a, b, c = map(Fraction, entry["K"])
    term = read(f"({spelled(entry['f'], 'a')})*({spelled(entry['g'], 'b')})")
    got = enclose(term, [A, B], [[a, b], [b, c]], tolerance=1e-8)
    assert got is not None
    assert Fraction(got[0]) <= Fraction(entry["value"]) <= Fraction(got[1])
    assert got[1] - got[0] < 1e-7


ONE = {
    "tanh(z)": (mp.tanh, []),
    "clip(z, -1/3, 1)": (lambda z: min(max(z, -mp.mpf(1) / 3), 1), [-mp.mpf(1) / 3, 1]),
    "silu(z)*step(z)": (lambda z: z / (1 + mp.exp(-z)) if z > 0 else 0, [0]),
    "exp(z/2)*abs(z)": (lambda z: mp.exp(z / 2) * abs(z), [0]),
    "1/(1 + z^2)": (lambda z: 1 / (1 + z * z), []),
    "where(z < 1/2, z, erf(z))": (lambda z: z if z < 0.5 else mp.erf(z), [mp.mpf(1) / 2]),
}


@pytest.mark.parametrize("text", ONE)
def test_one_dimension(text: str) -> None:
    f, cuts = ONE[text]
    mp.mp.dps = 30
    for mean, variance in ((0, 1), (Fraction(1, 3), Fraction(9, 4)), (-2, Fraction(1, 16))):
        m, s = mp.mpf(Fraction(mean).numerator) / Fraction(mean).denominator, mp.sqrt(float(variance))
        ends = sorted({m + k * s for k in range(-14, 15)} | set(cuts))
        exact = mp.quad(lambda z: f(z) * mp.npdf(z, m, s), ends)  # noqa: B023
        got = enclose(read(text), [Z], [[variance]], [mean])
        assert got is not None
        assert got[0] - 1e-18 <= exact <= got[1] + 1e-18
        assert got[1] - got[0] < 1e-11


def test_slanted_kinks() -> None:
    low, high = enclose(read("relu(a + b)*relu(a - b)"), [A, B], [[1, 0], [0, 1]]) or (0.0, 0.0)
    assert low <= 1 / np.pi <= high
    assert high - low < 1e-11


def test_no_claim_without_a_proof() -> None:
    assert enclose(read("exp(z^2/4)/(1 + z^2)^2"), [Z], [[2]]) is None
    with pytest.raises(DivergentError):
        enclose(read("exp(z^2/4)"), [Z], [[2]])


@pytest.mark.parametrize("text", ["tanh(2*z + 1)", "erf(z/2)", "sin(3*z)*exp(-z^2)", "exp(1 + z - z^2)",
                                  "sigmoid(z)^3", "1/(2 + z^2)", "exp(sin(z))", "cos(tanh(z/2))", "softplus(erf(z))",
                                  "Phi(z) + 2*sigmoid(tanh(z))"])  # fmt: skip
def test_bounds_hold_in_the_strip(text: str) -> None:
    rng = np.random.default_rng(2)
    term = read(text)
    f = ball_function(term, ["z"])
    for y in (0.0, 0.3, 0.7):
        over = bound(term, ["z"], [y])
        assert 0 < over < inf
        for _ in range(60):
            x, v = float(rng.normal(0, 4)), float(rng.uniform(-y, y))
            size = float(abs(f([acb(arb(x), arb(v))], True)).upper())
            assert size <= over * (1 + 1e-12)


def test_balls_contain_what_numpy_computes() -> None:
    texts = ["relu(z)", "leaky_relu(z, 1/5)", "elu(z)", "selu(z)", "gelu(z)", "gelu_tanh(z)", "silu(z)", "softplus(z)",
             "mish(z)", "sigmoid(z)", "tanh(z)", "erf(z)", "Phi(z)", "hardtanh(z)", "clip(z, -1, 2)", "sign(z)",
             "step(z)", "abs(z)", "min(z, 1)", "max(z, 0, z^2 - 3)", "exp(z)", "log1p(z^2)", "sqrt(abs(z))", "sin(z)",
             "cos(z)", "atan(z)", "sinh(z)", "softsign(z)", "hermite(5, z)", "where(z < 1, z, 2)", "floor(z)",
             "ceil(z)", "mod(z, 2)", "sinc(z)", "abs(z)^(5/3)", "1/(3 + z)", "pi*z^3"]  # fmt: skip
    z = np.concatenate([np.random.default_rng(4).normal(0, 1, 12), [0.0, 1.0]])
    for text in texts:
        term = read(text)
        f, g = ball_function(term, ["z"]), compile_numpy(term, ["z"])(z)
        for x, y in zip(z, g, strict=True):
            ball = f([acb(arb(float(x)))], False).real
            assert abs(float(ball.mid()) - y) <= 1e-13 * max(1.0, abs(y)), (text, x)
            wide = f([acb(arb(float(x), 0.1))], False).real
            assert wide.contains(arb(float(y))) or abs(float(wide.mid()) - y) <= float(wide.rad()) + 1e-12, (text, x)


@dataclass(frozen=True)
class AtPoint:
    """The sides of a point."""

    at: float

    def real(self, u: Term) -> arb:
        return ball_function(u, ["z"])([acb(arb(self.at))], False).real

    def positive(self, u: Term) -> bool | None:
        re = self.real(u)
        return True if re > 0 else False if re < 0 else None

    def floor(self, u: Term) -> int | None:
        return int(self.real(u).floor().unique_fmpz())


def test_branches_agree_with_the_function() -> None:
    rng = np.random.default_rng(8)
    for text in ("relu(z)*elu(z - 1)", "clip(z, -1, 1) + softsign(z)", "max(z, 1, z^2)", "selu(z)*sign(z - 2)",
                 "where(z < 0 and z > -1, z, abs(z))", "leaky_relu(z, 1/3)*hardtanh(2*z)"):  # fmt: skip
        term = read(text)
        for x in rng.normal(0, 1.5, 30):
            smooth = resolve(term, AtPoint(float(x)))
            assert smooth is not None
            assert np.isclose(compile_numpy(smooth, ["z"])(x), compile_numpy(term, ["z"])(x), rtol=1e-14, atol=1e-15)

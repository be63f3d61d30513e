"""The parts of proved bounds: cells, tails, orders of poles, divergence, and rounding, each against something else."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from flint import acb, arb
from scipy import integrate

from tensorprog.errors import DivergentError
from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.functions.evaluate.directions import Posed
from tensorprog.functions.evaluate.systems import evaluate
from tensorprog.functions.named.rounded_forms import ROUNDED
from tensorprog.gaussian.behaviour.divergence import refuse
from tensorprog.gaussian.behaviour.kinks import loci
from tensorprog.gaussian.cells.cells import Region, partition
from tensorprog.gaussian.cells.law import law_of
from tensorprog.gaussian.cells.tails import tail
from tensorprog.gaussian.integrate.certified import enclose
from tensorprog.kernel.ground.term import variables
from tensorprog.numbers.rounded import Rounded
from tensorprog.terms import Var, read

A, B = Var("a"), Var("b")
HALF = [[Fraction(1), Fraction(1, 2)], [Fraction(1, 2), Fraction(1)]]


@pytest.mark.parametrize(
    "text", ["relu(a)", "relu(a - b)*sign(a + 2*b - 1)", "abs(a*b)*step(b - 3)", "abs(a^2 - 2)*relu(b)"]
)
def test_cells_tile_the_box(text: str) -> None:
    term = read(text)
    names = [v.name for v in variables(term)]
    law = law_of(names, HALF[: len(names)] if len(names) == 2 else [[Fraction(1)]], [Fraction(0)] * len(names))
    cells = partition(law, loci(term, names, {}, [(-9, 9)] * len(names)), 8.0)
    if len(names) == 1:
        assert sum(c.x[1] - c.x[0] for c in cells) == pytest.approx(16)
        return
    area = sum(
        (c.x[1] - c.x[0]) * (c.high.at(sum(c.x) / 2) - c.low.at(sum(c.x) / 2)) for c in cells if c.low and c.high
    )
    assert area == pytest.approx(256, rel=1e-9)
    # the range of a cell holds the function's values on it
    f = ball_function(term, names)
    rng = np.random.default_rng(1)
    for c in cells[::3]:
        ball = f(Region(law, c).ranges, False).real
        for x, v in rng.uniform(size=(4, 2)):
            at = c.x[0] + (c.x[1] - c.x[0]) * x
            assert c.low is not None
            assert c.high is not None
            y = c.low.at(at) + (c.high.at(at) - c.low.at(at)) * v
            z = [acb(row[0] * at + row[1] * y) for row in law.slopes]
            assert not (ball.is_finite() and (f(z, False).real < ball.lower() or f(z, False).real > ball.upper()))


TAILS = {
    "z^2": lambda z: z * z,
    "exp(2*z)*relu(z)": lambda z: np.exp(2 * z) * np.maximum(z, 0),
    "relu(z)*exp(-3*z)": lambda z: np.maximum(z, 0) * np.exp(-3 * z),
    "softplus(z)/(1 + z^2)": lambda z: np.log1p(np.exp(z)) / (1 + z * z),
    "exp(z^2/4)": lambda z: np.exp(z * z / 4),
    "where(z > 0, exp(-z), z^3)": lambda z: np.where(z > 0, np.exp(-z), abs(z) ** 3),
}


@pytest.mark.parametrize("text", TAILS)
def test_tails_are_bounds(text: str) -> None:
    law = law_of(["z"], [[Fraction(1)]], [Fraction(1, 2)])

    def f(t: float) -> float:
        return float(TAILS[text](0.5 + t)) * math.exp(-t * t / 2) / math.sqrt(2 * math.pi)

    for T in (3.0, 6.5):
        right = integrate.quad(f, T, T + 25)[0] + integrate.quad(f, -T - 25, -T)[0]
        assert right <= math.exp(tail(read(text), law, T)) * (1 + 1e-9)


def test_a_tail_that_is_small_on_both_sides_is_seen_to_be() -> None:
    law = law_of(["z"], [[Fraction(10**12)]], [Fraction(0)])
    assert tail(read("relu(z)*exp(-z)"), law, 8.5) < -600


SINGULAR = {
    "log(abs(a))": -(np.euler_gamma + math.log(2)) / 2,
    "abs(a)^(-1/2)": 2**-0.25 * math.gamma(0.25) / math.sqrt(math.pi),
    # the eigenvalues of the covariance are 3/2 and 1/2
    "log(a^2 + b^2)": 2 * math.log((math.sqrt(1.5) + math.sqrt(0.5)) / 2) - np.euler_gamma + math.log(2),
    "a*b/(a^2 + b^2)": 1 - math.sqrt(0.75),
}


@pytest.mark.parametrize("text", SINGULAR)
def test_integrable_singularities(text: str) -> None:
    term, right = read(text), SINGULAR[text]
    names = variables(term)
    low, high = enclose(term, names, HALF if len(names) == 2 else [[1]], tolerance=1e-8) or (math.nan, math.nan)
    assert low <= right <= high
    assert high - low < 1e-5


EXISTS = ["relu(a)*exp(-a)", "exp(a^2/4)", "1/(1 + a^2)", "log(abs(a))", "abs(a)^(-9/10)", "exp(a)", "sinh(a)^3",
          "exp(a^2/2)/(1 + a^2)", "tanh(a)/a", "where(a > 0, sqrt(a), 0)",
          "log(1 + exp(a))", "step(a)/(1 + a)^2*step(a + 1/2)"]  # fmt: skip
DIVERGES = ["exp(a^2/2)", "exp(a^2/2)/(1 + abs(a))", "1/a", "abs(a)^(-1)", "cos(a)/a^3", "exp(a^3)", "exp(exp(a))",
            "log(a)", "sqrt(a - 5)", "tan(a)", "exp(a^2)*step(-a)", "asin(a)"]  # fmt: skip


def test_only_what_diverges_is_refused() -> None:
    one, zero = ((Fraction(1),),), (Fraction(0),)
    for text in EXISTS:
        refuse(Posed(read(text), ("a",), one, zero))
    for text in DIVERGES:
        with pytest.raises(DivergentError):
            refuse(Posed(read(text), ("a",), one, zero))
    plane, origin = tuple(map(tuple, HALF)), (Fraction(0),) * 2
    for text in ("exp(a*b/4)", "a/(a^2 + b^2)", "log(abs(a - b))*exp(a)", "relu(a*b)*exp(-a^2)"):
        refuse(Posed(read(text), ("a", "b"), plane, origin))
    for text in ("exp(a*b)", "tanh(a)/b", "exp(a^2)*sigmoid(b)", "cos(a)/(a - b)", "log(a)*b"):
        with pytest.raises(DivergentError):
            refuse(Posed(read(text), ("a", "b"), plane, origin))


def test_no_bound_of_what_may_be_undefined_far_out() -> None:
    """These have no value with a probability of 1e-15 or less: no cell may be accepted over that."""
    for text in ("sqrt(a + 8)", "log(a + 9)", "acos(a/9)", "(a + 8)^(1/3)"):
        try:
            assert enclose(read(text), [A], [[1]]) is None
        except DivergentError:
            continue
    for text, right in (("where(a > 0, sqrt(a), 0)", 2**-0.75 * math.gamma(0.75) / math.sqrt(math.pi)),
                        ("mod(a, 2)", 1.0), ("asin(tanh(a))", 0.0)):  # fmt: skip
        low, high = enclose(read(text), [A], [[1]]) or (math.nan, math.nan)
        assert low <= right <= high
        assert high - low < 1e-9


def test_running_errors_are_bounds() -> None:
    texts = ["exp(z)*sigmoid(z)", "softplus(z) - silu(z)", "log(1 + z^2)", "sqrt(1 + z^2)", "sin(z)*cos(3*z)",
             "sinc(z)", "atan(z)", "tanh(z)*erf(z)", "Phi(z)", "gelu(z)", "mish(z)", "gelu_tanh(z)",
             "tan(z)", "hermite(7, z)",
             "(1 + z^2)^(1/3)", "sinh(z/4)*cosh(z/3)", "pi*z - asin(sin(z)/2)", "z^3/(1 + z^2)"]  # fmt: skip
    z = np.concatenate([np.random.default_rng(0).normal(0, s, 12) for s in (1e-6, 1.0, 6.0)])
    for text in texts:
        term = read(text)
        f, y = ball_function(term, ["z"]), evaluate(term, {"z": Rounded(z, 1e-15 * np.abs(z))}, ROUNDED)
        for x, value, error in zip(
            z, np.broadcast_to(y.value, z.shape), np.broadcast_to(y.error, z.shape), strict=True
        ):
            moved = f([acb(arb(float(x), 1e-15 * abs(float(x))))], False).real
            assert float(abs(moved - arb(float(value))).mid()) <= error + float(moved.rad()), (text, x)
            assert error <= 1e-11 * max(1.0, abs(value)), (text, x)

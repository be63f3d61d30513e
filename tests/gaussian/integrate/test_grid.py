"""The grid's balls contain the truth by rules of another kind, for inexact and for singular laws, and are narrow."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from flint import acb, arb
from scipy.special import erf

from tensorprog.functions.evaluate.ball_function import Ball, ball_function
from tensorprog.functions.evaluate.systems import evaluate
from tensorprog.functions.named.rounded_forms import ROUNDED, Rounded
from tensorprog.gaussian.behaviour.envelope import bound, imaginary
from tensorprog.gaussian.expect import expect
from tensorprog.gaussian.integrate.certified import enclose
from tensorprog.gaussian.integrate.grid import grid
from tensorprog.numbers.precision import precision
from tensorprog.terms import Var, read

NAMES = ["a", "b", "c"]
FUNCTIONS = {
    "erf(a)^2*(1 - erf(b))^2*erf(c)^2": lambda a, b, c: erf(a) ** 2 * (1 - erf(b)) ** 2 * erf(c) ** 2,
    "sigmoid(a)*tanh(2*b - c)*Phi(c/2)": lambda a, b, c: (1 + np.tanh(a / 2)) / 2 * np.tanh(2 * b - c)
    * (1 + erf(c / math.sqrt(8))) / 2,
    "erf(erf(a)*Phi(b) + c/3)*erf(c)": lambda a, b, c: erf(erf(a) * (1 + erf(b / math.sqrt(2))) / 2 + c / 3) * erf(c),
}  # fmt: skip
COVARIANCES = {
    "regular": [[0.5, 0.25, 0.125], [0.25, 0.75, -0.25], [0.125, -0.25, 1.0]],
    "two equal": [[0.5, 0.5, 0.125], [0.5, 0.5, 0.125], [0.125, 0.125, 1.0]],
    "one line": [[1.0, -0.5, 0.25], [-0.5, 0.25, -0.125], [0.25, -0.125, 0.0625]],
}
MEAN = [0.25, 0.0, -0.5]


def balls(K: list[list[float]]) -> list[list[Ball]]:
    return [[arb(x) for x in row] for row in K]


def legendre(f: object, K: list[list[float]]) -> float:
    """E f(m + Z) by Gauss–Legendre along the eigenvectors."""
    values, vectors = np.linalg.eigh(np.array(K))
    kept = values > 1e-12
    L = vectors[:, kept] * np.sqrt(values[kept])
    x, w = np.polynomial.legendre.leggauss(110)
    t = 8.5 * x
    w = 8.5 * w * np.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    axes = np.meshgrid(*[t] * L.shape[1], indexing="ij")
    out = f(*(MEAN[i] + sum(L[i, j] * axes[j] for j in range(len(axes))) for i in range(3)))  # type: ignore[operator]
    for _ in axes:
        out = out @ w
    return float(out)


@pytest.mark.parametrize("text", FUNCTIONS)
@pytest.mark.parametrize("law", COVARIANCES)
def test_another_rule_is_enclosed(text: str, law: str) -> None:
    K = COVARIANCES[law]
    found = grid(read(text), NAMES, balls(K), [arb(x) for x in MEAN])
    assert found is not None
    assert found.rad() < 1e-11
    assert abs(float(found.mid()) - legendre(FUNCTIONS[text], K)) <= float(found.rad()) + 1e-12


def test_a_closed_form_is_enclosed() -> None:
    for r in (Fraction(1, 3), Fraction(-9, 10), Fraction(1)):
        K = [[arb(1), arb(r.numerator) / r.denominator], [arb(r.numerator) / r.denominator, arb(1)]]
        found = grid(read("erf(a)*erf(b)"), ["a", "b"], K, [arb(0), arb(0)])
        assert found is not None
        assert found.contains(2 / arb.pi() * (2 * K[0][1] / 3).asin())
        assert found.rad() < 1e-12


def test_every_law_within_inexact_entries_is_enclosed() -> None:
    text = "erf(a)*erf(b)*erf(c)^2"
    K = COVARIANCES["regular"]
    wide = [[arb(x, 1e-3) for x in row] for row in K]
    found = grid(read(text), NAMES, wide, [arb(x, 1e-3) for x in MEAN])
    assert found is not None
    assert found.rad() < 0.1
    rng = np.random.default_rng(0)
    for _ in range(8):
        shift = rng.choice([-1e-3, 1e-3], (3, 3))
        moved = [[x + shift[min(i, j), max(i, j)] for j, x in enumerate(row)] for i, row in enumerate(K)]
        one = grid(read(text), NAMES, balls(moved), [arb(x + 1e-3 * rng.choice([-1, 1])) for x in MEAN])
        assert one is not None
        assert found.contains(one)


@pytest.mark.long
def test_five_variables_and_none() -> None:
    K = np.full((5, 5), 0.25) + 0.5 * np.eye(5)
    names = ["a", "b", "c", "d", "e"]
    found = grid(read("erf(a)*erf(b)*erf(c)*erf(d)*(1 + erf(e))"), names, balls(K.tolist()), [arb(0)] * 5)
    # One common variable: z_i = (x + √2 y_i)/2, and E erf(u + s y) = erf(u/√(1 + 2s²))
    truth = mp.quad(lambda x: mp.erf(x / 2 / mp.sqrt(2)) ** 4 * mp.npdf(x), [-10, -3, 0, 3, 10])
    assert found is not None
    assert found.rad() < 1e-9
    assert abs(float(found.mid()) - float(truth)) <= float(found.rad()) + 1e-13
    point = grid(read("erf(a)*tanh(b)"), ["a", "b"], balls([[0, 0], [0, 0]]), [arb(1), arb(0.5)])
    assert point is not None
    assert point.contains(arb(1).erf() * arb(0.5).tanh())


@pytest.mark.parametrize("text", ["relu(a)*erf(b)", "a*erf(b)", "exp(a)*erf(b)", "erf(a)/(2 + erf(b))", "sign(a)"])
def test_no_claim_without_a_bound(text: str) -> None:
    assert grid(read(text), ["a", "b"], balls([[1, 0.5], [0.5, 1]]), [arb(0), arb(0)]) is None


def test_the_one_door_certifies_three_variables() -> None:
    K = [["1", "1/2", "1/4"], ["1/2", "1", "1/2"], ["1/4", "1/2", "1"]]
    found = expect("tanh(a)*tanh(b)*sigmoid(c)^2", K)
    assert found.certified
    assert found.error is not None
    assert found.error < 1e-12


def test_errors_of_arrays_hold() -> None:
    term = read("(1 + erf(a/3))^3*tanh(a - b)*sigmoid(b)*Phi(-a) - 1/7")
    rng = np.random.default_rng(2)
    z = rng.normal(size=(2, 200))
    found = evaluate(term, {n: Rounded(row, 0.0) for n, row in zip("ab", z, strict=True)}, ROUNDED)
    exact = ball_function(term, ["a", "b"])
    assert (found.error < 1e-13).all()
    with precision(120):
        for a, b, y, error in zip(*z.tolist(), found.value.tolist(), found.error.tolist(), strict=True):
            assert abs(exact([acb(a), acb(b)], False).real - arb(y)) <= error


@pytest.mark.parametrize("text", ["erf(2*a)*sigmoid(b)", "erf(erf(a)*Phi(b) + a/2)", "tanh(a)^2 + erf(b)"])
def test_imaginary_parts_and_sizes_hold_in_the_strip(text: str) -> None:
    term, rng = read(text), np.random.default_rng(3)
    f = ball_function(term, ["a", "b"])
    for y in ([0.1, 0.2], [0.7, 0.4], [0.0, 1.0]):
        beside, over = imaginary(term, ["a", "b"], y), bound(term, ["a", "b"], y)
        assert beside < math.inf
        assert over < math.inf
        for _ in range(100):
            x, v = rng.normal(0, 2, 2), rng.uniform(-1, 1, 2) * y
            value = f([acb(arb(p), arb(q)) for p, q in zip(x.tolist(), v.tolist(), strict=True)], True)
            assert abs(value.imag) <= beside + 1e-15
            assert abs(value) <= over


def test_certified_enclosures_of_three_variables() -> None:
    got = enclose(read("tanh(a)*tanh(b)*sigmoid(c)"), [Var(n) for n in NAMES], COVARIANCES["regular"])
    assert got is not None
    assert 0 < got[1] - got[0] < 1e-12

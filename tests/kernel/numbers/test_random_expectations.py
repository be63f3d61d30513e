"""Lemmas about random functions against quadrature; TENSORPROG_FUZZ=500 looks further."""

from __future__ import annotations

import os
import random
from fractions import Fraction

import numpy as np

from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.limits.statements import Lemma
from tensorprog.language import loads
from tensorprog.proof.expectations import Expectations
from tensorprog.proof.writer import Writer
from tensorprog.terms import Term, read, to_text
from tests.kernel.gaussian_oracle import mean, value
from tests.kernel.lemmas import PROGRAM

ROUNDS = int(os.environ.get("TENSORPROG_FUZZ", "15"))
SLOPES = [Fraction(x) for x in ("1", "2", "1/2", "-1", "-2", "3/2")]
SHIFTS = [Fraction(x) for x in ("0", "0", "1", "-1", "1/2", "-1/2")]
SIDES = [Fraction(x) for x in ("1", "2", "1/2", "3/2")]
KINKS = sorted({float(-b / a) for a in SLOPES for b in SHIFTS} | {float(s * c) for c in SIDES for s in (1, -1)})


def factor(rng: random.Random, z: str) -> str:
    """A library function of an affine one, a power, an exponential, a Gaussian, a piecewise function."""
    inner = f"({rng.choice(SLOPES)}*{z} + {rng.choice(SHIFTS)})"
    low, high = rng.choice(SIDES), rng.choice(SIDES)
    named = [
        f"{f}({inner})" for f in ("relu", "abs", "erf", "Phi", "gelu", "sin", "cos", "step", "sign", "elu", "selu")
    ]
    return rng.choice([
        *named, f"exp({rng.choice(SLOPES)}*{z}/2)", f"exp(-{low}*{z}^2 + {z})", f"clip({z}, -{low}, {high})",
        f"{z}^{rng.randint(1, 3)}",
        f"where({z} < {low}, {z}, {high})", f"exp(-abs({z}))", f"leaky_relu({z}, 1/3)", f"exp({z}^2/16)",
    ])  # fmt: skip


def function(rng: random.Random, z: str) -> str:
    one, other = factor(rng, z), factor(rng, z)
    return rng.choice([one, one, one, f"({one} + {other})", f"({one}*{other})"])


def test_random_lemmas_are_true() -> None:
    rng = random.Random(11)
    found = Expectations(Writer(loads(PROGRAM)))
    checked = refused = 0
    while checked < ROUNDS:
        text = function(rng, "z1") if rng.random() < 0.25 else f"{function(rng, 'z1')}*{function(rng, 'z2')}"
        h: Term = read(text)
        try:
            j = found.writer.stated(found.lemma(h), Lemma)
        except Refused:
            refused += 1
            continue
        k11, k22, r = rng.uniform(0.3, 1.5), rng.uniform(0.3, 1.5), rng.uniform(-0.9, 0.9)
        k12 = r * np.sqrt(k11 * k22)
        names = {"K11": k11, "K12": k12, "K22": k22}
        assert all(np.real(value(d, names)) > 0 for d in j.domain), (text, [to_text(d) for d in j.domain])
        exact = mean(h, {}, (k11, k12, k22), KINKS)
        assert abs(value(j.value, names) - exact) < 1e-7 * (1 + abs(exact)), text
        checked += 1
    assert refused < checked, "the calculus has a derivation for most of these functions"

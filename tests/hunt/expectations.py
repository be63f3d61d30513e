"""Writes Gaussian expectations of one to five variables at all scales, and knows how to integrate them.

A factor is a function of one linear form c1 a + c2 b + d, so that the places of its kinks
and of its unit-scale features are known.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.hunt.functions import KNOWN
from tests.hunt.syntax import X, call, num, op, ref

HEADS = [k for k in KNOWN if k not in ("log", "log1p", "sqrt", "sinh", "cosh", "exp")]
GROWING = ("exp", "sinh", "cosh")


@dataclass(frozen=True)
class Factor:
    """A function of a linear form. `places`: values of the form at kinks, jumps and centres of features."""

    text: X
    form: dict[str, float]
    shift: float
    places: tuple[float, ...]
    bound: float | None

    def __hash__(self) -> int:
        return hash(str(self.text))


@dataclass(frozen=True)
class Gaussian:
    """Means and a covariance of named variables."""

    names: tuple[str, ...]
    mean: tuple[float, ...]
    cov: tuple[tuple[float, ...], ...]

    def words(self) -> list[str]:
        rows = ", ".join("[" + ", ".join(map(repr, r)) + "]" for r in self.cov)
        out = ["--vars", ",".join(self.names), "--cov", f"[{rows}]"]
        return out + (["--mean", "[" + ", ".join(map(repr, self.mean)) + "]"] if any(self.mean) else [])


def variance(rng: random.Random) -> float:
    """From 1e-8 to 1e12, usually moderate."""
    return float(f"{10 ** rng.choice([rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(-8, 12)]):.6g}")


def gaussian(rng: random.Random, names: tuple[str, ...], correlations: bool = True) -> Gaussian:
    """One or two variables; correlation 0, moderate, near 1, or singular."""
    mean = tuple(rng.choice([0.0, 0.0, 0.3, -0.2, 2.0]) for _ in names)
    if len(names) == 1:
        return Gaussian(names, mean, ((variance(rng),),))
    v, w = variance(rng), variance(rng)
    rho = rng.choice([0.0, 0.3, 0.5, -0.8, 0.999, rng.uniform(-1, 1)]) if correlations else 0.0
    c = float(f"{rho * (v * w) ** 0.5:.6g}")
    if c * c > v * w:
        c *= 0.999
    return Gaussian(names, mean, ((v, c), (c, w)))


def factor(rng: random.Random, names: tuple[str, ...]) -> Factor:
    """A function of one name, or of a linear form of two."""
    both = len(names) > 1 and rng.random() < 0.25
    chosen = rng.sample(names, 2) if both else [rng.choice(names)]
    form = {k: rng.choice([1.0, 1.0, 1.0, 2.0, -1.0, 0.5, 30.0]) for k in chosen}
    shift = rng.choice([0.0, 0.0, 0.0, 0.5, -1.0])
    terms = [ref(k) if c == 1 else op("mul", num(f"{c:g}"), ref(k)) for k, c in form.items()]
    x = terms[0] if len(terms) == 1 else op("add", *terms)
    x = x if shift == 0 else op("add", x, num(f"{shift:g}"))
    kind = rng.random()
    if kind < 0.6:
        head = rng.choice(HEADS)
        known = KNOWN[head]
        top = {"atan": 1.6, "tanh": 1.0, "hardtanh": 1.0}.get(head, 1.0) if known.bounded else None
        return Factor(call(head, x), form, shift, (0.0, *known.kinks), top)
    if kind < 0.7:
        lo, hi = rng.choice([(-1, 1), (0, 2), (-2, -1)])
        return Factor(call("clip", x, num(lo), num(hi)), form, shift, (float(lo), float(hi)), 2.0)
    if kind < 0.78:
        return Factor(call("exp", op("neg", op("pow", x, num(2)))), form, shift, (0.0,), 1.0)
    if kind < 0.84:
        return Factor(op("pow", x, num(rng.choice([1, 2, 3]))), form, shift, (0.0,), None)
    if kind < 0.9:
        at = rng.choice([0, 1, -1])
        condition = op("cmp", x, num(at), name=rng.choice(["<", ">="]))
        return Factor(call("where", condition, num(rng.choice([1, 3])), num(-2)),
                      form, shift, (float(at),), 3.0)  # fmt: skip
    if kind < 0.95:
        at = rng.choice([0, 1])
        return Factor(call(rng.choice(["max", "min"]), x, num(at)), form, shift, (float(at),), None)
    return Factor(op("mul", call("relu", x), call("exp", op("neg", x))), form, shift, (0.0, 1.0), 0.37)


def product(factors: list[Factor]) -> X:
    """The product of some factors."""
    out = factors[0].text
    for f in factors[1:]:
        out = op("mul", out, f.text)
    return out


def bound(factors: list[Factor]) -> float | None:
    """A bound of the product's absolute value, if each factor has one."""
    out = 1.0
    for f in factors:
        if f.bound is None:
            return None
        out *= f.bound
    return out

"""Random functions, and a hunt for numerical counterexamples to what was judged of them.

The evaluator here is the test's own: plain numpy from the definitions, nothing of the package but the term classes.
"""

import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import mpmath as mp
import numpy as np

from tensorprog.functions.rules.facts import Facts
from tensorprog.terms import App, Num, Term, Var
from tests.definitions import ARRAYS, EXACT

UNARY = ("relu", "tanh", "erf", "exp", "sin", "cos", "abs", "sign", "step", "sqrt", "log", "atan", "sigmoid",
         "softplus",
         "gelu", "silu", "sinh", "cosh", "softsign", "hardtanh", "floor", "neg", "recip", "square", "cube", "halfpower",
         "log1p", "elu", "selu", "mish", "Phi", "asin", "sinc", "rootsquare", "oneplus")  # fmt: skip
BINARY = ("add", "mul", "add", "mul", "max", "min", "sub", "div", "where")


def random_term(rng: random.Random, names: list[str], depth: int) -> Term:
    """A random function of the names."""
    if depth == 0 or rng.random() < 0.12:
        if rng.random() < 0.75:
            return Var(rng.choice(names))
        return Num(rng.choice([Fraction(k) for k in (-2, -1, 0, 1, 2, 3)] + [Fraction(1, 2), Fraction(-3, 2)]))
    if rng.random() < 0.5:
        head = rng.choice(UNARY)
        u = random_term(rng, names, depth - 1)
        match head:
            case "square" | "cube":
                return App("pow", (u, Num(2 if head == "square" else 3)))
            case "halfpower":
                return App("pow", (App("abs", (u,)), Num(rng.choice([Fraction(1, 2), Fraction(3, 2), Fraction(2, 3)]))))
            case "rootsquare":
                return App("sqrt", (App("add", (Num(1), App("pow", (u, Num(2))))),))
            case "oneplus":
                return App("recip", (App("add", (Num(1), App("pow", (u, Num(2))))),))
            case _:
                return App(head, (u,))
    head = rng.choice(BINARY)
    a, b = random_term(rng, names, depth - 1), random_term(rng, names, depth - 1)
    match head:
        case "sub":
            return App("add", (a, App("neg", (b,))))
        case "div":
            return App("mul", (a, App("recip", (b,))))
        case "where":
            left = Var(rng.choice(names))
            bound = Num(rng.choice([Fraction(0), Fraction(1), Fraction(-1)]))
            return App("where", (App(rng.choice(["gt", "ge", "lt", "le"]), (left, bound)), a, b))
    return App(head, (a, b))


def value(t: Term, env: dict[str, np.ndarray]) -> np.ndarray:
    """The values of a term; nan where it has none (or floating point cannot say)."""
    match t:
        case Num(v):
            return np.full_like(next(iter(env.values())), float(v))
        case Var(name):
            return env[name]
        case App("where", (App(c, (l, r)), a, b)):
            x, y = value(l, env), value(r, env)
            holds = {"gt": x > y, "ge": x >= y, "lt": x < y, "le": x <= y}[c]
            return np.where(holds, value(a, env), value(b, env))
        case App(head, args):
            xs = [value(a, env) for a in args]
            return ARRAYS[head](*xs)
    raise AssertionError(t)


def _mp(t: Term, env: dict[str, Any]) -> Any:
    match t:
        case Num(v):
            return mp.mpf(v.numerator) / v.denominator
        case Var(name):
            return env[name]
        case App("where", (App(c, (left, right)), a, b)):
            x, y = _mp(left, env), _mp(right, env)
            return _mp(a if {"gt": x > y, "ge": x >= y, "lt": x < y, "le": x <= y}[c] else b, env)
        case App(head, args):
            xs = [_mp(a, env) for a in args]
            return EXACT[head](*xs)
    raise AssertionError(t)


def has_value(t: Term, at: dict[str, float]) -> bool:
    """Whether the term has a value at a point, in 400 digits."""
    with mp.workdps(400):
        try:
            return bool(mp.isfinite(_mp(t, {n: mp.mpf(float(v)) for n, v in at.items()})))
        except ZeroDivisionError:
            return False
        except OverflowError:
            return True


def sample_points(rng: np.random.Generator, k: int, scale: float, count: int) -> np.ndarray:
    """Points of size about `scale`: random directions, axes, diagonals, and whole numbers."""
    x = rng.standard_normal((count, k)) * scale
    x[: count // 4] *= rng.integers(0, 2, (count // 4, k))
    x[count // 4 : count // 2] = np.round(x[count // 4 : count // 2])
    return x


def objections(facts: Facts, seed: int = 0) -> Iterator[str]:
    """Numerical evidence against what is claimed."""
    rng = np.random.default_rng(seed)
    names = list(facts.vars)
    with np.errstate(all="ignore"):
        yield from _objections(facts, names, rng)


def _at(facts: Facts, names: list[str], x: np.ndarray) -> np.ndarray:
    return value(facts.expr, {n: x[:, i].copy() for i, n in enumerate(names)})


def _objections(facts: Facts, names: list[str], rng: np.random.Generator) -> Iterator[str]:
    k = len(names)
    f = {n: fact.status for n, fact in facts.named()}
    grid = np.concatenate([sample_points(rng, k, s, 400) for s in (0.01, 0.3, 1, 3)])
    base = _at(facts, names, grid)
    if f["total"] == "proved" and np.isnan(base).any():
        at = grid[np.isnan(base)][0]
        if not has_value(facts.expr, dict(zip(names, at, strict=True))):  # not just a rounding to the boundary
            yield f"undefined at {at}"
    if f["bounded"] == "proved":
        sizes = []
        for s in (1, 10, 1e2, 1e3, 1e4, 1e5):
            v = np.abs(_at(facts, names, sample_points(rng, k, s, 600)))
            sizes.append(np.nanmax(np.where(np.isfinite(v), v, np.nan)) if np.isfinite(v).any() else np.nan)
        if sizes[-1] > 20 * max(sizes[:3]) and sizes[-1] > 20 and sizes[-1] > 2 * sizes[-2]:
            yield f"unbounded: {sizes}"
        if facts.bounded.sup is not None and np.nanmax(base) > facts.bounded.sup + 1e-9 * (1 + abs(facts.bounded.sup)):
            yield f"above its supremum {facts.bounded.sup}: {np.nanmax(base)}"
        if facts.bounded.inf is not None and np.nanmin(base) < facts.bounded.inf - 1e-9 * (1 + abs(facts.bounded.inf)):
            yield f"below its infimum {facts.bounded.inf}: {np.nanmin(base)}"
    if f["continuous"] == "proved":
        yield from _jumps(facts, names, rng)
    if f["pseudo_lipschitz"] == "proved" and facts.pseudo_lipschitz.order is not None:
        yield from _quotients(facts, names, rng, float(facts.pseudo_lipschitz.order))
    if f["polynomially_bounded"] == "proved":
        orders = []
        for size in (10.0, 30.0, 100.0, 300.0):
            v = np.abs(_at(facts, names, sample_points(rng, k, size, 400)))
            orders.append(np.log(min(np.nanmax(np.where(np.isnan(v), 1.0, v)) + 1, 1e308)) / np.log(size))
        if orders[2] > 20 and orders[2] > 1.8 * orders[1] > 2.5 * orders[0]:
            yield f"not polynomial: {orders}"


def _jumps(facts: Facts, names: list[str], rng: np.random.Generator) -> Iterator[str]:
    k = len(names)
    points = np.concatenate(
        [np.round(rng.standard_normal((60, k)) * 2), np.round(rng.standard_normal((60, k)) * 2) / 2]
    )
    step = rng.choice([-1.0, 0.0, 1.0], (120, k))
    v = _at(facts, names, points)
    gaps = [np.abs(_at(facts, names, points + step * h) - v) for h in (1e-4, 1e-6, 1e-8)]
    bad = (gaps[2] > 1e-2 * (1 + np.abs(v))) & (gaps[2] > 0.5 * gaps[0]) & np.isfinite(gaps[2]) & (np.abs(v) < 1e6)
    if bad.any():
        at = np.argmax(bad)
        yield f"a jump at {points[at]} towards {step[at]}: {[g[at] for g in gaps]}"


def _quotients(facts: Facts, names: list[str], rng: np.random.Generator, order: float) -> Iterator[str]:
    k = len(names)
    points = np.round(rng.standard_normal((100, k)) * 2) / 2
    step = rng.choice([-1.0, 0.0, 1.0], (100, k))
    v = _at(facts, names, points)
    tame = np.abs(v) < 1e3
    q = [np.abs(_at(facts, names, points + step * h) - v) / h for h in (1e-2, 1e-4, 1e-6)]
    bad = tame & np.isfinite(q[2]) & (q[2] > 5 * q[1]) & (q[1] > 5 * q[0]) & (q[2] > 100)
    if bad.any():
        yield f"diverging quotient at {points[np.argmax(bad)]}: {[x[np.argmax(bad)] for x in q]}"
    worst = []
    for s in (1.0, 10.0, 1e2, 1e3, 1e4):
        x = sample_points(rng, k, s, 800)
        h = 1e-4 * s**0.0
        y = x + rng.standard_normal(x.shape) * h
        fx, fy = _at(facts, names, x), _at(facts, names, y)
        d = np.linalg.norm(x - y, axis=1)
        r = np.linalg.norm(x, axis=1)
        ratio = np.abs(fx - fy) / d / (1 + r ** (order - 1))
        noise = 1e-15 * np.maximum(np.abs(fx), 1) / d * 50
        ok = np.isfinite(ratio) & (np.abs(fx - fy) > 1e3 * 1e-16 * np.abs(fx) * 50) & (ratio > noise)
        worst.append(float(np.max(ratio[ok])) if ok.any() else 0.0)
    if worst[-1] > 30 * max(worst[0], worst[1], 0.1) and worst[-1] > 3 * worst[-2] > 3 * worst[-3]:
        yield f"slope beyond order {order}: {worst}"


def contradictions(facts: Facts) -> Iterator[str]:
    """Judgements that cannot all be true."""
    f = {n: fact.status for n, fact in facts.named()}
    chains = [("bounded", "polynomially_bounded"), ("polynomially_bounded", "controlled"), ("controlled", "total"),
              ("pseudo_lipschitz", "continuous"), ("pseudo_lipschitz", "polynomially_bounded"),
              ("pseudo_lipschitz", "locally_lipschitz"), ("locally_lipschitz", "continuous"),
              ("continuous", "total")]  # fmt: skip
    for a, b in chains:
        if f[a] == "proved" and f[b] != "proved":
            yield f"{a} proved, {b} {f[b]}"
        if f[b] == "refuted" and f[a] != "refuted":
            yield f"{b} refuted, {a} {f[a]}"

"""An oracle for facts of functions that shares no code with the kernel: numbers at random points, on growing scales."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

from tensorprog.program import Program
from tensorprog.terms import App, Bind, Num, Term, Var
from tests.definitions import FLOATS

SCALES = (1e-7, 0.3, 3.0, 30.0, 1e6)
SLACK = 2e3
"""How much a ratio that should stay bounded may grow from the small scales to the largest."""


class Point:
    """Numbers for params, indices, vectors and scalars, drawn when they are first asked for."""

    def __init__(self, program: Program, rng: random.Random, scale: float, near: bool) -> None:
        self.program, self.rng, self.scale, self.near = program, rng, scale, near
        self.atoms: dict[tuple[Any, ...], float] = {}
        self.at: dict[str, int] = {}
        self.params: dict[str, float] = {}

    def moved(self, by: float) -> Point:
        """A point nearby, in a random direction."""
        out = Point(self.program, self.rng, self.scale, self.near)
        out.at, out.params = dict(self.at), self.params
        out.atoms = {k: v + by * self.rng.gauss(0, 1) for k, v in self.atoms.items()}
        return out

    def index(self, name: str) -> int:
        if name not in self.at:
            low, high = self.program.range_of(name)
            self.at[name] = self.rng.randint(low, high)
        return self.at[name]

    def variable(self, v: Var) -> float:
        p = self.program
        if not v.subs and v.name in p.params:
            if v.name not in self.params:
                q = p.params[v.name]
                low = -3.0 if q.low is None else float(q.low)
                high = low + 4.0 if q.high is None else float(q.high)
                self.params[v.name] = self.rng.uniform(low, high)
            return self.params[v.name]
        if not v.subs and v.name in p.widths:
            return 1000.0
        if v.name in p.families:
            key = (v.name, *(s if isinstance(s, int) else self.index(s) for s in v.subs))
            if key not in self.atoms:
                scalar = self.near and p.families[v.name].kind == "scalar"
                self.atoms[key] = self.rng.uniform(0.5, 1.5) if scalar else self.rng.gauss(0, self.scale)
            return self.atoms[key]
        if not v.subs:
            return float(self.index(v.name))
        m = p.matrices[v.name]
        flat = 0
        for s, extent in zip(v.subs, m.shape, strict=True):
            flat = flat * extent + (s if isinstance(s, int) else self.index(s)) - 1
        assert m.entries is not None
        return self.value(m.entries[flat])

    def value(self, t: Term) -> float:
        match t:
            case Num(x):
                return float(x)
            case Var():
                return self.variable(t)
            case App("pi"):
                return math.pi
            case App("where", (c, a, b)):
                return self.value(a if self.value(c) else b)
            case App(head, args):
                return FLOATS[head](*map(self.value, args))
            case Bind(head, args, over, mask):
                return self.bound(t, head, args, over, mask)
        raise AssertionError(t)

    def bound(self, t: Bind, head: str, args: tuple[Term, ...], over: tuple[str, ...], mask: Term | None) -> float:
        entry = [self.index(j) for j in over] if head == "softmax" and len(args) == 1 else []
        entry = entry or [int(self.value(a)) for a in args[1:]]
        outside = {j: self.at.get(j) for j in over}
        found: dict[tuple[int, ...], float] = {}
        for values in self.choices(over):
            self.at.update(zip(over, values, strict=True))
            if mask is None or self.value(mask):
                found[values] = self.value(args[0])
        for j, v in outside.items():
            if v is None:
                self.at.pop(j, None)
            else:
                self.at[j] = v
        if head != "softmax":
            return {"sum": math.fsum, "max": max, "min": min}[head](found.values())
        top = max(found.values())
        weights = {k: math.exp(v - top) for k, v in found.items()}
        return weights.get(tuple(entry), 0.0) / sum(weights.values())

    def choices(self, over: tuple[str, ...]) -> Iterator[tuple[int, ...]]:
        if not over:
            yield ()
            return
        low, high = self.program.range_of(over[0])
        for v in range(low, high + 1):
            for rest in self.choices(over[1:]):
                yield (v, *rest)

    @property
    def norm(self) -> float:
        return math.sqrt(math.fsum(v * v for v in self.atoms.values()))


def disagreement(program: Program, t: Term, words: list[str], seed: int = 0, draws: int = 12) -> str | None:
    """What random points say against the facts `words` of a term in basic vectors and scalars; None if nothing."""
    rng = random.Random(seed)
    level, growth, slope = words[0], words[1].split(), words[2].split()
    flags = set(words[3:])
    near = any(f.startswith("near the limits") for f in flags)
    ratios: dict[str, dict[float, float]] = {"growth": {}, "slope": {}}
    for scale in SCALES:
        for _ in range(draws):
            p = Point(program, rng, scale, near)
            try:
                u = p.value(t)
                q = p.moved(scale if scale < 1e-3 else 1e-7 * scale)  # near 0 a step as large as the point: jumps
                w = q.value(t)
            except OverflowError:
                continue
            except (ValueError, ZeroDivisionError):
                return f"undefined at {p.atoms} {p.params}"
            if math.isnan(u) or math.isinf(u):
                continue
            tiny = 1e-9 * (1 + abs(u))
            if ("u >= 0" in flags and u < -tiny) or ("u <= 0" in flags and u > tiny):
                return f"the sign is wrong: {u} at {p.atoms} {p.params}"
            if "nowhere 0" in flags and u == 0 and scale < 10:
                return f"0 at {p.atoms} {p.params}"
            _worst(ratios["growth"], scale, abs(u), growth, p.norm)
            step = math.sqrt(math.fsum((q.atoms[k] - v) ** 2 for k, v in p.atoms.items() if k in q.atoms))
            exact = abs(u - w) <= 1e-12 * (abs(u) + abs(w))  # rounding is no slope
            if step and not exact and level == "locally Lipschitz":
                _worst(ratios["slope"], scale, abs(u - w) / step, slope, p.norm)
    for name, found in ratios.items():
        small = max((v for s, v in found.items() if 0.1 < s < 10), default=0.0)
        large = max((v for s, v in found.items() if not 0.1 < s < 10), default=0.0)
        if large > SLACK * (1 + small):
            return f"the {name} is wrong: {small} becomes {large}"
    if "bounded below" in flags or "bounded above" in flags:
        return _one_side(program, t, flags, near, random.Random(seed + 1))
    return None


def _worst(found: dict[float, float], scale: float, x: float, rate: list[str], norm: float) -> None:
    if rate[1] == "zero":
        found[scale] = max(found.get(scale, 0.0), 1e9 * x)
    elif rate[1] == "poly":
        a, _, b = rate[2].partition("/")
        found[scale] = max(found.get(scale, 0.0), x / (1 + norm) ** (int(a) / int(b or 1)))


def _one_side(program: Program, t: Term, flags: set[str], near: bool, rng: random.Random) -> str | None:
    extremes: dict[float, tuple[float, float]] = {}
    for scale in (3.0, 1e6):
        values = []
        for _ in range(12):
            try:
                values.append(Point(program, rng, scale, near).value(t))
            except OverflowError:
                continue
        finite = [v for v in values if math.isfinite(v)]
        if not finite:
            return None
        extremes[scale] = (min(finite), max(finite))
    room = SLACK * (1 + max(map(abs, extremes[3.0])))
    if "bounded below" in flags and extremes[1e6][0] < -room:
        return f"not bounded below: {extremes}"
    if "bounded above" in flags and extremes[1e6][1] > room:
        return f"not bounded above: {extremes}"
    return None


class Curve:
    """A term along x(t): numbers at chosen t, by the functions above alone."""

    def __init__(self, program: Program, t: Term, curve: dict[Var, Term]) -> None:
        self.program, self.term, self.curve = program, t, curve

    def at(self, t: float) -> tuple[float, list[float]]:
        """|u(x(t))| with its sign, and x(t); infinite where it overflows, nan where it has no value."""
        point = Point(self.program, random.Random(0), 1.0, False)
        moved: list[float] = []
        for v, x in self.curve.items():
            value = _clocked(x, t)
            moved.append(value)
            if v.name in self.program.params:
                point.params[v.name] = value
            else:
                point.atoms[(v.name, *v.subs)] = value
        try:
            return point.value(self.term), moved
        except OverflowError:
            return math.inf, moved
        except (ValueError, ZeroDivisionError):
            return math.nan, moved

    def disagreement(self, what: str) -> str | None:
        """What numbers along the curve say against `the property fails`; None if nothing."""
        far = [self.at(float(t)) for t in (100, 10**4, 10**8)]
        values = [abs(u) for u, _ in far]
        end, there = self.at(math.inf) if self.converges() else (0.0, [])
        if any(map(math.isnan, [*values, end])):
            return None  # not total, so nothing holds
        if what == "total":
            return f"it has values along the curve: {values}"
        rising = (values[0] + 1 < values[1] and values[1] + 1 < values[2]) or math.inf in values
        if what == "bounded" or (self.converges() and rising):
            return None if rising else f"it seems bounded: {values}"
        early = [self.at(float(t)) for t in (5, 20)]
        logs = [math.log(abs(u)) if u and math.isfinite(u) else math.copysign(1e6, abs(u) - 1) for u, _ in early]
        norms = [math.hypot(*x) for _, x in early]
        fast = logs[1] / math.log(1 + norms[1]) > 1.5 * logs[0] / math.log(1 + norms[0]) and logs[1] > 5
        if what == "controlled":
            return (
                None if logs[1] / norms[1] ** 2 > 0.5 * logs[0] / norms[0] ** 2 > 0 else f"it seems controlled: {logs}"
            )
        if what == "polynomially bounded" or (what == "pseudo-Lipschitz" and fast):
            return None if fast else f"it seems polynomially bounded: {logs} at {norms}"
        gaps = [abs(u - end) for u, _ in far]
        if what == "continuous":
            return None if gaps[2] > 0.9 * gaps[1] > 1e-9 else f"it seems continuous: {gaps}"
        steps = [math.dist(x, there) if there else 1.0 for _, x in far]
        rates = [g / s for g, s in zip(gaps, steps, strict=True)]
        return None if there and rates[2] > 1.5 * rates[1] > 2 * rates[0] else f"its slope seems bounded: {rates}"

    def converges(self) -> bool:
        """Whether the curve stays in a bounded set."""
        return all(abs(_clocked(x, 1e9)) < 1e6 for x in self.curve.values())


def _clocked(x: Term, t: float) -> float:
    """A sum of powers of t as a number."""
    match x:
        case Num(c):
            return float(c)
        case Var("t"):
            return t
        case App(head, args):
            return math.pi if head == "pi" else FLOATS[head](*(_clocked(a, t) for a in args))
    raise AssertionError(x)

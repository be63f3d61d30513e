"""Explicit bounds |F(z)| <= C (1 + R)^p e^{q R + s R²}, R = |Re z|, where |Im z_j| <= y_j: for certified tails.

Every rule is an elementary inequality, written beside it; what has no rule has no bound (None).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tensorprog.functions.evaluate.ball_function import name_of
from tensorprog.functions.named.library import library
from tensorprog.functions.named.strip_forms import BESIDE, SIZE
from tensorprog.gaussian.behaviour.arguments import affine, constant, polynomial
from tensorprog.kernel.ground.term import variables
from tensorprog.terms import App, Num, Term, Var

_UP = 1 + 1e-12
"""Covers the rounding of the few operations that make a bound."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """C (1 + R)^p e^{q R + s R²}."""

    C: float
    p: float = 0.0
    q: float = 0.0
    s: float = 0.0

    def __add__(self, other: Envelope) -> Envelope:
        return Envelope(_UP * (self.C + other.C), max(self.p, other.p), max(self.q, other.q), max(self.s, other.s))

    def __mul__(self, other: Envelope) -> Envelope:
        return Envelope(_UP * self.C * other.C, self.p + other.p, self.q + other.q, self.s + other.s)


def envelope(t: Term, names: Sequence[str], imag: Sequence[float]) -> Envelope | None:
    """The bound of a term in the strip |Im z_j| <= imag[j] (all zero: on the real space)."""
    real = not any(imag)
    number = constant(t, {}) if not any(name_of(v) in names for v in variables(t)) else None
    if number is not None:
        return Envelope(_UP * abs(number))
    match t:
        case Var():
            return Envelope(_UP * (1 + imag[list(names).index(name_of(t))]), 1.0)
        case App("add", args):
            return _fold(args, names, imag, "add")
        case App("mul", args):
            return _fold(args, names, imag, "mul")
        case App("neg", (a,)):
            return envelope(a, names, imag)
        case App("pow", (a, Num(p))) if p > 0 and (p.denominator == 1 or real):
            e, n = envelope(a, names, imag), float(p)
            return None if e is None else Envelope(_UP * e.C**n, e.p * n, e.q * n, e.s * n)
        case App("max" | "min", args) if real:
            return _fold(args, names, imag, "add")  # |max| <= Σ| |
        case App("where", (_, a, b)) if real:
            return _fold((a, b), names, imag, "add")
        case App("exp", (App("min", (_, Num(most))),)) if real:
            return Envelope(_UP * math.exp(most))
        case App("exp", (u,)):
            return _exponential(u, names, imag)
        case App("recip", (u,)):
            return _reciprocal(u, names, imag)
        case App(head, (u, *more)):
            line = affine(u, names, {})
            y = sum(abs(a) * b for a, b in zip(line[0], imag, strict=True)) if line else 0.0
            if line is None and not real:
                beside = imaginary(u, names, imag) if head in BESIDE else None
                y = math.inf if beside is None else beside
            found = _named(head, u, names, imag, y) if math.isfinite(y) and not more else None
            body = library()[head].expand((u, *more)) if found is None and head in library() else None
            return found if body is None else envelope(body, names, imag)
    return None


def _fold(args: Sequence[Term], names: Sequence[str], imag: Sequence[float], how: str) -> Envelope | None:
    out: Envelope | None = None
    for a in args:
        e = envelope(a, names, imag)
        if e is None:
            return None
        out = e if out is None else out + e if how == "add" else out * e
    return out


def _exponential(u: Term, names: Sequence[str], imag: Sequence[float]) -> Envelope | None:
    """|e^u| = e^{Re u}; of c + a·z, at most e^{c + |a| R}; of c + lx + qx², q < 0, at most e^{c - l²/4q - q y²}."""
    line = affine(u, names, {})
    if line is not None:
        return Envelope(_UP * math.exp(line[1]), 0.0, _UP * math.hypot(*line[0]))
    used = [k for k, n in enumerate(names) if n in {name_of(v) for v in variables(u)}]
    p = polynomial(u, names[used[0]], {}) if len(used) == 1 else None
    if p is None or len(p) != 3:
        return None
    y = imag[used[0]]
    if p[2] < 0:
        return Envelope(_UP * math.exp(p[0] - p[1] ** 2 / (4 * p[2]) - p[2] * y * y))
    return Envelope(_UP * math.exp(p[0]), 0.0, _UP * abs(p[1]), _UP * p[2])


def _reciprocal(u: Term, names: Sequence[str], imag: Sequence[float]) -> Envelope | None:
    """1/(c + d x²), c, d > 0: |c + d z²| >= c - d y² for |Im z| <= y."""
    used = [k for k, n in enumerate(names) if n in {name_of(v) for v in variables(u)}]
    p = polynomial(u, names[used[0]], {}) if len(used) == 1 else None
    if p is None or len(p) != 3 or p[1] != 0 or p[2] <= 0:
        return None
    least = p[0] - p[2] * imag[used[0]] ** 2
    return Envelope(_UP / least) if least > 0 else None


def imaginary(t: Term, names: Sequence[str], imag: Sequence[float]) -> float | None:
    """A bound of |Im t| in the strip |Im z_j| <= imag[j], for expressions in bounded functions.

    >>> imaginary(App("erf", (Var("z"),)), ["z"], [0.0])
    0.0
    """
    line = affine(t, names, {})
    if line is not None:
        return _UP * sum(abs(a) * y for a, y in zip(line[0], imag, strict=True))
    match t:
        case App("add", args):
            parts = [imaginary(a, names, imag) for a in args]
            return None if None in parts else _UP * sum(p for p in parts if p is not None)
        case App("mul", args):
            # Im(uv) = Im u Re v + Re u Im v
            size, out = 1.0, 0.0
            for a in args:
                beside, over = imaginary(a, names, imag), envelope(a, names, imag)
                if beside is None or over is None or over.p or over.q or over.s:
                    return None
                size, out = size * over.C, _UP * (out * over.C + size * beside)
            return out
        case App("neg", (a,)):
            return imaginary(a, names, imag)
        case App("pow", (a, Num(p))) if p.denominator == 1 and 1 <= p <= 12:
            return imaginary(App("mul", (a,) * int(p)), names, imag)
        case App(head, (u,)) if head in BESIDE:
            y = imaginary(u, names, imag)
            moved = math.inf if y is None else BESIDE[head](y)
            return _UP * moved if math.isfinite(moved) else None
    return None


def _named(head: str, u: Term, names: Sequence[str], imag: Sequence[float], y: float) -> Envelope | None:
    e = envelope(u, names, imag)
    record = library().get(head)
    if e is None or record is None:
        return None
    if record.exponential:
        line = affine(u, names, {})
        return None if line is None else Envelope(_UP * math.exp(abs(line[1])), 0.0, _UP * math.hypot(*line[0]))
    if head in SIZE:
        return _along(SIZE[head](y), e)
    if y > 0:
        return None
    values = record.range
    if values.low is not None and values.high is not None:
        return Envelope(_UP * float(max(abs(values.low), abs(values.high))))
    if record.below_line is not None:
        return _along(record.below_line, e)
    return Envelope(_UP * math.sqrt(e.C), e.p / 2, e.q / 2, e.s / 2) if head == "sqrt" else None


def _along(line: tuple[float, float], e: Envelope) -> Envelope | None:
    """a e + b."""
    a, b = line
    if math.isinf(b):
        return None
    slope, offset = Envelope(a), Envelope(_UP * b)
    return offset if a == 0 else slope * e + offset if b else slope * e

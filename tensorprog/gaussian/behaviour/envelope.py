"""Explicit bounds |F(z)| <= C (1 + R)^p e^{q R + s R²}, R = |Re z|, where |Im z_j| <= y_j: for certified tails.

Every rule is an elementary inequality, written beside it; what has no rule has no bound (None).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tensorprog.functions.evaluate.ball_function import name_of
from tensorprog.functions.named.library import library
from tensorprog.gaussian.behaviour.arguments import affine, constant, polynomial
from tensorprog.terms import App, Num, Term, Var
from tensorprog.terms.term import variables

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
        case App("clip", (_, a, b)) if real:
            return _fold((a, b), names, imag, "add")
        case App("exp", (u,)):
            return _exponential(u, names, imag)
        case App("recip", (u,)):
            return _reciprocal(u, names, imag)
        case App(head, (u, *more)):
            line = affine(u, names, {})
            y = sum(abs(a) * b for a, b in zip(line[0], imag, strict=True)) if line else 0.0
            if line is None and not real:
                beside = imaginary(u, names, imag) if head in {"erf", "Phi"} else None
                y = math.inf if beside is None else beside
            found = _named(head, u, more, names, imag, y) if math.isfinite(y) else None
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
        case App("erf" | "Phi" | "tanh" | "sigmoid" as head, (u,)):
            y = imaginary(u, names, imag)
            return None if y is None else _beside(head, y)
    return None


def _beside(head: str, y: float) -> float | None:
    """|Im f(x + iy)| for a function f that is real on the real line."""
    # erf(x + iy) - erf(x) is bounded in `_named`; |Im tanh(x + iy)| = |sin 2y|/(cosh 2x + cos 2y) <= tan y
    if head == "erf":
        return _UP * 2 / math.sqrt(math.pi) * min(y, _DAWSON) * math.exp(y * y)
    if head == "Phi":
        v = y / math.sqrt(2)
        return _UP / math.sqrt(math.pi) * min(v, _DAWSON) * math.exp(v * v)
    if head == "tanh":
        return _UP * math.tan(y) if y < math.pi / 2 else None
    return _UP * math.tan(y / 2) / 2 if y < math.pi else None


_DAWSON = 0.5411
"""Above the maximum of Dawson's function."""


def _named(
    head: str, u: Term, more: Sequence[Term], names: Sequence[str], imag: Sequence[float], y: float
) -> Envelope | None:
    e = envelope(u, names, imag)
    if e is None:
        return None
    # |tanh(x + iy)|² = (sinh² x + sin² y)/(sinh² x + cos² y) <= max(1, tan² y)
    if head == "tanh":
        return Envelope(_UP * max(1.0, math.tan(y))) if y < math.pi / 2 else None
    # sigmoid(u) = (1 + tanh(u/2))/2
    if head == "sigmoid":
        return Envelope(_UP * (1 + max(1.0, math.tan(y / 2))) / 2) if y < math.pi else None
    # |erf(x + iy)| <= 1 + (2/√π) ∫_0^y e^{s²} ds: integrate e^{-w²} from x upwards. The integral is e^{y²} times
    # Dawson's function, which is below y and below _DAWSON.
    if head in {"erf", "Phi"}:
        v = y if head == "erf" else y / math.sqrt(2)
        size = 1 + 2 / math.sqrt(math.pi) * min(v, _DAWSON) * math.exp(v * v)
        return Envelope(_UP * (size if head == "erf" else (1 + size) / 2))
    if head in {"sin", "cos"}:
        return Envelope(_UP * math.cosh(y))
    if head in {"sinh", "cosh"}:
        line = affine(u, names, {})
        return None if line is None else Envelope(_UP * math.exp(abs(line[1])), 0.0, _UP * math.hypot(*line[0]))
    # |log(1 + e^u)| <= |u| + log 2 + π while 1 + e^u stays off its cut
    if head == "softplus":
        return e + Envelope(3.9) if y < math.pi / 2 else None
    if head == "atan":
        return Envelope(1.6) if y == 0 else None
    if y > 0 or head not in library():
        return None
    values = library()[head].range
    if values.low is not None and values.high is not None:
        return Envelope(_UP * float(max(abs(values.low), abs(values.high))))
    if library()[head].contracts:
        return e
    if head in {"leaky_relu", "elu"} and more:
        slope = envelope(more[0], names, imag)
        return None if slope is None else e + e * slope + slope
    if head in {"elu", "selu"}:
        return Envelope(1.76 * 1.06) * (e + Envelope(1.0))
    if head == "sqrt":
        return Envelope(_UP * math.sqrt(e.C), e.p / 2, e.q / 2, e.s / 2)
    return None

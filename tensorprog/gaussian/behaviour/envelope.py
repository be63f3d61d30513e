"""Bounds of |F(z)| where |Im z_j| <= y_j, for functions that are analytic and bounded there.

Every rule is an elementary inequality, written beside it; what has no rule has an infinite bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tensorprog.functions.evaluate.expanded import name_of
from tensorprog.functions.named.library import library
from tensorprog.functions.named.strip_forms import BESIDE, SIZE
from tensorprog.gaussian.behaviour.arguments import affine, constant, polynomial
from tensorprog.kernel.ground.term import variables
from tensorprog.terms import App, Num, Term

_UP = 1 + 1e-12
"""Covers the rounding of the few operations that make a bound."""


def bound(t: Term, names: Sequence[str], imag: Sequence[float]) -> float:
    """Return a bound of an analytic term in the strip |Im z_j| <= imag[j].

    >>> from tensorprog.terms import read
    >>> bound(read("tanh(z)"), ["z"], [0.5]) <= 1 + 1e-9, bound(read("z"), ["z"], [0.5])
    (True, inf)
    """
    number = constant(t, {}) if not any(name_of(v) in names for v in variables(t)) else None
    if number is not None:
        return _UP * abs(number)
    match t:
        case App("add", args):
            return _UP * sum(bound(a, names, imag) for a in args)
        case App("mul", args):
            return math.prod(_UP * bound(a, names, imag) for a in args)
        case App("neg", (a,)):
            return bound(a, names, imag)
        case App("pow", (a, Num(p))) if p.denominator == 1 and p > 0:
            return _UP * bound(a, names, imag) ** int(p)
        case App("exp", (u,)):
            # |e^u| = e^{Re u}; of u = c + lx + qx², q < 0, at most e^{c - l²/4q - q y²}
            c, x, y = _quadratic(u, names, imag)
            above = c - x[0] ** 2 / (4 * x[1]) - x[1] * y * y if x[1] < 0 else bound(u, names, imag)
            return _UP * math.exp(above + 1e-12 * abs(above))
        case App("recip", (u,)):
            # |c + q z²| >= c - q y², c, q > 0
            c, x, y = _quadratic(u, names, imag)
            least = c - x[1] * y * y
            return _UP / least if x[0] == 0 and x[1] > 0 and least > 0 else math.inf
        case App(head, (u,)) if head in SIZE:
            slope, offset = SIZE[head](imaginary(u, names, imag))
            return _UP * (slope * bound(u, names, imag) + offset if slope else offset)
        case App(head, args) if head in library() and (body := library()[head].expand(args)) is not None:
            return bound(body, names, imag)
    return math.inf


def _quadratic(u: Term, names: Sequence[str], imag: Sequence[float]) -> tuple[float, tuple[float, float], float]:
    """(c, (l, q), y) of c + l x + q x², x a variable with |Im x| <= y; (c, (0, 0), 0) of all else."""
    used = [k for k, n in enumerate(names) if n in {name_of(v) for v in variables(u)}]
    p = polynomial(u, names[used[0]], {}) if len(used) == 1 else None
    return (p[0], (p[1], p[2]), imag[used[0]]) if p is not None and len(p) == 3 else (0.0, (0.0, 0.0), 0.0)


def imaginary(t: Term, names: Sequence[str], imag: Sequence[float]) -> float:
    """Return a bound of |Im t| in the strip |Im z_j| <= imag[j], for expressions in bounded functions.

    >>> from tensorprog.terms import read
    >>> imaginary(read("erf(z)"), ["z"], [0.0])
    0.0
    """
    if not any(imag):
        return 0.0
    line = affine(t, names, {})
    if line is not None:
        return _UP * sum(abs(a) * y for a, y in zip(line[0], imag, strict=True))
    match t:
        case App("add", args):
            return _UP * sum(imaginary(a, names, imag) for a in args)
        case App("mul", args):
            # Im(uv) = Im u Re v + Re u Im v
            size, out = 1.0, 0.0
            for a in args:
                beside, over = imaginary(a, names, imag), bound(a, names, imag)
                size, out = _UP * size * over, _UP * (out * over + size * beside)
            return out if math.isfinite(out) else math.inf
        case App("neg", (a,)):
            return imaginary(a, names, imag)
        case App("pow", (a, Num(p))) if p.denominator == 1 and 1 <= p <= 12:
            return imaginary(App("mul", (a,) * int(p)), names, imag)
        case App(head, (u,)) if head in BESIDE:
            return _UP * BESIDE[head](imaginary(u, names, imag))
    return math.inf

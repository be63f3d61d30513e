"""Dual kernels E φ(Z1) φ(Z2) applied to blocks of covariances, in place.

`prepare(q)` computes what depends on one variance only, once for each input; `apply` then turns a block of K12 into
E φ(Z1) φ(Z2) with a few passes over the block. Closed forms: `docs/theory.md`, section 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Vectors = tuple[Array, ...]
"""What `prepare` found: arrays whose last axis is that of the inputs."""


class Dual(Protocol):
    """E φ(Z1) φ(Z2) for one activation."""

    def prepare(self, q: Array) -> Vectors:
        """Return what depends on the variances q alone."""

    def square(self, q: Array, made: Vectors) -> Array:
        """E φ(Z)² for Z ~ N(0, q)."""

    def apply(self, c: Array, rows: Vectors, columns: Vectors, work: Array) -> None:
        """Turn covariances c into E φ φ, in place; work has shape (2, *c.shape)."""


def cut(made: Vectors, part: slice) -> Vectors:
    """Return the vectors of some of the inputs."""
    return tuple(v[..., part] for v in made)


@dataclass(frozen=True, slots=True)
class Identity:
    """φ(x) = x."""

    def prepare(self, q: Array) -> Vectors:
        return ()

    def square(self, q: Array, made: Vectors) -> Array:
        return q.copy()

    def apply(self, c: Array, rows: Vectors, columns: Vectors, work: Array) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Leaky:
    """φ(x) = max(x, 0) + a min(x, 0): relu at a = 0, abs at a = -1.

    φ = (1+a)/2 x + (1-a)/2 |x|, and the cross terms are odd:
    E φφ = ((1+a)/2)² K12 + ((1-a)/2)² (2/π) √(K11 K22) (√(1-ρ²) + ρ asin ρ).  1-ρ² is taken as (1-ρ)(1+ρ), whose
    factors are exact near ±1.
    """

    a: float

    def prepare(self, q: Array) -> Vectors:
        s = np.sqrt(q)
        inverse = np.divide(1.0, s, out=np.zeros_like(s), where=s > 0)
        return s * ((1 - self.a) / np.sqrt(2 * np.pi)), inverse

    def square(self, q: Array, made: Vectors) -> Array:
        return q * ((1 + self.a**2) / 2)

    def apply(self, c: Array, rows: Vectors, columns: Vectors, work: Array) -> None:
        (s, inverse), (t, other) = rows, columns
        a, b = work
        c *= inverse[:, None]
        c *= other
        np.clip(c, -1.0, 1.0, out=c)
        np.subtract(1.0, c, out=a)
        np.add(1.0, c, out=b)
        a *= b
        np.sqrt(a, out=a)
        np.arcsin(c, out=b)
        if self.a != -1:
            # ((1+a)/2)² ρ = ((1-a)/2)² (2/π) ρ shift
            b += ((1 + self.a) / (1 - self.a)) ** 2 * (np.pi / 2)
        c *= b
        c += a
        c *= s[:, None]
        c *= t


@dataclass(frozen=True, slots=True)
class Erf:
    """φ = erf: (2/π) asin(2 K12/√((1+2K11)(1+2K22))) (Williams 1997)."""

    def prepare(self, q: Array) -> Vectors:
        return (np.sqrt(2 / (1 + 2 * q)),)

    def square(self, q: Array, made: Vectors) -> Array:
        out: Array = 2 / np.pi * np.arcsin(2 * q / (1 + 2 * q))
        return out

    def apply(self, c: Array, rows: Vectors, columns: Vectors, work: Array) -> None:
        c *= rows[0][:, None]
        c *= columns[0]
        np.clip(c, -1.0, 1.0, out=c)
        np.arcsin(c, out=c)
        c *= 2 / np.pi


@dataclass(frozen=True, slots=True)
class Gelu:
    """φ(x) = x Φ(x). With u = 1/√(1+K11), v = 1/√(1+K22), t = K12 u v and g = K11 K22 u v:

    E φφ = [ t (π/2 + asin t)/(u v) + g √(1-t²) + u v t²/√(1-t²) ] / 2π.
    """

    def prepare(self, q: Array) -> Vectors:
        root = np.sqrt(1 + q)
        return 1 / root, root / np.sqrt(2 * np.pi), q / root / np.sqrt(2 * np.pi), 1 / root / np.sqrt(2 * np.pi)

    def square(self, q: Array, made: Vectors) -> Array:
        t, rest = q / (1 + q), np.sqrt(1 + 2 * q) / (1 + q)
        out: Array = (q * (np.pi / 2 + np.arcsin(t)) + q * t * rest + t * t / ((1 + q) * rest)) / (2 * np.pi)
        return out

    def apply(self, c: Array, rows: Vectors, columns: Vectors, work: Array) -> None:
        (u, root, g, small), (v, root2, g2, small2) = rows, columns
        a, b = work
        c *= u[:, None]
        c *= v
        np.clip(c, -1.0, 1.0, out=c)
        np.subtract(1.0, c, out=a)
        np.add(1.0, c, out=b)
        a *= b
        np.sqrt(a, out=a)  # √(1-t²), which is positive for finite variances
        np.multiply(c, c, out=b)
        b /= a
        b *= small[:, None]
        b *= small2
        a *= g[:, None]
        a *= g2
        a += b
        np.arcsin(c, out=b)
        b += np.pi / 2
        c *= b
        c *= root[:, None]
        c *= root2
        c += a


@dataclass(frozen=True, slots=True)
class Wave:
    """φ = cos or sin: e^{-(K11+K22)/2} cosh K12, or sinh K12."""

    odd: bool

    def prepare(self, q: Array) -> Vectors:
        return (q / 2,)

    def square(self, q: Array, made: Vectors) -> Array:
        out: Array = -np.expm1(-2 * q) / 2 if self.odd else (1 + np.exp(-2 * q)) / 2
        return out

    def apply(self, c: Array, rows: Vectors, columns: Vectors, work: Array) -> None:
        # e^{K12 - m} and e^{-K12 - m}, m = (K11+K22)/2 >= |K12|: no overflow; for sin in the form of expm1, which
        # keeps its digits where both are nearly 1:  (e^x - e^y)/2 = e^y expm1(x - y)/2 for x >= y.
        a, b = work
        np.add(rows[0][:, None], columns[0], out=a)
        if self.odd:
            np.abs(c, out=b)
            np.copysign(0.5, c, out=c)
            a += b
            np.negative(a, out=a)
            np.exp(a, out=a)  # e^{-|K12| - m}
            c *= a
            b *= 2
            np.clip(b, 0.0, 700.0, out=b)
            np.expm1(b, out=b)
            c *= b
        else:
            np.subtract(c, a, out=b)
            np.exp(b, out=b)
            np.add(c, a, out=c)
            np.negative(c, out=c)
            np.exp(c, out=c)
            c += b
            c *= 0.5


def recognise(term: Any) -> Dual | None:
    """Return the closed form for a term in x that has one here."""
    from tensorprog.terms import App, Num, Var

    x = Var("x")
    match term:
        case Var("x"):
            return Identity()
        case App("relu", (arg,)) if arg == x:
            return Leaky(0.0)
        case App("abs", (arg,)) if arg == x:
            return Leaky(-1.0)
        case App("leaky_relu", (arg, Num() as a)) if arg == x and a.value != 1:
            return Leaky(float(a.value))
        case App("erf", (arg,)) if arg == x:
            return Erf()
        case App("gelu", (arg,)) if arg == x:
            return Gelu()
        case App("cos" | "sin" as name, (arg,)) if arg == x:
            return Wave(name == "sin")
    return None

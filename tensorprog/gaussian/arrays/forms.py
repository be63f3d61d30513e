"""Forms of the commonest closed forms that do not cancel, chosen when an expression is one of them.

With φ = atan2(√D, K12) the angle between the two variables, t = π - φ:

    √D + K12 (π/2 + asin ρ) = √(K11 K22) (sin t - t cos t),    π/2 + asin ρ = t.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from tensorprog.numbers.double_double import two_product

Array = NDArray[np.float64]
UNIT = 2.0**-52
Form = Callable[..., tuple[Array, Array]]


def determinant(a: Array, b: Array, c: Array) -> Array:
    """D = a c - b², at least 0, to its last digits also where it cancels."""
    d = a * c - b * b
    close = np.asarray(np.abs(d) < 0.5 * np.abs(a * c))
    if np.any(close):
        x, y, z = (np.broadcast_to(t, close.shape)[close] for t in (a, b, c))
        p, e = two_product(x, z)
        q, f = two_product(y, y)
        better = (p - q) + (e - f)
        d = np.array(np.broadcast_to(d, close.shape))
        d[close] = np.where(np.isfinite(better), better, d[close])
    return np.asarray(np.maximum(d, 0.0))


def _core(root: Array, b: Array) -> Array:
    """√D + K12 t with t = atan2(√D, -K12): where t is small, √(K11 K22) (t³/3 - t⁵/30 + t⁷/840 - ...) instead."""
    t = np.arctan2(root, -b)
    out = root + b * t
    small = t < 0.8
    if np.any(small):
        u = t[small]
        x = u * u
        term, series = u * x / 3, np.zeros_like(u)
        # sin t - t cos t = Σ (-1)^k t^(2k+3) (2k+2)/(2k+3)!: each is the last times -t²/((2k+2)(2k+5))
        for k in range(9):
            series = series + term
            term = -term * x / ((2 * k + 2) * (2 * k + 5))
        out[small] = np.hypot(root[small], b[small]) * series
    return out


def _rectified(c0: float, c1: float, c3: float, c4: float) -> Form:
    """c0 + c1 K12 + c3 (K12 asin ρ + √D) + c4 asin ρ."""
    # At opposite inputs √D + K12 (π/2 + asin ρ) vanishes to third order: take out as much of it as c1 allows.
    core = bool(c1) and abs(c1) >= abs(c3) * np.pi / 2 * (1 - 1e-9) and c1 * c3 > 0
    rest = c1 - c3 * np.pi / 2 if core else c1
    rest = 0.0 if abs(rest) < 1e-15 * abs(c1) else rest
    half = abs(c0 - c4 * np.pi / 2) <= 1e-15 * abs(c0)

    def form(a: Array, b: Array, c: Array) -> tuple[Array, Array]:
        root = np.sqrt(determinant(a, b, c))
        parts = []
        if core:
            parts.append(c3 * _core(root, b))
        elif c3:
            parts.append(c3 * (root + b * np.arctan2(b, root)))
        if rest:
            parts.append(rest * b)
        if c4 and half:
            t = np.arctan2(root, -b)
            parts.append(c4 * np.where((root == 0) & (b == 0), np.pi / 2, t))
        elif c0 or c4:
            parts.append(c4 * np.arctan2(b, root))
            parts += [np.asarray(c0)] if c0 else []
        out, size = parts[0], np.abs(parts[0])
        for part in parts[1:]:
            out, size = out + part, size + np.abs(part)
        return out, 24 * UNIT * size

    return form


def _sine(a: Array, b: Array, c: Array) -> tuple[Array, Array]:
    """e^{-(K11 + K22)/2} sinh K12, without overflow of the sinh."""
    half = 0.5 * (a + c)
    near = np.abs(b) < 1
    far = np.sign(b) * 0.5 * (np.exp(np.abs(b) - half) - np.exp(-np.abs(b) - half))
    value = np.where(near, np.exp(-half) * np.sinh(np.where(near, b, 0.0)), far)
    # the exponent's rounding is a relative error of the value
    return value, np.abs(value) * UNIT * (8 + 4 * half + 4 * np.abs(b))


def evaluation_form(expr: Any, names: Sequence[str]) -> Form | None:
    """Return the form to use for this expression in (K11, K12, K22), or None for the general one."""
    if len(names) != 3:
        return None
    a, b, c = symbols = sympy.symbols("k11 k12 k22", real=True)
    by_name = {s: symbols[list(names).index(s.name)] for s in expr.free_symbols if s.name in names}
    if len(by_name) < len(expr.free_symbols):
        return None
    own = expr.xreplace(by_name)
    if own == sympy.exp(-a / 2 + b - c / 2) / 2 - sympy.exp(-a / 2 - b - c / 2) / 2:
        return _sine
    sine, root = sympy.asin(b / sympy.sqrt(a * c)), sympy.sqrt(a * c - b**2)
    basis = {sympy.S.One: 0, b: 1, b * sine: 2, root: 3, sine: 4}
    numbers = [sympy.S.Zero] * 5
    for part in sympy.Add.make_args(own):
        number, rest = part.as_independent(*symbols, as_Add=False)
        if rest not in basis or not number.is_real:
            return None
        numbers[basis[rest]] += number
    if numbers[2] != numbers[3] or not any(numbers[2:]):
        return None
    return _rectified(*(float(sympy.N(numbers[k], 25)) for k in (0, 1, 3, 4)))

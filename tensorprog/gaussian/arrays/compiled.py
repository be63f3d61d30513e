"""A closed form as a function of arrays, with a bound on its rounding error; never by executing text.

The expression is compiled to a flat list of operations, evaluated block by block so that memory stays bounded. Sums
of monomials that cancel are redone in double-double; asin(c/√p) is taken as atan2(c, √(p - c²)). Entries whose
error bound is still too large (the formula cancels there) are settled one by one in ball arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from tensorprog.gaussian.arrays.forms import evaluation_form
from tensorprog.gaussian.closed.special import OwenT, Phi2
from tensorprog.gaussian.closed.value import value_of
from tensorprog.numbers.double_double import polynomial
from tensorprog.numbers.rounded import FUNCTIONS, UNIT, Rounded, angle, over_root, phi2_of_angle, power

Array = NDArray[np.float64]
BLOCK = 16_384
GOAL = 1e-12
STEP = 1e-5
MOST_SETTLED, MOST_INTEGRALS = 20_000, 30
"""Entries of one call that are settled in ball arithmetic at most (the second where that takes integrals); the others
keep the error they have."""

Operation = Callable[[list[Rounded]], Rounded]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A closed form as a function of arrays, in the order of `names`; arrays broadcast."""

    expr: Any
    names: tuple[str, ...]
    program: tuple[Operation, ...]
    form: Callable[..., tuple[Array, Array]] | None

    def __call__(self, *arrays: Any) -> Array:
        return self.with_error(*arrays)[0]

    def with_error(self, *arrays: Any) -> tuple[Array, Array]:
        """(values, errors): |value - exact| <= error for the numbers given; NaN where it is undefined."""
        shape = np.broadcast_shapes(*(np.shape(a) for a in arrays))
        given = [np.broadcast_to(np.asarray(a, dtype=float), shape or (1,)) for a in arrays] or [np.zeros(1)]
        values, errors = np.empty(given[0].shape), np.empty(given[0].shape)
        left = MOST_INTEGRALS if self.expr.has(Phi2, OwenT) else MOST_SETTLED
        for at in blocks(given[0].shape):
            part = [a[at] for a in given[: len(self.names)]]
            v, e = self._block(part)
            values[at], errors[at] = v, e
            bad = ~((errors[at] <= GOAL * np.abs(values[at])) & np.isfinite(values[at]))
            if np.any(bad) and left > 0:
                bad[bad] = self._ill(part, bad, values[at][bad], errors[at][bad])
                left -= self._settle(part, values[at], errors[at], np.argwhere(bad)[:left])
        return values.reshape(shape), errors.reshape(shape)

    def _ill(self, part: Sequence[Array], bad: Any, values: Array, errors: Array) -> Any:
        """Return which of the bad entries are worse than the rounding of the given numbers alone would make them."""
        x = [p[bad] for p in part]
        sensitivity = np.zeros(values.shape)
        for i, name in enumerate(self.names):
            # covariances shrink, variances grow: the matrix stays positive semidefinite
            step = -STEP if name[:1] == "K" and name[1:2] != name[2:3] else STEP
            moved = self._block([p * (1 + step) if k == i else p for k, p in enumerate(x)])[0]
            with np.errstate(all="ignore"):
                sensitivity = sensitivity + np.abs(moved - values) / STEP
        return ~((errors <= 16 * UNIT * sensitivity) & np.isfinite(sensitivity))

    def _block(self, part: Sequence[Array]) -> tuple[Any, Any]:
        with np.errstate(all="ignore"):
            if self.form is not None:
                return self.form(*part)
            slots = [Rounded(x, 0.0) for x in part]
            for operation in self.program:
                slots.append(operation(slots))
        return slots[-1].value, slots[-1].error

    def _settle(self, part: Sequence[Array], values: Array, errors: Array, places: Any) -> int:
        """Settle these entries of a block in ball arithmetic; returns how many there were."""
        known: dict[tuple[float, ...], tuple[float, float] | None] = {}
        for place in places:
            at = tuple(place)
            numbers = tuple(float(p[at]) for p in part)
            if not all(map(np.isfinite, numbers)):
                continue
            if numbers not in known:
                known[numbers] = value_of(self.expr, dict(zip(self.names, map(Fraction, numbers), strict=True)))
            found = known[numbers]
            if found is not None and not found[1] >= errors[at]:
                values[at], errors[at] = found
        return len(places)


def blocks(shape: tuple[int, ...]) -> Iterator[tuple[Any, ...]]:
    """Index tuples that cut an array of this shape into parts of at most about BLOCK entries."""
    if not shape:
        yield (...,)
        return
    inner = int(np.prod(shape[1:], dtype=np.int64))
    if inner > BLOCK and len(shape) > 1:
        for i in range(shape[0]):
            yield from ((slice(i, i + 1), *rest) for rest in blocks(shape[1:]))
        return
    step = max(1, BLOCK // max(inner, 1))
    for start in range(0, shape[0], step):
        yield (slice(start, start + step),)


def compile_closed_form(expr: Any, names: Sequence[str]) -> Compiled:
    """Return the closed form as a numpy function of the names (covariance entries and params).

    >>> K11, K12, K22 = sympy.symbols("K11 K12 K22", real=True)
    >>> f = compile_closed_form(sympy.sqrt(K11 * K22 - K12**2), ["K11", "K12", "K22"])
    >>> f([1.0, 2.0], 1.0, 2.0).tolist()
    [1.0, 1.7320508075688772]
    """
    slots: dict[Any, int] = {}
    for s in expr.free_symbols:
        if s.name not in names:
            raise ValueError(f"{s.name} is not among {', '.join(names)}")
        slots[s] = names.index(s.name)
    program: list[Operation] = []
    builder = _Builder(slots, program, len(names))
    last = builder.slot(expr)
    if last != len(names) + len(program) - 1:
        program.append(_copy(last))
    return Compiled(expr, tuple(names), tuple(program), evaluation_form(expr, names))


def _copy(at: int) -> Operation:
    return lambda slots: slots[at]


@dataclass(slots=True)
class _Builder:
    """Turns a sympy tree into operations, each subexpression once."""

    slots: dict[Any, int]
    program: list[Operation]
    inputs: int

    def slot(self, e: Any) -> int:
        if e not in self.slots:
            operation = self._operation(e)
            self.program.append(operation)
            self.slots[e] = self.inputs + len(self.program) - 1
        return self.slots[e]

    def _operation(self, e: Any) -> Operation:
        if not e.free_symbols:
            return _constant(e)
        if e.is_Add:
            return self._sum(e)
        if e.is_Mul:
            return self._product(e)
        if e.is_Pow and not isinstance(e, sympy.exp):
            base, exponent = e.as_base_exp() if not e.base.is_Rational else e.args
            if exponent.is_Rational:
                at, p, whole = self.slot(base), float(exponent), bool(exponent.is_Integer)
                return lambda slots: power(slots[at], p, whole)
            at = self.slot(sympy.Mul(exponent, sympy.log(base)) if base is not sympy.E else exponent)
            return lambda slots: FUNCTIONS["exp"](slots[at])
        if isinstance(e, sympy.asin) and (found := self._correlation(e.args[0])) is not None:
            c, d = found
            return lambda slots: angle(slots[c], slots[d])
        if isinstance(e, Phi2) and (found := self._correlation(e.args[2])) is not None:
            h, k, c, d = self.slot(e.args[0]), self.slot(e.args[1]), *found
            return lambda slots: phi2_of_angle(slots[h], slots[k], slots[c], slots[d])
        name = e.func.__name__
        if name not in FUNCTIONS:
            raise NotImplementedError(f"{name} is not evaluated on arrays")
        ats = [self.slot(a) for a in e.args]
        f = FUNCTIONS[name]
        return lambda slots: f(*(slots[k] for k in ats))

    def _sum(self, e: Any) -> Operation:
        ats = [self.slot(a) for a in e.args]
        monomials = _monomials(e)
        symbols = sorted(e.free_symbols, key=lambda s: s.name)
        inputs = [self.slots[s] for s in symbols]

        def run(slots: list[Rounded]) -> Rounded:
            out = slots[ats[0]]
            for k in ats[1:]:
                out = out + slots[k]
            if monomials is None:
                return out
            loose = np.asarray(out.error > 6 * UNIT * np.abs(out.value))
            if not np.any(loose):
                return out
            x = [np.broadcast_to(slots[i].value, loose.shape)[loose] for i in inputs]
            value, size = polynomial(monomials, x)
            v, err = (np.array(np.broadcast_to(y, loose.shape)) for y in (out.value, out.error))
            good = np.isfinite(value)
            v[loose] = np.where(good, value, v[loose])
            # a determinant that vanishes to 100 bits is zero
            tight = np.where(value == 0, 0.0, UNIT * np.abs(value) + 2.0**-98 * size)
            err[loose] = np.where(good, tight, err[loose])
            return Rounded(v, err)

        return run

    def _product(self, e: Any) -> Operation:
        split = [(a, *a.as_base_exp()) for a in e.args]
        ats = [self.slot(a) for a, base, n in split if n != -sympy.S.Half or not base.free_symbols]
        roots = [self.slot(base) for _, base, n in split if n == -sympy.S.Half and base.free_symbols]

        def run(slots: list[Rounded]) -> Rounded:
            out = Rounded(1.0, 0.0) if not ats else slots[ats[0]]
            for k in ats[1:]:
                out = out * slots[k]
            for k in roots:
                out = over_root(out, slots[k])
            return out

        return run

    def _correlation(self, x: Any) -> tuple[int, int] | None:
        """Slots of c and p - c², where x = c/√p with polynomials c and p."""
        num, den = sympy.fraction(sympy.powsimp(x, force=True))
        num, den = num**2, den**2
        c = sympy.fraction(x)[0]
        if None in (_monomials(num), _monomials(den), _monomials(c)):
            return None
        return self.slot(c), self.slot(sympy.expand(den - num))


def _constant(e: Any) -> Operation:
    exact = e.is_Rational and Fraction(float(e)) == Fraction(int(e.p), int(e.q))
    value = float(sympy.N(e, 25))
    out = Rounded(value, 0.0 if exact else UNIT * abs(value))
    return lambda slots: out


def _monomials(e: Any) -> Mapping[tuple[int, ...], Fraction] | None:
    """Exponents (in the order of the symbols' names) and coefficients, of a polynomial with rational coefficients."""
    symbols = sorted(e.free_symbols, key=lambda s: s.name) or [sympy.Dummy()]
    try:
        terms = sympy.Poly(e, *symbols, domain="QQ").terms()
    except (sympy.PolynomialError, sympy.CoercionFailed):
        return None
    return {exponents: Fraction(int(c.p), int(c.q)) for exponents, c in terms}

"""Numbers as intervals between decimals, and what premises and the params' default values say of them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.core.statements import Premises
from tensorprog.kernel.ground.term import Term, Var
from tensorprog.kernel.limits.algebra import text
from tensorprog.kernel.limits.members import reference
from tensorprog.kernel.numbers.intervals import BITS, Interval, enclosure, rounded, spelled
from tensorprog.kernel.numbers.statements import Number

PLACES = 20
SHOWN = 10**PLACES
Numbers = Mapping[Term, Interval]


def values(ctx: Context, premises: Premises) -> dict[Term, Interval]:
    """The numbers of params, and of means that premises are about."""
    numbers = [p for p in premises if isinstance(p, Number)]
    require(len(numbers) == len(premises), "premises about numbers")
    out: dict[Term, Interval] = {}
    for name, p in ctx.program.params.items():
        if p.default is None:
            continue
        out[Var(name)] = x = enclosure(spelled(p.default), {})
        low, high = (None if end is None else rounded(end) for end in (p.low, p.high))
        require(low is None or low[1] < x[0] or (low == x and not p.low_open), "an admissible value")
        require(high is None or x[1] < high[0] or (high == x and not p.high_open), "an admissible value")
    return out | {reference(p.term): read(p.low, p.high) for p in numbers}


def shown(x: Interval) -> tuple[str, str]:
    """The ends as decimals, rounded outwards."""
    return _decimal((x[0] * SHOWN) >> BITS), _decimal(-(-x[1] * SHOWN >> BITS))


def _decimal(k: int) -> str:
    digits = f"{abs(k):0{PLACES + 1}d}"
    return f"{'-' if k < 0 else ''}{digits[:-PLACES]}.{digits[-PLACES:]}"


def read(low: str, high: str) -> Interval:
    return rounded(Fraction(low))[0], rounded(Fraction(high))[1]


def number_of(at: Numbers, t: Term) -> Interval:
    require(reference(t) in at, "the number is known")
    return at[reference(t)]


def where(ctx: Context) -> tuple[str, ...]:
    """The values of the params, of which a number is a statement."""
    return tuple(f"{name} = {text(p.default)}" for name, p in ctx.program.params.items() if p.default is not None)

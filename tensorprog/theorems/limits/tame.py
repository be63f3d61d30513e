"""Functions that are continuous everywhere, and functions that are undefined somewhere, as far as their heads say."""

from __future__ import annotations

from tensorprog.functions.named.library import library
from tensorprog.functions.named.registry import registry
from tensorprog.numbers.interval import REALS
from tensorprog.terms import App, Num

TAME = ("add", "mul", "neg", "abs", "max", "min")


def is_partial(t: App) -> bool:
    """Return whether the function is undefined somewhere, as far as its head says."""
    if t.head in ("recip", "pow"):
        return not (t.head == "pow" and isinstance(t.args[1], Num) and t.args[1].value >= 0 == t.args[1].value % 1)
    record = library().get(t.head)
    return record is not None and record.domain != REALS


def is_tame(t: App) -> bool:
    """Return whether the function is continuous everywhere, as its head says."""
    if t.head in (*TAME, "pow", "recip"):
        return not is_partial(t)
    if t.head in registry():
        known = registry()[t.head].declared
        return known is not None and (known.lipschitz or known.pseudo_lipschitz is not None)
    record = library().get(t.head)
    return record is not None and record.total and record.regularity != "jumps"

"""The closed form of a problem, reduced first and remembered, and what has to hold for it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import sympy

from tensorprog.gaussian.closed import powers
from tensorprog.gaussian.closed.engine import ClosedForm, Problem, closed_form, divergent
from tensorprog.gaussian.exact.ground import NoClosedForm
from tensorprog.gaussian.problem.at_values import point_of
from tensorprog.gaussian.problem.reduction import Reduced, reduce


def derive(problem: Problem) -> tuple[Reduced, ClosedForm]:
    """Reduce a problem and find its closed form, or `NoClosedForm`."""
    reduced = reduce(problem)
    found = _attempt(reduced.problem)
    if isinstance(found, NoClosedForm):
        raise NoClosedForm(str(found))
    return reduced, found


@lru_cache(maxsize=2048)
def _attempt(problem: Problem) -> ClosedForm | NoClosedForm:
    try:
        return closed_form(problem)
    except NoClosedForm as first:
        try:
            return powers.closed_form(problem)
        except NoClosedForm:
            return first


def existing(found: ClosedForm, numbers: Mapping[str, Fraction]) -> tuple[Any, ...]:
    """Return the requirements that stay open; a failed one is a divergent moment, or withholds the closed form."""
    failed, open_ones = [], []
    for r in found.requirements:
        if r.kind == "nonzero":
            open_ones.append(sympy.Ne(r.positive, 0))
        elif {s.name for s in r.positive.free_symbols} <= numbers.keys():
            if r.positive.xreplace(point_of(numbers)) <= 0:
                failed.append(r)
        else:
            open_ones.append(r.positive > 0)
    if any(r.cut_off for r in failed):
        raise NoClosedForm(f"{failed[0].positive} > 0 does not hold, and a kink cuts the exponential off")
    if failed:
        raise divergent(failed[0])
    return tuple(dict.fromkeys(open_ones))

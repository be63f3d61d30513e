"""The covariance of a whole family at once, with an error, and never with a hole in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tensorprog.errors import TensorProgError, fail
from tensorprog.kernel.ground.term import mul
from tensorprog.limit.engine import minus
from tensorprog.limit.laws.cumulants import stacked
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.limit.particles.sampling import sampled_matrix
from tensorprog.limit.rules.labels import Field, range_of
from tensorprog.limit.rules.quantities import Cov, Ex
from tensorprog.limit.solver import Solver
from tensorprog.limit.values.arrays import Arrays
from tensorprog.limit.values.balls import OutOfTime
from tensorprog.limit.values.cores import CoreFunction
from tensorprog.limit.values.shaken import REPLICAS, SAFETY, Shaken, level
from tensorprog.numbers.budget import spent
from tensorprog.numbers.estimate import Estimate, worst_kind, worst_method
from tensorprog.terms import Var, to_text

if TYPE_CHECKING:
    from tensorprog.limit.show.answers import Answers

    Array = NDArray[np.float64]

MAX_MATRIX_OF_LAW = 64
MAX_SAMPLED = 512
SHARE = 0.25
"""The part of the time that quadrature may take before a matrix is sampled."""
FEW = 8
MAX_SINGLE = 64
"""Entries of an array that are asked for one by one where the arrays have no number."""
MOST_WORK = 5_000
"""Products of entries that one entry may be made of if it is asked for alone."""
MAX_JUDGED = 1 << 12
"""Members of a family that are asked whether they have a limit."""
MOST_MEMBERS = 4
"""Members of a family whose covariances are asked one by one, each with its own bound."""


def matrix(limit: Answers, ref: Var) -> Estimate:
    """Cov(f_i, f_j) for the members of a family: axes are its indices, twice."""
    engine = limit.engine
    one, two, ranges = limit.lookup.labelled(ref)
    axes = [x for v in (one, two) for x in v.subs if isinstance(x, str)]
    shape = [r[1] - r[0] + 1 for r in ranges] * 2
    scalar = engine.program.families[ref.name].kind == "scalar"
    if scalar and ref.name not in engine.random.dependent:
        raise fail("TP003", f"{ref.name} is a scalar: a constant has no covariance", help="ask for its mean")
    _refuse(limit, ref)
    layers = engine.scores(limit.lookup.members(ref, FEW)) if ref.name in engine.random.dependent else ()
    if not layers and (single := _of_members(limit, ref, ranges)) is not None:
        return single
    linear = map(engine.random.linear, (one, two)) if scalar and len(layers) == 1 else (None, None)
    a, b = linear
    if layers and (a is None or b is None):
        found = _of_law(limit, ref, shape)
    else:
        full = [range_of(a)[1] - range_of(a)[0] + 1 for a in axes]

        def computed(arrays: Solver[Field, Arrays]) -> Array:
            with np.errstate(divide="ignore", invalid="ignore"):  # what has no number is asked for alone, or refused
                if a is not None and b is not None:
                    field = arrays.total(engine.random.linear_covariance(a, b))
                else:
                    field = _field(limit, arrays, one, two)
            return np.broadcast_to(field.to(axes), full).copy().reshape(shape)

        arrays = engine.array_solver()
        arrays.calculus.share = None if layers else SHARE
        try:
            value = computed(arrays)
        except OutOfTime:
            if isinstance(drawn := _sampled(limit, ref, shape), Estimate):
                return drawn
            arrays.calculus.share = None
            try:
                value = computed(arrays)
            except OutOfTime:
                raise _missing(ref, drawn) from None
        singles = _filled(limit, ref, ranges, value)
        if not np.isfinite(value).all() and not layers:
            if isinstance(drawn := _sampled(limit, ref, shape), Estimate):
                return drawn
            raise _missing(ref, drawn)
        _complete(ref, ranges, value)
        shaken = not singles and layers == () and all(map(_shakeable, arrays.calculus.used))
        if shaken and _work_of_one(limit, ref, ranges) > MOST_WORK:
            found = _shaken(arrays.calculus, computed, value)
        else:
            found = _judged(limit, arrays.calculus, ref, ranges, value, singles)
    _complete(ref, ranges, found.value)
    return found


def _sampled(limit: Answers, ref: Var, shape: Sequence[int]) -> Estimate | str:
    """Particles, for a family whose expectations have no formula and too many variables for quadrature; or why not."""
    members = limit.lookup.members(ref, MAX_SAMPLED + 1)
    if len(members) > MAX_SAMPLED:
        raise fail("TP905", f"the sampled covariances of more than {MAX_SAMPLED} variables (MAX_SAMPLED)",
                   help="fix an index")  # fmt: skip
    u = limit.unfolding
    try:
        found = sampled_matrix(u, [u.member(v) for v in members], limit.engine.values)
    except NotCovered as why:
        return str(why)
    return _shaped(found, shape) if np.isfinite(found.value).all() else found.note


def _missing(ref: Var, why: str) -> TensorProgError:
    return fail("TP502", f"the covariances of {ref.name} could not be computed", because=why,
                help="ask for a single one, `derive --cov`, or give more --seconds")  # fmt: skip


def _refuse(limit: Answers, ref: Var) -> None:
    """Refuses (TP502) a family of which one member has no limit."""
    for member in limit.lookup.members(ref, MAX_JUDGED):
        if because := limit.no_value([member]):
            raise fail("TP502", f"{to_text(member)} has no covariance", because=because,
                       help="fix indices to leave such members out")  # fmt: skip


def _field(limit: Answers, arrays: Solver[Field, Arrays], one: Var, two: Var) -> Any:
    """Bases have a covariance of their own; else E[x x'] - E[x] E[x']. Several pieces are cut inside."""
    program = limit.engine.program
    pieces = program.families[one.name].pieces
    if all(limit.engine.rules.composer.is_gaussian(Var(n.name, tuple(b[0] for b in program.box(n)))) for n in pieces):
        return arrays.value(Cov(one, two))
    return minus(*(arrays.value(Ex(t)) for t in (mul(one, two), one, two)))


def _of_members(limit: Answers, ref: Var, ranges: Sequence[tuple[int, int]]) -> Estimate | None:
    """A small matrix from entries as `cov` has them, errors included; None if it is large or a number is missing."""
    size = int(np.prod([high - low + 1 for low, high in ranges], dtype=np.int64))
    if size > MOST_MEMBERS or limit.program.params.keys() - limit.engine.values.keys():
        return None
    members = limit.lookup.members(ref, size)
    rows: list[list[Estimate]] = []
    for i, a in enumerate(members):
        rows.append([])
        for b in members[: i + 1]:
            one = limit.cov(b, a)
            if one.number is None or not one.number.known:
                if not spent():
                    return None
                raise fail("TP502", f"{one.of} could not be computed",
                           because=one.because, help="the time is used up: give more --seconds")  # fmt: skip
            rows[i].append(replace(one.number, method=one.method))
    whole = stacked([stacked([rows[max(i, j)][min(i, j)] for j in range(size)]) for i in range(size)])
    return _shaped(whole, [high - low + 1 for low, high in ranges] * 2)


def _shaped(x: Estimate, shape: Sequence[int]) -> Estimate:
    return replace(x, value=np.reshape(x.value, shape), error=np.reshape(x.error, shape))


def _of_law(limit: Answers, ref: Var, shape: Sequence[int]) -> Estimate:
    members = limit.lookup.members(ref, MAX_MATRIX_OF_LAW + 1)
    if len(members) > MAX_MATRIX_OF_LAW:
        raise fail("TP905", f"the joint law of more than {MAX_MATRIX_OF_LAW} variables (MAX_MATRIX_OF_LAW)",
                   help="ask for single covariances, or fix an index")  # fmt: skip
    return _shaped(limit.law(*members).covariance, shape)


def _filled(limit: Answers, ref: Var, ranges: Sequence[tuple[int, int]], value: Array) -> list[Estimate]:
    """Asks one by one, as `cov` does, for entries that the arrays could not give; the numbers put in."""
    missing = [tuple(map(int, at)) for at in np.argwhere(~np.isfinite(value))]
    half, out = len(ranges), list[Estimate]()
    if len(missing) > MAX_SINGLE:
        return out
    for at in missing:
        if np.isfinite(value[at]):
            continue
        number = limit.cov(*_members(ref, ranges, at)).number
        if number is not None and number.known:
            value[at] = value[(*at[half:], *at[:half])] = number.value
            out.append(number)
    return out


def _complete(ref: Var, ranges: Sequence[tuple[int, int]], value: Array) -> None:
    """Refuses (TP502) an array with an entry that is no number."""
    wrong = np.argwhere(~np.isfinite(value))
    if len(wrong):
        a, b = _members(ref, ranges, wrong[0])
        raise fail(
            "TP502", f"{len(wrong)} of the {value.size} covariances of {ref.name} could not be computed",
            because=f"the first of them is cov({to_text(a)}, {to_text(b)})",
            help="ask for it alone, `derive --cov`, to see why; or fix indices to leave it out",
        )  # fmt: skip


def _members(ref: Var, ranges: Sequence[tuple[int, int]], at: Sequence[int]) -> tuple[Var, Var]:
    rest = (low + int(k) for k, (low, _) in zip(at, (*ranges, *ranges), strict=True))
    one, two = (tuple(s if isinstance(s, int) else next(rest) for s in ref.subs) for _ in range(2))
    return Var(ref.name, one), Var(ref.name, two)


def _shakeable(f: CoreFunction) -> bool:
    return level(f) is not None and not f.entry_kinds


def _work_of_one(limit: Answers, ref: Var, ranges: Sequence[tuple[int, int]]) -> int:
    """Return products of entries that the covariance of the first and the last member is made of."""
    half = [high - low for low, high in ranges]
    arrays = limit.engine.array_solver()
    with np.errstate(divide="ignore", invalid="ignore"):
        _field(limit, arrays, *_members(ref, ranges, (*(0 for _ in half), *half)))
    return arrays.calculus.work


def _shaken(arrays: Arrays, computed: Callable[[Solver[Field, Arrays]], Array], value: Array) -> Estimate:
    """Of a large program no entry is computed in balls in bearable time: what rounding does is measured in arrays."""
    moved = [np.abs(computed(Solver(Shaken(arrays, seed))) - value).max() for seed in range(REPLICAS)]
    closed = all(f.has_formula for f in arrays.used)
    return Estimate(value, SAFETY * float(max(moved)), "estimate", "closed-form" if closed else "quadrature")


def _judged(limit: Answers, arrays: Arrays, ref: Var, ranges: Sequence[tuple[int, int]], value: Array,
            singles: Sequence[Estimate]) -> Estimate:  # fmt: skip
    """Arrays are computed in floats, whose rounding nobody follows: single entries by the other calculus, in balls or
    samples, are the measure of their error, which is therefore an estimate."""  # fmt: skip
    kinds = [k for f in arrays.used for k in f.entry_kinds] + [x.error_kind for x in singles]
    half = [(0, high - low) for low, high in ranges]
    corners = [*product(*half)]
    asked = [(corners[0], corners[0]), (corners[0], corners[-1])]
    error, methods = max((float(x.error) for x in singles), default=0.0), [x.method for x in singles]
    for a, b in dict.fromkeys(asked):
        one = limit.cov(*_members(ref, ranges, (*a, *b)))
        if one.number is not None and one.number.known:
            error = max(error, abs(float(value[(*a, *b)]) - one.number.value) + one.number.error)
            kinds.append(one.number.error_kind)
            methods.append(one.method)
        else:
            raise _missing(ref, f"{one.of} has no number: {one.because}")
    closed = all(f.has_formula for f in arrays.used) and all(x.method == "closed-form" for x in singles)
    method = "closed-form" if closed else worst_method("quadrature", *methods)
    return Estimate(value, error, worst_kind("estimate", *kinds), method)

"""Patterns, covers and representatives, decided by listing every member."""

from __future__ import annotations

from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tensorprog.kernel.ground.indices import Pattern, Range, match, representatives, uncovered, use_pattern
from tensorprog.program.graph.apart import fixed_at

NAMES = ("i", "j", "k")
ranges = st.tuples(st.integers(-2, 3), st.integers(0, 3)).map(lambda r: (r[0], r[0] + r[1]))


def members(slots: tuple[int | str, ...], where: dict[str, Range]) -> set[tuple[int, ...]]:
    """The oracle: substitute every assignment of every name."""
    out = set()
    for values in product(*(range(where[k][0], where[k][1] + 1) for k in NAMES)):
        at = dict(zip(NAMES, values, strict=True))
        out.add(tuple(at[s] if isinstance(s, str) else s for s in slots))
    return out


def slots(arity: int) -> st.SearchStrategy[tuple[int | str, ...]]:
    return st.lists(st.integers(-2, 4) | st.sampled_from(NAMES), min_size=arity, max_size=arity).map(tuple)


@st.composite
def families(draw: Any, most: int = 3, count: int = 4) -> tuple[list[Pattern], list[set[tuple[int, ...]]]]:
    """Several patterns of one arity, each with its list of members."""
    arity = draw(st.integers(0, most))
    patterns, sets = [], []
    for _ in range(draw(st.integers(1, count))):
        where = {k: draw(ranges) for k in NAMES}
        s = draw(slots(arity))
        patterns.append(Pattern.of(s, where))
        sets.append(members(s, where))
    return patterns, sets


@settings(max_examples=300)
@given(families(count=1))
def test_a_pattern_is_the_set_of_its_members(made: Any) -> None:
    (p,), (wanted,) = made
    assert set(p.members()) == wanted
    assert len(list(p.members())) == p.size == len(wanted)
    assert p.first() == min(wanted)
    for k in range(len(p.slots)):
        column = {m[k] for m in wanted}
        assert p.range_of(k) == (min(column), max(column))
        assert column == set(range(p.range_of(k)[0], p.range_of(k)[1] + 1))
    assert p.has_equalities() == any(
        len({m[a] for m in wanted}) > 1 and all(m[a] == m[b] for m in wanted)
        for a in range(len(p.slots)) for b in range(a)
    )  # fmt: skip


@settings(max_examples=300)
@given(families(count=2), st.data())
def test_membership(made: Any, data: st.DataObject) -> None:
    (p, *_), (wanted, *_) = made
    arity = len(p.slots)
    candidate = data.draw(st.tuples(*[st.integers(-4, 7)] * arity))
    assert p.contains(candidate) == (candidate in wanted)
    positions = data.draw(st.sets(st.integers(0, arity - 1))) if arity else set()
    fixed = {k: candidate[k] for k in positions}
    found = {m for part in fixed_at(p, fixed) for m in part.members()}
    assert found == {m for m in wanted if all(m[k] == v for k, v in fixed.items())}


@settings(max_examples=300)
@given(families(count=2))
def test_equal_patterns_are_equal_sets(made: Any) -> None:
    patterns, sets = made
    if patterns[0] == patterns[-1]:
        assert sets[0] == sets[-1]
    again = Pattern.of(patterns[0].slots, dict(patterns[0].ranges))
    assert again.slots == patterns[0].slots, "naming is idempotent"
    if sets[0] != sets[-1]:
        assert patterns[0] != patterns[-1]


@settings(max_examples=400)
@given(families())
def test_uncovered_is_exact_inclusion(made: Any) -> None:
    (part, *cover), (wanted, *covered) = made
    left = wanted - set().union(*covered)
    found = uncovered(part, cover)
    assert (found is None) == (not left)
    if found is not None:
        assert found in left


@settings(max_examples=200)
@given(families())
def test_a_pattern_split_in_pieces_is_covered_by_them_and_by_nothing_less(made: Any) -> None:
    (part, *_), (wanted, *_) = made
    pieces = [Pattern.of(m, {}) for m in sorted(wanted)]
    assert uncovered(part, pieces) is None
    for k in range(min(4, len(pieces))):
        assert uncovered(part, pieces[:k] + pieces[k + 1 :]) == sorted(wanted)[k]


@settings(max_examples=300)
@given(families(count=3), st.lists(st.integers(-3, 5), max_size=2), st.booleans())
def test_representatives_meet_every_class(made: Any, breaks: list[int], equalities: bool) -> None:
    """Two members that no pattern, no break and (where asked) no equality tells apart share a representative."""
    patterns, sets = made
    arity = len(patterns[0].slots)
    box = [(min(m[k] for s in sets for m in s), max(m[k] for s in sets for m in s)) for k in range(arity)]
    found = list(representatives(box, patterns, breaks, equalities))
    assert all(lo <= v <= hi for m in found for v, (lo, hi) in zip(m, box, strict=True))

    def kind(m: tuple[int, ...]) -> Any:
        inside = tuple(m in s for s in sets)
        sides = tuple(tuple((v < b, v == b) for b in breaks) for v in m)
        same = tuple(m[a] == m[b] for a in range(arity) for b in range(a)) if equalities else ()
        return inside, sides, same

    everything = {kind(m) for m in product(*(range(lo, hi + 1) for lo, hi in box))}
    assert {kind(m) for m in found} == everything


@settings(max_examples=400)
@given(st.data())
def test_which_members_a_reference_touches(data: st.DataObject) -> None:
    """use_pattern(definition, reference): the definition's index values at which some member of the reference falls."""
    arity = data.draw(st.integers(0, 3))
    where = {k: data.draw(ranges) for k in NAMES}
    axes = {f"{k}:": data.draw(ranges) for k in NAMES}
    names = data.draw(st.permutations(sorted(axes)))
    left = tuple(data.draw(st.integers(-2, 4)) if data.draw(st.booleans()) else names[k] for k in range(arity))
    ref = data.draw(slots(arity))
    every = {**where, **axes}
    box = [(s, s) if isinstance(s, int) else axes[s] for s in left]
    touched = {
        tuple(v for v, s in zip(m, left, strict=True) if isinstance(s, str))
        for m in members(ref, where)
        if all(lo <= v <= hi for v, (lo, hi) in zip(m, box, strict=True))
    }
    pattern = use_pattern(left, ref, every)
    assert (set() if pattern is None else set(pattern.members())) == touched
    bound = match(left, ref, every)
    assert (bound is None) == (not touched)


@settings(max_examples=50)
@given(st.integers(10**6, 10**15), st.integers(1, 3))
def test_huge_ranges_cost_nothing(high: int, arity: int) -> None:
    where = {"i": (1, high), "j": (1, high - 1)}
    diagonal = Pattern.of(("i",) * arity, where)
    whole = Pattern.of(tuple(f"i{k}" for k in range(arity)), {f"i{k}": (1, high) for k in range(arity)})
    short = Pattern.of(("j",) * arity, where)
    assert whole.size == high**arity
    assert diagonal.size == high
    assert uncovered(diagonal, [whole]) is None
    assert uncovered(diagonal, [short]) == (high,) * arity
    assert uncovered(diagonal, [short, Pattern.of((high,) * arity, {})]) is None
    assert (uncovered(whole, [diagonal]) is None) == (arity == 1)

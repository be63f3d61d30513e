"""The one door: what is known of a function, each judgement proved, refuted or unknown."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction

from tensorprog.functions.calculus import Analyzer
from tensorprog.functions.facts import Bounded, Fact, Facts, PseudoLipschitz, Step
from tensorprog.functions.info import Info, Regularity
from tensorprog.functions.interval import Interval
from tensorprog.functions.rates import Rate
from tensorprog.terms import Term


def judge(
    term: Term,
    variables: Collection[str],
    assumptions: Mapping[str, Interval] | None = None,
    ranges: Mapping[str, tuple[int, int]] | None = None,
) -> Facts:
    """What is known of a term as a function of the named variables, for every param that fits its interval.

    A `Var` whose name is in `variables` is a variable (subscripts tell variables apart); every other name is a
    param: in its interval if `assumptions` has one, else any real. `ranges` gives indices their first and last value.

    >>> from tensorprog.terms import read
    >>> facts = judge(read("x*y + tanh(x)"), ["x", "y"])
    >>> facts.pseudo_lipschitz.status, facts.pseudo_lipschitz.order
    ('proved', Fraction(2, 1))
    """
    rules = Analyzer(frozenset(variables), assumptions or {}, ranges)
    info = rules.info(term)
    said = tuple(f"{name} in {interval}" for name, interval in sorted((assumptions or {}).items()))
    return from_info(term, variables, info, rules.steps, said)


def from_info(term: Term, variables: Collection[str], info: Info, steps: list[Step], said: tuple[str, ...]) -> Facts:
    """The judgements that an info proves."""
    derivation = trace(steps, info.step)
    unknown = Fact("unknown", "no rule decides it")

    def level(needed: Regularity, because: str) -> Fact:
        return Fact("proved", because, derivation) if info.regularity >= needed else unknown

    bounded = info.regularity >= Regularity.TOTAL and info.bounded
    return Facts(
        term,
        tuple(variables),
        Bounded("proved", "growth r^0", derivation) if bounded else Bounded("unknown", "no rule decides it"),
        pseudo_lipschitz(info, derivation),
        polynomial(info, derivation),
        controlled(info, derivation),
        level(Regularity.CONTINUOUS, "composed of continuous parts"),
        level(Regularity.LIPSCHITZ, "composed of locally Lipschitz parts"),
        level(Regularity.TOTAL, "every part is defined everywhere"),
        said,
    )


def order_of(slope: Rate) -> tuple[Fraction | None, bool]:
    """The order that a slope gives: max(1, s + 1), and whether it is attained (a logarithm is in the way)."""
    if slope.level < 0 or slope.power < 0:
        return Fraction(1), True
    if isinstance(slope.power, float):
        return None, True
    return slope.power + 1, slope.logs <= 0


def pseudo_lipschitz(info: Info, derivation: tuple[Step, ...]) -> PseudoLipschitz:
    """Locally Lipschitz with a slope of polynomial growth."""
    if info.regularity < Regularity.LIPSCHITZ or not info.slope.polynomial:
        return PseudoLipschitz("unknown", "no rule decides it")
    order, attained = order_of(info.slope)
    return PseudoLipschitz("proved", f"locally Lipschitz, slope {info.slope}", derivation, (), order, attained)


def polynomial(info: Info, derivation: tuple[Step, ...]) -> Fact:
    if info.regularity >= Regularity.LOCALLY_BOUNDED and info.growth.polynomial:
        return Fact("proved", f"growth {info.growth}", derivation)
    return Fact("unknown", "no rule decides it")


def controlled(info: Info, derivation: tuple[Step, ...]) -> Fact:
    if info.regularity >= Regularity.LOCALLY_BOUNDED and info.growth.controlled:
        return Fact("proved", f"growth {info.growth}", derivation)
    return Fact("unknown", "no rule decides it")


def trace(steps: list[Step], last: int) -> tuple[Step, ...]:
    """The steps that lead to one of them, renumbered."""
    if last < 0:
        return ()
    wanted: set[int] = set()
    stack = [last]
    while stack:
        at = stack.pop()
        if at not in wanted:
            wanted.add(at)
            stack.extend(steps[at].premises)
    order = sorted(wanted)
    number = {old: new for new, old in enumerate(order)}
    return tuple(
        Step(s.rule, s.subject, tuple(number[p] for p in s.premises), s.conclusion, s.note)
        for s in (steps[k] for k in order)
    )

"""The one door: what is known of a function, each judgement proved, refuted or unknown.

Proofs, refutations and extremes have each their own allowance of work (`FUEL`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from tensorprog.functions.decide.refute import Refuted, refute
from tensorprog.functions.decide.strengthen import strengthen
from tensorprog.functions.named.registry import declared_in
from tensorprog.functions.rules.facts import Bounded, Fact, Facts, PseudoLipschitz, Step
from tensorprog.functions.rules.info import Info, Regularity
from tensorprog.functions.rules.rates import Rate
from tensorprog.functions.tails.analyzer import Analyzer
from tensorprog.functions.tails.lower_bounds import Reached
from tensorprog.functions.tails.series import FUEL
from tensorprog.kernel.ground.term import variables as variables_of
from tensorprog.numbers.interval import Interval
from tensorprog.terms import Term

_UNKNOWN = "no rule decides it"


def judge(
    term: Term,
    variables: Collection[str],
    assumptions: Mapping[str, Interval] | None = None,
    ranges: Mapping[str, tuple[int, int]] | None = None,
    extremes: bool = True,
) -> Facts:
    """Return what is known of a term as a function of the named variables, for every param that fits its interval.

    A `Var` whose name is in `variables` is a variable (subscripts tell variables apart); every other name is a
    param: in its interval if `assumptions` has one, else any real. `ranges` gives indices their first and last value.
    `extremes=False` leaves infimum and supremum out, for speed.

    >>> from tensorprog.terms import read
    >>> facts = judge(read("x*y + tanh(x)"), ["x", "y"])
    >>> facts.pseudo_lipschitz.status, facts.pseudo_lipschitz.order, facts.bounded.status
    ('proved', Fraction(2, 1), 'refuted')
    """
    try:
        return _judge(term, variables, assumptions or {}, ranges or {}, extremes)
    except RecursionError:  # nested too deeply for this machine's stack: nothing is concluded
        return Facts(term, tuple(variables))


def _judge(
    term: Term,
    variables: Collection[str],
    assumptions: Mapping[str, Interval],
    ranges: Mapping[str, tuple[int, int]],
    extremes: bool,
) -> Facts:
    rules = Analyzer(frozenset(variables), assumptions, ranges)
    xs = [v for v in variables_of(term) if v.name in rules.variables]
    info, found = strengthen(rules, term, rules.info(term), xs)
    rules.fuel[0] = FUEL
    against = refute(rules, term, info, xs, found)
    used = {v.name for v in variables_of(term)}
    said = tuple(f"{name} in {i}" for name, i in sorted(assumptions.items()) if name in used)
    said += declared_in(term)
    return _Verdict(rules, term, tuple(variables), info, against, said, extremes).facts()


@dataclass(frozen=True, eq=False)
class _Verdict:
    """Puts what is proved and what is refuted together."""

    rules: Analyzer
    term: Term
    names: tuple[str, ...]
    info: Info
    against: Refuted
    said: tuple[str, ...]
    extremes: bool

    @cached_property
    def derivation(self) -> tuple[Step, ...]:
        return trace(self.rules.steps, self.info.step)

    def facts(self) -> Facts:
        return Facts(
            self.term,
            self.names,
            self.bounded(),
            self.pseudo_lipschitz(),
            self.growing("polynomially bounded", self.info.growth.polynomial),
            self.growing("controlled", self.info.growth.controlled),
            self.regular("continuous", Regularity.CONTINUOUS),
            self.regular("locally Lipschitz", Regularity.LIPSCHITZ),
            self.regular("total", Regularity.TOTAL),
            self.said,
        )

    def refuted(self, *names: str) -> tuple[str, tuple[tuple[str, str], ...], tuple[Step, ...]] | None:
        """Return the first refutation among properties that this one would imply."""
        for name in names:
            if name in self.against.reasons:
                because, witness = self.against.reasons[name]
                step = Step("refutation", self.term, (), ((name, False), *witness), because)
                return because, witness, (step,)
        return None

    def regular(self, name: str, level: Regularity) -> Fact:
        if self.info.regularity >= level:
            return Fact("proved", f"the function is {self.info.regularity}", self.derivation)
        weaker = {"total": ("total",), "continuous": ("total", "continuous")}
        no = self.refuted(*weaker.get(name, ("total", "continuous", "locally Lipschitz")))
        return Fact("refuted", no[0], no[2], no[1]) if no else Fact("unknown", _UNKNOWN)

    def growing(self, name: str, fits: bool) -> Fact:
        if self.info.regularity >= Regularity.LOCALLY_BOUNDED and fits:
            return Fact("proved", f"its size is at most {self.info.growth.said()}", self.derivation)
        implied = ("controlled",) if name == "controlled" else ("controlled", "polynomially bounded")
        no = self.refuted("total", *implied)
        return Fact("refuted", no[0], no[2], no[1]) if no else Fact("unknown", _UNKNOWN)

    def bounded(self) -> Bounded:
        from tensorprog.functions.points.extremes import extremes

        no = self.refuted("total", "controlled", "polynomially bounded", "bounded")
        yes = self.info.total and self.info.bounded
        if not yes and no is None:
            return Bounded("unknown", _UNKNOWN)
        low, high = (
            (None, None) if self.refuted("total") or not self.extremes else extremes(self.rules, self.term, self.info)
        )
        if yes:
            return Bounded("proved", f"its size is at most {self.info.growth.said()}", self.derivation, (), low, high)
        assert no is not None
        return Bounded("refuted", no[0], no[2], no[1], low, high)

    def pseudo_lipschitz(self) -> PseudoLipschitz:
        info = self.info
        if info.regularity >= Regularity.LIPSCHITZ and info.slope.polynomial:
            order, attained = order_of(info.slope)
            reached = self.against.slope
            least: bool | None = None
            if (order == 1 and (attained or _reaches(reached, info.slope))) or _reaches(reached, info.slope):
                least = True
            if not attained:
                attained = False if _reaches(reached, info.slope, logs=True) else None
            because = f"locally Lipschitz with slope at most {info.slope.said()}"
            return PseudoLipschitz("proved", because, self.derivation, (), order, attained, least)
        no = self.refuted(
            "total", "continuous", "locally Lipschitz", "controlled", "polynomially bounded", "pseudo-Lipschitz"
        )
        return PseudoLipschitz("refuted", no[0], no[2], no[1]) if no else PseudoLipschitz("unknown", _UNKNOWN)


def _reaches(found: Reached | None, bound: Rate, logs: bool = False) -> bool:
    """Whether the slope certainly reaches the exponent of its bound (and, with `logs`, a logarithm beyond it)."""
    if found is None or found.rate.level != 0 or bound.level != 0:
        return found is not None and found.rate.level > bound.level
    if found.rate.power != bound.power:
        return found.rate.power > bound.power
    return found.rate.logs > 0 if logs else True


def order_of(slope: Rate) -> tuple[Fraction | None, bool | None]:
    """Return the order that a slope gives: max(1, s + 1), and whether it is attained (a logarithm is in the way)."""
    if slope.level < 0 or slope.power < 0:
        return Fraction(1), True
    if isinstance(slope.power, float):
        return None, None
    return slope.power + 1, slope.logs <= 0


def trace(steps: list[Step], last: int) -> tuple[Step, ...]:
    """Return the steps that lead to one of them, renumbered."""
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
    return tuple(replace(steps[k], premises=tuple(number[p] for p in steps[k].premises)) for k in order)

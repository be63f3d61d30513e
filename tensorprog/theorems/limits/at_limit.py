"""The one judgement of functions of scalars: continuity at the limit of their arguments, member by member.

A function of scalars alone has a limit if it is continuous at the limit of its arguments, within the values that they
take (TP III, E.6). Inside a function of vectors every such part is a scalar with its own limit, as if it had a
name; what is left is judged jointly in vectors and scalars near these limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from tensorprog.functions.decide.judge import judge
from tensorprog.functions.decide.positivity import sign_of
from tensorprog.functions.evaluate.polynomial import is_zero, simplified
from tensorprog.functions.named.library import library
from tensorprog.functions.rules import ranges
from tensorprog.functions.rules.where import difference
from tensorprog.functions.tails.analyzer import Analyzer
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.term import add, children, neg, rebuild, transform, variables
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.program.graph.constants import with_entries
from tensorprog.program.graph.graph import Graph
from tensorprog.program.normal.open import unrolled
from tensorprog.terms import App, Bind, Num, Term, Var
from tensorprog.theorems.limits.limit import Limit
from tensorprog.theorems.limits.limits import Limits
from tensorprog.theorems.limits.near import neighbourhood
from tensorprog.theorems.limits.tame import is_tame

How = Literal["continuous", "jump", "singular", "unknown"]
MAX_UNROLLED = 64
UNIT = Interval(Fraction(-1), Fraction(1), True, True)
CONDITIONS = ("lt", "le", "gt", "ge", "and")


@dataclass(frozen=True, slots=True)
class Here:
    """A function of scalars at the limit of its arguments: its continuity there, and its value.

    `bounded`: defined and bounded near the limit, so that its product with something that tends to 0 tends to 0.
    """

    how: How
    at: Term
    bounded: bool = True

    @property
    def continuous(self) -> bool:
        return self.how == "continuous"


@dataclass(slots=True)
class Pulled:
    """A function of vectors in which every continuous part in scalars alone is one scalar, with its limit."""

    term: Term
    limits: dict[str, Limit] = field(default_factory=dict)
    whole: dict[str, Term] = field(default_factory=dict)
    faults: list[tuple[Term, Here]] = field(default_factory=list)


class AtLimit:
    """Judges parts of one term in scalars alone at the limits of these."""

    def __init__(self, program: Graph, limits: Limits, assumptions: Mapping[str, Interval]) -> None:
        self.program = program
        self.limits = limits
        self.assumptions: dict[str, Interval] = dict(assumptions)
        self._names: dict[Var, Var] = {}
        self._random: set[str] = set()
        self._memo: dict[Term, Here] = {}

    # -- what a term reads -------------------------------------------------------------------------------------------

    def scalars(self, t: Term) -> list[Var]:
        return [v for v in variables(t) if self.limits.is_scalar(v)]

    def moments(self, t: Term) -> list[Var]:
        """Return the scalars whose limits are constants."""
        return [v for v in self.scalars(t) if not self.limits.of(v).random]

    def alone(self, t: Term) -> bool:
        """Return whether this is a function of scalars with constant limits, with no vector and no score in it."""
        return bool(self.scalars(t)) and not self.program.vectors_in(t) and len(self.moments(t)) == len(self.scalars(t))

    # -- continuity --------------------------------------------------------------------------------------------------

    def judge(self, t: Term) -> Here:
        """Judge whether a function of scalars and constants is continuous at the limit of its arguments."""
        if t not in self._memo:
            found = self._judge(t)
            if not found.continuous and self.scalars(t) and self._continuous_nearby(t):
                found = Here("continuous", found.at)
            self._memo[t] = found
        return self._memo[t]

    def _judge(self, t: Term) -> Here:
        if not self.scalars(t):
            total = isinstance(t, Num) or Analyzer(frozenset(), self.assumptions).info(t).total
            return Here("continuous", t) if total else Here("unknown", t, bounded=False)
        if isinstance(t, Var):
            return Here("continuous", self._value(t))
        if isinstance(t, Bind):
            return self._bind(t)
        assert isinstance(t, App)
        if t.head == "where":
            return self._where(t)
        args = [self.judge(a) for a in t.args]
        at = rebuild(t, tuple(a.at for a in args))
        faults = [a for a in args if not a.continuous]
        if t.head == "mul" and (found := self._product(args)) is not None:
            return found
        if faults:
            return Here(_worst(faults), at, self._stays_bounded(t, args))
        return self._function(t, at, args)

    def _product(self, args: list[Here]) -> Here | None:
        """Something that tends to 0 times something bounded tends to 0."""
        small = [a for a in args if a.continuous and is_zero(a.at)]
        if small and all(a.bounded for a in args):
            return Here("continuous", Num(0))
        return None

    def _stays_bounded(self, t: App, args: list[Here]) -> bool:
        """Return whether a function of arguments that are defined and bounded near the limit is so itself."""
        record = library().get(t.head)
        total = t.head in ("add", "mul", "neg") or (record is not None and record.total)
        return total and all(a.bounded for a in args)

    def _function(self, t: App, at: Term, args: list[Here]) -> Here:
        """Judge a named function of continuous arguments."""
        x = args[0].at if args else at
        record = library().get(t.head)
        if record is not None and record.opens(t.args):
            return self._opened(t, at)
        if is_tame(t):
            return Here("continuous", at)
        match t.head:
            case "recip":
                return self._off_zero(x, at)
            case "pow":
                return self._power(t, args[0].at, args[1].at, at)
            case "sqrt":
                return self._root(t.args[0], x, at)
            case "log":
                return self._inside(x, at)
            case "asin":
                inside = self._inside(add(Num(1), x), at), self._inside(add(Num(1), neg(x)), at)
                if all(h.continuous for h in inside) or ranges.within(self.always(t.args[0]), UNIT):
                    return Here("continuous", at)
                beyond = any(self.sign(add(Num(1), y)) == "negative" for y in (x, neg(x)))
                return Here("singular" if beyond else "unknown", at, bounded=False)
            case "floor":
                return self._floor(t.args[0], x, at)
        if record is not None and record.constant_between and record.halves is not None:
            return self._sided(t.args[0], x, at)
        if record is not None and record.unbounded_by_facts:
            return self._opened(t, at)
        return Here("unknown", at, bounded=False)

    def _opened(self, t: App, at: Term) -> Here:
        """Judge a function by its definition in simpler ones."""
        body = library()[t.head].expand(t.args)
        found = self.judge(body) if body is not None else Here("unknown", at, bounded=False)
        return Here(found.how, at, found.bounded)

    # -- where the limit lies ----------------------------------------------------------------------------------------

    def _value(self, v: Var) -> Term:
        """Return the limit of a scalar: its exact value, or a name for it with what is known of it."""
        if v not in self._names:
            limit = self.limits.of(v)
            self._names[v] = name = Var(f"#l{len(self._names)}", v.subs)
            self.assumptions[name.name] = limit.at
            if limit.random:
                self._random.add(name.name)
        value = self.limits.of(v).value
        return self._names[v] if value is None else value

    def _is_random(self, at: Term) -> bool:
        return any(v.name in self._random for v in variables(at))

    def always(self, t: Term) -> Interval:
        """Return an interval that holds the values of the function at every n."""
        return self.limits.range(t, {v: self.limits.of(v).always for v in self.scalars(t)})

    def fixed(self, t: Term) -> bool:
        """Return whether the function's value at every n is that of its limit."""
        return all(self.limits.of(v).fixed for v in self.scalars(t))

    def sign(self, at: Term) -> str:
        """Return the sign of a constant at the limit, as written or in its normal form."""
        found = sign_of(at, self.assumptions)
        if found in ("positive", "negative", "zero"):
            return found
        plain = sign_of(simplified(at), self.assumptions)
        return found if plain == "unknown" else plain

    def _asked(self, x: Term, at: Term, fine: tuple[str, ...], singular: tuple[str, ...] = ()) -> Here:
        """Judge a function that needs a limit of one of these signs, and is singular at one of those."""
        s = self.sign(x)
        if s in fine:
            return Here("continuous", at)
        return Here("singular" if s in singular else "unknown", at, bounded=False)

    def _off_zero(self, x: Term, at: Term) -> Here:
        """1/x needs a limit that is not 0."""
        return self._asked(x, at, ("positive", "negative", "nonzero"), ("zero",))

    def _inside(self, x: Term, at: Term) -> Here:
        """log x needs a positive limit."""
        return self._asked(x, at, ("positive",), ("zero", "negative", "nonpositive"))

    def _root(self, inner: Term, x: Term, at: Term) -> Here:
        """Judge a root, continuous on [0, oo): its argument has a positive limit, or is never negative."""
        if self.always(inner).nonnegative or (self.fixed(inner) and self.sign(x) == "zero"):
            return Here("continuous", at)
        return self._asked(x, at, ("positive",), ("zero", "negative"))

    def _power(self, t: App, x: Term, e: Term, at: Term) -> Here:
        match e if self.fixed(t.args[1]) else None:
            case Num(value) if value.denominator == 1:
                return Here("continuous", at) if value >= 0 else self._off_zero(x, at)
            case Num(value) if value > 0:
                return self._root(t.args[0], x, at)
        return self._asked(x, at, ("positive",))  # x^e of a moving e is exp(e log x)

    def _sided(self, inner: Term, x: Term, at: Term) -> Here:
        """sign and step jump at 0 alone."""
        s = self.sign(x)
        if s in ("positive", "negative", "nonzero") or self._one_side(inner):
            return Here("continuous", at)
        if s == "zero" and self.fixed(inner):
            return Here("continuous", at)
        return Here("jump" if s == "zero" and not self._is_random(x) else "unknown", at)

    def _one_side(self, inner: Term) -> bool:
        a = self.always(inner)
        return a.positive or a.negative or a.point == 0

    def _floor(self, inner: Term, x: Term, at: Term) -> Here:
        """floor jumps at whole numbers."""
        if self.fixed(inner):
            return Here("continuous", at)
        info = Analyzer(frozenset(), self.assumptions).info(x)
        if not info.total or info.range.low is None or info.range.high is None:
            return Here("unknown", at)
        low, high = info.range.low, info.range.high
        down = low.numerator // low.denominator
        if high < down + 1 or (high == down + 1 and not info.range.high_closed):
            if low > down or not info.range.low_closed:
                return Here("continuous", at)
            least = self.always(inner).low
            if least is not None and least >= down:
                return Here("continuous", at)
        return Here("jump" if low == high and low.denominator == 1 else "unknown", at)

    # -- conditions --------------------------------------------------------------------------------------------------

    def truth(self, condition: Term) -> bool | None:
        """Return whether a condition on scalars holds for all large n; None where its limit does not decide it."""
        if isinstance(condition, App) and condition.head == "and":
            each = [self.truth(c) for c in condition.args]
            return False if False in each else True if all(each) else None
        if not isinstance(condition, App) or condition.head not in ("lt", "le", "gt", "ge"):
            return None
        d = difference(condition)
        here = self.judge(d)
        above, strict = condition.head in ("gt", "ge"), condition.head in ("gt", "lt")
        if here.continuous:
            s = self.sign(here.at)
            if s in ("positive", "negative"):
                return (s == "positive") == above
            if s == "zero" and self.fixed(d):
                return not strict
        always = self.always(d)
        if always.positive or always.negative:
            return always.positive == above
        if always.nonnegative and above != strict:  # d >= 0 answers d >= 0 and d < 0
            return above
        if always.nonpositive and above == strict:
            return not above
        return None

    def _where(self, t: App) -> Here:
        condition, yes, no = t.args
        holds = self.truth(condition)
        if holds is not None:
            return self.judge(yes if holds else no)
        a, b = self.judge(yes), self.judge(no)
        conditions = condition.args if isinstance(condition, App) and condition.head == "and" else (condition,)
        heres = [self.judge(difference(c)) for c in conditions]
        at = App("where", (_at_limit(condition, heres), a.at, b.at), t.place)
        if not all(h.bounded for h in heres):
            return Here("unknown", at, bounded=False)
        if a.continuous and b.continuous:
            if self.sign(add(a.at, neg(b.at))) == "zero":
                return Here("continuous", a.at)
            known = all(h.continuous and self.sign(h.at) == "zero" and not self._is_random(h.at) for h in heres)
            differ = self.sign(add(a.at, neg(b.at))) in ("positive", "negative", "nonzero")
            return Here("jump" if known and differ and len(heres) == 1 else "unknown", at)
        return Here("unknown", at, a.bounded and b.bounded)

    def _bind(self, t: Bind) -> Here:
        """Judge a binder over indices: written out where it is short, else through its body."""
        if t.head != "softmax":
            try:
                return self.judge(unrolled(self.program, t, MAX_UNROLLED))
            except CannotCompose:
                pass
        inner = self.judge(t.args[0])
        at = rebuild(t, (inner.at, *children(t)[1:]))
        if inner.continuous and t.head in ("sum", "max", "min", "softmax"):
            return Here("continuous", at)
        return Here("unknown" if inner.continuous else inner.how, at, inner.bounded)

    def _continuous_nearby(self, t: Term) -> bool:
        """Return whether the function is continuous near the limit, by the rules for functions of variables."""
        if isinstance(t, App) and t.head in CONDITIONS:
            return False
        found = self.pulled_apart(t)
        inside, assumptions = neighbourhood(
            with_entries(found.term, self.program.matrices), found.limits, self.assumptions
        )
        names = [*found.limits, *({v.name for v in self.scalars(t)} - {v.name for v in self.moments(t)})]
        tries = (found.term, self.assumptions), (inside, assumptions)
        return any(judge(u, names, known, extremes=False).continuous.proved for u, known in tries)

    def pulled_apart(self, t: Term) -> Pulled:
        """Name every scalar of the term by itself."""
        out = Pulled(t)
        out.term = transform(t, lambda v: self.named(v, out) if isinstance(v, Var) and self.alone(v) else None)
        return out

    def named(self, t: Term, out: Pulled) -> Term:
        """Return a name for a continuous function of scalars, with what is known of its limit."""
        subs = tuple(dict.fromkeys(s for v in self.scalars(t) for s in v.subs if isinstance(s, str)))
        for name, whole in out.whole.items():
            if whole == t:
                return Var(name, subs)
        at = self.judge(t).at
        limit = self.limits.of(t) if isinstance(t, Var) else self._limit(t, at)
        if limit.value is not None and limit.fixed:
            return limit.value
        name = f"#s{len(out.whole)}"
        out.whole[name], out.limits[name] = t, limit
        return Var(name, subs)

    def _limit(self, t: Term, at: Term) -> Limit:
        info = Analyzer(frozenset(), self.assumptions).info(at)
        inside = info.range if info.total else REALS
        if info.total and info.away and info.range.nonnegative:
            inside = ranges.meet(inside, Interval(Fraction(0), None))
        exact = not any(v.name.startswith("#l") for v in variables(at))
        exact = exact and not any(v.subs for v in variables(at))
        always = self.always(t)
        closed = Interval(always.low, always.high, always.low is not None, always.high is not None)
        value = at if exact else None
        return Limit(ranges.meet(inside, closed), always, value, self.fixed(t) and exact, self._is_random(at))


def _at_limit(condition: Term, heres: list[Here]) -> Term:
    """Return a condition on differences at the limit."""
    parts = condition.args if isinstance(condition, App) and condition.head == "and" else (condition,)
    made = [App(c.head, (h.at, Num(0))) for c, h in zip(parts, heres, strict=True) if isinstance(c, App)]
    return made[0] if len(made) == 1 else App("and", tuple(made))


def _worst(faults: list[Here]) -> How:
    for how in ("singular", "jump"):
        if all(f.how == how for f in faults):
            return how
    return "unknown"

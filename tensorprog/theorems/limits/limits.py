"""Limits of scalars, member by member: where the limit lies, and where the value lies at every width.

These are different questions. mean(u) of a centred u tends to 0 and has both signs at every n; mean(u^2) of the same u
is positive at every n and in the limit; mean(u^2) of a vector of zeros is 0 at every n. A function of scalars is asked
for continuity at the limit, within the values that occur.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import reduce

from tensorprog.functions.evaluate.balls import Undecided
from tensorprog.functions.evaluate.polynomial import is_zero, normal
from tensorprog.functions.rules import ranges
from tensorprog.functions.rules.parity import parity
from tensorprog.functions.rules.positive import is_positive
from tensorprog.functions.tails.analyzer import Analyzer
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.nodes import Dot, Moment, Node
from tensorprog.kernel.ground.powers import MOMENT, Powers
from tensorprog.kernel.ground.scaling import rational, width_power
from tensorprog.kernel.ground.term import ZERO, add, mul, neg, shift_subs, substitute, transform, variables, walk
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.program.graph.constants import with_entries
from tensorprog.program.graph.covariance import side_width
from tensorprog.program.graph.graph import Graph
from tensorprog.program.normal.open import unrolled
from tensorprog.terms import App, Bind, Num, Sub, Term, Var
from tensorprog.theorems.limits.enclose import enclosure
from tensorprog.theorems.limits.exact import Expectations
from tensorprog.theorems.limits.limit import Limit
from tensorprog.theorems.limits.variance import Variances
from tensorprog.theorems.vectors.nonlinearities import Nonlinearities

MAX_UNROLLED = 64
POSITIVE, NONNEGATIVE, NOTHING = Interval(Fraction(0), None), Interval(Fraction(0), None, True), ranges.point(0)


UNKNOWN = Limit()


class Limits:
    """Limits of the moments of one program."""

    def __init__(self, program: Graph, functions: Nonlinearities, powers: Powers) -> None:
        self.program = program
        self.functions = functions
        self.powers = powers
        self.exact = Expectations(program, functions)
        self.variances = Variances(program, functions, self.of)
        self._known: dict[Var, Limit] = {}

    def of(self, ref: Var) -> Limit:
        """Return the limit of a scalar; of several members, what holds of all of them."""
        if ref not in self._known:
            self._known[ref] = UNKNOWN
            tends = self.functions.tending.get(ref.name)
            if tends is not None:
                self._known[ref] = Limit(self.range(tends, {}), value=None if self._indexed(tends) else tends)
                return self._known[ref]
            try:
                found = [self._of(node, ref) for node, _ in self.program.resolve(ref)]
            except RecursionError:
                found = []
            self._known[ref] = reduce(Limit.joined, found) if found else UNKNOWN
        return self._known[ref]

    def _of(self, node: Node, ref: Var) -> Limit:
        at: dict[str, Sub] = {a: b for a, b in zip(node.subs, ref.subs, strict=True) if isinstance(a, str)}
        match node:
            case Moment(body=body):
                return self._expectation(shift_subs(body, at))
            case Dot(left=u, right=v, factor=f):
                if self.powers.dot_powers.get(id(node)) != {MOMENT}:
                    return Limit(random=True)
                part = width_power(f, self.program.widths)
                if part is None:
                    return UNKNOWN
                inner = self._expectation(shift_subs(mul(u, v), at))
                return self._scaled(mul(side_width(self.program, node), shift_subs(part[0], at)), inner)
            case _:
                return Limit(random=True)

    def _scaled(self, c: Term, x: Limit) -> Limit:
        c = with_entries(c, self.program.matrices)
        c_range = self.range(c, {})
        value = None if x.value is None or self._indexed(c) else mul(c, x.value)
        if x.value == ZERO or is_zero(c):
            value = ZERO
        return self._settled(
            Limit(ranges.mul(c_range, x.at), ranges.mul(c_range, x.always), value, x.fixed and value is not None)
        )

    def _indexed(self, t: Term) -> bool:
        return any(v.subs or v.name not in self.program.params for v in variables(t))

    def _settled(self, x: Limit) -> Limit:
        """Narrow the intervals by what an exact value says."""
        if x.value is None:
            return x
        if is_zero(x.value):
            value: Term = ZERO
            at = NOTHING
        else:
            value = x.value
            at = ranges.meet(self.range(value, {}), x.at)
        return Limit(at, at if x.fixed else x.always, value, x.fixed)

    def range(self, t: Term, env: Mapping[Var, Interval]) -> Interval:
        """Return an interval that holds the term's values, its variables in the given intervals."""
        names = frozenset(v.name for v in variables(t) if v.name in self.program.families or self._tends(v))
        sizes = {i: self.program.range_of(i) for i in self.program.indices}
        try:
            info = Analyzer(names, self.functions.assumptions, sizes, env).info(t)
        except RecursionError:
            return REALS
        return info.range if info.total else REALS

    # -- expectations ------------------------------------------------------------------------------------------------

    def _expectation(self, body: Term) -> Limit:
        try:
            terms = self.functions.composer.members(body)
        except CannotCompose:
            return UNKNOWN
        return reduce(Limit.joined, map(self._of_function, terms))

    def _of_function(self, t: Term) -> Limit:
        """Return the average of a composed function over the coordinates, and its limit: linear in the function."""
        t = self.functions.at_infinity(t)
        whole = self._as_a_whole(t)
        if whole.value is not None or whole.random:
            return whole
        parts = self._summed(t)
        if parts is None:
            return whole
        at, always = ranges.meet(whole.at, parts.at), ranges.meet(whole.always, parts.always)
        return self._settled(Limit(at, always, parts.value, parts.fixed))

    def _summed(self, t: Term) -> Limit | None:
        """Find the same from the summands, each with its constant factors apart."""
        match t:
            case App("add", args):
                found = [self._of_function(a) for a in args]
                at, always = (reduce(ranges.add, each) for each in zip(*((x.at, x.always) for x in found), strict=True))
                values = [x.value for x in found if x.value is not None]
                value = add(*values) if len(values) == len(found) else None
                return Limit(at, always, value, all(x.fixed for x in found))
            case App("neg", (a,)):
                return self._scaled(Num(-1), self._of_function(a))
            case App("mul", args):
                moving = [a for a in args if self.program.vectors_in(a) or self._scalars(a)]
                if 0 < len(moving) < len(args):
                    return self._scaled(mul(*(a for a in args if a not in moving)), self._of_function(mul(*moving)))
            case Bind("sum"):
                try:
                    return self._of_function(unrolled(self.program, t, MAX_UNROLLED))
                except CannotCompose:
                    return None
        return None

    def _as_a_whole(self, t: Term) -> Limit:
        t = with_entries(t, self.program.matrices)
        scalars, nonnegative = {v: self.of(v) for v in self._scalars(t)}, is_positive(t, strict=False)
        if any(x.random for x in scalars.values()):
            always = self.range(t, {v: x.always for v, x in scalars.items()})
            return Limit(always=ranges.meet(always, NONNEGATIVE) if nonnegative else always, random=True)
        known: dict[Term, Term] = {v: x.value for v, x in scalars.items() if x.value is not None}
        known |= {a: value for a in self.program.vectors_in(t) if (value := self.exact.constant(a)) is not None}
        here = substitute(t, known)
        if all(x.fixed for x in scalars.values()) and self._is_constant(here):
            return self._settled(Limit(value=here, fixed=True))
        always = self.range(t, {v: x.always for v, x in scalars.items()})
        at = ranges.meet(self.range(t, {v: x.at for v, x in scalars.items()}), always.closure)
        value = ZERO if self._vanishes(here) else self.exact.of(here)
        if value is not None:
            return self._settled(Limit(at, always, value))
        at = ranges.meet(ranges.meet(self._enclosed(here, at), self._squares(here)), at)
        if at.nonnegative or nonnegative:
            at = ranges.meet(at, NONNEGATIVE)
            if self._square_positive(t) or self.variances.somewhere(t):
                at = ranges.meet(at, POSITIVE)
        if nonnegative:
            always = ranges.meet(always, NONNEGATIVE)
        return Limit(at, always)

    def _enclosed(self, t: Term, within: Interval) -> Interval:
        """Certain bounds, where the function is one of a single Gaussian variable whose law is known in numbers."""
        atoms = self.program.vectors_in(t)
        if len(atoms) != 1 or len(variables(t)) != 1:
            return REALS
        law = self.exact.mean(atoms[0]), self.exact.covariance(atoms[0], atoms[0])
        mean, variance = (None if x is None else rational(x) for x in law)
        return REALS if mean is None or variance is None else enclosure(t, atoms[0], mean, variance, within)

    def _squares(self, t: Term) -> Interval:
        """Of a sum of squares of products: E[(W x)^2] = sigma^2 E[x^2], whatever is known of that."""
        try:
            terms = normal(t).terms
        except Undecided:
            return REALS
        total = NOTHING
        for m, c in terms.items():
            if m and not (len(m) == 1 and m[0][1] == 2 and isinstance(m[0][0], Var)):
                return REALS
            inner = self._second_moment(m[0][0]) if m and isinstance(m[0][0], Var) else ranges.point(1)
            total = ranges.add(total, ranges.mul(ranges.point(c), inner))
        return total

    def _second_moment(self, ref: Var) -> Interval:
        found = self.exact.second_moment(ref)
        return REALS if found is None else self._scaled(found[0], self._expectation(found[1])).at

    def _tends(self, v: Var) -> bool:
        return v.name in self.functions.tending

    def is_scalar(self, v: Var) -> bool:
        """Return whether this is a scalar of the program, or a constant that depends on n."""
        families = self.program.families
        return self._tends(v) or (v.name in families and families[v.name].kind == "scalar")

    def _scalars(self, t: Term) -> list[Var]:
        return [v for v in variables(t) if self.is_scalar(v)]

    def _is_constant(self, t: Term) -> bool:
        """Return whether the term has a value, whatever the params are, and no scalar, vector or index left in it."""
        if self._indexed(t) or any(isinstance(b, Bind) for b in walk(t)):
            return False
        try:
            return Analyzer(frozenset(), self.functions.assumptions).info(t).total
        except RecursionError:
            return False

    def _vanishes(self, t: Term) -> bool:
        """E F(Z; s) = 0 if F is odd in centred Z whatever s is, or odd in a centred Z_A independent of the others."""
        atoms = self.program.vectors_in(t)
        centred = [a for a in atoms if self.exact.mean(a) == ZERO]
        if len(centred) == len(atoms) and _odd(t, atoms):
            return True
        return any(_odd(t, [a]) and self.exact.independent(a, (b for b in atoms if b != a)) for a in centred)

    def _square_positive(self, t: Term) -> bool:
        """E[(F - c)^2] > 0 whatever the constant c (a scalar's limit), if F is not constant."""
        match t:
            case App("pow", (base, Num(e))) if e > 0 and e.denominator == 1 and e % 2 == 0:
                inner = base
            case App("mul", (a, b)) if a == b:
                inner = a
            case _:
                return False
        parts = inner.args if isinstance(inner, App) and inner.head == "add" else (inner,)
        moving = [p for p in parts if self.program.vectors_in(p)]
        if any(self._scalars(p) for p in moving):
            return False
        f = add(*moving)
        if f == inner:
            return self.variances.somewhere(inner)
        if not self.functions.facts(f).continuous.proved:  # sign(z)^2 is 0 at 0, and 1 almost surely
            return False
        atoms = set(self.program.vectors_in(f))
        at_zero = transform(f, lambda v: ZERO if isinstance(v, Var) and v in atoms else None)
        return self.variances.somewhere(add(f, neg(at_zero)))


def _odd(t: Term, atoms: list[Var]) -> bool:
    if parity(t, atoms) == -1:
        return True
    return bool(atoms) and is_zero(add(t, substitute(t, {a: neg(a) for a in atoms})))

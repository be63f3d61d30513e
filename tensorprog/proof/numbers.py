"""Numbers of means, found: how finely a trapezoid rule has to be spaced, and what is believed where none applies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from itertools import product, starmap
from typing import Any

from tensorprog.errors import TensorProgError
from tensorprog.kernel.certificate import FUEL
from tensorprog.kernel.core.refused import METER, ZERO, Refused
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.term import power
from tensorprog.kernel.limits.laws import instances
from tensorprog.kernel.limits.members import pair, reference, vectors, written
from tensorprog.kernel.limits.statements import GivenScores, Mean
from tensorprog.kernel.numbers.intervals import rounded
from tensorprog.kernel.numbers.scores import Integrand as ScoreFunction
from tensorprog.kernel.numbers.scores import whole
from tensorprog.kernel.numbers.shares import Model
from tensorprog.kernel.numbers.statements import Number
from tensorprog.kernel.numbers.strip import Bound, Integrand
from tensorprog.kernel.numbers.values import PLACES, values
from tensorprog.numbers.estimate import is_rigorous
from tensorprog.proof import moments
from tensorprog.proof.covariances import Means, asked, forms_of
from tensorprog.terms import Num, Term, Var, to_json, to_text

ACCURACY = {1: 1e-14, 2: 1e-14, 3: 2e-9, 4: 2e-7}
"""How near a rule is to the mean that it computes, by the number of variables."""
STRIPS = tuple(Fraction(round(320 * 0.92**k), 40) for k in range(56))
COUNTS = {1: 400, 2: 60, 3: 15, 4: 8}
"""How many points a rule may have on each side, by the number of variables."""
WIDE, WIDEST, ROUGH = Fraction(1, 10**7), Fraction(1, 10**5), Fraction(1, 20)
"""How wide a number may be, one that is computed in four variables, one of scores that are nearly independent."""


class Numbers:
    """Steps about numbers of means, each once."""

    def __init__(self, means: Means) -> None:
        self.means, self.writer, self.context = means, means.writer, means.writer.context
        self._known: dict[Term, int] = {}
        self._left = FUEL // 2

    @cached_property
    def _limit(self) -> Any:
        from tensorprog.limit.derive import derive

        return derive(self.writer.program)

    def covariance(self, a: Var, b: Var) -> int:
        """Return the number of a covariance."""
        steps = [self.number(t) for t in dict.fromkeys([pair(a, b), a, b])]
        return self.writer.step("located", steps, at=[to_json(a), to_json(b)])

    def kurtosis(self, v: Var) -> int:
        """Return the number of a kurtosis."""
        steps = [self.number(t) for t in (v, pair(v, v), power(v, Num(3)), power(v, Num(4)))]
        return self.writer.step("kurtosis", steps, term=to_json(v))

    def expectation(self, t: Term) -> int:
        """Return the number of a mean, as a statement about the limit."""
        return self.writer.step("enclosed", [self.number(t)], term=to_json(t))

    def claim(self, k: int) -> int:
        """Return a claim whose sides are near."""
        c = self.writer.context.program.claims[k]
        if c.form == "not gaussian":
            return self._mixed(k, [v for v, _ in instances(self.context, c)])
        wanted = [m for two in instances(self.context, c) for t in two for m in asked(t)]
        return self.writer.step("confirmed", [self.number(m) for m in dict.fromkeys(wanted)], node=str(k))

    def _mixed(self, k: int, over: Sequence[Term]) -> int:
        """Return a score along which the variance given the scores changes, and how far to go."""
        laws, numbers, chosen = [], dict[Term, int](), []
        for v in over:
            assert isinstance(v, Var)
            laws.append(self.means.law(v, v))
            variance = self.writer.stated(laws[-1], GivenScores).value
            scores = self.means.members(written(self.context, variance, True))
            for p in scores:
                numbers |= {t: self.number(t) for t in (pair(p, q) for q in scores)}
            numbers |= {t: self.number(t) for t in self.means.named(variance)}
            chosen.append(scores)
        for score, far in product(zip(*chosen, strict=False), (1, -1, 3)):
            t = [self._far(p, far) for p in score]
            with suppress(Refused):
                return self.writer.step("mixed", [*laws, *numbers.values()], node=str(k), at=list(map(to_json, score)),
                                        points=list(map(str, t)))  # fmt: skip
        raise Refused("two variances that differ")

    def _far(self, p: Var, deviations: int) -> Fraction:
        """Return how far a column of the covariance is `deviations` standard deviations of the score."""
        variance = float(self.writer.stated(self.number(pair(p, p)), Number).low)
        return Fraction(round(64 * deviations / math.sqrt(variance)), 64) if variance > 0 else Fraction(1)

    def number(self, t: Term) -> int:
        """Return the number of a mean, and first of those that it rests on: chains of any length, without recursion."""
        stack = [t]
        while stack:
            top = stack[-1]
            missing = [m for m in self._below(top) if m not in self._known]
            if not missing:
                self._known.setdefault(top, self._number(top))
                stack.pop()
            stack += missing
        return self._known[t]

    def _below(self, t: Term) -> list[Term]:
        """Return the means whose numbers the number of a mean is computed from."""
        if (value := self._value(t)) is None:
            return self._under_scores(t) if moments.is_random(self.means, t) else []
        if value != reference(t):
            return self.means.named(value)
        found = self._forms(t)
        return list(dict.fromkeys([*found, *(pair(u, v) for u, v in product(found, repeat=2)), *self._scalars(t)]))

    def _forms(self, t: Term) -> list[Term]:
        """Return the members that a term is a function of, or the linear forms if these are fewer."""
        found: list[Term] = list(vectors(self.context, t))
        return min(found, forms_of(self.context, t), key=len)

    def _value(self, t: Term) -> Term | None:
        """Return the value of a mean, if the calculus has a derivation of it."""
        with suppress(Refused):
            return self.writer.stated(self.means.mean(t), Mean).value
        return None

    def _scalars(self, t: Term) -> list[Var]:
        return [v for v in self.means.members(t) if v not in vectors(self.context, t)]

    def _number(self, t: Term) -> int:
        value, below = self._value(t), [self._known[m] for m in self._below(t)]
        if value is None and moments.is_random(self.means, t):
            try:
                return self._over_scores(t)
            except Refused:
                if moments.reached(self.means, t):
                    raise
        with suppress(Refused):
            if value == reference(t):
                return self._narrow(self._quadrature(t, below))
            if value is not None:
                return self._narrow(self.writer.step("evaluated", [self.means.mean(t), *below], term=to_json(t)))
        return self._trusted(t)

    def _narrow(self, step: int, wide: Fraction = WIDE) -> int:
        found = self.writer.stated(step, Number)
        low, high = Fraction(found.low), Fraction(found.high)
        if high - low > wide * (1 + abs(low)):
            raise Refused("a narrow interval")
        return step

    def _quadrature(self, t: Term, below: list[int]) -> int:
        """By the trapezoid rule in the members, or the linear forms, that the function depends on."""
        forms = self._forms(t)
        if not 1 <= len(forms) <= 2:
            raise Refused("a function of one combination or two")
        f = Integrand(self.context, self.writer.says(below), t, tuple(forms))
        return self._best(f, "quadrature", below, term=to_json(t), at=list(map(to_json, forms)))

    def _conditional(self, t: Term) -> tuple[list[int], Term, list[Term]]:
        """Return the laws given the scores of what a term is a product of, what it is given them, the means in that."""
        if not moments.reached(self.means, t):
            return [], t, []
        steps = moments.laws(self.means, t)
        return [*steps], *moments.conditional(self.means, t, steps)

    def _under_scores(self, t: Term) -> list[Term]:
        """Return the covariances of scores, and other means, of which the mean of a function of scores is computed."""
        try:
            _, inside, named = self._conditional(t)
        except Refused:
            return []
        scores = self.means.members(whole(self.context, inside))
        return list(dict.fromkeys([*named, *starmap(pair, product(scores, repeat=2))]))

    def _over_scores(self, t: Term) -> int:
        """By the trapezoid rule in the combinations of scores that the function depends on."""
        laws, inside, _ = self._conditional(t)
        below = [self._known[m] for m in self._under_scores(t)]
        at = values(self.context, self.writer.says(below))
        model: Model | None = None
        with suppress(Refused):
            model = Model(self.context, at, inside)
        try:
            f = ScoreFunction(self.context, at, inside)
            if model is None or not moments.is_near(model) or len(f.rows) <= 2:
                step = self._best(f, "quadrature_over_scores", [*laws, *below], term=to_json(t))
                return self._narrow(step, WIDEST)
        except Refused:
            if model is None:
                raise
        grid = moments.grids(model)
        return self._narrow(self._metered("shares_over_scores", [*laws, *below], term=to_json(t), **grid), ROUGH)

    def _best(self, f: Integrand | ScoreFunction, rule: str, below: list[int], **params: Any) -> int:
        """Return the widest strip that the function allows, and the coarsest grid that is fine enough on it."""
        grids, variables, line = [], len(f.rows), f.bound(ZERO) if isinstance(f, ScoreFunction) else None
        for strip in STRIPS:
            with suppress(Refused):
                grids.append((*_grid(f.bound(strip), strip, variables, line), strip))
        count, spacing, strip = min(grids, default=(COUNTS[1] + 1, ZERO, ZERO))
        if count > COUNTS[max(variables, 1)]:
            raise Refused("a function of few combinations, analytic in a wide strip")
        return self._metered(rule, below, **params, strip=str(strip), spacing=str(spacing), count=str(count))

    def _metered(self, rule: str, below: list[int], **params: Any) -> int:
        """Return a step that may cause much work."""
        meter = METER.set(self._spend)
        try:
            return self.writer.step(rule, below, **params)
        finally:
            METER.reset(meter)

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise Refused("the work that a certificate may cause")

    def _trusted(self, t: Term) -> int:
        """Return what the numeric engine computed, with its bound of the error, as an axiom."""
        if any(v.name in self.context.late for v in vectors(self.context, t)):
            raise Refused("a vector that a score reaches has a law given the scores, `laws:`")
        try:
            found = self._limit.expect(to_text(t))
        except (TensorProgError, CannotCompose) as error:
            raise Refused(str(error)) from None
        if found.value is None or found.error is None or not is_rigorous(found.error_kind):
            raise Refused(f"no number of E({to_text(t)}) with a bound of the error")
        x, unit = Fraction(found.value), 10**PLACES
        low = Fraction(math.floor((x - Fraction(found.error)) * unit), unit)
        high = Fraction(math.ceil((x + Fraction(found.error)) * unit), unit)
        return self.writer.step("trusted", term=to_json(t), low=str(low), high=str(high), method=str(found.method))


def _grid(f: Bound, strip: Fraction, variables: int, line: Bound | None = None) -> tuple[int, Fraction]:
    """Return how many points of which spacing: `Grid.error`, solved for them; `line`: a bound on the real line."""
    a, g = float(strip), f.growth
    edge, tail = (math.log(max(x.size[1] / rounded(1)[0], 1e-300)) for x in (f, line or f))
    more = g**2 / 2 - math.log(ACCURACY[max(variables, 1)]) + (variables - 1) * g**2
    spacing = Fraction(max(math.floor(128 * math.tau * a / (edge + more + a * a / 2 + 1.4)), 1), 128)
    return math.ceil((math.sqrt(2 * max(tail + more, 1)) + g) / spacing), spacing

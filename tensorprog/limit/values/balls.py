"""Limits of single members as numbers with error bounds: balls that contain the true value, through the whole program.

A closed form is evaluated in ball arithmetic, and a bounded analytic function integrated on a grid: their bounds are
proved. Any other quadrature is computed at the balls' centres, or at the numbers themselves where they are rational
and known; its own error is added, and what the balls' radii contribute is bounded (gaussian/integrate/moved) or else
measured by moving each input and doubled, which is an estimate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

from flint import acb, arb

from tensorprog.errors import Diagnostic, TensorProgError
from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.functions.evaluate.balls import ball as exactly
from tensorprog.functions.evaluate.balls import middle
from tensorprog.gaussian.closed.value import Balls as Evaluation
from tensorprog.gaussian.integrate import lengths
from tensorprog.gaussian.integrate.grid import grid
from tensorprog.gaussian.integrate.moved import moved
from tensorprog.kernel.ground.signatures import CONDITIONS
from tensorprog.kernel.ground.term import substitute
from tensorprog.limit.jumps.jumps import Jump
from tensorprog.limit.jumps.standing import Gaussian
from tensorprog.limit.members.softmax import entries, holds_softmax
from tensorprog.limit.rules.quantities import Core, Unsettled, guarded, no_limit, place, unguarded
from tensorprog.limit.values.algebra import Algebra
from tensorprog.limit.values.cores import CoreFunction, Cores, Numbers, isserlis, no_value
from tensorprog.numbers.budget import spent
from tensorprog.numbers.estimate import ErrorKind, Estimate, Method, worst_kind, worst_method
from tensorprog.numbers.precision import precision
from tensorprog.program.normal.analysis import Analysis
from tensorprog.terms import App, Num, Term, Var

BITS = 212
MOST_VARIABLES = 6
"""Variables of an expectation without a formula or a bound that is begun where a sample can take its place."""
SHARE = 0.4
"""The part of the time for one number that is spent here before the limit itself is sampled."""
MOST_NOTED = 300
"""Characters of a note; a result that rests on many samples tells of the first ones."""
LONGEST = 2000
"""Bits of a rational number that is computed with as such."""
MOST_POWER = 12
MOST_MOVED = 6
"""Inputs of an expectation that are moved one by one to measure what their errors contribute."""


class OutOfTime(Unsettled):
    """The time for one number is used up, or the part of it that balls may take."""

    def __init__(self) -> None:
        because, more = "the time for one number was used up before it was found", "allow more of it: --seconds"
        super().__init__((Diagnostic("TP402", "no number here", None, because, "", more),))


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A ball around the truth, the worst method by which it was found, and whether that it holds the truth is sure."""

    ball: Any
    method: Method = "closed-form"
    kind: ErrorKind = "bound"
    note: str = ""
    known: Fraction | None = None
    """The truth, where it is a rational number that was computed exactly."""

    @staticmethod
    def exactly(x: Fraction) -> Enclosure:
        """Return a rational number; a long one is from here on only enclosed."""
        short = x.numerator.bit_length() + x.denominator.bit_length() <= LONGEST
        return Enclosure(exactly(x), known=x if short else None)

    @property
    def rational(self) -> Fraction | None:
        """The truth, where it is rational and known: a ball without radius is its centre."""
        if self.known is not None or not (self.kind == "bound" and self.ball.is_exact() and self.ball.is_finite()):
            return self.known
        return middle(self.ball)

    @property
    def number(self) -> Estimate:
        """The ball's centre as a float, and all of the ball as its error."""
        gap = abs(self.ball - arb(value := float(self.ball.mid())))
        if gap.is_zero():
            return Estimate(value, 0.0, "exact" if self.kind == "bound" else self.kind, self.method, self.note)
        return Estimate(value, float(gap.upper()) * (1 + 2.0**-50), self.kind, self.method, self.note)

    @staticmethod
    def of(ball: Any, *parts: Enclosure) -> Enclosure:
        """Return a ball that was computed from those of its parts."""
        kind, method = worst_kind(*(p.kind for p in parts)), worst_method(*(p.method for p in parts))
        note = "; ".join(dict.fromkeys(p.note for p in parts if p.note))
        return Enclosure(ball, method, worst_kind(kind, "bound"), note[:MOST_NOTED])


class Balls(Algebra[Enclosure]):
    """Balls; every param needs a value."""

    def __init__(self, program: Analysis, numbers: Numbers, cores: Cores) -> None:
        super().__init__(program)
        self.numbers = numbers
        self.cores = cores
        self._found: dict[Any, Enclosure] = {}
        self.leaves = False
        """Are expectations over many variables left to a sample of the limit itself?"""

    def zero(self) -> Enclosure:
        return Enclosure.exactly(Fraction(0))

    def add(self, a: Enclosure, b: Enclosure) -> Enclosure:
        if a.known is not None and b.known is not None:
            return Enclosure.exactly(a.known + b.known)
        return Enclosure.of(a.ball + b.ball, a, b)

    def mul(self, a: Enclosure, b: Enclosure) -> Enclosure:
        if a.known is not None and b.known is not None:
            return Enclosure.exactly(a.known * b.known)
        return Enclosure.of(a.ball * b.ball, a, b)

    def is_zero(self, a: Enclosure) -> bool:
        return bool(a.ball.is_zero())

    def param(self, name: str) -> Any:
        """Return the value of a param as a ball."""
        return exactly(self.numbers.values[name])

    @property
    def given(self) -> Mapping[str, Fraction]:
        return self.numbers.values

    def standing(
        self, body: Term, cov: Sequence[Enclosure], mean: Sequence[Enclosure], found: dict[Term, Enclosure],
        shown: Sequence[Term] = (),
    ) -> tuple[Jump, ...]:  # fmt: skip
        names = [Var(f"z{k + 1}") for k in range(len(mean))]

        def constant(t: Term, still: Mapping[Term, Any]) -> Any:
            at = {v: Enclosure(ball) for v, ball in still.items()}
            return self.evaluated(unguarded(t), {**found, **at}).ball

        def entry(i: int, j: int) -> Any:
            return cov[place(i, j, len(names))].ball

        means = [m.ball for m in mean]
        return Gaussian(names, entry, means, constant, lambda v: v not in found, shown).standing(body)

    def score(self, ref: Var) -> Enclosure:
        raise no_limit("TP402", f"the limit of {ref.name} is random", ref.place,
                       "it is a score: Gaussian, not a number", "ask for its law, or average over it")  # fmt: skip

    def evaluated(self, t: Term, found: dict[Term, Enclosure]) -> Enclosure:
        if t in found:
            return found[t]
        match t:
            case Num(value):
                return Enclosure.exactly(value)
            case Var(name, ()) if name in self.program.params:
                if name not in self.numbers.values:
                    raise no_value(name)
                return Enclosure.exactly(self.numbers.values[name])
            case Var(name, subs):
                return self.evaluated(self.matrix_entry(name, subs), {})
            case App():
                inner: list[Enclosure] = []
                named = self._named(t, found, inner)
                if (exact := _arithmetic(t, [x.known for x in inner])) is not None:
                    return Enclosure.exactly(exact)
                f = ball_function(named, [f"a{k}" for k in range(len(inner))])
                ball = f([acb(x.ball) for x in inner], False)
                return Enclosure.of(ball.real if ball.imag.contains(0) else arb("nan"), *inner)
        raise AssertionError(t)

    def _named(self, t: App, found: dict[Term, Enclosure], inner: list[Enclosure]) -> Term:
        """Return the function with names instead of its arguments, whose values are added to `inner`."""

        def name(a: Term) -> Term:
            match a:
                case App(head) if head in CONDITIONS:
                    return self._named(a, found, inner)
                case Num() if t.head == "hermite":
                    return a
            value = self.evaluated(a, found)
            inner.append(value)
            return Var(f"a{len(inner) - 1}")

        return App(t.head, tuple(name(a) for a in t.args), t.place)

    def core(
        self, core: Core, cov: Sequence[Enclosure], mean: Sequence[Enclosure], constants: Sequence[Enclosure]
    ) -> Enclosure:
        f = self.cores.of(core)
        if f.powers is not None:
            known = [x.known for x in (*cov, *mean)]
            exact = [x for x in known if x is not None]
            if len(exact) == len(known):
                return Enclosure.exactly(Fraction(isserlis(f.powers, exact[: len(cov)], exact[len(cov) :])))
            return Enclosure.of(isserlis(f.powers, [x.ball for x in cov], [x.ball for x in mean]), *cov, *mean)
        given = (*cov, *(m for m, zero in zip(mean, f.centred, strict=True) if not zero), *constants)
        # Tied weights ask for one expectation several times.
        if not all(x.ball.is_finite() for x in given):  # a covariance whose quadrature did not settle
            return Enclosure(arb("nan"), "quadrature", "estimate")
        balls = tuple((x.ball.mid().man_exp(), x.ball.rad().man_exp()) for x in given)
        key = (f.body, f.centred, f.positive, balls, tuple(x.known for x in given))
        if key not in self._found:
            self._found[key] = self._expected(f, cov, mean, given)
        found = self._found[key]
        return Enclosure.of(found.ball, found, *given)

    def _expected(
        self, f: CoreFunction, cov: Sequence[Enclosure], mean: Sequence[Enclosure], given: Sequence[Enclosure]
    ) -> Enclosure:
        if spent(SHARE):
            raise OutOfTime
        if f.closed.expr is not None:
            balls = {n: x.ball for n, x in zip(f.names, given, strict=True)}
            balls |= {guarded(n): exactly(x) for n, x in self.numbers.values.items()}
            if (value := _rational_value(f, given)) is not None:
                return Enclosure.exactly(value)
            ball = enclose(f.closed.expr, balls)
            finite = [enclose(c, balls) for c in f.conditions]
            if ball is not None and all(c is not None and c > 0 for c in finite):
                return Enclosure(ball)
        elif (ball := self._integrated(f, cov, mean)) is not None:
            return Enclosure(ball, "quadrature")
        elif self.leaves and f.size > MOST_VARIABLES:
            raise OutOfTime
        return self._quadrature(f, given)

    def _integrated(self, f: CoreFunction, cov: Sequence[Enclosure], mean: Sequence[Enclosure]) -> Any | None:
        """By a trapezoid rule, proved at all points of the balls: a function over a length, or bounded and analytic."""
        if f.positive or holds_softmax(f.body):
            return None
        if f.ratio is not None and (ball := lengths.enclosed(f.ratio, f.variables, _matrix(f, cov))) is not None:
            return ball
        values: dict[Term, Term] = {Var(guarded(n)): Num(x) for n, x in self.numbers.values.items()}
        body = substitute(f.body, values)
        return grid(body, [v.name for v in f.variables], _matrix(f, cov), [m.ball for m in mean])

    def _quadrature(self, f: CoreFunction, given: Sequence[Enclosure]) -> Enclosure:
        middles = [middle(x.ball) if x.rational is None else x.rational for x in given]
        radii = [
            float(abs(x.ball - exactly(m)).upper()) * (x.rational is None) for x, m in zip(given, middles, strict=True)
        ]
        with precision(53):
            found = f.at(middles)
            more = self._moved(f, middles, radii) if found.known and found.rigorous else None
        if more is not None:
            return Enclosure(arb(found.value, found.error + more), found.method)
        if not found.known:
            return Enclosure(arb("nan"), found.method, found.error_kind, found.note)
        more = self._propagated(f, radii, [float(m) for m in middles], found.value)
        kind = worst_kind(found.error_kind, "estimate" if more else "bound")
        return Enclosure(arb(found.value, found.error + more), found.method, kind, found.note)

    def _moved(self, f: CoreFunction, middles: Sequence[Fraction], radii: Sequence[float]) -> float | None:
        """Return what the radii of the covariances and means contribute, proved; None where that is not known."""
        at, off = dict(zip(f.names, middles, strict=True)), dict(zip(f.names, radii, strict=True))
        if not any(radii):
            return 0.0
        if any(off[n] for n in at if n[0] == "c"):
            return None
        size = range(f.size)
        where = [[f.names[place(i, j, f.size)] for j in size] for i in size]
        means = [f"m{k + 1}" for k in size]
        values = {guarded(n): x for n, x in self.numbers.values.items()}
        values |= {n: x for n, x in at.items() if n[0] == "c"}
        shares = holds_softmax(f.body)
        if shares and entries(f.body) is None:
            return None
        try:
            return moved(
                f.body,
                f.variables,
                [[at[n] for n in row] for row in where],
                [at.get(n, Fraction(0)) for n in means],
                [[off[n] for n in row] for row in where],
                values,
                1.0 if shares else None,  # a product of entries of softmaxes lies between 0 and 1
                off=[off.get(n, 0.0) for n in means],
            )
        except TensorProgError:
            return None

    def _propagated(self, f: CoreFunction, radii: Sequence[float], middles: Sequence[float], value: float) -> float:
        """What the radii of the inputs contribute: each input moved, or all together where one alone may not move."""
        largest = max(map(abs, middles), default=1.0)
        scales = [max(abs(m), 1e-3 * largest) for m in middles]
        relative = max((r / s for r, s in zip(radii, scales, strict=True) if s), default=0.0)
        if relative == 0:
            return 0.0
        if len(middles) > MOST_MOVED:
            return self._together(f, middles, value) * relative * len(middles)
        out = 0.0
        for k, (radius, m, scale) in enumerate(zip(radii, middles, scales, strict=True)):
            if radius == 0:
                continue
            # Inwards: larger variances and smaller covariances keep the matrix positive semidefinite.
            step = max(radius, 1e-6 * scale)
            free = f.names[k][0] != "K" or f.names[k] in f.diagonal
            towards = step if free else (-step if m > 0 else step)
            moved = [Fraction(y + towards if j == k else y) for j, y in enumerate(middles)]
            try:
                with precision(53):
                    there, more = f.at(moved)
            except TensorProgError:
                return self._together(f, middles, value) * relative * len(middles)
            out += 2 * (abs(there - value) + more) * radius / step
        return out

    def _together(self, f: CoreFunction, middles: Sequence[float], value: float) -> float:
        """Return how much the value changes for each relative change of all inputs."""
        with precision(53):
            there, more = f.at([Fraction(y * (1 + 1e-6)) for y in middles])
        return float(2e6 * (abs(there - value) + more))


def enclose(expr: Any, balls: dict[str, Any]) -> Any | None:
    """Return the ball of a closed form at balls for its symbols, or None where it cannot be enclosed."""
    evaluation = Evaluation()
    for s in expr.free_symbols:
        if s.name not in balls:
            raise no_value(s.name)
        evaluation.memo[s] = balls[s.name]
    try:
        out = evaluation.ball(expr)
    except (NotImplementedError, ZeroDivisionError, ValueError):
        return None
    return out if out.is_finite() else None


def _matrix(f: CoreFunction, cov: Sequence[Enclosure]) -> list[list[Any]]:
    return [[cov[place(i, j, f.size)].ball for j in range(f.size)] for i in range(f.size)]


def _rational_value(f: CoreFunction, given: Sequence[Enclosure]) -> Fraction | None:
    """Return the closed form where it is a rational function of rational numbers that are known, and finite."""
    import sympy

    exact = {n: x.rational for n, x in zip(f.names, given, strict=True)}
    expr = f.closed.expr
    if f.conditions or None in exact.values() or not {s.name for s in expr.free_symbols} <= exact.keys():
        return None
    if not expr.is_rational_function():
        return None
    out = expr.xreplace({s: sympy.Rational(*exact[s.name].as_integer_ratio()) for s in expr.free_symbols})  # type: ignore[union-attr]
    return Fraction(int(out.p), int(out.q)) if out.is_Rational and out.is_finite else None


def _arithmetic(t: App, values: Sequence[Fraction | None]) -> Fraction | None:
    """Return the value of a function that takes rational numbers to rational numbers, if all of them are known."""
    known = [x for x in values if x is not None]
    if len(known) < len(values):
        return None
    match t.head, known:
        case "add", xs:
            return sum(xs, Fraction(0))
        case "mul", xs:
            return prod(xs, start=Fraction(1))
        case "neg", [x]:
            return -x
        case "recip", [x] if x:
            return 1 / x
        case "pow", [x, k] if k.denominator == 1 and 0 < k <= MOST_POWER:
            return x ** int(k)
    return None

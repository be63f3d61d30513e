"""What a record of a named function holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from tensorprog.kernel.ground.signatures import FUNCTIONS
from tensorprog.kernel.ground.term import add, mul, neg, power, substitute
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Num, Term, Var

Regularity = Literal["smooth", "lipschitz", "continuous", "jumps"]
"""On the domain, in the arguments: infinitely often differentiable, locally Lipschitz, continuous, has jumps."""


Analytic = Literal["entire", "meromorphic", "real"]
"""The largest set on which a function is one analytic function: the plane, the plane but for poles, a neighbourhood of
its domain in the real line."""


BROKEN = frozenset({"step", "ceil", "mod", "log1p", "sqrt", "acos", "tan"})
"""Functions with a definition that jump or are undefined somewhere, as every room that looks for such places knows."""


@dataclass(frozen=True, slots=True)
class Break:
    """A place of the argument where a function is not smooth, repeated with `period` if that is not 0."""

    at: float
    kind: Literal["jump", "kink", "singular", "pole"]
    period: float = 0.0


@dataclass(frozen=True)
class Function:
    """One named function: what it is, and what is known of it; what is not said here is found from the definition.

    `definition`: in simpler heads; `derivatives`: almost everywhere, one per argument; `domain` of the (only)
    argument; `range`; `growth` and `slope`: exponents g, s with |f| <= A(1+|x|^g), |f'| <= B(1+|x|^s), None if
    exponential or singular; `exponential`: |f(x)| <= C e^|x|, and log|f(x)| - |x| is bounded far out; `minus`, `plus`:
    an exact form near -oo, +oo, in simpler heads or in an exponential that is small there: on the whole half line if
    the only break is at 0. `minimum`: to 20 digits, where it is attained and has no closed form. `parity`: f(-x) =
    parity f(x); `at_zero`: f(0), `only_zero` if f(x) = 0 at x = 0 alone; `line` = (a, b): |f(x)| <= a|x| + b, as
    `contracts` says with (1, 0); `between`: two terms between which it lies; `keeps_sign`: x f(x) >= 0; `above_line`:
    f(x) >= cx - K with c > 0, and bounded for x -> -oo;
    `degree`: f(tx) = t^degree f(x) for t > 0; `strip`: analytic for |Im x| < strip; `steep`: over what distance
    from 0 it changes most, where no strip tells: also beside a break.
    A function without a `regularity` is judged by its definition. Params (leaky_relu's a) are arguments too; the facts
    are for fixed params.
    """

    name: str
    args: tuple[str, ...]
    definition: Term | None
    derivatives: tuple[Term, ...] = ()
    regularity: Regularity | None = None
    range: Interval = REALS
    growth: Fraction | None = None
    slope: Fraction | None = None
    minus: Term | None = None
    plus: Term | None = None
    domain: Interval | None = REALS
    monotone: Literal["increasing", "decreasing"] | None = None
    minimum: Fraction | None = None
    parity: Literal[-1, 1] | None = None
    at_zero: Fraction | None = None
    only_zero: bool = False
    contracts: bool = False
    line: tuple[float, float] | None = None
    between: tuple[Term, Term] | None = None
    keeps_sign: bool = False
    exponential: bool = False
    above_line: bool = False
    degree: int | None = None
    analytic: Analytic | None = None
    strip: float | None = None
    steep: float | None = None
    breaks: tuple[Break, ...] = ()

    @property
    def arity(self) -> tuple[int, int]:
        """The least and the greatest number of arguments."""
        return FUNCTIONS.get(self.name, (len(self.args), len(self.args)))

    def opens(self, args: tuple[Term, ...]) -> bool:
        """Whether the function is judged by its definition: no facts are given, or they are for fixed params only."""
        return self.regularity is None or len(args) > 1

    @property
    def unbounded_by_facts(self) -> bool:
        """Whether the definition says how large it is, and the other facts do not: log(1 + x)."""
        return self.growth is None and not self.exponential and self.definition is not None

    @property
    def bare(self) -> bool:
        """Whether it is read as its definition: no facts are given, or it may jump or be undefined somewhere."""
        tame = self.regularity not in (None, "jumps") and self.domain == REALS
        return not tame and self.definition is not None and self.name not in BROKEN

    @property
    def total(self) -> bool:
        """Known to be defined on all reals."""
        return self.regularity is not None and self.domain == REALS

    @property
    def real_analytic(self) -> bool:
        """One convergent power series around every real number."""
        return self.analytic is not None and self.domain == REALS

    @property
    def kinked(self) -> bool:
        """Not known to be differentiable inside its domain."""
        return self.regularity not in ("smooth", "continuous")

    @property
    def meromorphic(self) -> bool:
        """Analytic in the plane but for poles."""
        return self.analytic in ("entire", "meromorphic")

    @property
    def halves(self) -> tuple[Term, Term] | None:
        """The formulas for x < 0 and x > 0 of a function that breaks at 0 only."""
        alone = len(self.breaks) == 1 and self.breaks[0].at == self.breaks[0].period == 0
        return (self.minus, self.plus) if alone and self.minus is not None and self.plus is not None else None

    @property
    def below_line(self) -> tuple[float, float] | None:
        """(a, b) with |f(x)| <= a|x| + b."""
        return (1.0, 0.0) if self.contracts else self.line

    @property
    def one_sided(self) -> bool:
        """0 for negative arguments: relu, step."""
        return self.halves is not None and self.halves[0] == Num(0)

    @property
    def jump(self) -> Break | None:
        """The only break, if it is a jump at 0, perhaps repeated."""
        one = self.breaks[0] if len(self.breaks) == 1 else None
        return one if one is not None and one.kind == "jump" and one.at == 0 else None

    @property
    def constant_between(self) -> bool:
        """A function that jumps, and is constant between its jumps, which lie apart."""
        return self.regularity == "jumps" and bool(self.breaks) and self.derivatives == (Num(0),)

    @property
    def endless(self) -> bool:
        """A function without a simpler definition that breaks in infinitely many places."""
        return self.definition is None and any(b.period for b in self.breaks)

    def call(self, form: Term, args: tuple[Term, ...]) -> Term:
        """Return a formula of this record at these arguments; params left out are 1."""
        values = (*args, *(Num(1),) * (len(self.args) - len(args)))
        return substitute(form, dict(zip(map(Var, self.args), values, strict=True)))

    @property
    def numpy(self) -> Callable[..., Any] | None:
        """The form on numpy arrays that is stable in floating point, if one is given; imports numpy when asked for."""
        from tensorprog.functions.named import numpy_forms

        return numpy_forms.FORMS.get(self.name)

    def expand(self, args: tuple[Term, ...]) -> Term | None:
        """Return the definition with these arguments."""
        if self.name == "hermite":
            return hermite(args[0], args[1])
        return None if self.definition is None else self.call(self.definition, args)


MAX_HERMITE = 60


def hermite(k: Term, x: Term) -> Term | None:
    """He_k(x)/sqrt(k!), by He_{k+1} = x He_k - k He_{k-1}; None unless k is a small whole number.

    >>> from tensorprog.terms import to_text
    >>> to_text(hermite(Num(2), Var("x")))
    '(-1 + x^2)/sqrt(2)'
    """
    if not (isinstance(k, Num) and k.value.denominator == 1 and 0 <= k.value <= MAX_HERMITE):
        return None
    n = int(k.value)
    before, now, factorial = [0], [1], 1
    for j in range(n):
        shifted = [0, *now]
        for i, c in enumerate(before):
            shifted[i] -= j * c
        before, now = now, shifted
        factorial *= j + 1
    powers = [Num(1) if i == 0 else x if i == 1 else power(x, Num(i)) for i in range(n + 1)]
    terms = [neg(powers[i]) if c == -1 else mul(Num(c), powers[i]) for i, c in enumerate(now) if c]
    total = add(*terms)
    return total if factorial == 1 else mul(total, App("recip", (App("sqrt", (Num(factorial),)),)))

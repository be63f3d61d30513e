"""What a record of a named function holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Num, Term, Var
from tensorprog.terms.term import add, mul, neg, power, substitute

Regularity = Literal["smooth", "lipschitz", "continuous", "jumps"]
"""On the domain, in the arguments: infinitely often differentiable, locally Lipschitz, continuous, has jumps."""


@dataclass(frozen=True)
class Function:
    """One named function: what it is, and what is known of it.

    `definition`: in simpler heads; `derivatives`: almost everywhere, one per argument; `domain` of the (only)
    argument; `range`; `growth` and `slope`: exponents g, s with |f| <= A(1+|x|^g), |f'| <= B(1+|x|^s), None if
    exponential or singular; `minus`, `plus`: an exact form near -oo, +oo in simpler heads, where there is one.
    `minimum`: to 20 digits, where it is attained and has no closed form.
    Params of the function (leaky_relu's a) are arguments too; the facts are for fixed params.
    """

    name: str
    args: tuple[str, ...]
    definition: Term | None
    derivatives: tuple[Term, ...]
    regularity: Regularity = "smooth"
    range: Interval = REALS
    growth: Fraction | None = None
    slope: Fraction | None = None
    minus: Term | None = None
    plus: Term | None = None
    domain: Interval | None = REALS
    monotone: Literal["increasing", "decreasing"] | None = None
    minimum: Fraction | None = None

    @property
    def numpy(self) -> Callable[..., Any]:
        """The function on numpy arrays, stable in floating point; imports numpy when asked for."""
        from tensorprog.functions.named import numpy_forms

        out: Callable[..., Any] = getattr(numpy_forms, self.name if self.name != "abs" else "abs_")
        return out

    def expand(self, args: tuple[Term, ...]) -> Term | None:
        """The definition with these arguments."""
        if self.name == "hermite":
            return hermite(args[0], args[1])
        if self.definition is None:
            return None
        values = args if len(args) == len(self.args) else (*args, *(Num(1),) * (len(self.args) - len(args)))
        return substitute(self.definition, dict(zip(map(Var, self.args), values, strict=True)))


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

"""Facts of functions: signs, growth and local Lipschitz constants, computed from those of the parts.

A rate bounds |u| by the norm r of its variables, everywhere: zero; poly a: A (1+r)^a; exp a: exp(C r^a + K); any. A, C,
K may depend on params, the exponents never do. Nothing is believed: `combine` computes what holds of f(u, v, ...).
"""

# fmt: off
from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from tensorprog.terms import App, Bind, Num, Term
from tensorprog.terms.json_form import number_from_json
from tensorprog.terms.term import ONE, add, mul, neg, power, recip, sub

ZERO, F1, HALF, NIL = Fraction(0), Fraction(1), Fraction(1, 2), Num(0)

METER: ContextVar[Callable[[int], None]] = ContextVar("METER", default=lambda amount: None)
"""Who is told of the work done; `verify` lets it use up the fuel."""

class Refused(Exception):
    """A rule does not apply: its message names the side condition that fails."""

def require(condition: object, what: str) -> None:
    """A side condition; `what` names it."""
    if not condition:
        raise Refused(what)

class Rate(NamedTuple):
    """One rate, ordered by strength; see the module."""

    level: int
    power: Fraction = ZERO

    def times(self, other: Rate) -> Rate:
        """The rate of a product."""
        if self.level == other.level == 0:
            return Rate(0, self.power + other.power)
        return NOTHING if NOTHING in (self, other) else max(self, other)

    def to_the(self, p: Fraction) -> Rate:
        """The rate of |u|^p, p > 0."""
        return Rate(0, self.power * p) if self.level == 0 else self

    def __str__(self) -> str:
        return {-1: "zero", 0: f"poly {self.power}", 1: f"exp {self.power}", 2: "any"}[self.level]

NOTHING, FLAT, LINEAR, ANY = Rate(-1), Rate(0), Rate(0, F1), Rate(2)
PROPERTIES = ("total", "continuous", "bounded", "polynomially bounded", "controlled", "pseudo-Lipschitz")
ORDER = "pseudo-Lipschitz of order "
REGULARITY = ("undefined somewhere", "locally bounded", "continuous", "locally Lipschitz")

@dataclass(frozen=True, slots=True)
class Info:
    """Facts of a function u of its variables, for all admissible params; `level` is an index of REGULARITY.

    `slope`: the rate of the local Lipschitz constant. `plus`: u >= 0, `minus`: u <= 0, `nonzero`: u is nowhere 0;
    `away`: |u| >= c > 0; `below`, `above`: bounded on that side; `constant`: u has no variables; `local`: all of it
    holds only near the limits of these scalars, which tend to constants.
    """

    level: int
    growth: Rate = ANY
    slope: Rate = ANY
    plus: bool = False
    minus: bool = False
    nonzero: bool = False
    away: bool = False
    below: bool = False
    above: bool = False
    constant: bool = False
    local: frozenset[str] = frozenset()

    @property
    def negated(self) -> Info:
        return replace(self, plus=self.minus, minus=self.plus, below=self.above, above=self.below)

    @property
    def positive(self) -> bool:
        return self.plus and self.nonzero

    def has(self, what: str) -> bool:
        """Whether these facts say that the function is bounded, controlled, ..."""
        if what.startswith(ORDER):
            least = max(F1, F1 + self.slope.power)
            return self.has("pseudo-Lipschitz") and least <= number_from_json(what.removeprefix(ORDER))
        g = self.growth
        controlled = g.level <= 0 or (g.level == 1 and g.power < 2)
        return self.level > 0 and {"total": True, "bounded": g <= FLAT, "polynomially bounded": g.level <= 0,
                                   "controlled": controlled, "continuous": self.level >= 2,
                                   "pseudo-Lipschitz": self.level == 3 and self.slope.level <= 0}[what]

    def says(self) -> list[object]:
        flags = {"u >= 0": self.plus, "u <= 0": self.minus, "nowhere 0": self.nonzero, "away from 0": self.away,
                 "bounded below": self.below, "bounded above": self.above}
        said: list[object] = [REGULARITY[self.level], f"growth {self.growth}", f"slope {self.slope}"]
        said += [word for word, holds in flags.items() if holds]
        return [*said, f"near the limits of {', '.join(sorted(self.local))}"] if self.local else said

# name: (level, growth exponent, what the sign of the argument says). The local Lipschitz constant is bounded, except at
# level 1. "odd": f(u) has the sign of u. "plus": f >= 0, "positive": f > 0. All but floor and ceil are bounded below.
LIBRARY: dict[str, tuple[int, int, str]] = {
    **dict.fromkeys(("tanh", "softsign", "erf", "hardtanh", "atan"), (3, 0, "odd")),
    **dict.fromkeys(("elu", "selu", "gelu", "gelu_tanh", "silu", "mish"), (3, 1, "odd")),
    **dict.fromkeys(("sin", "cos", "sinc"), (3, 0, "")),
    **dict.fromkeys(("floor", "ceil"), (1, 1, "")),
    **dict.fromkeys(("sigmoid", "Phi"), (3, 0, "positive")),
    "softplus": (3, 1, "positive"), "relu": (3, 1, "plus"), "sign": (1, 0, "odd"), "step": (1, 0, "plus"),
}
DEFINED = ("clip", "leaky_relu", "elu", "sinh", "cosh", "log1p", "sqrt", "hermite")
EXPANDED = (*DEFINED, "relu", "hardtanh", "silu", "gelu", "mish", "softsign")
"""With functions of the library whose definition says less of them than the library does."""

def definition(t: Term) -> Term:
    """What a function stands for."""
    match t:
        case App("relu", (x,)):
            return App("max", (x, NIL))
        case App("hardtanh", (x,)):
            return App("clip", (x, Num(-F1), ONE))
        case App("silu" | "gelu" as head, (x,)):
            return mul(x, App("Phi" if head == "gelu" else "sigmoid", (x,)))
        case App("mish", (x,)):
            return mul(x, App("tanh", (App("softplus", (x,)),)))
        case App("softsign", (x,)):
            return mul(x, recip(add(ONE, App("abs", (x,)))))
        case App("clip", (x, low, high)):
            return App("min", (App("max", (x, low)), high))
        case App("leaky_relu", (x, a)):
            return add(App("max", (x, NIL)), mul(a, App("min", (x, NIL))))
        case App("elu", (x, *a)):
            return add(App("max", (x, NIL)), mul(*a, sub(App("exp", (App("min", (x, NIL)),)), ONE)))
        case App("sinh" | "cosh" as head, (x,)):
            back = App("exp", (neg(x),))
            return mul(Num(HALF), add(App("exp", (x,)), back if head == "cosh" else neg(back)))
        case App("log1p", (x,)):
            return App("log", (add(ONE, x),))
        case App("sqrt", (x,)):
            return power(x, Num(HALF))
        case App("pow", (x, Num(e))) if e < 0:
            return recip(x if e == -1 else power(x, Num(-e)))
        case App("hermite", (Num(k), x)) if k in (0, 1):
            return x if k else ONE
        case App("hermite", (Num(k), x)) if k.denominator == 1 and 2 <= k <= 9:
            one, two = (App("hermite", (Num(k - j), x)) for j in (1, 2))  # sqrt(k) h_k = x h_{k-1} - sqrt(k-1) h_{k-2}
            top = sub(mul(x, one), mul(power(Num(k - 1), Num(HALF)), two))
            return mul(top, recip(power(Num(k), Num(HALF))))
    raise Refused("a function with a definition")

def settle(u: Info) -> Info:
    """What follows of the parts of an info for each other."""
    require(u.level, "every part is defined everywhere")
    if u.constant:
        u = replace(u, level=3, growth=FLAT, slope=NOTHING, away=u.away or u.nonzero)
    below, above = u.below or u.plus or u.growth <= FLAT, u.above or u.minus or u.growth <= FLAT
    growth = min(u.growth, FLAT) if below and above else u.growth
    return replace(u, nonzero=u.nonzero or u.away, growth=growth, below=below, above=above)

def several(head: str, parts: Sequence[Info], args: Sequence[Term]) -> Info:
    """u + v + ..., u v ..., max(u, v, ...)."""
    growth, slope = max(p.growth for p in parts), max(p.slope for p in parts)
    plus, minus = [p.plus for p in parts], [p.minus for p in parts]
    nonzero, away = [p.nonzero for p in parts], [p.away for p in parts]
    below, above = [p.below for p in parts], [p.above for p in parts]
    sign = all(plus) or all(minus)
    if head == "add":
        return Info(3, growth, slope, all(plus), all(minus), sign and any(nonzero), sign and any(away),
                    all(below), all(above))
    if head == "max":
        apart = any(p.positive for p in parts) or (sign and all(nonzero))
        off = any(p.plus and p.away for p in parts) or (sign and all(away))
        return Info(3, growth, slope, any(plus), all(minus), apart, off, any(below), all(above))
    growth, slope = parts[0].growth, parts[0].slope
    for p in parts[1:]:
        growth, slope = growth.times(p.growth), max(slope.times(p.growth), p.slope.times(growth))
    odd = [parts[args.index(a)] for a in dict.fromkeys(args) if args.count(a) % 2]  # u u >= 0
    known, flips = all(p.plus or p.minus for p in odd), sum(not p.plus for p in odd) % 2 == 1
    out = Info(3, growth, slope, known and not flips, known and flips, all(nonzero), all(away))
    varying, fixed = [p for p in parts if not p.constant], [p for p in parts if p.constant]
    if len(varying) == 1 and all(p.plus or p.minus for p in fixed):
        u = varying[0] if sum(not p.plus for p in fixed) % 2 == 0 else varying[0].negated
        out = replace(out, below=u.below, above=u.above)
    return out

def single(t: Term, u: Info) -> Info:
    """f(u) for a function of one argument."""
    match t:
        case App("pow", (_, Num(e))) if e.denominator == 1 and 1 <= e <= 64:
            slope, odd = u.slope if e == 1 else u.slope.times(u.growth.to_the(e - 1)), e % 2 == 1
            return replace(u, growth=u.growth.to_the(e), slope=slope, plus=u.plus or not odd, minus=u.minus and odd,
                           below=u.below or not odd, above=u.above and odd)
        case App("pow", (_, Num(e))) if 0 < e <= 64 and e.denominator > 1:
            require(u.plus, "the base of a fractional power is not negative")
            slope = u.slope.times(u.growth.to_the(e - 1)) if e > 1 else u.slope if u.away else ANY
            return replace(
                u, level=u.level if u.away or e > 1 else min(u.level, 2), growth=u.growth.to_the(e), slope=slope
            )
        case App("recip"):
            require(u.nonzero, "the denominator is not 0")
            require(u.level >= 2 or u.away, "the denominator is continuous, or away from 0")
            growth, slope = (FLAT, u.slope) if u.away else (ANY, ANY)
            return Info(u.level, growth, slope, u.plus, u.minus, True, u.has("bounded"))
        case App("exp"):
            growth = FLAT if u.above else Rate(1, u.growth.power) if u.growth.level == 0 else ANY
            return Info(u.level, growth, u.slope.times(growth), True, False, True, u.below, above=u.above)
        case App("log"):
            require(u.positive, "the argument of the logarithm is positive")
            require(u.level >= 2, "the argument of the logarithm is continuous")
            slow = {-1: FLAT, 0: Rate(0, min(F1, u.growth.power)), 1: Rate(0, u.growth.power), 2: ANY}[u.growth.level]
            return Info(u.level, slow if u.away else ANY, u.slope if u.away else ANY, below=u.away, above=u.above)
        case App("abs"):
            return Info(u.level, u.growth, u.slope, True, False, u.nonzero, u.away)
        case App(head, (_,)) if head in LIBRARY:
            level, exponent, kind = LIBRARY[head]
            odd, rising = kind == "odd", head in ("relu", "step")  # rising: f(u) > 0 where u > 0
            nonzero = kind == "positive" or (u.nonzero and (odd or (rising and u.plus)))
            return Info(min(level, u.level), u.growth if exponent else FLAT, u.slope if level == 3 else ANY,
                        kind in ("plus", "positive") or (odd and u.plus), odd and u.minus, nonzero,
                        below=head not in ("floor", "ceil"), above=u.above)
    raise Refused("a rule for this head")

def combine(t: Term, parts: Sequence[Info]) -> Info:
    """What holds of t from what holds of its arguments."""
    require(parts and all(p.level for p in parts), "every part is defined everywhere")
    u = parts[0]
    match t:
        case App("add" | "mul" | "max" as head, args):
            out = several(head, parts, args)
        case App("min", args):
            out = several("max", [p.negated for p in parts], args).negated
        case App("neg"):
            out = u.negated
        case Bind("softmax", _, _, mask):
            out = Info(3, FLAT, u.slope, True, False, mask is None)
        case Bind("sum" | "max" | "min"):
            sign = u.plus or u.minus
            out = replace(u, nonzero=u.nonzero and sign, away=u.away and sign)
        case _:
            out = single(t, u)
    level, fixed = min(out.level, *(p.level for p in parts)), all(p.constant for p in parts)
    return settle(replace(out, level=level, constant=fixed, local=frozenset().union(*(p.local for p in parts))))

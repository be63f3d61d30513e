"""What is trusted of each named function."""

from __future__ import annotations

from fractions import Fraction

from tensorprog.kernel.core.refused import F1, HALF, NIL, Refused
from tensorprog.kernel.ground.term import ONE, App, Num, Term, add, mul, neg, power, recip, sub

# name: (level, growth exponent, what the sign of the argument says). The local Lipschitz constant is bounded, except at
# level 1. "odd": f(u) has the sign of u. "plus": f >= 0, "positive": f > 0. All but floor and ceil are bounded below.
LIBRARY: dict[str, tuple[int, int, str]] = {
    **dict.fromkeys(("tanh", "softsign", "erf", "hardtanh", "atan"), (3, 0, "odd")),
    **dict.fromkeys(("elu", "selu", "gelu", "gelu_tanh", "silu", "mish"), (3, 1, "odd")),
    **dict.fromkeys(("sin", "cos", "sinc"), (3, 0, "")),
    **dict.fromkeys(("floor", "ceil"), (1, 1, "")),
    **dict.fromkeys(("sigmoid", "Phi"), (3, 0, "positive")),
    "softplus": (3, 1, "positive"),
    "relu": (3, 1, "plus"),
    "sign": (1, 0, "odd"),
    "step": (1, 0, "plus"),
}

DEFINED = ("clip", "leaky_relu", "elu", "sinh", "cosh", "log1p", "sqrt", "hermite")

EXPANDED = (*DEFINED, "relu", "hardtanh", "silu", "gelu", "mish", "softsign")
"""With functions of the library whose definition says less of them than the library does."""


IMAGINARY = App("pow", (Num(-1), Num(HALF)))
"""The square root of -1."""


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


SELU = (Fraction("1.0507009873554804934193349852946"), Fraction("1.6732632423543772848170429916717"))


def unfolded(t: Term) -> Term:
    """A library function by step, exp and Phi."""
    match t:
        case App("relu", (u,)):
            return mul(u, App("step", (u,)))
        case App("abs", (u,)):
            return mul(u, sub(mul(Num(2), App("step", (u,))), ONE))
        case App("sign", (u,)):
            return sub(mul(Num(2), App("step", (u,))), ONE)
        case App("erf", (u,)):
            return sub(mul(Num(2), App("Phi", (mul(App("pow", (Num(2), Num(HALF))), u),))), ONE)
        case App("max" | "min" as head, (a, b, *rest)):
            one = add(b, App("relu", (sub(a, b),))) if head == "max" else sub(a, App("relu", (sub(a, b),)))
            return App(head, (one, *rest)) if rest else one
        case App("where", (App("gt" | "ge" | "lt" | "le" as head, (a, b)), yes, no)):
            gap = sub(a, b) if head in ("gt", "ge") else sub(b, a)
            return add(no, mul(sub(yes, no), App("step", (gap,))))
        case App("elu", (u, *a)):
            return add(App("relu", (u,)), mul(*a, sub(App("exp", (u,)), ONE), App("step", (neg(u),))))
        case App("selu", (u,)):
            return mul(Num(SELU[0]), App("elu", (u, Num(SELU[1]))))
        case App("sin" | "cos" as head, (u,)):
            up, down = (App("exp", (mul(c, u),)) for c in (IMAGINARY, neg(IMAGINARY)))
            return mul(Num(HALF), add(up, down)) if head == "cos" else mul(Num(-HALF), IMAGINARY, sub(up, down))
        case App(head) if head in (*DEFINED, "gelu", "hardtanh"):
            return definition(t)
    raise Refused("a function of the calculus")


ENDS = {"tanh": ONE, "erf": ONE, "Phi": ONE, "atan": mul(Num(Fraction(1, 2)), App("pi"))}
"""Limits at oo of functions that are odd, or tend to 0 at -oo."""

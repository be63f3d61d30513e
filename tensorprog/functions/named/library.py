"""The library: ONE record per named function. Adding a function is adding a record (and its numpy form)."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache

from tensorprog.functions.named.record import Break, Function
from tensorprog.kernel.ground.term import ONE, PI, transform
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Num, Term
from tensorprog.terms.operators import E, f

_F0, _F1, _HALF = Fraction(0), Fraction(1), Fraction(1, 2)
_PI = math.pi
_KINK, _JUMP = (Break(0, "kink"),), (Break(0, "jump"),)
_UP = Interval(_F0, None, True)
_POSITIVE = Interval(_F0, None)
_UNIT = Interval(_F0, _F1)
_SYMMETRIC = Interval(-_F1, _F1)
_CLOSED = Interval(-_F1, _F1, True, True)
SELU_SCALE = Fraction("1.0507009873554804934193349852946")
SELU_ALPHA = Fraction("1.6732632423543772848170429916717")
_HALF_PI = Fraction("1.570796326794896619231321691640")
"""An upper bound of pi/2 = 1.57079632679489661923132169163975..."""


@cache
def library() -> dict[str, Function]:
    """Return every record by name.

    >>> print(library()["silu"].growth, library()["tanh"].range)
    1 (-1, 1)
    """
    return {
        r.name: r for r in (*_rectifiers(), *_sigmoids(), *_elementary(), *_stepped(), *_other_spellings(), *_many())
    }


def grows_exponentially(head: str) -> bool:
    """Return whether a named function is exp, or grows like it on one side or both."""
    return head == "exp" or (head in library() and library()[head].exponential)


def opened(t: Term, known: Callable[[Function], bool]) -> Term:
    """Return the term with every function that is not `known` replaced by its definition, if it has one."""

    def leaf(u: Term) -> Term | None:
        if not isinstance(u, App) or u.head not in library() or known(library()[u.head]):
            return None
        body = library()[u.head].expand(u.args)
        return None if body is None else opened(body, known)

    return transform(t, leaf)


def _rectifiers() -> tuple[Function, ...]:
    x, a = E.var("x"), E.var("a")
    zero = E(Num(0))
    pi = E(PI)
    cdf, density = f("Phi", x), f("exp", -(x**2) / 2) / f("sqrt", 2 * pi)
    sig, sp = f("sigmoid", x), f("softplus", x)
    inner = f("sqrt", 2 / pi) * (x + Fraction("0.044715") * x**3)
    t = f("tanh", inner)
    elu_negative = a * f("exp", f("min", x, 0))
    return (
        Function("relu", ("x",), f("max", x, 0).term, (f("step", x).term,), "lipschitz", _UP, _F1, _F0,
                 zero.term, x.term, monotone="increasing",
                 at_zero=_F0, contracts=True, above_line=True, breaks=_KINK, degree=1, keeps_sign=True),
        Function("leaky_relu", ("x", "a"), (f("max", x, 0) + a * f("min", x, 0)).term,
                 ((f("step", x) + a * f("step", -x)).term, f("min", x, 0).term), "lipschitz", REALS, _F1, _F0,
                 (a * x).term, x.term,
                 at_zero=_F0, breaks=_KINK, degree=1),
        Function("elu", ("x", "a"), (f("max", x, 0) + a * (f("exp", f("min", x, 0)) - 1)).term,
                 ((f("step", x) + elu_negative * f("step", -x)).term, (f("exp", f("min", x, 0)) - 1).term),
                 "lipschitz", Interval(-_F1, None), _F1, _F0, (a * (f("exp", x) - 1)).term, x.term,
                 monotone="increasing", at_zero=_F0, only_zero=True, above_line=True, breaks=_KINK, steep=1.0,
                 line=(1, 1)),
        Function("selu", ("x",),
                 (SELU_SCALE * (f("max", x, 0) + SELU_ALPHA * (f("exp", f("min", x, 0)) - 1))).term,
                 ((SELU_SCALE * (f("step", x) + SELU_ALPHA * f("exp", f("min", x, 0)) * f("step", -x))).term,),
                 "lipschitz", Interval(-SELU_SCALE * SELU_ALPHA, None), _F1, _F0,
                 (SELU_SCALE * SELU_ALPHA * (f("exp", x) - 1)).term, (SELU_SCALE * x).term, monotone="increasing",
                 at_zero=_F0, only_zero=True, above_line=True, breaks=_KINK, steep=1.0, keeps_sign=True,
                 line=(1.06, 1.76)),
        Function("gelu", ("x",), (x * cdf).term, ((cdf + x * density).term,), "smooth",
                 Interval(Fraction("-0.17"), None), _F1, _F0, minimum=Fraction("-0.1699712074799036616939"),
                 at_zero=_F0, only_zero=True, contracts=True, above_line=True, analytic="entire", steep=1.0,
                 keeps_sign=True),
        Function("gelu_tanh", ("x",), (x / 2 * (1 + t)).term,
                 (((1 + t) / 2 + x / 2 * (1 - t**2) * f("sqrt", 2 / pi) * (1 + 3 * Fraction("0.044715") * x**2)).term,),
                 "smooth", Interval(Fraction("-0.171"), None), _F1, _F0, minimum=Fraction("-0.1700407505712540506391"),
                 at_zero=_F0, only_zero=True, contracts=True, above_line=True, analytic="meromorphic", steep=1.0,
                 keeps_sign=True),
        Function("silu", ("x",), (x * sig).term, ((sig + x * sig * f("sigmoid", -x)).term,), "smooth",
                 Interval(Fraction("-0.279"), None), _F1, _F0, minimum=Fraction("-0.2784645427610737951094"),
                 at_zero=_F0, only_zero=True, contracts=True, above_line=True, analytic="meromorphic", strip=_PI,
                 keeps_sign=True),
        Function("softplus", ("x",), f("log", 1 + f("exp", x)).term, (sig.term,), "smooth", _POSITIVE, _F1, _F0,
                 f("log1p", f("exp", x)).term, (x + f("log1p", f("exp", -x))).term, monotone="increasing",
                 above_line=True, analytic="real", strip=_PI, line=(1, 1)),
        Function("mish", ("x",), (x * f("tanh", sp)).term,
                 ((f("tanh", sp) + x * sig * (1 - f("tanh", sp) ** 2)).term,), "smooth",
                 Interval(Fraction("-0.309"), None), _F1, _F0, minimum=Fraction("-0.3088434130172504066288"),
                 at_zero=_F0, only_zero=True, contracts=True, above_line=True, analytic="meromorphic",
                 strip=3 * _PI / 4, keeps_sign=True),
    )  # fmt: skip


def _sigmoids() -> tuple[Function, ...]:
    x = E.var("x")
    pi = E(PI)
    sig, small = f("sigmoid", x), f("exp", x)
    return (
        Function("sigmoid", ("x",), (1 / (1 + f("exp", -x))).term, ((sig * f("sigmoid", -x)).term,),
                 "smooth", _UNIT, _F0, _F0, (small / (1 + small)).term, (1 / (1 + f("exp", -x))).term,
                 monotone="increasing", at_zero=_HALF, analytic="meromorphic", strip=_PI),
        Function("tanh", ("x",), (1 - 2 / (1 + f("exp", 2 * x))).term, ((1 - f("tanh", x) ** 2).term,), "smooth",
                 _SYMMETRIC, _F0, _F0, (2 * small**2 / (1 + small**2) - 1).term,
                 (1 - 2 * f("exp", -x) ** 2 / (1 + f("exp", -x) ** 2)).term, monotone="increasing",
                 parity=-1, at_zero=_F0, only_zero=True, contracts=True, analytic="meromorphic", strip=_PI / 2,
                 keeps_sign=True),
        Function("erf", ("x",), None, ((2 / f("sqrt", pi) * f("exp", -(x**2))).term,), "smooth", _SYMMETRIC, _F0, _F0,
                 monotone="increasing",
                 parity=-1, at_zero=_F0, only_zero=True, analytic="entire", steep=0.7, keeps_sign=True),
        Function("Phi", ("x",), ((1 + f("erf", x / f("sqrt", 2))) / 2).term,

                 ((f("exp", -(x**2) / 2) / f("sqrt", 2 * pi)).term,), "smooth", _UNIT, _F0, _F0,
                 monotone="increasing",
                 at_zero=_HALF, analytic="entire", steep=1.0),
        Function("softsign", ("x",), (x / (1 + f("abs", x))).term, ((1 / (1 + f("abs", x)) ** 2).term,), "lipschitz",
                 _SYMMETRIC, _F0, _F0, (x / (1 - x)).term, (x / (1 + x)).term, monotone="increasing",
                 parity=-1, at_zero=_F0, only_zero=True, contracts=True, breaks=_KINK, steep=1.0,
                 keeps_sign=True),
        Function("hardtanh", ("x",), f("max", -1, f("min", x, 1)).term,
                 ((f("step", x + 1) * f("step", 1 - x)).term,), "lipschitz", _CLOSED, _F0, _F0,
                 (E(Num(-1))).term, (E(Num(1))).term, monotone="increasing",
                 parity=-1, at_zero=_F0, only_zero=True, contracts=True,
                 breaks=(Break(-1, "kink"), Break(1, "kink")), keeps_sign=True),
    )  # fmt: skip


def _elementary() -> tuple[Function, ...]:
    x = E.var("x")
    pi = E(PI)
    tan_derivative = 1 + f("tan", x) ** 2
    root = f("sqrt", 1 - x**2)
    sinc_derivative = f("where", f("le", f("abs", x), 0), 0, (f("cos", x) - f("sinc", x)) / x)
    return (
        Function("exp", ("x",), None, (f("exp", x).term,), "smooth", _POSITIVE, None, None, monotone="increasing",
                 at_zero=_F1, above_line=True, analytic="entire", steep=_PI),
        Function("log", ("x",), None, ((1 / x).term,), "smooth", REALS, None, None, domain=_POSITIVE,
                 monotone="increasing",
                 breaks=(Break(0, "singular"),)),
        Function("log1p", ("x",), f("log", 1 + x).term, ((1 / (1 + x)).term,), "smooth", REALS, None, None,
                 domain=Interval(-_F1, None), monotone="increasing",
                 at_zero=_F0, only_zero=True, breaks=(Break(-1, "singular"),)),
        Function("sqrt", ("x",), (x ** Fraction(1, 2)).term, ((1 / (2 * f("sqrt", x))).term,), "continuous", _UP,
                 Fraction(1, 2), None, domain=_UP, monotone="increasing",
                 at_zero=_F0, only_zero=True, breaks=(Break(0, "singular"),)),
        Function("sin", ("x",), None, (f("cos", x).term,), "smooth", _CLOSED, _F0, _F0,
                 parity=-1, at_zero=_F0, contracts=True, analytic="entire"),
        Function("cos", ("x",), None, ((-f("sin", x)).term,), "smooth", _CLOSED, _F0, _F0,
                 parity=1, at_zero=_F1, analytic="entire"),
        Function("tan", ("x",), (f("sin", x) / f("cos", x)).term, (tan_derivative.term,), domain=None,
                 parity=-1, at_zero=_F0, analytic="meromorphic", breaks=(Break(_PI / 2, "pole", _PI),)),
        Function("asin", ("x",), None, ((1 / root).term,), "continuous", Interval(-_HALF_PI, _HALF_PI),
                 _F0, None, domain=_CLOSED, monotone="increasing",
                 parity=-1, at_zero=_F0, only_zero=True, breaks=(Break(-1, "singular"), Break(1, "singular")),
                 keeps_sign=True),
        Function("acos", ("x",), (pi / 2 - f("asin", x)).term, ((-(1 / root)).term,), None,
                 Interval(_F0, 2 * _HALF_PI, True), _F0, None, domain=_CLOSED, monotone="decreasing",
                 breaks=(Break(-1, "singular"), Break(1, "singular"))),
        Function("atan", ("x",), None, ((1 / (1 + x**2)).term,), "smooth", Interval(-_HALF_PI, _HALF_PI),
                 _F0, _F0, monotone="increasing",
                 parity=-1, at_zero=_F0, only_zero=True, contracts=True, analytic="real", strip=1.0, keeps_sign=True),
        Function("sinh", ("x",), ((f("exp", x) - f("exp", -x)) / 2).term, (f("cosh", x).term,), "smooth",
                 monotone="increasing",
                 parity=-1, at_zero=_F0, only_zero=True, analytic="entire", steep=_PI / 2, keeps_sign=True,
                 exponential=True),
        Function("cosh", ("x",), ((f("exp", x) + f("exp", -x)) / 2).term, (f("sinh", x).term,), "smooth",
                 Interval(_F1, None, True),
                 parity=1, at_zero=_F1, analytic="entire", steep=_PI / 2, exponential=True),
        Function("sinc", ("x",), None, (sinc_derivative.term,), "smooth", Interval(Fraction(-1, 4), _F1, False, True),
                 _F0, _F0, (f("sin", x) / x).term, (f("sin", x) / x).term,
                 parity=1, at_zero=_F1, analytic="entire", steep=3.0),
        Function("hermite", ("k", "x"), None, (), "smooth",
                 analytic="entire"),
    )  # fmt: skip


def _stepped() -> tuple[Function, ...]:
    x, m = E.var("x"), E.var("m")
    zero = E(Num(0))
    return (
        Function("sign", ("x",), None, (zero.term,), "jumps", _CLOSED, _F0, _F0, Num(-1), ONE,
                 parity=-1, at_zero=_F0, only_zero=True, breaks=_JUMP, degree=0, keeps_sign=True),
        Function("step", ("x",), ((1 + f("sign", x)) / 2).term, (zero.term,), "jumps", Interval(_F0, _F1, True, True),
                 _F0, _F0, zero.term, ONE,
                 at_zero=_HALF, breaks=_JUMP, degree=0, keeps_sign=True),
        Function("abs", ("x",), None, (f("sign", x).term,), "lipschitz", _UP, _F1, _F0, (-x).term, x.term,
                 parity=1, at_zero=_F0, only_zero=True, contracts=True, breaks=_KINK, degree=1),
        Function("floor", ("x",), None, (zero.term,), "jumps", REALS, _F1, _F0,
                 at_zero=_F0, breaks=(Break(0, "jump", 1.0),), keeps_sign=True, line=(1, 1)),
        Function("ceil", ("x",), (-f("floor", -x)).term, (zero.term,), "jumps", REALS, _F1, _F0,
                 at_zero=_F0, breaks=(Break(0, "jump", 1.0),), keeps_sign=True, line=(1, 1)),
        Function("mod", ("x", "m"), (x - m * f("floor", x / m)).term, (), "jumps", domain=None,
                 between=(zero.term, m.term)),
    )  # fmt: skip


def _other_spellings() -> tuple[Function, ...]:
    """Functions that are read as their definitions: what holds of those, certificates too, holds of them."""
    x = E.var("x")
    return (
        Function("identity", ("x",), x.term),
        Function("swish", ("x",), f("silu", x).term),
        Function("ln", ("x",), f("log", x).term),
        Function("sgn", ("x",), f("sign", x).term),
        Function("erfc", ("x",), (2 * f("Phi", -f("sqrt", 2) * x)).term),  # 1 - erf(x) without its cancellation
        Function("relu6", ("x",), f("clip", x, 0, 6).term),
        Function("logsigmoid", ("x",), (-f("softplus", -x)).term),
    )


def _many() -> tuple[Function, ...]:
    x, y, low, high, c = (E.var(name) for name in ("x", "y", "lo", "hi", "c"))
    larger, smaller = f("step", x - y), f("step", y - x)
    inside = f("step", x - low) * f("step", high - x)
    return (
        Function("max", ("x", "y"), None, (larger.term, smaller.term), "lipschitz", REALS, _F1, _F0),
        Function("min", ("x", "y"), None, (smaller.term, larger.term), "lipschitz", REALS, _F1, _F0),
        Function("clip", ("x", "lo", "hi"), f("min", f("max", x, low), high).term,
                 (inside.term, f("step", low - x).term, f("step", x - high).term), "lipschitz", REALS, _F0, _F0,
                 f("min", low, high).term, high.term, between=(low.term, high.term)),
        Function("where", ("c", "x", "y"), None, (Num(0), f("where", c, 1, 0).term, f("where", c, 0, 1).term),
                 "jumps"),
    )  # fmt: skip

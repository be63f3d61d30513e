"""Terms in Arb's ball arithmetic: every result is a set that contains the true value.

On the real axis a function is what the library says; off the axis it is the analytic continuation of the piece
that the real part lies in. With `analytic` set, a ball on which that continuation is not analytic gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from flint import acb, arb, fmpq

from tensorprog.errors import fail
from tensorprog.functions.library import SELU_ALPHA, SELU_SCALE
from tensorprog.terms import App, Num, Term, Var

Ball = Any
Number = int | float | Fraction
Values = Mapping[str, Number]
Complex = Callable[[Sequence[Ball], bool], Ball]
"""A function of complex balls and of the flag `analytic`."""


def name_of(v: Var) -> str:
    """The name under which the value of a variable is given: `x`, `x[1,2]`."""
    return v.name + (f"[{','.join(str(s) for s in v.subs)}]" if v.subs else "")


def exact(value: Number | str) -> Ball:
    """The number as a ball: rationals and floats are taken as they are."""
    if isinstance(value, float):
        return arb(value)
    q = Fraction(value)
    return arb(fmpq(q.numerator, q.denominator))


def indeterminate() -> Ball:
    return acb("nan", "nan")


def _sign(u: Ball) -> int | None:
    """The sign of the real part, where it is certain."""
    re = u.real
    return 1 if re > 0 else -1 if re < 0 else 0 if re.is_zero() else None


def _choose(sign: int | None, analytic: bool, up: Callable[[], Ball], down: Callable[[], Ball]) -> Ball:
    """`up` for a positive sign, `down` for a negative one, their union where it is not certain."""
    if sign is None or sign == 0:
        return indeterminate() if analytic else up().union(down())
    return up() if sign > 0 else down()


def _relu(u: Ball, a: bool) -> Ball:
    return u.real_max(acb(0), analytic=a)


def _log(u: Ball, a: bool) -> Ball:
    if u.imag.is_zero() and u.real <= 0:
        return indeterminate()
    return u.log(analytic=a)


def _sqrt(u: Ball, a: bool) -> Ball:
    # acb.real_sqrt is 0 at negative numbers, where a square root is undefined.
    return indeterminate() if u.imag.is_zero() and u.real < 0 else u.real_sqrt(analytic=a)


def _softplus(u: Ball, a: bool) -> Ball:
    # log(1 + e^u) = u + log(1 + e^-u): the form whose exponential is small.
    return u + (1 + (-u).exp()).log(analytic=a) if u.real.mid() > 0 else (1 + u.exp()).log(analytic=a)


def _sigmoid(u: Ball, a: bool) -> Ball:
    return 1 / (1 + (-u).exp())


def _phi(u: Ball, a: bool) -> Ball:
    return (-u / acb(2).sqrt()).erfc() / 2


def _gelu_tanh(u: Ball, a: bool) -> Ball:
    return u * (1 + ((2 / acb.pi()).sqrt() * (u + acb(fmpq(44715, 1000000)) * u**3)).tanh()) / 2


def _elu(u: Ball, a: bool, slope: Ball | None = None) -> Ball:
    return _choose(_sign(u), a, lambda: u, lambda: (1 if slope is None else slope) * u.expm1())


def _selu(u: Ball, a: bool) -> Ball:
    return acb(exact(SELU_SCALE)) * _elu(u, a, acb(exact(SELU_ALPHA)))


def _leaky(u: Ball, a: bool, slope: Ball) -> Ball:
    return _relu(u, a) - slope * _relu(-u, a)


def _clip(u: Ball, a: bool, low: Ball, high: Ball) -> Ball:
    return u.real_max(low, analytic=a).real_min(high, analytic=a)


def _sign_of(u: Ball, a: bool) -> Ball:
    return u.real_sgn(analytic=a)


def _step(u: Ball, a: bool) -> Ball:
    return (1 + u.real_sgn(analytic=a)) / 2


def _inside(u: Ball, a: bool, f: Ball) -> Ball:
    """f(u) for asin, acos: undefined beyond ±1, a branch cut there."""
    if u.imag.is_zero():
        return indeterminate() if u.real > 1 or u.real < -1 or (a and not (u.real < 1 and u.real > -1)) else f
    return indeterminate() if a and u.imag.contains(0) and not (u.real < 1 and u.real > -1) else f


def _atan(u: Ball, a: bool) -> Ball:
    cut = a and u.real.contains(0) and not (u.imag < 1 and u.imag > -1)
    return indeterminate() if cut else u.atan()


def _mod(u: Ball, a: bool, m: Ball) -> Ball:
    return u - m * (u / m).real_floor(analytic=a)


UNARY: dict[str, Callable[..., Ball]] = {
    "relu": _relu,
    "leaky_relu": _leaky,
    "elu": _elu,
    "selu": _selu,
    "gelu": lambda u, a: u * _phi(u, a),
    "gelu_tanh": _gelu_tanh,
    "silu": lambda u, a: u * _sigmoid(u, a),
    "softplus": _softplus,
    "mish": lambda u, a: u * _softplus(u, a).tanh(),
    "sigmoid": _sigmoid,
    "tanh": lambda u, a: u.tanh(),
    "erf": lambda u, a: u.erf(),
    "Phi": _phi,
    "hardtanh": lambda u, a: _clip(u, a, acb(-1), acb(1)),
    "clip": _clip,
    "sign": _sign_of,
    "step": _step,
    "abs": lambda u, a: u.real_abs(analytic=a),
    "exp": lambda u, a: u.exp(),
    "log": _log,
    "log1p": lambda u, a: _log(1 + u, a),
    "sqrt": _sqrt,
    "sin": lambda u, a: u.sin(),
    "cos": lambda u, a: u.cos(),
    "tan": lambda u, a: u.tan(),
    "asin": lambda u, a: _inside(u, a, u.asin()),
    "acos": lambda u, a: _inside(u, a, u.acos()),
    "atan": _atan,
    "sinh": lambda u, a: u.sinh(),
    "cosh": lambda u, a: u.cosh(),
    "softsign": lambda u, a: u / (1 + u.real_abs(analytic=a)),
    "floor": lambda u, a: u.real_floor(analytic=a),
    "ceil": lambda u, a: u.real_ceil(analytic=a),
    "mod": _mod,
    "sinc": lambda u, a: u.sinc(),
}


def _hermite(k: int, u: Ball) -> Ball:
    """He_k(u)/√(k!) by its three-term recursion: √(k+1) h_{k+1} = u h_k - √k h_{k-1}."""
    before, now = acb(0), acb(1)
    for j in range(k):
        before, now = now, (u * now - acb(j).sqrt() * before) / acb(j + 1).sqrt()
    return now


def _power(u: Ball, exponent: Term, value: Ball, analytic: bool) -> Ball:
    if isinstance(exponent, Num) and exponent.value.denominator == 1:
        return u ** int(exponent.value)
    if isinstance(exponent, Num) and exponent.value > 0:
        root = _sqrt(u, analytic) if exponent.value == Fraction(1, 2) else None
        if root is not None:
            return root
        if not analytic and u.imag.is_zero() and u.real.contains(0):
            # On the real axis u^p is defined for u >= 0 only, and there between 0 and its value at the upper end.
            return acb(0).union(acb(u.real.upper()) ** value)
    if u.imag.is_zero() and u.real < 0:
        return indeterminate()
    return u.pow(value, analytic=analytic)


def _holds(head: str, left: Ball, right: Ball, analytic: bool) -> bool | None:
    sign = _sign(left - right)
    if sign is None or (sign == 0 and analytic):
        return None
    return {"lt": sign < 0, "le": sign <= 0, "gt": sign > 0, "ge": sign >= 0, "eq": sign == 0, "ne": sign != 0}[head]


def ball_function(term: Term, names: Sequence[str], values: Values | None = None) -> Complex:
    """The term as a function of complex balls, one for each of `names`; other names take their `values`.

    >>> f = ball_function(App("tanh", (Var("z"),)), ["z"])
    >>> f([acb(1)], False).real.contains(arb(1).tanh())
    True
    """
    index = {n: k for k, n in enumerate(names)}
    given = {n: acb(exact(v)) for n, v in (values or {}).items()}

    def condition(t: Term, z: Sequence[Ball], a: bool) -> bool | None:
        match t:
            case App("and", parts):
                said = [condition(p, z, a) for p in parts]
                return False if False in said else None if None in said else True
            case App(head, (left, right)):
                return _holds(head, run(left, z, a), run(right, z, a), a)
        raise AssertionError(t)

    def run(t: Term, z: Sequence[Ball], a: bool) -> Ball:
        match t:
            case Num(value):
                return acb(fmpq(value.numerator, value.denominator))
            case Var():
                name = name_of(t)
                if name in index:
                    return z[index[name]]
                if name in given:
                    return given[name]
                raise fail("TP002", f"{name} has no number", t.place, help="give it with --set")
            case App("pi"):
                return acb.pi()
            case App("add", args):
                total = run(args[0], z, a)
                for x in args[1:]:
                    total = total + run(x, z, a)
                return total
            case App("mul", args):
                total = run(args[0], z, a)
                for x in args[1:]:
                    total = total * run(x, z, a)
                return total
            case App("neg", (x,)):
                return -run(x, z, a)
            case App("recip", (x,)):
                return 1 / run(x, z, a)
            case App("pow", (x, p)):
                return _power(run(x, z, a), p, run(p, z, a), a)
            case App("hermite", (Num(k), x)):
                return _hermite(int(k), run(x, z, a))
            case App("min" | "max" as head, args):
                total = run(args[0], z, a)
                for x in args[1:]:
                    other = run(x, z, a)
                    total = total.real_max(other, analytic=a) if head == "max" else total.real_min(other, analytic=a)
                return total
            case App("where", (c, yes, no)):
                said = condition(c, z, a)
                if said is None:
                    return indeterminate() if a else run(yes, z, a).union(run(no, z, a))
                return run(yes, z, a) if said else run(no, z, a)
            case App(head, (x, *more)) if head in UNARY:
                return UNARY[head](run(x, z, a), a, *(run(m, z, a) for m in more))
        raise fail("TP003", f"not a function of numbers: {type(t).__name__}", t.place)

    return lambda z, analytic: run(term, z, analytic)

"""Terms and claims as text: what is printed reads back as the same term.

Binding strength, tightest first: postfix, power (right), matmul (right), unary minus, times, plus, comparison.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorprog.kernel.ground.nodes import Claim
from tensorprog.kernel.ground.term import App, Bind, Num, Sub, Term, Var

_CMP = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_AND, _COMPARE, _SUM, _PRODUCT, _UNARY, _MATMUL, _POWER, _ATOM = range(8)


def member_text(name: str, subs: Sequence[Sub]) -> str:
    """x[1,i], or x without subscripts."""
    return f"{name}[{','.join(map(str, subs))}]" if subs else str(name)  # plain text, also of a name that is none


def _strength(t: Term) -> int:
    match t:
        case Num(value):
            if value.denominator != 1:
                return _PRODUCT
            return _ATOM if value >= 0 else _UNARY
        case App("and"):
            return _AND
        case App(head) if head in _CMP:
            return _COMPARE
        case App("add"):
            return _SUM
        case App("mul" | "recip"):
            return _PRODUCT
        case App("neg"):
            return _UNARY
        case App("matmul"):
            return _MATMUL
        case App("pow"):
            return _POWER
        case _:
            return _ATOM


def _wrap(t: Term, least: int) -> str:
    text = to_text(t)
    return text if _strength(t) >= least else f"({text})"


def _sum_text(args: tuple[Term, ...]) -> str:
    out = _wrap(args[0], _PRODUCT)
    for t in args[1:]:
        match t:
            case App("neg", (inner,)):
                out += f" - {_wrap(inner, _PRODUCT)}"
            case Num(value) if value < 0:
                out += f" - {_wrap(Num(-value), _PRODUCT)}"
            case _:
                out += f" + {_wrap(t, _PRODUCT)}"
    return out


def _product_text(args: tuple[Term, ...]) -> str:
    first = args[0]
    match first:
        case App("recip", (inner,)):
            out = f"1/{_wrap(inner, _UNARY)}"
        case Num(value) if value.denominator != 1:
            out = str(value)
        case _:
            out = _wrap(first, _UNARY)
    for t in args[1:]:
        match t:
            case App("recip", (inner,)):
                out += f"/{_wrap(inner, _UNARY)}"
            case Num(value) if value.numerator == 1 and value.denominator != 1:
                out += f"/{value.denominator}"
            case _:
                out += f"*{_wrap(t, _UNARY)}"
    return out


def _bind_text(t: Bind) -> str:
    over = ", ".join(t.over)
    mask = "" if t.mask is None else f", mask = {to_text(t.mask)}"
    match t.head:
        case "softmax":
            at = f" at {', '.join(map(to_text, t.args[1:]))}" if len(t.args) > 1 else ""
            return f"softmax({to_text(t.args[0])} over {over}{at}{mask})"
        case "attention":
            q, k, v, scale = (to_text(a) for a in t.args)
            return f"attention({q}, {k}, {v} over {over}, scale = {scale}{mask})"
        case _:
            return f"{t.head}({to_text(t.args[0])} for {over})"


def to_text(t: Term) -> str:
    """The term in the `.tp` language."""
    match t:
        case Num(value):
            return str(value)
        case Var(name, subs):
            return member_text(name, subs)
        case Bind():
            return _bind_text(t)
        case App("pi"):
            return "pi"
        case App("add", args):
            return _sum_text(args)
        case App("mul", args):
            return _product_text(args)
        case App("recip"):
            return _product_text((t,))
        case App("neg", (inner,)):
            return f"-{_wrap(inner, _UNARY)}"
        case App("pow", (base, exponent)):
            return f"{_wrap(base, _ATOM)}^{_exponent_text(exponent)}"
        case App("matmul", (weight, arg)):
            return f"{to_text(weight)} @ {_wrap(arg, _MATMUL)}"
        case App("transpose", (weight,)):
            return f"{to_text(weight)}'"
        case App("and", args):
            return " and ".join(_wrap(a, _COMPARE) for a in args)
        case App(head, (left, right)) if head in _CMP:
            return f"{_wrap(left, _SUM)} {_CMP[head]} {_wrap(right, _SUM)}"
        case App(head, args):
            return f"{head}({', '.join(to_text(a) for a in args)})"
    raise AssertionError(t)


def _exponent_text(t: Term) -> str:
    """An exponent binds like a power, and may carry a minus."""
    match t:
        case App("neg", (inner,)):
            return (
                f"-{_wrap(inner, _POWER)}" if not isinstance(inner, App) or inner.head != "neg" else f"({to_text(t)})"
            )
        case Num(value) if value < 0 and value.denominator == 1:
            return str(value)
        case _:
            return _wrap(t, _POWER)


def claim_text(c: Claim) -> str:
    """A claim as it is written."""
    if c.form in ("valid", "invalid"):
        return f"claim {c.form}"
    if c.form in ("gaussian", "not gaussian"):
        assert c.left is not None
        return f"claim {c.form}({to_text(c.left)})"
    assert c.left is not None
    assert c.right is not None
    out = f"claim {to_text(c.left)} = {to_text(c.right)}"
    if c.tolerance is not None:
        out += f" within {to_text(c.tolerance)}"
    return out if c.condition is None else f"{out} for {to_text(c.condition)}"

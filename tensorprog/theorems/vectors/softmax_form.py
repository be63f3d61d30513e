"""Softmax written out, recognised in its usual spellings, so that it is judged as one.

    exp(p_j) / sum(exp(p_l) for l)        1 / sum(exp(p_l - p_j) for l)

A sum over a denominator without its index, sum(exp(p_j) * v_j for j) / (...), is the sum of the quotients.
"""

from __future__ import annotations

from collections.abc import Callable

from tensorprog.functions.evaluate.polynomial import is_zero
from tensorprog.kernel.ground.indices import Range
from tensorprog.kernel.ground.term import add, children, mul, neg, rebuild, shift_subs, variables, walk
from tensorprog.terms import App, Bind, Num, Term, Var

Ranges = Callable[[str], Range]


def written_out_softmax(t: Term, range_of: Ranges) -> Term:
    """Return the term with every entry of a softmax that is written out replaced by that entry."""
    found = None
    match t:
        case App("mul", args):
            found = _product(args, range_of)
        case App("recip", (Bind("sum", (App("exp", (b,)),), (index,), None),)):
            found = _inverse(b, index, range_of)
    if found is not None:
        return found
    parts = tuple(written_out_softmax(p, range_of) for p in children(t))
    return rebuild(t, parts) if parts else t


def _product(args: tuple[Term, ...], range_of: Ranges) -> Term | None:
    for below in args:
        match below:
            case App("recip", (Bind("sum", (App("exp", (b,)),), (index,), None),)):
                rest = list(args)
                rest.remove(below)
                for k, above in enumerate(rest):
                    others = [written_out_softmax(a, range_of) for a in (*rest[:k], *rest[k + 1 :])]
                    entry = _entry(above, b, index, range_of)
                    if entry is not None:
                        return mul(Bind("softmax", (b, entry), (index,), None, below.place), *others)
                    inside = _inside(above, below)
                    if inside is not None:
                        return mul(written_out_softmax(inside, range_of), *others)
            case App("recip", (App("add", parts),)) if sum(isinstance(p, Bind) for p in parts) == 1:
                rest = list(args)
                rest.remove(below)
                for k, above in enumerate(rest):
                    inside = _inside(above, below)
                    if inside is not None:
                        return mul(inside, *(written_out_softmax(a, range_of) for a in (*rest[:k], *rest[k + 1 :])))
    return None


def _inside(above: Term, below: Term) -> Term | None:
    """sum(exp(..) * v) / d as sum(exp(..) * v / d), where d has none of the bound indices free."""
    match above:
        case Bind("sum", (App() as body,), over, None) if not index_names(below) & set(over):
            factors = body.args if body.head == "mul" else (body,)
            if any(isinstance(f, App) and f.head == "exp" for f in factors):
                return Bind("sum", (mul(*factors, below),), over, None, above.place)
    return None


def _inverse(b: Term, index: str, range_of: Ranges) -> Term | None:
    """1 / sum(exp(p_l + r) for l) with r = -p_j is the j-th entry."""
    terms = b.args if isinstance(b, App) and b.head == "add" else (b,)
    moving = [a for a in terms if index in index_names(a)]
    fixed = [a.args[0] if isinstance(a, App) and a.head == "neg" else neg(a) for a in terms if a not in moving]
    entry = _entry(App("exp", (add(*fixed),)), add(*moving), index, range_of) if fixed else None
    return None if entry is None else Bind("softmax", (add(*moving), entry), (index,), None)


def _entry(above: Term, b: Term, index: str, range_of: Ranges) -> Term | None:
    """Return the j for which `above` is exp(b) at index = j, within its range."""
    if not (isinstance(above, App) and above.head == "exp"):
        return None
    low, high = range_of(index)
    for s in dict.fromkeys(s for v in variables(above) for s in v.subs):
        lo, hi = (s, s) if isinstance(s, int) else range_of(s)
        if low <= lo and hi <= high and same(shift_subs(b, {index: s}), above.args[0]):
            return Num(s) if isinstance(s, int) else Var(s)
    return None


def same(a: Term, b: Term) -> bool:
    """Return whether two terms are one function as far as algebra shows, of polynomials, which are total."""
    polynomials = all(isinstance(s, Num | Var) or getattr(s, "head", "") in ("add", "mul", "neg") for s in walk(b))
    return a == b or (polynomials and is_zero(add(a, neg(b))))


def index_names(t: Term) -> set[str]:
    """Return every name that occurs in t as a name or subscript."""
    return {s for v in variables(t) for s in (v.name, *v.subs) if isinstance(s, str)}

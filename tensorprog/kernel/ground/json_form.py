"""Terms as JSON arrays, canonical both ways: numbers are strings, subscripts are strings or integers.

Num 3/2         ["num", "3/2"]
Var x[i,1]      ["var", "x", "i", 1]
App f(a, b)     ["f", a, b]
Bind            ["bind", head, [args], [indices], mask or null]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise

from tensorprog.kernel.ground.term import App, Bind, Num, Sub, Term, Var, add, mul, neg, recip

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(/[1-9][0-9]*)?\Z")
_SUB = re.compile(r"[^\W\d]\w*~*'?\Z")  # j~ is a bound index that was renamed
MAX_DEPTH = 400
MAX_DIGITS = 2_100
BUILD: dict[str, Callable[..., Term]] = {"add": add, "mul": mul, "neg": neg, "recip": recip}
BINDERS = ("sum", "max", "min", "softmax", "attention")


class Unreadable(ValueError):
    """JSON data that is not a term."""

    def __init__(self, message: str, too_deep: bool = False) -> None:
        super().__init__(message)
        self.too_deep = too_deep


def _bad(what: str) -> Unreadable:
    return Unreadable(what)


def number_from_json(text: object) -> Fraction:
    """An exact rational from its canonical string."""
    if not isinstance(text, str) or len(text) > MAX_DIGITS or not _NUMBER.match(text):
        raise _bad("a number must be a string p or p/q")
    value = Fraction(text)
    if str(value) != text:
        raise _bad(f"{text[:40]} is not in lowest terms")
    return value


def _sub(s: object) -> Sub:
    if (isinstance(s, int) and not isinstance(s, bool)) or (isinstance(s, str) and _SUB.match(s)):
        return s
    raise _bad("a subscript is an integer or a name")


def from_json(data: object, heads: Mapping[str, tuple[int, int]], depth: int = 0) -> Term:
    """Read a term of these heads; anything malformed is Unreadable, never another exception."""
    if depth > MAX_DEPTH:
        raise Unreadable(f"a term nested deeper than {MAX_DEPTH}", too_deep=True)
    match data:
        case ["num", text]:
            return Num(number_from_json(text))
        case ["var", str() as name, *subs] if _SUB.match(name):
            return Var(name, tuple(_sub(s) for s in subs))
        case ["bind", str() as head, [*args], [*over], mask] if head in BINDERS:
            names = tuple(i for i in over if isinstance(i, str) and _SUB.match(i))
            if not over or len(set(names)) != len(over):
                raise _bad("a binder needs index names")
            if len(args) not in {"attention": (4,), "softmax": (1, 1 + len(over))}.get(head, (1,)):
                raise _bad(f"{head} has the wrong number of arguments")
            if mask is not None and head not in ("softmax", "attention"):
                raise _bad(f"{head} has no mask")
            terms = tuple(from_json(a, heads, depth + 1) for a in args)
            return Bind(head, terms, names, None if mask is None else from_json(mask, heads, depth + 1))
        case [str() as head, *args] if head in heads:
            least, most = heads[head]
            if not least <= len(args) <= most:
                raise _bad(f"{head} has the wrong number of arguments")
            made = App(head, tuple(from_json(a, heads, depth + 1) for a in args))
            folded = head == "mul" and any(isinstance(a, Num) and isinstance(b, Num) for a, b in pairwise(made.args))
            if folded or (head in BUILD and BUILD[head](*made.args) != made):
                raise _bad(f"{head} is not in the form that the reader makes")
            return made
        case _:
            raise _bad("an unknown shape")

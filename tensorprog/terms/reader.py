"""From text to terms, by the grammar in `expressions.lark`; nothing in the text is ever executed.

The reader yields *raw* terms: a subscripted name is `ref(name, subscript, ...)` and a quote is `transpose`,
because only a program knows which names are weights, loops, constants and indices.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from tensorprog.errors import TensorProgError, fail
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.signatures import FUNCTIONS
from tensorprog.kernel.ground.term import App, Bind, Num, Term, Var, add, mul, neg, power, recip
from tensorprog.kernel.ground.text import to_text
from tensorprog.terms.heads import LIMIT, VECTOR
from tensorprog.terms.idioms import meant

if TYPE_CHECKING:
    from lark import Lark, Token

MAX_EXPONENT_DIGITS = 3
MAX_NUMBER_DIGITS = 1_000
MAX_NESTING = 100
MAX_STATEMENT_CHARS = 20_000

_BINDERS = {"sum": 1, "max": 1, "min": 1, "softmax": 1, "attention": 3}
_COMPARE = {"<": "lt", "<=": "le", "≤": "le", ">": "gt", ">=": "ge", "≥": "ge", "==": "eq", "!=": "ne", "≠": "ne"}
_WORDS = FUNCTIONS.keys() | LIMIT.keys() | VECTOR.keys() | _BINDERS.keys() | {"gaussian"}


def grammar_text() -> str:
    """Return the expression grammar."""
    return files("tensorprog.terms").joinpath("expressions.lark").read_text("utf-8")


def place_of(token: Token) -> Place:
    return Place(token.line or 1, token.column or 1, max(1, len(token)))


def exact_number(token: Token) -> Fraction:
    """Return a decimal literal as an exact rational, bounded in size."""
    _, _, exponent = token.lower().partition("e")
    if len(exponent.lstrip("+-")) > MAX_EXPONENT_DIGITS or len(token) > MAX_NUMBER_DIGITS:
        raise fail(
            "TP906",
            f"the number {str(token)[:20]}... is too large",
            place_of(token),
            because=f"numbers are kept exactly: at most {MAX_NUMBER_DIGITS} digits (MAX_NUMBER_DIGITS) and exponents of"
            f" at most {MAX_EXPONENT_DIGITS} digits (MAX_EXPONENT_DIGITS)",
            help="introduce a param for it, and give the number with --set",
        )
    return Fraction(str(token))


class ExpressionBuilder:
    """The grammar's rules as term constructors (called by the parser as it reduces)."""

    def __init__(self, extra: Collection[str] = (), own: Collection[str] = ()) -> None:
        self.words = _WORDS.union(extra)
        self.own = own

    def number(self, children: list[Any]) -> Term:
        return Num(exact_number(children[0]), place_of(children[0]))

    def conjunction(self, children: list[Any]) -> Term:
        return App("and", tuple(children), children[0].place)

    def comparison(self, children: list[Any]) -> Term:
        left, op, right = children
        return App(_COMPARE[op], (left, right), place_of(op))

    def sum(self, children: list[Any]) -> Term:
        terms = [children[0]]
        for sign, t in zip(children[1::2], children[2::2], strict=True):
            terms.append(neg(t, place_of(sign)) if sign.type == "MINUS" else t)
        return add(*terms, place=children[0].place)

    def product(self, children: list[Any]) -> Term:
        factors = [children[0]]
        for op, t in zip(children[1::2], children[2::2], strict=True):
            factors.append(recip(t, place_of(op)) if op.type == "SLASH" else t)
        return _bounded(mul(*factors, place=children[0].place))

    def negative(self, children: list[Any]) -> Term:
        return neg(children[1], place_of(children[0]))

    def matmul(self, children: list[Any]) -> Term:
        left, right = children
        return App("matmul", (left, right), left.place)

    def power(self, children: list[Any]) -> Term:
        base, _, exponent = children
        return power(base, exponent, base.place)

    def root(self, children: list[Any]) -> Term:
        return App("sqrt", (children[1],), place_of(children[0]))

    def reference(self, children: list[Any]) -> Term:
        (name,) = children
        return App("pi", (), place_of(name)) if name == "pi" else Var(str(name), (), place_of(name))

    def quoted(self, children: list[Any]) -> Term:
        name, _ = children
        return App("transpose", (Var(str(name), (), place_of(name)),), place_of(name))

    def member(self, children: list[Any]) -> Term:
        name, *subs = children
        place = place_of(name)
        return App("ref", (Var(str(name), (), place), *subs), place)

    def quoted_member(self, children: list[Any]) -> Term:
        *inner, _ = children
        member = self.member(inner)
        return App("transpose", (member,), member.place)

    def misquoted(self, children: list[Any]) -> Term:
        name = children[0]
        raise fail("TP001", "the transpose goes after the subscripts", place_of(name), help=f"write {name}[...]'")

    def item(self, children: list[Any]) -> tuple[Token, Term | None]:
        return (children[0], children[1])

    def call(self, children: list[Any]) -> Term:
        name, *rest = children
        place = place_of(name)
        cut = next((k for k, c in enumerate(rest) if c is None or not isinstance(c, Num | Var | App | Bind)), len(rest))
        args: tuple[Term, ...] = tuple(rest[:cut])
        if name not in self.words:
            raise fail(
                "TP002",
                f"there is no function named {name}",
                place,
                because="only the functions of the language exist; a program is never executed",
                help=self._meant(str(name), args),
            )
        if cut == len(rest) or rest[cut] is None:
            if name in ("sum", "softmax", "attention"):
                word = "for" if name == "sum" else "over"
                raise fail("TP016", f"{name} needs its indices", place, help=f"write {name}(... {word} j)")
            return App(str(name), args, place)
        return self._bind(str(name), place, args, str(rest[cut]), rest[cut + 1], rest[cut + 2 :])

    def _meant(self, name: str, args: tuple[Term, ...]) -> str:
        """What a word may mean that is no function here."""
        if name in self.own:
            return f"{name} is defined in this file, so it is no function in it; a product is written with *"
        try:
            texts = [to_text(settle(a)) for a in args]
        except TensorProgError:  # subscripts that compute
            texts = []
        otherwise = "products are written with *; docs/language.md has the functions"
        return meant(name, self.words, texts, otherwise)

    def _bind(self, head: str, place: Place, args: tuple[Term, ...], word: str, first: Token, items: list[Any]) -> Term:
        if head not in _BINDERS or (word == "for") != (head in ("sum", "max", "min")):
            raise fail("TP016", f"{head}(... {word} ...) is not part of the language", place)
        if len(args) != _BINDERS[head]:
            raise fail("TP016", f"{head} takes {_BINDERS[head]} argument(s) before its indices", place)
        over = [str(first)]
        options: dict[str, Term] = {}
        for token, value in (i for i in items if i is not None):
            if value is None and not options:
                over.append(str(token))
            elif value is not None and str(token) not in options:
                options[str(token)] = value
            else:
                raise fail("TP001", f"{token} is not allowed here", place_of(token))
        allowed = {"softmax": {"mask"}, "attention": {"mask", "scale"}}.get(head, set())
        if extra := options.keys() - allowed:
            raise fail("TP016", f"{head} has no option {min(extra)}", place)
        if head == "attention":
            args = (*args, options.get("scale", Num(1)))
        if len(set(over)) != len(over):
            raise fail("TP004", "an index is bound twice", place)
        return Bind(head, args, tuple(over), options.get("mask"), place)


@cache
def _parser(extra: frozenset[str]) -> Lark:
    from lark import Lark

    grammar = "?start: condition\n" + grammar_text() + "\n%ignore /[\\r\\n]+/\n"
    return Lark(grammar, parser="lalr", maybe_placeholders=True, transformer=ExpressionBuilder(extra))


def _bounded(t: Term) -> Term:
    """Refuse a product whose multiplied numbers have too many digits."""
    parts = t.args if isinstance(t, App) else (t,)
    limit = 10**MAX_NUMBER_DIGITS
    for n in parts:
        if isinstance(n, Num) and not (abs(n.value.numerator) < limit and n.value.denominator < limit):
            raise fail("TP906", f"this product has more than {MAX_NUMBER_DIGITS} digits (MAX_NUMBER_DIGITS)", t.place)
    return t


_SCAN = re.compile(r"[()\[\]]|\*\*|[\^@√'+*/,=<>-]")


def check_size(text: str, line: int = 1, nesting: int = MAX_NESTING, length: int = MAX_STATEMENT_CHARS) -> None:
    """Refuse text whose brackets, or chains of right-binding operators, nest too deep; before parsing."""
    if len(text) > length:
        raise fail(
            "TP903",
            f"a statement of {len(text)} characters; at most {length} are read",
            Place(line, 1),
            because="sizes are bounded before work starts",
            help="name subexpressions on separate lines, or raise the limit MAX_STATEMENT_CHARS",
        )
    depth = chain = 0
    for m in _SCAN.finditer(text):
        c = m.group()
        if c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c in ("+", "*", "/", ",", "=", "<", ">") or (c == "-" and not _is_unary(text, m.start())):
            chain = 0
        else:
            chain += 1
        if depth > nesting or chain > 2 * nesting:
            raise fail(
                "TP902",
                "this is nested too deep",
                Place(line + text.count("\n", 0, m.start()), m.start() - text.rfind("\n", 0, m.start())),
                because=f"at most {nesting} nested brackets or twice as many chained operators are read",
                help="name subexpressions on separate lines, or raise the limit MAX_NESTING",
            )


def _is_unary(text: str, at: int) -> bool:
    before = text[:at].rstrip(" \t")[-1:]
    return not before or before in "(+-*/^@,=[√<>"


def syntax_error(error: Any, text: str) -> TensorProgError:
    """Return a TP001 (or TP013) for what the parser could not read."""
    line, column = max(1, getattr(error, "line", 1) or 1), max(1, getattr(error, "column", 1) or 1)
    if getattr(error, "line", -1) in (-1, None, "?") or not isinstance(error.line, int) or error.line < 1:
        lines = text.rstrip("\n").split("\n")
        line, column = len(lines), len(lines[-1]) + 1
    token = getattr(error, "token", None)
    char = getattr(error, "char", None)
    if char is not None and not char.isascii():
        return fail(
            "TP013",
            f"the character {char!r} (U+{ord(char):04X}) is not part of the language",
            Place(line, column),
            help="names use A-Z, a-z, 0-9, _ and Greek letters",
        )
    found = (
        repr(char)
        if char is not None
        else (repr(str(token)) if token is not None and str(token).strip() else "the end of the line")
    )
    return fail(
        "TP001",
        f"{found} is not allowed here",
        Place(line, column, max(1, len(token) if token is not None and "\n" not in token else 1)),
        because="the text does not follow the grammar of the language",
        help="docs/language.md shows every statement with an example",
    )


def read_raw(text: str, extra_functions: Collection[str] = ()) -> Term:
    """Parse one expression into a raw term."""
    from lark.exceptions import LarkError, VisitError

    check_size(text)
    try:
        out: Any = _parser(frozenset(extra_functions)).parse(text)
    except (TensorProgError, LarkError) as error:
        found = error.orig_exc if isinstance(error, VisitError) else error
        if isinstance(found, LarkError):
            found = syntax_error(found, text)
        if isinstance(found, TensorProgError):
            found.sources = {None: text.split("\n")}
        raise found from None
    term: Term = out
    return term


def read(text: str, extra_functions: Collection[str] = ()) -> Term:
    """Parse one expression whose subscripts are integers or index names: `read(to_text(t)) == t`.

    >>> read("x * exp(-C * x^2)")
    App('mul', (Var('x'), App('exp', (App('mul', (App('neg', (Var('C'),)), App('pow', (Var('x'), Num(2))))),))))
    """
    return settle(read_raw(text, extra_functions))


def settle(t: Term) -> Term:
    """Raw subscripts made plain where they are integers, index names or primed index names."""
    match t:
        case App("ref", (Var(name), *subs)):
            return Var(name, tuple(_plain(s) for s in subs), t.place)
        case App("matmul", (App("transpose", (Var() as weight,)), arg)):  # W' is a matrix, i' a primed index
            return App("matmul", (App("transpose", (weight,), weight.place), settle(arg)), t.place)
        case App("transpose", (Var(name, ()),)):
            return Var(name + "'", (), t.place)
        case App(head, args):
            return App(head, tuple(settle(a) for a in args), t.place)
        case Bind(head, args, over, mask):
            new = tuple(settle(a) for a in args)
            return Bind(head, new, over, None if mask is None else settle(mask), t.place)
        case _:
            return t


def _plain(s: Term) -> int | str:
    match s:
        case Num(value) if value.denominator == 1:
            return int(value)
        case Var(name, ()):
            return name
        case App("transpose", (Var(name, ()),)):
            return name + "'"
        case _:
            raise fail("TP004", "a subscript is an integer or an index name", s.place)

"""Write terms as formulas: the writer decides what is written, a notation (LaTeX, MathML) how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from tensorprog.kernel.ground.term import App, Bind, Num, Sub, Term, Var, add, mul

_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ"
_SPELLED = (
    "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon varphi chi"
    " psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
GREEK = dict(zip(_LETTERS, _SPELLED.split(), strict=True))
_WORDS = {word: letter for letter, word in GREEK.items()} | {"epsilon": "ε", "phi": "φ"}
_COMPARE = {"lt": "<", "le": "≤", "gt": ">", "ge": "≥", "eq": "=", "ne": "≠"}
_NAMES = {"cov": "Cov", "var": "Var", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}
_SPECIAL = {"Phi2": "Φ2", "OwenT": "T", "Signs4": "S4"}
SUM, PRODUCT, UNARY, ATOM = range(4)


class Notation(Protocol):
    """How the parts of a formula are put together; every method returns a formula in the notation."""

    space: str

    def letter(self, c: str) -> str: ...
    def word(self, text: str) -> str: ...
    def function(self, name: str) -> str: ...
    def number(self, digits: str) -> str: ...
    def sign(self, c: str) -> str: ...
    def text(self, words: str) -> str: ...
    def raw(self, written: str) -> str: ...
    def row(self, *parts: str) -> str: ...
    def below(self, base: str, index: str) -> str: ...
    def above(self, base: str, exponent: str) -> str: ...
    def primed(self, base: str, count: int) -> str: ...
    def ringed(self, base: str) -> str: ...
    def fraction(self, top: str, bottom: str) -> str: ...
    def root(self, inside: str) -> str: ...
    def fenced(self, left: str, inside: str, right: str) -> str: ...
    def big(self, sign: str, below: str, above: str = "") -> str: ...
    def rows(self, rows: Sequence[Sequence[str]], left: str, right: str) -> str: ...


class Writer:
    """Writes terms in one notation; where `member` returns text for a variable, that is written.

    >>> from tensorprog.terms import read
    >>> from tensorprog.terms.latex import LATEX
    >>> print(Writer(LATEX).term(read("-(x[1] + y)*sigma/2")))
    -\\frac{\\left(x_{1} + y\\right)\\,\\sigma}{2}
    """

    def __init__(self, notation: Notation, member: Callable[[Var], str | None] = lambda v: None) -> None:
        self.n, self.member = notation, member

    # -- names -----------------------------------------------------------------------------------------------------

    def name(self, text: str) -> str:
        """Write a name: Greek words as letters, longer words upright, digits and what follows `_` below.

        A number after `_` goes above, in brackets: h_1 is no member of h, as h[1] is.
        """
        if text.startswith("{"):
            return self.n.raw(text)
        base = text.rstrip("'~")
        start, _, number = base.rpartition("_")
        if start.strip("_") and number.isdigit():
            above = self.n.row(self.n.sign("("), self.n.number(number), self.n.sign(")"))
            out = self.n.above(self.name(start), above)
        else:
            head = base.rstrip("0123456789")
            stem, _, rest = head.partition("_")
            below = [self._piece(p) for p in (*rest.split("_"), base[len(head) :]) if p]
            out = self._piece(stem or "_")
            out = self.n.below(out, self.listed(below)) if below else out
        return self.n.primed(out, len(text) - len(base))

    def _piece(self, text: str) -> str:
        text = _WORDS.get(text, text)
        return self.n.number(text) if text.isdigit() else self.n.letter(text) if len(text) == 1 else self.n.word(text)

    def index(self, s: Sub) -> str:
        """Write a subscript."""
        return self.n.number(str(s)) if isinstance(s, int) else self.name(s)

    def variable(self, v: Var) -> str:
        """Write a variable with its subscripts below."""
        base = self.name(v.name)
        return self.n.below(base, self.listed(map(self.index, v.subs))) if v.subs else base

    def listed(self, items: Iterable[str], comma: str = ",") -> str:
        """Write formulas with commas between them."""
        out: list[str] = []
        for item in items:
            out += [self.n.sign(comma), item] if out else [item]
        return out[0] if len(out) == 1 else self.n.row(*out)

    # -- terms -----------------------------------------------------------------------------------------------------

    def term(self, t: Term, least: int = SUM) -> str:
        """Write a term; in brackets if it binds less tightly than `least`."""
        text, strength = self._term(t)
        return text if strength >= least else self.n.fenced("(", text, ")")

    def equation(self, left: str, right: str) -> str:
        """Write left = right."""
        return self.n.row(left, self.n.sign("="), right)

    def matrix(self, rows: Sequence[Sequence[Term]]) -> str:
        """Write a matrix of terms; a single entry without brackets."""
        written = [[self.term(t) for t in row] for row in rows]
        return written[0][0] if len(rows) == 1 else self.n.rows(written, "(", ")")

    def call(self, function: str, *args: str) -> str:
        """Write a function with its arguments."""
        return self.n.row(function, self.n.fenced("(", self.listed(args, ", "), ")"))

    def product(self, *factors: str) -> str:
        """Write factors side by side."""
        out = [x for f in factors for x in (self.n.space, f)]
        return factors[0] if len(factors) == 1 else self.n.row(*out[1:])

    def _term(self, t: Term) -> tuple[str, int]:
        n = self.n
        negative, t = _sign(t)
        if negative:
            return n.row(n.sign("-."), self.term(t, PRODUCT)), UNARY
        match t:
            case Num(value) if value.denominator == 1:
                return n.number(str(value)), ATOM
            case Var():
                return self.member(t) or self.variable(t), ATOM
            case App("pi"):
                return n.letter("π"), ATOM
            case App("add", args):
                out = [self.term(args[0], PRODUCT)]
                for negative, a in map(_sign, args[1:]):
                    out += [n.sign("-" if negative else "+"), self.term(a, PRODUCT)]
                return n.row(*out), SUM
            case Num() | App("mul" | "recip"):
                return self._fraction(*_parts(t))
            case App("pow", (a, b)):
                return n.above(self.term(a, ATOM), self.term(b)), PRODUCT
            case App("exp", (a,)):
                return n.above(n.letter("e"), self.term(a)), PRODUCT
            case App("sqrt", (a,)):
                return n.root(self.term(a)), ATOM
            case App("abs", (a,)):
                return n.fenced("|", self.term(a), "|"), ATOM
            case App("matmul", (w, x)):
                return self.product(self.term(w, ATOM), self.term(x, ATOM)), PRODUCT
            case App("transpose", (w,)):
                return n.above(self.term(w, ATOM), n.sign("⊤")), ATOM
            case App("dot", (u, v)):
                return n.fenced("⟨", self.listed([self.term(u), self.term(v)], ", "), "⟩"), ATOM
            case App("mean", (f,)):
                inside = n.below(n.fenced("(", self.term(f), ")"), n.letter("α"))
                sum_ = n.big("∑", n.row(n.letter("α"), n.sign("="), n.number("1")), n.letter("n"))
                return n.row(n.fraction(n.number("1"), n.letter("n")), sum_, inside), PRODUCT
            case App("where", (c, a, b)):
                return n.rows([[self.term(a), self.term(c)], [self.term(b), n.text("otherwise")]], "{", ""), ATOM
            case App("and", args):
                return self.listed(map(self.term, args), "∧"), SUM
            case App(head, (a, b)) if head in _COMPARE:
                return n.row(self.term(a), n.sign(_COMPARE[head]), self.term(b)), SUM
            case App("hermite", (k, x)):
                return self.call(n.below(n.letter("h"), self.term(k)), self.term(x)), ATOM
            case App("E", args):
                return self.expectation(*map(self.term, args)), ATOM
            case App("ErfRe" | "ErfIm", (x, y)):
                at = self.term(add(x, mul(Var("i"), y)))
                return n.row(n.function(t.head[3:]), self.call(n.function("erf"), at)), ATOM
            case App(head, args):
                name = self.name(_SPECIAL[head]) if head in _SPECIAL else n.function(_NAMES.get(head, head))
                return self.call(name, *map(self.term, args)), ATOM
            case Bind():
                return self._bind(t)
        raise AssertionError(t)

    def expectation(self, *inside: str) -> str:
        """Write the expectation of a formula."""
        return self.n.row(self.n.letter("𝔼"), self.n.fenced("[", self.listed(inside, ", "), "]"))

    def _fraction(self, above: list[Term], below: list[Term]) -> tuple[str, int]:
        above = above or [Num(1)]
        if not below:
            return (self._factors(above), PRODUCT) if len(above) > 1 else self._term(above[0])
        bottom, one = self._factors(below), self.n.number("1")
        if any(isinstance(f, Bind) for f in above):
            return self.n.row(self.n.fraction(one, bottom), self._factors(above, PRODUCT)), PRODUCT
        return self.n.fraction(self._factors(above), bottom), PRODUCT

    def _factors(self, factors: Sequence[Term], alone: int = SUM) -> str:
        """Write factors side by side; a sum over an index is bracketed unless it comes last."""
        if len(factors) == 1:
            return self.term(factors[0], alone)
        out: list[str] = []
        for k, f in enumerate(factors):
            between = self.n.sign("⋅") if _begins_with_a_number(f) else self.n.space
            last = k == len(factors) - 1
            out += [between, self.term(f, ATOM if isinstance(f, Bind) and not last else PRODUCT)]
        return self.n.row(*out[1:])

    def _bind(self, t: Bind) -> tuple[str, int]:
        over = self.listed(map(self.index, t.over))
        if t.head not in ("softmax", "attention"):
            sign = self.n.big("∑" if t.head == "sum" else t.head, over)
            return self.n.row(sign, self.term(t.args[0], PRODUCT)), PRODUCT
        where = over if t.mask is None else self.n.row(over, self.n.sign(", "), self.term(t.mask))
        softmax = self.n.below(self.n.function("softmax"), where)
        if t.head == "attention":
            q, k, v, scale = map(self.term, t.args)
            score = self.product(scale, self.n.fenced("⟨", self.listed([q, k], ", "), "⟩"))
            return self.n.row(self.n.big("∑", over), self.call(softmax, score), self.n.space, v), PRODUCT
        out = self.call(softmax, self.term(t.args[0]))
        return self.n.below(out, self.listed(map(self.term, t.args[1:]))) if len(t.args) > 1 else out, ATOM


def _sign(t: Term) -> tuple[bool, Term]:
    """Split a term into its sign and the rest."""
    match t:
        case Num(value):
            return value < 0, Num(abs(value))
        case App("neg", (a,)):
            negative, a = _sign(a)
            return not negative, a
        case App("recip", (a,)):
            negative, a = _sign(a)
            return negative, App("recip", (a,))
        case App("mul", args):
            signs, factors = zip(*map(_sign, args), strict=True)
            return sum(signs) % 2 == 1, App("mul", factors)
    return False, t


def _begins_with_a_number(t: Term) -> bool:
    return isinstance(t, Num) or (isinstance(t, App) and t.head == "pow" and _begins_with_a_number(t.args[0]))


def _parts(t: Term) -> tuple[list[Term], list[Term]]:
    """Find the factors above and below the line of a fraction; numbers come first."""
    match t:
        case Num(value):
            return [Num(x) for x in (value.numerator,) if x != 1], [Num(x) for x in (value.denominator,) if x != 1]
        case App("recip", (a,)):
            above, below = _parts(a)
            return below, above
        case App("mul", args):
            pairs = sorted(map(_parts, args), key=lambda p: not all(isinstance(f, Num) for side in p for f in side))
            return [f for above, _ in pairs for f in above], [f for _, below in pairs for f in below]
    return [t], []

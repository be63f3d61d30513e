"""Between our terms and sympy: a workshop for closed forms, loaded only when asked for.

`to_sympy` may simplify (sympy does so on construction), so what it returns is a candidate, never evidence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from tensorprog.errors import fail
from tensorprog.functions.named.library import library
from tensorprog.functions.named.sympy_forms import forms, heads
from tensorprog.kernel.ground.term import App, Bind, Num, Term, Var, add, mul, neg, power, recip
from tensorprog.kernel.ground.text import to_text
from tensorprog.terms.formula import Notation, Writer

_NAME = re.compile(r"([^\W\d]\w*)(?:\[([^\]]*)\])?\Z")


def symbol(v: Var) -> Any:
    """Return the real sympy symbol of a variable."""
    import sympy

    return sympy.Symbol(to_text(v), real=True)


def to_sympy(term: Term, symbols: Mapping[str, Any] | None = None) -> Any:
    """Return the term as a sympy expression in real symbols.

    `symbols` gives the symbol (or any expression) of a name as it is spelled, such as `x` or `x[1,2]`.

    >>> from tensorprog.terms import read
    >>> print(to_sympy(read("relu(x) + 1/3")))
    Max(0, x) + 1/3
    """
    import sympy

    given = symbols or {}
    match term:
        case Num(value):
            return sympy.Rational(value.numerator, value.denominator)
        case Var():
            return given[to_text(term)] if to_text(term) in given else symbol(term)
        case App(head, args):
            build = forms().get(head)
            body = library()[head].expand(args) if build is None and head in library() else None
            if body is not None:
                return to_sympy(body, given)
            if build is None:
                raise fail("TP003", f"{head} has no sympy form", term.place)
            return build(*(to_sympy(a, given) for a in args))
        case Bind(head):
            raise fail("TP003", f"{head} over an index has no sympy form", term.place, help="expand the family first")
    raise AssertionError(term)


def from_sympy(expr: Any) -> Term:
    """Return a sympy expression (never text) as a term; what the language has no word for is an error TP002.

    >>> import sympy
    >>> from tensorprog.terms import to_text
    >>> x = sympy.Symbol("x", real=True)
    >>> to_text(from_sympy(sympy.Max(x, 0) + sympy.erf(x) / 2))
    'erf(x)/2 + max(0, x)'
    """
    return _Terms().term(expr)


def shown_term(expr: Any) -> Term:
    """Return a sympy expression as a term to be written: in the order in which sympy prints, any function by its name.

    A symbol whose name begins with a brace is written already.
    """
    return _Shown().term(expr)


def formula(expr: Any, notation: Notation) -> str:
    """Write a sympy expression, its symbols as params and members are written everywhere."""
    return Writer(notation).term(shown_term(expr))


class _Terms:
    """Terms of sympy expressions, in words of the language alone."""

    def term(self, expr: Any) -> Term:
        import sympy as s

        if isinstance(expr, bool | int | float | Fraction) or not isinstance(expr, s.Basic):
            return _from_python(expr)
        if isinstance(expr, s.Symbol):
            return self.symbol(expr)
        if isinstance(expr, s.Rational):
            return Num(Fraction(int(expr.p), int(expr.q)))
        if isinstance(expr, s.Float):
            return _from_python(float(expr))
        if expr is s.pi:
            return App("pi")
        if expr is s.E:
            return App("exp", (Num(1),))
        if isinstance(expr, s.Pow):
            return self.power(*expr.as_base_exp()) if not isinstance(expr.base, s.exp) else self.power(*expr.args)
        if isinstance(expr, s.Piecewise):
            return self.piecewise(expr)
        if isinstance(expr, s.Add):
            return add(
                *(neg(self.term(-a)) if a.could_extract_minus_sign() else self.term(a) for a in self.parts(expr))
            )
        if isinstance(expr, s.Mul):
            return self.product(expr)
        return self.function(expr)

    def parts(self, expr: Any) -> Sequence[Any]:
        """Addends of a sum, factors of a product."""
        return tuple(expr.args)

    def symbol(self, expr: Any) -> Term:
        found = _NAME.match(expr.name)
        if found is None:
            raise fail("TP002", f"{expr.name!r:.60} is not a name of the language")
        subs = tuple(int(p) if p.strip().lstrip("-").isdigit() else p.strip() for p in (found[2] or "").split(",") if p)
        return Var(found[1], subs)

    def function(self, expr: Any) -> Term:
        import sympy as s

        if isinstance(expr, s.Heaviside) and len(expr.args) > 1 and expr.args[1] != s.Rational(1, 2):
            raise fail("TP002", "step is 1/2 at 0; another value there has no word in the language")
        if isinstance(expr, s.erfc):
            return add(Num(1), neg(App("erf", (self.term(expr.args[0]),))))
        head = heads().get(expr.func)
        if head is None:
            raise fail("TP002", f"the language has no function {expr.func.__name__}")
        args = expr.args[:1] if head == "step" else expr.args
        return App(head, tuple(map(self.term, args)))

    def product(self, expr: Any) -> Term:
        if expr.could_extract_minus_sign() and expr.args[0].is_Rational:
            return neg(self.term(-expr))
        top: list[Term] = []
        bottom: list[Term] = []
        for a in self.parts(expr):
            base, exponent = a.as_base_exp()
            if exponent.is_Rational and exponent < 0 and not a.is_Rational and a.func.__name__ != "exp":
                bottom.append(self.power(base, -exponent))
            elif a.is_Rational:
                top += [Num(int(a.p))] if a.p != 1 else []
                bottom += [Num(int(a.q))] if a.q != 1 else []
            else:
                top.append(self.term(a))
        return mul(*top, *(recip(b) for b in bottom))

    def power(self, base: Any, exponent: Any) -> Term:
        import sympy as s

        if base is s.E:
            return App("exp", (self.term(exponent),))
        if exponent == 1:
            return self.term(base)
        if exponent.is_Rational and exponent < 0:
            return recip(self.power(base, -exponent))
        if exponent == s.Rational(1, 2):
            return App("sqrt", (self.term(base),))
        return power(self.term(base), self.term(exponent))

    def piecewise(self, expr: Any) -> Term:
        *first, (last, condition) = expr.args
        if condition != True:  # noqa: E712 - sympy's own True
            raise fail("TP002", "a Piecewise must end with a case that is always true")
        out = self.term(last)
        for value, when in reversed(first):
            out = App("where", (self.term(when), self.term(value), out))
        return out


class _Shown(_Terms):
    """Terms of sympy expressions, to be written and not to be read."""

    def parts(self, expr: Any) -> Sequence[Any]:
        return tuple(expr.as_ordered_terms() if expr.is_Add else expr.as_ordered_factors())

    def term(self, expr: Any) -> Term:
        return Var(f"{{{expr}}}") if getattr(expr, "is_Float", False) else super().term(expr)

    def symbol(self, expr: Any) -> Term:
        return super().symbol(expr) if _NAME.match(expr.name) else Var(expr.name)

    def function(self, expr: Any) -> Term:
        if not expr.args:
            return Var({"oo": "∞", "zoo": "∞", "I": "i"}.get(str(expr), str(expr)))
        head = heads().get(expr.func, expr.func.__name__)
        return App(head, tuple(map(self.term, expr.args[:1] if head == "step" else expr.args)))


def _from_python(value: object) -> Term:
    if isinstance(value, int | Fraction) and not isinstance(value, bool):
        return Num(value)
    if isinstance(value, float) and math.isfinite(value):
        return Num(Fraction(repr(value)))
    raise fail("TP003", f"{value!r:.60} is not an expression")


def symbol_assumptions(*exprs: Any) -> dict[str, str]:
    """Read what sympy symbols are assumed to be, in words of the language: `positive=True` is an assumption on a param.

    An integer is at least the next one: positive integers are >= 1. What is only an integer has no such form: it is
    an error TP018, because a statement for all reals would be decided at numbers that it is not about.

    >>> import sympy
    >>> symbol_assumptions(sympy.Symbol("eps", positive=True) + sympy.Symbol("k", integer=True, negative=True))
    {'eps': '> 0', 'k': '<= -1'}
    """
    import sympy as s

    out: dict[str, str] = {}
    found = {x for e in exprs if isinstance(e, s.Basic) for x in e.free_symbols}
    for x in sorted(found, key=str):
        whole = bool(x.is_integer)
        if x.is_positive:
            out[str(x)] = ">= 1" if whole else "> 0"
        elif x.is_negative:
            out[str(x)] = "<= -1" if whole else "< 0"
        elif x.is_nonnegative:
            out[str(x)] = ">= 0"
        elif x.is_nonpositive:
            out[str(x)] = "<= 0"
        elif whole:
            raise fail("TP018", f"{x} is an integer, and what is known here is known of all real numbers",
                       help="assume it to be positive or nonnegative, or leave the assumption away")  # fmt: skip
    return out

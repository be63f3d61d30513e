"""The reference corpus in our terms: a small translation of sympy syntax for our own file, unevaluated."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import sympy as sp

from tensorprog.kernel.ground.term import PI, add, mul, power
from tensorprog.numbers.interval import Interval
from tensorprog.terms import App, Num, Term, Var

FILE = Path(__file__).parents[1] / "reference" / "functions.json"
HEADS = {"Max": "max", "Min": "min", "Abs": "abs", "sign": "sign", "Heaviside": "step", "log": "log", "exp": "exp",
         "sin": "sin", "cos": "cos", "tanh": "tanh", "erf": "erf", "atan": "atan", "cosh": "cosh", "sinh": "sinh",
         "floor": "floor"}  # fmt: skip


def from_sympy(e: Any) -> Term:
    """The term that says what an unevaluated sympy expression says."""
    if e is sp.pi:
        return PI
    if e.is_Rational:
        return Num(Fraction(int(e.p), int(e.q)))
    if e.is_Symbol:
        return Var(e.name)
    if e.is_Add:
        return add(*map(from_sympy, e.args))
    if e.is_Mul:
        return mul(*map(from_sympy, e.args))
    if e.is_Pow:
        base, exponent = map(from_sympy, e.args)
        if e.args[0] is sp.E:
            return App("exp", (exponent,))
        return App("recip", (base,)) if exponent == Num(-1) else power(base, exponent)
    if isinstance(e, sp.Piecewise):
        out: Term | None = None
        for value, condition in reversed(e.args):
            v = from_sympy(value)
            out = v if out is None else App("where", (relation(condition), v, out))
        assert out is not None
        return out
    name = type(e).__name__
    args = e.args[:1] if name == "Heaviside" else e.args
    return App(HEADS[name], tuple(map(from_sympy, args)))


def relation(c: Any) -> Term:
    """A comparison."""
    names = {sp.StrictGreaterThan: "gt", sp.GreaterThan: "ge", sp.StrictLessThan: "lt", sp.LessThan: "le"}
    return App(names[type(c)], (from_sympy(c.lhs), from_sympy(c.rhs)))


@dataclass(frozen=True)
class Case:
    """One function of the corpus with its known truths."""

    text: str
    term: Term
    vars: list[str]
    assumptions: dict[str, Interval]
    data: dict[str, Any]


def cases() -> Iterator[Case]:
    """Every function of the corpus."""
    for data in json.loads(FILE.read_text()):
        names = [*data["vars"], *data["params"]]
        symbols = {n: sp.Symbol(n, real=True) for n in names}
        with sp.evaluate(False):
            e = sp.sympify(data["expr"], locals=symbols, evaluate=False)
        params = {n: Interval(Fraction(0), None) if k == "positive" else Interval() for n, k in data["params"].items()}
        yield Case(data["expr"], from_sympy(e), data["vars"], params, data)

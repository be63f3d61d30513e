"""What a caller may write for a term, a covariance and a mean; everything else is refused by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import sympy

from tensorprog.errors import fail
from tensorprog.functions.evaluate.sympy_bridge import from_sympy, to_sympy
from tensorprog.functions.named.registry import expand, read_term
from tensorprog.gaussian.problem.covariance import SLACK, semidefinite
from tensorprog.kernel.ground.term import App, Bind
from tensorprog.kernel.ground.term import variables as variables_of
from tensorprog.terms import Num, Term, Var, read, to_text


def term_of(x: Term | str | Any) -> Term:
    """Return text, a sympy expression or a term as a term."""
    if isinstance(x, Num | Var | App | Bind):
        return expand(x)
    return read_term(x) if isinstance(x, str) else from_sympy(x)


def names_in(term: Term, given: Sequence[str | Var] | None, params: Mapping[str, Any]) -> tuple[Var, ...]:
    """Return the Gaussian variables: those given, else every name that is no param, in order of first use."""
    if given is not None:
        out = []
        for g in given:
            v = g if isinstance(g, Var) else read(g)
            if not isinstance(v, Var):
                raise fail("TP001", f"{g} is not a variable")
            out.append(v)
        if len(set(out)) < len(out):
            raise fail("TP005", "a variable is listed twice")
        return tuple(out)
    return tuple(v for v in variables_of(term) if to_text(v) not in params)


Matrix = tuple[tuple[Any, ...], ...]


def entries(cov: Any, mean: Any, size: int) -> tuple[Matrix, tuple[Any, ...]]:
    """Check covariance and mean (shape, symmetry and, of numbers, semidefiniteness); return them as sympy entries."""
    if cov is None:
        k: Matrix = tuple(tuple(_generic(min(i, j), max(i, j), size) for j in range(size)) for i in range(size))
    else:
        k = tuple(tuple(_entry(x) for x in _row(row)) for row in _row(cov))
        if len(k) != size or any(len(row) != size for row in k):
            raise fail(
                "TP008",
                f"the covariance is {len(k)} x {len(k[0]) if k else 0}, and is to be {size} x {size}",
                because=f"the expression has {size} variable(s)",
                help="variables come in order of first use; name them to choose another order or to declare params",
            )
        k = _symmetric(k)
        if all(x.is_Rational for row in k for x in row):
            semidefinite([[Fraction(int(x.p), int(x.q)) for x in row] for row in k])
    m = tuple(_entry(x) for x in _row(mean)) if mean is not None else (sympy.S.Zero,) * size
    if len(m) != size:
        raise fail("TP008", f"the mean has {len(m)} entries for {size} variables")
    return k, m


def _generic(i: int, j: int, size: int) -> Any:
    return sympy.Symbol(f"K{i + 1}{'_' if size > 9 else ''}{j + 1}", real=True)


def _row(x: Any) -> Sequence[Any]:
    if hasattr(x, "tolist"):
        x = x.tolist()
    if isinstance(x, str) or not isinstance(x, Sequence):
        raise fail("TP008", "a covariance is a list of rows, a mean a list")
    return x


def _entry(x: Any) -> Any:
    """Read one number or expression exactly; floats are read as the decimals they print as."""
    if isinstance(x, bool):
        raise fail("TP008", "a truth value in a covariance or mean")
    if isinstance(x, Num | Var | App | Bind | str):
        return to_sympy(term_of(x))
    if isinstance(x, sympy.Basic) and not isinstance(x, sympy.Float):
        if x.has(sympy.nan, sympy.oo, sympy.zoo, -sympy.oo):
            raise fail("TP008", f"{x} in a covariance or mean", help="every entry must be a finite number")
        return x.xreplace({s: sympy.Symbol(s.name, real=True) for s in x.free_symbols})
    if isinstance(x, int | Fraction):
        return sympy.Rational(Fraction(x).numerator, Fraction(x).denominator)
    number = float(x)
    if not math.isfinite(number):
        raise fail("TP008", f"{number} in a covariance or mean", help="every entry must be a finite number")
    q = Fraction(repr(number))
    return sympy.Rational(q.numerator, q.denominator)


def _symmetric(k: Matrix) -> Matrix:
    size = range(len(k))
    scale = max((abs(k[i][i]) for i in size if k[i][i].is_Rational), default=sympy.S.Zero)
    out = [list(row) for row in k]
    for i in size:
        for j in range(i):
            a, b = k[i][j], k[j][i]
            if a == b:
                continue
            if a.is_Rational and b.is_Rational:
                same = abs(a - b) <= SLACK * scale
            else:
                same = sympy.simplify(a - b) == 0
            if not same:
                raise fail(
                    "TP008", f"the covariance is not symmetric: entries {i + 1},{j + 1} and {j + 1},{i + 1} differ"
                )
            out[i][j] = out[j][i] = (a + b) / 2 if a.is_Rational else b
    return tuple(tuple(row) for row in out)

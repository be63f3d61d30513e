"""Fractional absolute moments of one or two centred Gaussian variables, with variances v1, v2 and r = K12/√(v1 v2).

    E |Z|^p                          = (2v)^{p/2} Γ((p+1)/2)/√π
    E |Z1|^p |Z2|^q                  = (2v1)^{p/2} (2v2)^{q/2} Γ((p+1)/2) Γ((q+1)/2)/π · 2F1(-p/2, -q/2; 1/2; r²)
    E sg(Z1)|Z1|^p sg(Z2)|Z2|^q      = (2v1)^{p/2} (2v2)^{q/2} Γ(p/2+1) Γ(q/2+1) (2r/π) · 2F1((1-p)/2, (1-q)/2; 3/2; r²)

for p, q > -1. (Mehler: the coefficients of |z|^p on even Hermite polynomials, of sg(z)|z|^p on odd ones, sum to a 2F1.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy

from tensorprog.functions.evaluate.sympy_bridge import to_sympy
from tensorprog.functions.named.library import library
from tensorprog.gaussian.closed.engine import ClosedForm, Problem, defined
from tensorprog.gaussian.closed.steps import Step
from tensorprog.gaussian.exact.ground import NoClosedForm
from tensorprog.kernel.ground.term import walk
from tensorprog.terms import App, Num, Term, Var

MAX_PARTS = 200
MAX_EXPONENT = 20


@dataclass(frozen=True, slots=True)
class Part:
    """c · Π |z_i|^p_i sg(z_i)^odd_i."""

    c: Any
    powers: tuple[Any, ...]
    odd: tuple[bool, ...]


def closed_form(problem: Problem) -> ClosedForm:
    """E of a sum of products of absolute powers, or `NoClosedForm`."""
    size = len(problem.variables)
    if size not in (1, 2) or any(m != 0 for m in problem.mean):
        raise NoClosedForm("fractional powers of variables that are not one or two centred ones")
    total = sympy.Add(*(part.c * _moment(problem, part) for part in _parts(problem, problem.term)))
    return ClosedForm(total, (), lambda: (Step("powers", f"E[{to_sympy(problem.term)}]", total),))


def _moment(problem: Problem, part: Part) -> Any:
    for p in part.powers:
        low = problem.bounds[p.name].low if p.is_Symbol and p.name in problem.bounds else None
        if not (p.is_Rational and p > -1) and not (low is not None and low >= -1):
            raise NoClosedForm("a power that may be -1 or less")
    if len(part.powers) == 1:
        (p,) = part.powers
        return (
            sympy.S.Zero
            if part.odd[0]
            else (2 * problem.cov[0][0]) ** (p / 2) * sympy.gamma((p + 1) / 2) / sympy.sqrt(sympy.pi)
        )
    if part.odd[0] != part.odd[1]:
        return sympy.S.Zero
    (v1, c), (_, v2) = problem.cov
    p, q = part.powers
    square = c**2 / (v1 * v2)
    size = (2 * v1) ** (p / 2) * (2 * v2) ** (q / 2) / sympy.pi
    if part.odd[0]:
        series = _series((1 - p) / 2, (1 - q) / 2, sympy.Rational(3, 2), square)
        return size * sympy.gamma(p / 2 + 1) * sympy.gamma(q / 2 + 1) * 2 * c / sympy.sqrt(v1 * v2) * series
    return (
        size
        * sympy.gamma((p + 1) / 2)
        * sympy.gamma((q + 1) / 2)
        * _series(-p / 2, -q / 2, sympy.Rational(1, 2), square)
    )


def _series(a: Any, b: Any, c: Any, x: Any) -> Any:
    """2F1(a, b; c; x), a polynomial where a or b is 0, -1, -2, ..."""
    for n in (a, b):
        if n.is_Integer and n <= 0:
            terms = (
                sympy.rf(a, k) * sympy.rf(b, k) / sympy.rf(c, k) * x**k / sympy.factorial(k) for k in range(1 - int(n))
            )
            return sympy.Add(*terms)
    return sympy.hyper((a, b), (c,), x)


def _parts(problem: Problem, t: Term) -> list[Part]:
    size = len(problem.variables)
    blank = ((sympy.S.Zero,) * size, (False,) * size)
    if not any(v in problem.variables for v in walk(t) if isinstance(v, Var)):
        return [Part(defined(t), *blank)]
    match t:
        case Var():
            here = tuple(v == t for v in problem.variables)
            return [Part(sympy.S.One, tuple(sympy.Integer(int(h)) for h in here), here)]
        case App("neg", (u,)):
            return [Part(-p.c, p.powers, p.odd) for p in _parts(problem, u)]
        case App("add", args):
            return [p for u in args for p in _parts(problem, u)]
        case App("mul", args):
            out = [Part(sympy.S.One, *blank)]
            for u in args:
                out = [_times(a, b) for a in out for b in _parts(problem, u)]
                if len(out) > MAX_PARTS:
                    raise NoClosedForm(f"more than {MAX_PARTS} products (MAX_PARTS)")
            return out
        case App("abs", (u,)):
            return [Part(sympy.Abs(p.c), p.powers, blank[1]) for p in [_one(problem, u)]]
        case App("sign", (u,)):
            p = _one(problem, u)
            return [Part(sympy.sign(p.c), blank[0], p.odd)]
        case App(head, (u,)) if head in library() and library()[head].one_sided and library()[head].degree in (0, 1):
            p = _one(problem, u)
            c, powers = (abs(p.c), p.powers) if library()[head].degree else (sympy.S.One, blank[0])
            half = sympy.Rational(1, 2) * c
            return [Part(half, powers, blank[1]), Part(half * sympy.sign(p.c), powers, p.odd)]
        case App("sqrt", (u,)):
            return _power(problem, u, sympy.Rational(1, 2))
        case App("recip", (u,)):
            return _power(problem, u, -sympy.S.One)
        case App("pow", (u, Num(n))):
            return _power(problem, u, sympy.Rational(n.numerator, n.denominator))
        case App("pow", (u, exponent)) if not any(v in problem.variables for v in walk(exponent) if isinstance(v, Var)):
            return _power(problem, u, to_sympy(exponent))
    raise NoClosedForm("not a sum of products of absolute powers")


def _power(problem: Problem, u: Term, n: Any) -> list[Part]:
    if n.is_Integer and 0 <= n <= MAX_EXPONENT:
        return _parts(problem, App("mul", (Num(1), *(u,) * int(n))))
    parts = _parts(problem, u)
    indicator = len(parts) == 2 and parts[0].powers == parts[1].powers and parts[0].c == parts[1].c
    if indicator and not any(parts[0].odd) and sum(parts[1].odd) == 1 and n.is_positive:
        # relu(z)^n = |z|^n (1 + sg)/2 where relu(z) = c|z|(1 + sg)
        base = 2 * parts[0].c
        return [Part(base**n / 2, tuple(n * p for p in parts[0].powers), part.odd) for part in parts]
    if len(parts) == 1 and not any(parts[0].odd) and parts[0].c.is_positive:
        return [Part(parts[0].c ** n, tuple(n * p for p in parts[0].powers), parts[0].odd)]
    if len(parts) == 1 and n.is_Integer:
        (part,) = parts
        return [Part(part.c**n, tuple(n * p for p in part.powers), tuple(o and bool(n % 2) for o in part.odd))]
    raise NoClosedForm("a fractional power of a sum or of a signed variable")


def _one(problem: Problem, u: Term) -> Part:
    parts = _parts(problem, u)
    if len(parts) != 1 or not parts[0].c.is_number:
        raise NoClosedForm("a kink of a sum")
    return parts[0]


def _times(a: Part, b: Part) -> Part:
    powers = tuple(x + y for x, y in zip(a.powers, b.powers, strict=True))
    return Part(a.c * b.c, powers, tuple(x != y for x, y in zip(a.odd, b.odd, strict=True)))

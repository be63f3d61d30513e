"""The one door: E F(Z1, ..., Zk) for jointly Gaussian Z, as a formula where there is one, as a number with its error.

expect("relu(a)*erf(b)", [[1, "1/2"], ["1/2", 1]]).expr        1/(2√(3π))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import sympy

from tensorprog.errors import fail, renamed
from tensorprog.functions.assume import Assumption, assumptions_of
from tensorprog.functions.evaluate.sympy_bridge import formula
from tensorprog.functions.named.registry import declared_in
from tensorprog.gaussian.closed.engine import ClosedForm, Problem
from tensorprog.gaussian.closed.steps import Step, explain
from tensorprog.gaussian.closed.value import LEAST, value_of
from tensorprog.gaussian.exact.ground import NoClosedForm
from tensorprog.gaussian.problem.at_values import (
    as_fraction,
    at_numbers,
    check_values,
    exact_number,
    is_singular,
    point_of,
    symbols_of,
)
from tensorprog.gaussian.problem.derived import derive, existing
from tensorprog.gaussian.problem.inputs import entries, names_in, term_of
from tensorprog.gaussian.problem.reduction import Reduced
from tensorprog.numbers.budget import SECONDS, Budget, budget, search
from tensorprog.numbers.estimate import UNKNOWN, ErrorKind, Estimate, Method, is_rigorous, shown, unknown
from tensorprog.numbers.interval import REALS
from tensorprog.terms import Term, Var, to_text
from tensorprog.terms.latex import LATEX

LOOSE = 1e-7
"""A bound that is worse than this, relatively, is not taken at its middle if quadrature has a number."""
QUADRATURE = 1e-10
"""What quadrature aims at, relatively, if nothing else is asked for."""
GOAL = 1e-13
"""A formula's number whose bound is worse than this, relatively, is compared with quadrature."""


@dataclass(frozen=True)
class Expectation:
    """The result: a formula or None, a number or None, a bound on its error, and how both were found."""

    of: str
    expr: Any
    number: Estimate
    """`UNKNOWN` where there is none."""
    method: Method
    because: str = ""
    conditions: tuple[Any, ...] = ()
    story: Callable[[], tuple[Step, ...]] = field(default=tuple, compare=False)

    @property
    def value(self) -> float | None:
        return float(self.number.value) if self.number.known else None

    @property
    def error(self) -> float | None:
        return float(self.number.error) if self.number.known else None

    @property
    def error_kind(self) -> ErrorKind | None:
        return self.number.error_kind if self.number.known else None

    @property
    def settled(self) -> bool:
        """Whether there is a formula, or a number with a proved bound."""
        return self.expr is not None or self.certified

    @property
    def certified(self) -> bool:
        """Whether there is a number whose error is proved."""
        return is_rigorous(self.error_kind)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The derivation, one rule at a time."""
        return self.story()

    @property
    def latex(self) -> str | None:
        """The formula in LaTeX."""
        return None if self.expr is None else formula(self.expr, LATEX)

    def explain(self) -> str:
        """Return how the formula came about, or why there is none."""
        return explain(self.steps) if self.expr is not None else f"no closed form: {self.because}"

    def to_json(self) -> dict[str, Any]:
        """Return the object that `expect --json` prints."""
        return {
            "schema": "tensorprog/expect/1",
            "expr": None if self.expr is None else str(self.expr),
            "latex": self.latex,
            **self.number.to_json(),
            "method": self.method,
            "certified": self.certified,
            "because": self.because,
            "note": self.number.note if self.number.known else "",
        }

    def __repr__(self) -> str:
        lines = [f"E[{self.of}]"]
        if self.expr is not None and not self.expr.is_Float:
            lines.append(f"  = {self.expr}")
        if self.value is not None:
            lines.append(f"  = {self.value!r}  ({shown(self.error, self.error_kind)}, {self.method})")
            if self.number.note:
                lines.append(f"  {self.number.note}")
        if self.expr is None:
            lines.append(f"  no closed form: {self.because}")
        lines += [f"  where {c}" for c in self.conditions]
        return "\n".join(lines)

    def _repr_latex_(self) -> str:
        right = self.latex if self.latex is not None else str(self.value)
        return rf"$\mathbb{{E}}\left[\text{{{self.of}}}\right] = {right}$"


def expected_value(
    term: Term | str | Any,
    cov: Any = None,
    mean: Any = None,
    *,
    vars: Sequence[str | Var] | None = None,
    assume: Mapping[str, Assumption] | str | Sequence[str] | None = None,
    values: Mapping[str, Any] | None = None,
    tolerance: float | None = None,
    seconds: float = SECONDS,
    symbolic: bool = False,
    certified: bool | None = None,
    progress: bool = False,
) -> Expectation:
    """Compute E[term] over its variables, jointly Gaussian with covariance `cov` and `mean` (0 if not given).

    Variables come in order of first use unless given as `vars`; other names are params, with assumptions such as
    {"C": "> 0"} or "C > 0".
    Entries of `cov` are numbers, decimal strings, terms or sympy expressions; without `cov` they are K11, K12, ...
    `values` are numbers of params. `certified`: True or None look for a proved bound of the error first, False takes
    the faster estimate. What has neither formula nor quadrature is sampled, to a relative `tolerance` (1e-3 if not
    given) or until `seconds` have passed; then the error is five standard errors. Raises
    TP008 for what is no covariance, TP501 for a moment that diverges.

    >>> expect("relu(a)*relu(b)", [[1, 0], [0, 1]]).expr
    1/(2*pi)
    >>> expect("z^2", [[3]]).value
    3.0
    """
    t = term_of(term)
    assumed = assumptions_of(assume, *_written(term, cov, mean))
    for v in vars or ():
        if str(v) in assumed:
            raise fail("TP005", f"{v} is both a Gaussian variable and a param with an assumption")
    numbers = {name: exact_number(x) for name, x in (values or {}).items()}
    names = names_in(t, vars, {**assumed, **dict.fromkeys(numbers)})
    bounds = {name: a for name, a in assumed.items() if a != REALS}
    check_values(numbers, bounds)
    k, m = entries(cov, mean, len(names))
    asked = Problem(t, names, k, m, bounds)
    problem = asked
    if symbolic:
        general = entries(None, None, len(names))[0]
        problem = replace(asked, cov=general)
        if cov is not None and all(x.is_Rational for row in k for x in row):
            numbers |= {general[i][j].name: as_fraction(k[i][j]) for i in range(len(k)) for j in range(len(k))}
    _check_names(numbers, symbols_of(asked) | symbols_of(problem) | assumed.keys())
    text = term if isinstance(term, str) else to_text(t)
    with search(Budget(tolerance, seconds, progress)):
        aim = QUADRATURE if tolerance is None else tolerance
        try:
            reduced, found = derive(problem)
            conditions = existing(found, numbers)
        except NoClosedForm as why:
            return _result(text, None, _number(asked, numbers, aim, certified), str(why))
        number = _value(asked, reduced, found, numbers, aim, certified)
    return _result(text, found.expr, number, "", conditions, lambda: (*reduced.steps, *found.steps))


expect = renamed(variables="vars", params="assume", assumptions="assume")(expected_value)
"""The same under the name that users know, which takes the old names of arguments too."""


def _written(*given: Any) -> list[Any]:
    """Collect what was given as sympy expressions, in lists or alone."""
    out: list[Any] = []
    for x in given:
        if isinstance(x, list | tuple):
            out += _written(*x)
        elif isinstance(x, sympy.MatrixBase):
            out += list(x)
        elif isinstance(x, sympy.Basic):
            out.append(x)
    return out


def _result(
    text: str,
    expr: Any,
    number: Estimate | None,
    because: str,
    conditions: tuple[Any, ...] = (),
    story: Callable[[], tuple[Step, ...]] = tuple,
) -> Expectation:
    number = UNKNOWN if number is None else number
    if not number.known and number.note:
        because = f"{because}; {number.note}" if because else number.note
    method: Method = number.method if number.known else "quadrature" if expr is None else "closed-form"
    return Expectation(text, expr, number, method, because, conditions, story)


def _check_names(numbers: Mapping[str, Fraction], known: Set[str]) -> None:
    for name in numbers:
        if name not in known:
            given = ", ".join(sorted(known)) or "none"
            raise fail("TP002", f"there is no param {name}", help=f"the params here: {given}")


def _value(
    asked: Problem,
    reduced: Reduced,
    found: ClosedForm,
    numbers: Mapping[str, Fraction],
    tolerance: float,
    certified: bool | None,
) -> Estimate | None:
    """The number at the params' values; None where one has no value. A formula assumes that the covariance is not
    singular and that slopes are not zero; at values where that fails the numbers are put into the problem first and
    it is derived again."""  # fmt: skip
    if not symbols_of(asked) <= numbers.keys():
        return None
    special = at_numbers(asked, numbers)
    if all(x.is_Rational for row in special.cov for x in row):
        entries(special.cov, special.mean, len(special.variables))
    regular = not is_singular(reduced.problem, numbers) and all(
        c.positive.xreplace(point_of(numbers)) != 0 for c in found.requirements if c.kind == "nonzero"
    )
    formula = found.expr
    enclosed = value_of(formula, numbers) if regular else None
    if enclosed is None and special != asked:
        try:
            formula = derive(special)[1].expr
            enclosed = value_of(formula, {})
        except NoClosedForm:
            enclosed = None
    by_formula = None
    if enclosed is not None:
        exact = enclosed[1] == 0
        by_formula = Estimate(*enclosed, "exact" if exact else "bound", "closed-form")
        if enclosed[1] <= max(abs(enclosed[0]) * GOAL, LEAST):
            return by_formula
    estimate = _number(asked, numbers, tolerance, certified)
    if by_formula is not None and (estimate is None or not estimate.rigorous or by_formula.error <= estimate.error):
        return by_formula
    return estimate


def _number(p: Problem, numbers: Mapping[str, Fraction], tolerance: float, certified: bool | None) -> Estimate | None:
    """Find the number by no formula: a bound if one is found, else quadrature; None where a symbol has no value."""
    if not symbols_of(p) <= numbers.keys():
        return None
    if said := declared_in(p.term):
        return unknown(f"a function without a formula has no number: {said[0]}")
    from tensorprog.gaussian.integrate.certified import enclose, is_small
    from tensorprog.gaussian.integrate.quadrature import expectation

    at = at_numbers(p, numbers)
    cov = [[as_fraction(x) for x in row] for row in at.cov]
    mean = [as_fraction(x) for x in at.mean]
    ends = None if certified is False else enclose(at.term, at.variables, cov, mean, tolerance=tolerance)
    if ends is None:
        return expectation(at.term, at.variables, cov, mean, {}, tolerance)
    bound = _between(*ends, ends[0] + (ends[1] - ends[0]) / 2)
    if bound.error > LOOSE * abs(bound.value):
        # a number from elsewhere is better than the middle, and the bound holds for it too
        other = expectation(at.term, at.variables, cov, mean, {}, tolerance)
        useless = bound.error > budget().aim * abs(bound.value) and not is_small(at.term, at.variables, cov, mean)
        if useless and other.known and other.error < bound.error / 10:
            return other.within(*ends)  # the bound says next to nothing
        if other.known and ends[0] <= other.value <= ends[1]:
            return _between(*ends, other.value)
    return bound


def _between(low: float, high: float, value: float) -> Estimate:
    """Return a number whose truth lies between two others."""
    if low == high:
        return Estimate(value, 0.0, "exact", "quadrature")
    gap = max(Fraction(high) - Fraction(value), Fraction(value) - Fraction(low))
    return Estimate(value, float(gap) * (1 + 2.0**-50), "bound", "quadrature")

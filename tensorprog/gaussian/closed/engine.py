"""One closed form from start to end: set up the ground, normalise the term, run the engine, write the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy

from tensorprog.errors import Diagnostic, DivergentError
from tensorprog.functions.decide.positivity import sign_of
from tensorprog.functions.evaluate.sympy_bridge import symbol, to_sympy
from tensorprog.gaussian.closed.render import Renderer
from tensorprog.gaussian.closed.steps import Step
from tensorprog.gaussian.exact.element import Element, from_poly, generator, number
from tensorprog.gaussian.exact.exists import Condition, Infinite
from tensorprog.gaussian.exact.ground import POSITIVE, Ground, NoClosedForm
from tensorprog.gaussian.exact.normal_form import Normaliser, OpaqueConstant
from tensorprog.gaussian.exact.one_sided import one_sided
from tensorprog.gaussian.exact.recursion import Engine, Law
from tensorprog.gaussian.exact.shapes import Form, Space, summands
from tensorprog.kernel.ground.term import walk
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import Term, Var, to_text

MAX_OPAQUE = 20
_BOUNDS: dict[str, Interval] = {"positive": POSITIVE, "negative": Interval(None, POSITIVE.low)}


@dataclass(frozen=True)
class Requirement:
    """`positive` > 0 must hold for the mean of exp(`exponent`) to be finite; or != 0 for a sign to be one (kind)."""

    positive: Any
    cut_off: bool = False
    exponent: Any = None
    where: str = ""
    kind: str = "positive"


@dataclass(frozen=True)
class ClosedForm:
    """A derived expectation: the expression, what it requires of the covariance, and how it was found."""

    expr: Any
    requirements: tuple[Requirement, ...] = ()
    story: Callable[[], tuple[Step, ...]] = field(default=tuple, compare=False, repr=False)

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.story()


@dataclass(frozen=True)
class Problem:
    """E[term] over the variables, jointly Gaussian with these (sympy) covariances and means, params being bounded."""

    term: Term
    variables: tuple[Var, ...]
    cov: tuple[tuple[Any, ...], ...]
    mean: tuple[Any, ...]
    bounds: Mapping[str, Interval] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.term, self.variables, self.cov, self.mean, tuple(sorted(self.bounds))))


@dataclass(frozen=True)
class Setting:
    """A problem inside its ground: the form of the term, the law, and how to write results."""

    engine: Engine
    form: Form
    space: Space
    renderer: Renderer


def setting(problem: Problem) -> Setting:
    """Build the ground and the form; constants the algebra cannot express become separate symbols."""
    opaque: list[Term] = []
    while True:
        try:
            return _setting(problem, opaque)
        except OpaqueConstant as found:
            if len(opaque) >= MAX_OPAQUE:
                raise NoClosedForm(f"more than {MAX_OPAQUE} unusual constants (MAX_OPAQUE)") from None
            opaque.append(found.term)


def _setting(problem: Problem, opaque: Sequence[Term]) -> Setting:
    params = [v for v in dict.fromkeys(walk(problem.term)) if isinstance(v, Var) and v not in problem.variables]
    entries = [x for row in problem.cov for x in row] + list(problem.mean)
    diagonal = {row[k] for k, row in enumerate(problem.cov)}
    names: dict[str, Interval] = {}
    forms: list[Any] = []

    def add(name: str, form: Any, bounds: Interval) -> None:
        if name not in names:
            names[name] = bounds
            forms.append(form)

    outside: dict[Any, str] = {}
    for x in entries:
        if _is_polynomial(x):
            for s in sorted(x.free_symbols, key=lambda s: s.name):
                add(s.name, s, problem.bounds.get(s.name, POSITIVE if s in diagonal else REALS))
        elif x not in outside:
            outside[x] = f"entry {len(outside)}"
            add(outside[x], x, POSITIVE if x in diagonal else REALS)
    for p in params:
        add(to_text(p), symbol(p), problem.bounds.get(to_text(p), REALS))
    for k, t in enumerate(opaque):
        add(f"constant {k}", defined(t), _BOUNDS.get(sign_of(t, problem.bounds), REALS))
    ground = Ground(names)
    mean = tuple(_element(ground, x, outside) for x in problem.mean)
    cov = tuple(tuple(_element(ground, x, outside) for x in row) for row in problem.cov)
    for i, row in enumerate(cov):
        for j, x in enumerate(row[: i + 1]):
            minor = row[i] if i == j else row[i] * cov[j][j] - x * x
            if minor:
                ground.declare_positive(minor.only()[1][0])
    space = Space(ground, len(problem.variables))
    constants: dict[Term, Element] = {p: generator(ground, to_text(p)) for p in params}
    constants |= {t: generator(ground, f"constant {k}") for k, t in enumerate(opaque)}
    places = {v: k for k, v in enumerate(problem.variables)}
    form = Normaliser(space, places, constants).form(problem.term)
    return Setting(Engine(ground, Law(mean, cov)), form, space, Renderer(ground, (*forms, sympy.pi)))


def defined(t: Term) -> Any:
    """Return the sympy form of a constant, refused where it is no real number."""
    form = to_sympy(t)
    if form.has(sympy.I, sympy.zoo, sympy.nan, sympy.oo, -sympy.oo) or (form.is_number and not form.is_real):
        raise NoClosedForm(f"the constant {to_text(t)} is undefined")
    return form


def _is_polynomial(x: Any) -> bool:
    return x.is_Rational or (bool(x.free_symbols) and _rational_polynomial(x))


def _rational_polynomial(x: Any) -> bool:
    def built(a: Any) -> bool:
        whole = a.is_Pow and a.exp.is_Integer and a.exp >= 0
        return bool(a.is_Rational or a.is_Symbol or a.is_Add or a.is_Mul or whole)

    return all(map(built, sympy.preorder_traversal(x)))


def _element(ground: Ground, x: Any, outside: Mapping[Any, str]) -> Element:
    if x.is_Rational:
        return number(ground, int(x.p)).scale(1) * number(ground, int(x.q)).inverse() if x else number(ground, 0)
    if x in outside:
        return generator(ground, outside[x])
    symbols = sorted(x.free_symbols, key=lambda s: s.name)
    out = ground.zero
    for powers, c in sympy.Poly(x, *symbols).terms():
        monomial = ground.one * (ground.ring.domain(int(c.p)) / int(c.q))
        for s, n in zip(symbols, powers, strict=True):
            monomial *= ground.gens[ground.names.index(s.name)] ** n
        out += monomial
    return from_poly(ground, out)


def closed_form(problem: Problem) -> ClosedForm:
    """Return the closed form of a problem, or `NoClosedForm`."""
    try:
        at = setting(problem)
        try:
            value = at.engine.expect(summands(at.form)).real()
        except Infinite as infinite:
            failed = _requirement(problem, at, infinite.condition)
            raise divergent(failed) from None
    except RecursionError as error:
        raise NoClosedForm("an expression nested too deep") from error
    requirements = (
        *(_requirement(problem, at, c) for c in at.engine.existence.conditions),
        *(Requirement(at.renderer.expression(x), kind="nonzero") for x in dict.fromkeys(at.space.slopes)),
    )
    return ClosedForm(at.renderer.expression(one_sided(value)), requirements, lambda: story(problem, at))


def _requirement(problem: Problem, at: Setting, c: Condition) -> Requirement:
    write, names = at.renderer.expression, [symbol(v) for v in problem.variables]
    exponent = sympy.Add(*(write(q) * names[i] * names[j] for (i, j), q in c.exponent))
    k = [[write(x) for x in row] for row in at.engine.law.cov]
    used = sorted({i for pair, _ in c.exponent for i in pair})
    where = ", ".join(f"{'Var' if i == j else 'Cov'}({names[i] if i == j else f'{names[i]}, {names[j]}'}) = {k[i][j]}"
                      for n, i in enumerate(used) for j in used[n:])  # fmt: skip
    return Requirement(write(c.positive), c.cut_off, exponent, where)


def divergent(failed: Requirement) -> DivergentError:
    """TP501: E exp(z'Qz) is infinite, with the condition on the covariance that fails."""
    return DivergentError(
        (
            Diagnostic(
                "TP501",
                "the expectation is infinite",
                because=f"E exp({failed.exponent}) is finite exactly if every eigenvalue of I - 2QK is positive, where"
                f" {failed.where}; but its characteristic polynomial has the coefficient {failed.positive}",
                help="a smaller variance, or a function that grows less, has a finite one",
            ),
        )
    )


def story(problem: Problem, at: Setting) -> tuple[Step, ...]:
    """Return the records of the engine, written out."""
    write = at.renderer.expression
    names = [symbol(v) for v in problem.variables]
    out = []
    for r in at.engine.records:
        what = sympy.Mul(*(n**p for n, p in zip(names, r.powers, strict=True)))
        signs = "".join(
            f" sg({sympy.Add(*(write(x) * n for x, n in zip(s.a, names, strict=True)), write(s.b))}"
            + (f" - sqrt({write(s.s2)}) N)" if s.s2 else ")")
            for s in r.signs
        )
        if r.rule in ("tilt", "condition"):
            out.append(Step(r.rule, r.detail, write(r.result)))
            continue
        cov = [[write(x) for x in row] for row in r.law.cov]
        mean = [write(x) for x in r.law.mean]
        law = f"cov {cov}" + (f", mean {mean}" if any(r.law.mean) else "")
        out.append(
            Step(
                r.rule,
                f"E[{'' if what == 1 and signs else what}{signs}] under {law}".replace("[ ", "["),
                write(r.result),
            )
        )
    return tuple(out)

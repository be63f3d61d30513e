"""What is asked of the limit of a program: means, covariances, laws, each with its theorem."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

from tensorprog.errors import DivergentError, TensorProgError, fail
from tensorprog.kernel.ground.term import mul
from tensorprog.limit.averages import Averages
from tensorprog.limit.engine import Engine
from tensorprog.limit.laws import score_average
from tensorprog.limit.laws.law import Law
from tensorprog.limit.laws.no_law import without_law
from tensorprog.limit.lookup import Lookup
from tensorprog.limit.members.leaves import NotCovered, Unfolding
from tensorprog.limit.mixtures.kinds import structure
from tensorprog.limit.mixtures.score_jumps import refuse_jumps
from tensorprog.limit.no_value import NoValues
from tensorprog.limit.particles.sampling import improved
from tensorprog.limit.rules.open import TooLarge
from tensorprog.limit.rules.quantities import ScalarOf, Sum, Unsettled, no_limit
from tensorprog.limit.show.notebook import InNotebooks
from tensorprog.limit.show.results import FORMAL, Result
from tensorprog.limit.show.summary import grouped, statements
from tensorprog.limit.support import Supports
from tensorprog.limit.values.balls import OutOfTime
from tensorprog.limit.values.formulas import NoFormula
from tensorprog.numbers.budget import Budget, request, said_of_cut, search, together
from tensorprog.numbers.estimate import Estimate, unknown
from tensorprog.program import Program
from tensorprog.program.normal.wording import Wording
from tensorprog.terms import Term, Var, to_text

SHOWN = 8
"""Members of a family that are listed; larger families are cut, and say so."""
MOST_TOGETHER = 64
"""Members of a family of outputs that are sampled together, whichever of them is asked for."""
QUICK = 0.25
"""Of the time for one number: what the covariances over scores have together, and the laws too."""
PAIRED = 4
"""Members of a family whose covariances are listed pair by pair."""


class Answers(InNotebooks):
    """The answers on one program; `derive.Limit` adds whole matrices and derivations."""

    def __init__(self, program: Program, values: Mapping[str, Fraction | float] | None = None,
                 budget: Budget | None = None) -> None:  # fmt: skip
        self.program = program
        self.budget = budget or Budget()
        self.engine = Engine(program, values)
        self.lookup = Lookup(self.engine.rules.composer)
        self.supports = Supports(program)
        self.wording = Wording(program, program.analysis)
        self._laws: dict[tuple[Var, ...], Law] = {}
        self.cut = 0
        """How many of `results` were stopped by the time."""
        self.stopped: list[str] = []
        """Their names, and those of laws."""
        self.lawless: dict[str, str] = {}
        """Outputs whose law no rule gives, and why."""
        self.progress = False
        """Is a terminal told how many of `results` are there?"""

    # -- single quantities -----------------------------------------------------------------------------------------

    def cov(self, a: Any, b: Any) -> Result:
        """Cov(Z^a, Z^b), centred."""
        s, t = self.term(a), self.term(b)
        return self._result(f"cov({to_text(s)}, {to_text(t)})", (s, t), self.engine.covariance_sum)

    def var(self, a: Any) -> Result:
        """Var(Z^a)."""
        t = self.term(a)
        return self._result(f"var({to_text(t)})", (t, t), self.engine.covariance_sum)

    def mean(self, a: Any) -> Result:
        """E[Z^a]; of a moment or a scalar, its limit."""
        t = self.term(a)
        return self._result(f"E({to_text(t)})", (t,), self.engine.mean_sum)

    def expect(self, f: Any) -> Result:
        """E[f(any vectors)]."""
        return self.mean(f)

    def _result(self, of: str, terms: tuple[Term, ...], rule: Callable[..., Sum]) -> Result:
        with search(self.budget):
            found = self._found(of, terms, rule)
        return replace(found, because=self.wording.said(found.because))

    def _found(self, of: str, terms: tuple[Term, ...], rule: Callable[..., Sum]) -> Result:
        members = self.engine.members(terms)
        for m in members:
            if self.engine.program.families[m.name].kind == "scalar":
                self.engine.rules.of(ScalarOf(m))  # refuses what diverges
        supported = partial(self.supported_by, members)
        if because := self.no_value(terms):
            return Result(of, None, None, "closed-form", lambda: FORMAL, because)
        if self._is_random(terms):
            try:
                return self._averaged(of, terms, supported)
            except (NotCovered, OutOfTime) as why:
                return Result(of, None, None, "quadrature", supported, str(why))
            except TensorProgError as error:
                if isinstance(error, DivergentError) or error.diagnostics[0].code != "TP501":
                    raise
                return Result(of, None, None, "quadrature", supported, error.diagnostics[0].message)
            except (TooLarge, RecursionError):
                raise _too_large(of) from None
        try:
            parts = rule(*terms)
            formula, because, assumed = self._formula(parts)
            if formula is not None and self.engine.formulas.calculus.algebra.is_undefined(formula):
                return Result(
                    of, None, None, "closed-form", supported, "its limit divides by a scalar whose limit is 0"
                )
            value, missing = self._number(parts, leaves=True)
            if value is not None and not (value.known and value.rigorous):
                value = improved(value, self.unfolding, terms, self.engine.values, self._families)
                if not value.known:
                    value, missing = self._number(parts)
        except (TooLarge, RecursionError):
            raise _too_large(of) from None
        if value is None or not value.known:
            because = because or missing or "a param has no value"
            if value is not None:
                because += f"; and no number: {value.note or 'the quadrature did not settle'}"
            return Result(of, formula, None, "closed-form" if formula is not None else "quadrature", supported, because)
        if formula is not None and formula.is_Rational and not assumed:
            found = float(formula)
            gap = abs(Fraction(int(formula.p), int(formula.q)) - Fraction(found))
            value = Estimate(found, float(gap) * (1 + 2.0**-50), "bound" if gap else "exact", "closed-form")
        method = "closed-form" if formula is not None else value.method
        return Result(of, formula, value, method, supported, because, assumed)

    def _is_random(self, terms: tuple[Term, ...]) -> bool:
        """Return whether to average over scores; scores themselves are Gaussian, with a covariance of their own."""
        layers = self.engine.scores(terms)
        if not layers:
            return False
        return len(layers) > 1 or any(self.engine.random.linear(t) is None for t in terms)

    def _formula(self, parts: Sum) -> tuple[Any, str, tuple[Any, ...]]:
        """Return the formula or why there is none, and what it assumes of params."""
        formulas = self.engine.formulas
        try:
            found = formulas.total(parts)
            return formulas.calculus.algebra.plain(found), "", formulas.calculus.algebra.conditions(found)
        except (NoFormula, Unsettled) as why:
            return None, str(why), ()

    def _number(self, parts: Sum, leaves: bool = False) -> tuple[Estimate | None, str]:
        """The number or why there is none; with `leaves`, expectations over many variables are left to a sample."""
        self.engine.balls.leaves = leaves
        try:
            return self.engine.sum_enclosure(parts).number, ""
        except DivergentError:
            raise
        except OutOfTime:
            return unknown("the time is used up"), ""
        except Unsettled as why:
            return None, str(why)
        except TensorProgError as error:
            if error.diagnostics and error.diagnostics[0].code == "TP002":
                return None, ""  # a param without a value
            raise
        finally:
            self.engine.balls.leaves = False

    def _averaged(self, of: str, terms: tuple[Term, ...], supported: Callable[[], str]) -> Result:
        """Return what depends on scores: averaged over them."""
        members = self.engine.members(terms)
        for layer in self.engine.scores(terms):
            for p in layer:
                self.engine.random.check(p)
        exact = score_average.exact(self.averages, terms)
        if exact is not None:
            expr, number, because = exact
            return Result(of, expr, number, number.method if number else "closed-form", supported, because)
        refuse_jumps(self.averages, [self.unfolding.expression(t) for t in terms])
        law = self.law(*members)
        position = {m: k for k, m in enumerate(members)}
        if len(terms) == 2 and all(t in position for t in terms):
            number = law.covariance.at(position[terms[0]], position[terms[1]])  # type: ignore[index]
        elif len(terms) == 1 and terms[0] in position:
            number = law.mean.at(0)
        elif len(terms) == 2:
            number = law.expectation(mul(*terms)) - law.expectation(terms[0]) * law.expectation(terms[1])
        else:
            number = law.expectation(terms[0])
        return Result(of, None, number, number.method, supported, "averaged over scores")

    # -- laws and families -----------------------------------------------------------------------------------------

    @cached_property
    def unfolding(self) -> Unfolding:
        """Each member as an expression of its leaves."""
        return Unfolding(self.program, self.engine.random)

    def _families(self) -> list[list[Term]]:
        """Return the families of the outputs, which are sampled together: vectors, and not too many of one family."""
        out = []
        for name in dict.fromkeys(o.ref.name for o in self.program.outputs):
            if self.engine.program.families[name].kind == "vector":
                members = self.lookup.members(self.lookup.family(name), MOST_TOGETHER + 1)
                if len(members) <= MOST_TOGETHER:
                    try:
                        out.append([self.unfolding.member(v) for v in members])
                    except NotCovered:
                        continue
        return out

    @cached_property
    def _no_values(self) -> NoValues:
        return NoValues(self.engine)

    @cached_property
    def averages(self) -> Averages:
        """Formulas of means over everything, in which what has no closed form has a name."""
        return Averages(self.engine, self.unfolding)

    def law(self, *names: Any) -> Law:
        """Return the joint law of single variables: its kind, its statement given the scores, its numbers."""
        refs = []
        for name in names:
            t = self.term(name)
            if not isinstance(t, Var):
                raise fail("TP003", f"a law is asked of variables, and {to_text(t)} is an expression",
                           help="give it a name in the program")  # fmt: skip
            refs.append(t)
        try:
            with search(self.budget):
                if because := self.no_value(refs):
                    return without_law(self.averages, refs, self.supported_by(refs), because)
                return self._law(refs, self.supported_by(refs))
        except (TooLarge, RecursionError):
            raise _too_large(f"the law of {', '.join(map(to_text, refs))}") from None
        except NotCovered as why:
            raise no_limit(
                "TP402", f"no rule gives the law of {', '.join(map(to_text, refs))}", None, str(why)
            ) from None

    def _law(self, refs: Sequence[Var], supported_by: str) -> Law:
        key = tuple(refs)
        if key not in self._laws:
            made = structure(key, self.averages)
            self._laws[key] = Law(made, supported_by, self.budget, among=partial(self._law, supported_by=supported_by))
        return self._laws[key]

    def no_value(self, terms: Sequence[Term]) -> str:
        """Return why one of the expressions has no value at all; empty if all may have one."""
        return self.wording.said(self._no_values.because(terms))

    def supported_by(self, members: Sequence[Var]) -> str:
        """Return the weakest theorem that covers these variables together, or `formal`."""
        found = self.supports.of(members)
        return found.name if found.covered else FORMAL

    # -- names -------------------------------------------------------------------------------------------------------

    def term(self, given: Any) -> Term:
        """Return a variable or an expression from text, a term or sympy; names are checked."""
        return self.lookup.term(given)

    # -- the whole ---------------------------------------------------------------------------------------------------

    @cached_property
    def outputs(self) -> tuple[tuple[Var, ...], bool]:
        """The output members, at most SHOWN of each output, and whether some were left out."""
        out: dict[Var, None] = {}
        cut = False
        for o in self.program.outputs:
            found = self.lookup.members(o.ref, SHOWN + 1)
            cut |= len(found) > SHOWN
            out |= dict.fromkeys(found[:SHOWN])
        return tuple(out), cut

    @cached_property
    def _questions(self) -> tuple[list[Callable[[], Result]], list[Callable[[], Result]]]:
        """The means and variances of the outputs with the covariances that no score reaches; and the others."""
        members, _ = self.outputs
        scalars = [m for m in members if self.engine.program.families[m.name].kind == "scalar"]
        constants = [m for m in scalars if not self.engine.scores([m])]
        random = [m for m in members if m not in constants]
        paired = random[:PAIRED]
        pairs = [(a, b) for k, a in enumerate(paired) for b in paired[k:]]
        apart = [(a, b) for a, b in pairs if a != b and self._is_random((a, b))]
        asked: list[Callable[[], Result]] = [partial(self.mean, m) for m in (*constants, *random)]
        asked += [partial(self.cov, a, b) for a, b in pairs if (a, b) not in apart]
        asked += [partial(self.var, m) for m in random[PAIRED:]]
        return asked, [partial(self.cov, a, b) for a, b in apart]

    @cached_property
    def results(self) -> tuple[Result, ...]:
        """Means and covariances of the outputs; they share a time, as numbers that are asked for together do.

        Covariances that must be averaged over scores have QUICK times that for one number, together.
        """
        first, then = self._questions
        with request(self.budget, len(first) + len(then)) as mine:
            found = together(self.budget, first, self.progress)
            self.stopped = [found[k].of for k in mine.places]
            if then:
                mine.soon(QUICK * self.budget.seconds, len(then))
                found += (more := together(self.budget, then, self.progress))
                self.stopped += [more[k].of for k in mine.places]
            self.cut = mine.cut
        return tuple(found)

    @cached_property
    def laws(self) -> tuple[Law, ...]:
        """The law of each output that is a vector or a function of scores (of the first members of large families)."""
        members, _ = self.outputs
        random = self.engine.random
        shown = [m for m in members if self.engine.program.families[m.name].kind == "vector"
                 or (m.name in random.dependent and random.linear(m) is None)]  # fmt: skip
        out = []
        for m in shown[:PAIRED]:
            try:
                out.append(self.law(m))
            except TensorProgError as error:
                if error.diagnostics[0].code != "TP402":
                    raise
                self.lawless[to_text(m)] = error.diagnostics[0].because
        return tuple(out)

    @cached_property
    def _entries(self) -> tuple[list[Result], list[dict[str, Any]], int]:
        """The results, the laws as JSON, and how many numbers the time has stopped."""
        with request(self.budget, sum(map(len, self._questions)) + PAIRED) as mine:
            found = list(self.results)
            mine.soon(QUICK * self.budget.seconds, len(self.laws))
            entries = together(self.budget, [x.to_json for x in self.laws], self.progress)
            self.stopped += [f"law of {self.laws[k].of[0]}" for k in mine.places]
            return found, [e for law in entries for e in law], mine.cut

    @property
    def settled(self) -> bool:
        """Whether each output has a formula or a proved bound. One that scores reach has if its law given them has a
        formula: its moments over the scores are more than the law."""
        averaged = {m for m in self.outputs[0] if self._is_random((m, m))}
        first, _ = self._questions
        plain = [r for r, ask in zip(self.results, first, strict=False) if not averaged.intersection(ask.args)]  # type: ignore[attr-defined]
        return all(r.settled for r in plain) and all(self.law(m).settled for m in averaged)

    @property
    def truncated(self) -> bool:
        """Whether members of large families were left out of `results` and `laws`."""
        members, cut = self.outputs
        return cut or len(members) > PAIRED

    @property
    def formal(self) -> bool:
        """Whether some result is supported by no theorem."""
        return any(r.supported_by == FORMAL for r in self.results)

    def to_json(self) -> dict[str, Any]:
        """Return the schema tensorprog/derive/1."""
        results, laws, cut = self._entries
        out: dict[str, Any] = {"schema": "tensorprog/derive/1", "program": self.program.name}
        out |= {"results": [r.to_json() for r in results], "laws": laws}
        out |= {"cut": cut} if cut else {}
        return out | {"truncated": True} if self.truncated else out

    def __repr__(self) -> str:
        results, laws, cut = self._entries
        told = [law for law in self.laws if law.given or law.kind == "none"]
        lines = [f"limit of {self.program.name}", *grouped(results)]
        lines += statements(told, laws, self.engine.rules)
        lines += [f"law of {name}: no rule gives it: {why}" for name, why in self.lawless.items()]
        if self.truncated:
            names = {o.ref.name: None for o in self.program.outputs} if self.outputs[1] else {}
            names |= {m.name: None for m in self.outputs[0][PAIRED:]}
            whole = ", ".join(f"--matrix {name}" for name in names)
            lines.append(f"(not every member and pair is listed: ask with {whole}, --cov, --mean and --law)")
        if cut:
            lines.append(f"({said_of_cut(cut, self.stopped)})")
        return "\n".join(lines)

    def _repr_latex_(self) -> str:
        rows = [r._repr_latex_().strip("$") for r in self.results]
        return "$$" + r" \\ ".join([r"\begin{gathered}" + rows[0], *rows[1:]]) + r"\end{gathered}$$" if rows else ""


def _too_large(what: str) -> TensorProgError:
    return fail("TP907", f"{what} opens into too many products", help="ask for fewer members at once")

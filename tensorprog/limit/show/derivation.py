"""A derivation as a reader follows it: every instruction with its limit, the rule, and the formula in generic indices.

Covariances of intermediate vectors keep their names, Σ(a, b) = Cov(Z^a, Z^b), so that each formula stays one line long
however deep the program is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tensorprog.errors import TensorProgError
from tensorprog.functions.evaluate.sympy_bridge import to_sympy
from tensorprog.kernel.ground.nodes import Dot, Input, LinComb, MatMul, Moment, Node, Nonlin, Scalar
from tensorprog.kernel.ground.term import mul, shift_subs, substitute, transform
from tensorprog.kernel.written.canonical import instruction_term
from tensorprog.limit.rules.labels import label
from tensorprog.limit.rules.open import Split, TooLarge
from tensorprog.limit.rules.quantities import (
    GUARD,
    Addend,
    Core,
    Cov,
    Ex,
    Key,
    Mean,
    ScalarOf,
    ScoreOf,
    Sum,
    free_labels,
)
from tensorprog.limit.rules.scalars import SCALED
from tensorprog.limit.show.style import TEXT, Style
from tensorprog.limit.values.cores import isserlis
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import App, Bind, Sub, Term, Var

if TYPE_CHECKING:
    from tensorprog.limit.show.answers import Answers

MAX_CLOSED = 160
"""Parts of a closed form that is still printed; a larger one is written as an expectation."""

LONG = 30
"""Parts of a closed form from which on every covariance in it gets a letter."""

YANG = "Yang 2019, Tensor Programs I (netsor)"
YANG_PLUS = "Yang 2019, Tensor Programs I, Theorem C.4; Tensor Programs III, Theorem E.15 (netsor-plus)"
LEMMA = "by conditioning on all but the readout vectors (readout-scores)"
SAKAI = "Sakai, Karakida & Imaizumi 2025, Theorem 1"
NO_LIMIT = "No limit: it rests on a function that is not known to be continuous at the limit of its scalars"
MOST_ASKED = 8
"""Members of an instruction that are asked whether they have a limit."""


@dataclass(frozen=True)
class Entry:
    """One instruction: how it is defined, the rule that gives its limit, and equations (left, right)."""

    defined: str
    rule: str
    equations: tuple[tuple[str, str], ...]
    source: str


class Derivation:
    """The derivation of a limit in one style."""

    def __init__(self, limit: Answers, style: Style) -> None:
        self.limit = limit
        self.engine = limit.engine
        self.program: Graph = limit.engine.program
        self.style = style

    def entries(self) -> list[Entry]:
        """Return the instructions that the outputs depend on, in order."""
        wanted = {o.ref.name for o in self.program.outputs}
        for node in reversed(self.program.nodes):
            if node.name in wanted:
                wanted |= {r.name for r, _ in self.program.references(node)}
        return [self.entry(node) for node in self.program.nodes if node.name in wanted]

    def entry(self, node: Node) -> Entry:
        """Return one instruction."""
        names: dict[str, Sub] = {}
        one = self._generic(node, 0, "", names)
        two = self._generic(node, 1, "'", names)
        write = _Writer(self, names)
        if self.limit.no_value(self.limit.lookup.members(Var(node.name, node.subs), MOST_ASKED)):
            return Entry(self._instruction(node), NO_LIMIT, (), YANG_PLUS)
        random = self.engine.random.depends([Var(node.name)])
        given = " given the scores" if random else ""
        match node:
            case Input():
                rule = "Input: an initial vector, Gaussian as declared"
                return Entry(self._declared(node), rule, write.covariance(one, two) + write.mean(one), YANG)
            case MatMul():
                rule = f"MatMul: a centred Gaussian{given}, independent of the products with other matrices"
                return Entry(self._instruction(node), rule, write.covariance(one, two), SAKAI if random else YANG)
            case LinComb() | Nonlin() if self.engine.rules.composer.is_gaussian(one):
                rule = f"LinComb: a linear combination of Gaussians is Gaussian{given}"
                return Entry(self._instruction(node), rule, write.covariance(one, two), SAKAI if random else YANG)
            case LinComb() | Nonlin():
                rule = f"Nonlin: the function of the limits{given}"
                return Entry(self._instruction(node), rule, write.moments(one, two), SAKAI if random else YANG)
            case Moment():
                return Entry(self._instruction(node), "Moment: the average over coordinates becomes a constant",
                             write.scalar(one), YANG_PLUS)  # fmt: skip
            case Dot() if node.name in self.engine.random.families and self._is_readout(one):
                rule = "Readout: Gaussian and independent of all vectors, because its vector is used only in readouts"
                return Entry(self._instruction(node), rule, write.score(one, two), LEMMA)
            case Dot() if node.name in self.engine.random.families:
                rule = "Dot: a score, centred Gaussian and independent of all vectors above it"
                return Entry(self._instruction(node), rule, write.score(one, two), f"{SAKAI}; Definition 1(iv)")
            case Dot():
                return Entry(self._instruction(node), "Dot: scaled by 1/n it is a moment", write.scalar(one), YANG_PLUS)
            case Scalar():
                rule = "Scalar: the function of the limits of the scalars"
                return Entry(self._instruction(node), rule, write.scalar(one), SAKAI if random else YANG_PLUS)
        raise AssertionError(node)

    def _is_readout(self, ref: Var) -> bool:
        """Return whether one side of the dot product is an initial vector."""
        nodes = [n for side in self.engine.random.sides(ref) for n in self.program.families[side.name].pieces]
        return any(isinstance(n, Input) for n in nodes)

    def _generic(self, node: Node, member: int, prime: str, names: dict[str, Sub]) -> Var:
        """Return the node's members with labels, and how the labels are to be written."""
        subs: list[Sub] = []
        for k, s in enumerate(node.subs):
            if isinstance(s, int):
                subs.append(s)
                continue
            at = label(f"#{k + member * len(node.subs)}", self.program.range_of(s))
            if isinstance(at, str):
                names[at] = s.rstrip("~") + prime
            subs.append(at)
        return Var(node.name, tuple(subs))

    def _instruction(self, node: Node) -> str:
        return self.style.equation(self.style.term(Var(node.name, node.subs)), self.style.term(instruction_term(node)))

    def _declared(self, node: Input) -> str:
        left = self.style.term(Var(node.name, node.subs))
        return f"{left} (an initial vector)" if self.style is TEXT else left


class _Writer:
    """Sums of products of quantities as text, with labels written as indices."""

    def __init__(self, derivation: Derivation, names: dict[str, Sub]) -> None:
        self.engine = derivation.engine
        self.rules = derivation.engine.rules
        self.style = derivation.style
        self.names = dict(names)
        self.parts: dict[Any, Any] = {}

    # -- equations -------------------------------------------------------------------------------------------------

    def covariance(self, one: Var, two: Var) -> tuple[tuple[str, str], ...]:
        left = self.style.cov(self.of(one), self.of(two))
        return self._equations(left, lambda: self._covariance(one, two))

    def _covariance(self, one: Var, two: Var) -> Sum:
        if isinstance(self.rules.composer.locate(one), LinComb | Nonlin):
            return self.rules.forms.cov(tuple(self.rules.forms.parts(one)), tuple(self.rules.forms.parts(two)))
        return self.rules.of(Cov(one, two))

    def mean(self, one: Var) -> tuple[tuple[str, str], ...]:
        found = self._equations(
            self.style.expectation(self.style.vector(self.of(one))), lambda: self.rules.of(Mean(one))
        )
        return tuple(e for e in found if e[1] != "0")

    def moments(self, one: Var, two: Var) -> tuple[tuple[str, str], ...]:
        x, y = self.style.vector(self.of(one)), self.style.vector(self.of(two))
        first = self._equations(self.style.expectation(x), lambda: self.rules.of(Ex(one)))
        second = self._equations(
            self.style.expectation(self.style.product(x, y)), lambda: self.rules.of(Ex(mul(one, two)))
        )
        return (*first, *second)

    def scalar(self, one: Var) -> tuple[tuple[str, str], ...]:
        return self._equations(self._limit(one), lambda: self.rules.of(ScalarOf(one)))

    def score(self, one: Var, two: Var) -> tuple[tuple[str, str], ...]:
        left = self.style.cov(self.of(one), self.of(two))
        return self._equations(left, lambda: self._opened(self.engine.random.covariance(one, two)))

    def _opened(self, parts: Sum) -> Sum:
        """E of a product of four, as the products of covariances that it is."""
        out: list[Addend] = []
        for a in parts:
            (factor,) = a.factors
            assert isinstance(factor, Ex)
            for b in self.rules.of(factor):
                out.append(Addend(mul(a.coefficient, b.coefficient), (*a.deltas, *b.deltas), b.over, b.factors))
        return tuple(out)

    def _equations(self, left: str, find: Callable[[], Sum]) -> tuple[tuple[str, str], ...]:
        self.parts = {}
        try:
            right = self.style.formula(self.sum(find()))
            where = [(self.style.formula(s), self.style.formula(e)) for e, s in self.parts.items()]
            return ((left, right), *where)
        except (Split, TooLarge):
            return ()  # members made by different instructions: each instruction has its own line
        except TensorProgError as error:
            return ((left, f"no rule ({error.diagnostics[0].code})"),) if self.style is TEXT else ()

    # -- names -----------------------------------------------------------------------------------------------------

    def named(self, t: Term) -> Term:
        """Return the term with labels written as indices."""
        found = free_labels(t)
        for x in found:
            if x not in self.names:
                name = x.name.partition("%")[0].rstrip("~") or "j"
                while name in self.names.values():
                    name += "'"
                self.names[x] = name
        return shift_subs(t, {x: self.names[x] for x in found})

    def of(self, v: Var) -> str:
        return self.style.term(self.named(v))

    def _index(self, s: Sub) -> str:
        if isinstance(s, int):
            return str(s)
        self.named(Var("", (s,)))
        return self.style.term(Var(str(self.names.get(s, s))))

    def _limit(self, v: Var) -> str:
        """Return the limit of a scalar; a score is written as it is."""
        return self.of(v) if v.name in self.engine.random.dependent else self.style.limit(self.of(v))

    # -- formulas --------------------------------------------------------------------------------------------------

    def sum(self, parts: Sum) -> Any:
        """Return a sum of products as a sympy expression in named quantities."""
        import sympy

        return sympy.Add(*(self.addend(a) for a in parts))

    def addend(self, a: Addend) -> Any:
        import sympy

        factors = [self.constant(a.coefficient)]
        factors += [self._symbol(self.style.delta(self._index(s), self._index(t))) for s, t in a.deltas]
        factors += [self.core(f) if isinstance(f, Core) else self._symbol(self.quantity(f)) for f in a.factors]
        product = sympy.Mul(*factors)
        if not a.over or product == 0:
            return product
        over = [self._index(j) for j in a.over]
        return self._symbol(self.style.sum(over, self.style.formula(product)))

    def constant(self, t: Term) -> Any:
        """Return a constant as a sympy expression; limits of scalars, entries of matrices and binders are symbols."""
        named = self.named(t)
        symbols: dict[str, Any] = {}

        def replace(s: Term) -> Term | None:
            if isinstance(s, App) and s.head == SCALED:
                return transform(s.args[0], replace)
            if isinstance(s, Var) and s.name in self.engine.program.families:
                text = self._limit(s)
            elif isinstance(s, Bind) or (isinstance(s, Var) and s.subs) or isinstance(s, Var):
                text = self.style.term(s)
            else:
                return None
            key = f"s{len(symbols)}"
            symbols[key] = self._symbol(text)
            return Var(key)

        opened = transform(named, replace)
        return to_sympy(opened, symbols)

    def _short(self, expr: Any, always: bool) -> Any:
        """Return a letter for a part that would make a formula long; what it stands for follows the equation."""
        if expr.is_number or (expr.is_Symbol and not always):
            return expr
        if expr not in self.parts:
            self.parts[expr] = self._symbol(self.style.term(Var(f"κ{len(self.parts) + 1}")))
        return self.parts[expr]

    def _symbol(self, text: str) -> Any:
        import sympy

        return sympy.Symbol(self.style.raw(text), real=True)

    def quantity(self, key: Key) -> str:
        match key:
            case Cov(a, b):
                return self.style.cov(self.of(a), self.of(b))
            case Mean(a):
                return self.style.expectation(self.style.vector(self.of(a)))
            case ScalarOf(a) | ScoreOf(a):
                return self._limit(a)
            case Ex(term):
                return self.style.expectation(self.function(term))

    def function(self, t: Term) -> str:
        """Return a function of vectors, each written as its limit variable, of scalars, each as its limit."""
        families = self.engine.program.families

        def member(v: Var) -> str | None:
            if v.name not in families:
                return None
            return self.style.vector(self.style.term(v)) if families[v.name].kind == "vector" else self._limit(v)

        return self.style.function(self.named(t), member)

    def core(self, core: Core) -> Any:
        """Return the expectation of a core: its closed form where that is short, else the expectation by name."""
        import sympy

        f = self.engine.cores.of(core)
        cov = [self.sum(parts) for parts in core.cov]
        mean = [self.sum(parts) for parts in core.mean]
        constants = [self.constant(c) for c in core.constants]
        if f.powers is not None:
            return sympy.S.One * isserlis(f.powers, cov, mean)
        if core.size == 0:
            return self.constant(substitute(core.body, self._constants(core)))
        closed = f.closed.expr
        size = 0 if closed is None else sum(1 for _ in sympy.preorder_traversal(closed))
        if closed is not None and size <= MAX_CLOSED:
            given = (*cov, *(m for m, zero in zip(mean, f.centred, strict=True) if not zero), *constants)
            given = tuple(self._short(x, size > LONG) for x in given)
            point = {sympy.Symbol(n, real=True): x for n, x in zip(f.names, given, strict=True)}
            point |= {s: self.constant(Var(s.name.lstrip(GUARD))) for s in closed.free_symbols if s not in point}
            return closed.xreplace(point)
        body = substitute(core.body, self._constants(core))
        vectors: dict[Term, Term] = {Var(f"z{k + 1}"): t for k, t in enumerate(core.shown)}
        return self._symbol(self.style.expectation(self.function(substitute(body, vectors))))

    def _constants(self, core: Core) -> dict[Term, Term]:
        return {Var(f"c{k + 1}"): c for k, c in enumerate(core.constants)}


def explanation(limit: Answers) -> str:
    """Return the derivation as text."""
    out = [f"The limit of {limit.program.name}, width to infinity.  Σ(a, b) = Cov(Z^a, Z^b)."]
    for entry in Derivation(limit, TEXT).entries():
        out += ["", entry.defined, f"  {entry.rule}  [{entry.source}]"]
        out += [f"  {left} = {right}" for left, right in entry.equations]
    out += ["", "Results", *(repr(r) for r in limit.results)]
    return "\n".join(out)

"""Limit laws, found: which rule gives the mean of a product of members, from which other means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import combinations_with_replacement, product, starmap
from typing import Any

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.names import Own
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.nodes import Dot, Input, MatMul, Moment, Node
from tensorprog.kernel.ground.term import ONE, ZERO, add, children, mul, shift_subs, sub, substitute, variables
from tensorprog.kernel.limits.algebra import as_term, is_zero, normal
from tensorprog.kernel.limits.laws import instances
from tensorprog.kernel.limits.members import (
    affine,
    averaged,
    gaussian,
    given,
    opened,
    pair,
    reference,
    vectors,
    weighted,
    written,
)
from tensorprog.kernel.limits.pieces import Z1, Z2
from tensorprog.kernel.limits.statements import Mean
from tensorprog.proof import moments
from tensorprog.proof.expectations import Expectations
from tensorprog.proof.functions import Functions
from tensorprog.proof.writer import Writer
from tensorprog.terms import App, Num, Term, Var, to_json, to_text

MAX_SUMMANDS = 400
MAX_PAIRS = 1024
MAX_SPELLED = 40
Summand = tuple[Term, tuple[Term, ...]]


class _Needs(Exception):
    """A mean that has to be found first: chains of any length are followed without recursion."""

    def __init__(self, term: Term) -> None:
        super().__init__()
        self.term = term


class _TooMany(Refused):
    """A product that is not written out."""


class Means:
    """Steps about means of products of members, each once."""

    def __init__(self, writer: Writer, functions: Functions) -> None:
        self.writer, self.context, self.functions = writer, writer.context, functions
        self.lemmas = Expectations(writer)
        self._known: dict[Term, int | Refused] = {}
        self._gaussian: dict[Var, bool] = {}
        self._shapes: dict[Term, list[Term]] = {}
        self._searching = False

    def covariance(self, a: Var, b: Var) -> int:
        """Return the step that states the covariance of two members."""
        steps = [self.mean(t) for t in dict.fromkeys([pair(a, b), a, b])]
        return self.writer.step("covariance", self.with_what_is_below(steps), at=[to_json(a), to_json(b)])

    def expectation(self, t: Term) -> int:
        """Return the step that states the mean of a function of members."""
        return self.writer.step("expectation", self.with_what_is_below([self.mean(t)]), term=to_json(t))

    def with_what_is_below(self, steps: list[int]) -> list[int]:
        """Return these steps with those that they rest on, if they are few: their values are written out then."""
        below = self._all_below(steps)
        return below if len(below) <= MAX_SPELLED else steps

    def law(self, a: Var, b: Var) -> int:
        """The step that states the law of two members given the scores, or their covariance if that is not Gaussian."""
        left, right = (weighted(self.context, given(self.context, v)) for v in (a, b))
        if len(left) * len(right) > MAX_PAIRS:
            raise Refused("too many summands")
        needs = dict.fromkeys([*(pair(u, v) for u in left for v in right), *left, *right])
        return self._step("conditional", needs, at=[to_json(a), to_json(b)])

    def claim(self, k: int) -> int:
        """Return the step that establishes a claim that two terms are equal, or that a vector is Gaussian."""
        claim = self.writer.program.claims[k]
        if claim.form not in ("equal", "gaussian"):
            raise Refused("a claim that terms are equal, or one is Gaussian")
        cases = instances(self.context, claim)
        terms = [m for two in cases for t in (two if claim.form == "equal" else ()) for m in asked(t)]
        terms += [v for v, _ in cases] if claim.form == "gaussian" else []
        steps = [self.mean(t) for t in dict.fromkeys(terms)]
        try:
            return self.writer.step("claimed", steps, node=str(k))
        except Refused:
            return self.writer.step("claimed", self._all_below(steps), node=str(k))

    def named(self, t: Term) -> list[Term]:
        """Return the means that a value refers to."""
        names: dict[Term, Term] = (
            {reference(u): u for u in self._known} if any(isinstance(v, Own) for v in variables(t)) else {}
        )
        return [names[v] for v in variables(t) if v in names]

    def unevaluated(self, step: int) -> list[list[Var]]:
        """Of the means without a closed form on which a step rests, the members that each is about."""
        found = [s for s in self.writer.says(self._all_below([step])) if isinstance(s, Mean)]
        return [vectors(self.context, s.term) for s in found if s.value == reference(s.term)]

    def _all_below(self, steps: list[int]) -> list[int]:
        """Return the steps about means from which these follow, and these."""
        found, stack = set(steps), list(steps)
        while stack:
            for p in self.writer.steps[stack.pop()][2]:
                if p not in found and isinstance(self.writer.theorems[p].statement, Mean):
                    found.add(p)
                    stack.append(p)
        return sorted(found)

    def mean(self, t: Term) -> int:
        """Return the step that says what E t is, or Refused where the calculus has no derivation."""
        if self._searching and t not in self._known:
            raise _Needs(t)
        stack = [t]
        while stack:
            top = stack[-1]
            if top not in self._known:
                self._searching = True
                try:
                    self._known[top] = self._derived(top)
                except _Needs as needs:
                    if needs.term not in stack:
                        stack.append(needs.term)
                        continue
                    self._known[top] = Refused("the mean rests on itself")
                except (Refused, CannotCompose) as refused:
                    self._known[top] = refused if isinstance(refused, Refused) else Refused(str(refused))
                finally:
                    self._searching = False
            stack.pop()
        known = self._known[t]
        if isinstance(known, Refused):
            raise known
        return known

    def _step(self, rule: str, means: Iterable[Term], *more: int, first: tuple[int, ...] = (), **params: Any) -> int:
        steps = [*first, *(self.mean(t) for t in dict.fromkeys(means)), *more]
        return self.writer.step(rule, steps, **params)

    def _derived(self, t: Term) -> int:
        if t == ONE:
            return self.writer.step("initial", [], term=to_json(t))
        kinds = {(self.family(v), v.name in self.context.late) for v in self.members(t)}
        if ("scalar", True) in kinds and {("vector", False), ("vector", True)} & kinds:
            raise Refused("scores stand apart from vectors")
        if ("vector", True) in kinds:
            return moments.over_scores(self, t)
        if kinds == {("scalar", True)} and moments.is_product(self, t):
            return moments.isserlis(self, t)
        parts = t.args if isinstance(t, App) and t.head == "mul" else (t,)
        if all(isinstance(v, Var) and v.name in self.context.program.families for v in parts) and len(parts) <= 2:
            nodes = [self.node(v) for v in parts if isinstance(v, Var)]
            if t != mul(*sorted(parts, key=to_text)):
                return self._step("linear", [mul(*sorted(parts, key=to_text))], term=to_json(t), weights=[to_json(ONE)])
            if all(isinstance(n, Input) for n in nodes):
                return self.writer.step("initial", [], term=to_json(t))
            if all(isinstance(n, Input | MatMul) for n in nodes):
                return self._product(t, parts, nodes)
            if all(isinstance(n, Dot) and self.context.powers.is_score(n) for n in nodes):
                return self._score(t, parts, nodes)
            if len(nodes) == 1 and isinstance(nodes[0], Dot):
                return self._step("limit", [pair(*self._sides(t, nodes[0]))], term=to_json(t))
            if len(nodes) == 1 and isinstance(nodes[0], Moment):
                return self._step("limit", [averaged(self.context, t)], term=to_json(t))
            return self._combined(t, [v for v, n in zip(parts, nodes, strict=True)
                                      if not isinstance(n, Input | MatMul | Dot | Moment)])  # fmt: skip
        try:
            summands = self.summands(t)
        except _TooMany:
            return self._unevaluated(t, vectors(self.context, t))
        if len(summands) > 1 or summands[0][0] != ONE or _factor(summands[0][1]) != t:
            return self._sum(t, summands, ())
        inside = [v for v in vectors(self.context, t) if not self.gaussian(v)]
        if inside:
            return self._combined(t, inside)
        return self._function(t)

    def family(self, v: Var) -> str:
        return self.context.program.families[v.name].kind

    def node(self, v: Var) -> Node:
        return self.context.resolve(v)[0]

    def gaussian(self, v: Var) -> bool:
        if v not in self._gaussian:
            self._gaussian[v] = gaussian(self.context, v)
        return self._gaussian[v]

    def _product(self, t: Term, parts: tuple[Term, ...], nodes: list[Node]) -> int:
        """Products with matrices: with the mean below, if they are made by one, and with what shows that they vary."""
        given = {"term": to_json(t)}
        try:
            return self.writer.step("product", [], **given)
        except Refused:
            if not all(isinstance(n, MatMul) for n in nodes) or len(nodes) < 2:
                raise
        args = [_moved(n.arg, n, v) for v, n in zip(parts, nodes, strict=True) if isinstance(n, MatMul)]
        below = self.mean(pair(*args))
        if parts[0] == parts[1]:
            with suppress(Refused, CannotCompose):
                return self.writer.step(
                    "product", [below, self.functions.variance(self.context.index(nodes[0]))], **given
                )
        return self.writer.step("product", [below], **given)

    def _sides(self, v: Term, n: Dot) -> tuple[Term, Term]:
        return _moved(n.left, n, v), _moved(n.right, n, v)

    def _score(self, t: Term, parts: tuple[Term, ...], nodes: list[Node]) -> int:
        sides = [self._sides(v, n) for v, n in zip(parts, nodes, strict=True) if isinstance(n, Dot)]
        means: list[Term] = []
        if len(sides) == 2:
            (a, b), (c, d) = sides
            means = [pair(a, c), pair(b, d), pair(a, d), pair(b, c)]
        return self._step("score", means, term=to_json(t))

    def _combined(self, t: Term, at: Sequence[Term]) -> int:
        """Return the term with members replaced by what defines them."""
        target = written(self.context, substitute(t, {v: opened(self.context, v) for v in at}))
        try:
            summands = self.summands(target)
        except _TooMany:
            summands = [(ONE, (target,))]
        return self._sum(t, summands, at)

    def _sum(self, t: Term, summands: list[Summand], at: Iterable[Term]) -> int:
        collected: dict[Term, Term] = {}
        for c, factors in summands:
            part = _factor(factors)
            collected[part] = add(collected[part], c) if part in collected else c
        weights = [w if variables(w) else as_term(normal(w)) for w in collected.values()]
        spread = [written(self.context, w, True) for w in weights]
        scalars = dict.fromkeys(v for w in spread for v in self.members(w))
        more = [self.mean(v) for v in scalars]
        more += [self.mean(averaged(self.context, v)) for v in scalars if isinstance(self.node(v), Moment)]
        opens: dict[str, Any] = {"at": list(map(to_json, at))} if at else {}
        return self._step("linear", collected, *more, term=to_json(t), weights=list(map(to_json, weights)), **opens)

    def summands(self, t: Term) -> list[Summand]:
        """Return a term as a sum of constants times products of factors that contain vectors or scores."""
        if not self._random(t):
            return [(t, ())]
        match t:
            case App("add", args):
                return [s for a in args for s in self.summands(a)]
            case App("neg", (a,)):
                return [(mul(Num(-1), c), f) for c, f in self.summands(a)]
            case App("mul", args):
                out: list[Summand] = [(ONE, ())]
                for a in args:
                    more = self.summands(a)
                    if len(out) * len(more) > MAX_SUMMANDS:
                        raise _TooMany("too many summands")
                    out = [(mul(c, d), (*f, *g)) for c, f in out for d, g in more]
                return out
            case App("pow", (a, Num(e))) if e.denominator == 1 and 2 <= e <= 4:
                return self.summands(mul(*[a] * int(e)))
        return [(ONE, (t,))]

    def members(self, t: Term) -> list[Var]:
        return [v for v in variables(t) if v.name in self.context.program.families]

    def _random(self, t: Term) -> bool:
        return any(self.family(v) == "vector" or v.name in self.context.late for v in self.members(t))

    def _function(self, t: Term) -> int:
        """Return a function of Gaussian members: independent factors apart, then a lemma in one variable or two."""
        if affine(self.context, t) and (plain := as_term(normal(t))) != t:  # exp(f)*exp(-f) is 1
            return self._sum(t, self.summands(plain), ())
        found = sorted(vectors(self.context, t), key=to_text)
        factors = t.args if isinstance(t, App) and t.head == "mul" else (t,)
        for v in found[:1] if len(found) > 1 else ():
            near = [f for f in factors if v in variables(f)]
            far = [f for f in factors if f not in near]
            mine = [v for v in found if any(v in variables(f) for f in near)]
            if far and not set(mine) & {v for f in far for v in variables(f)}:
                others = [v for v in found if v not in mine]
                needs = [m for a in mine for b in others for m in (pair(a, b), a, b)]
                with suppress(Refused):
                    return self._step("independent", [_factor(near), _factor(far), *needs], term=to_json(t))
        for attempt in (self._still, self._lemma):
            with suppress(Refused, CannotCompose):
                return attempt(t, found)
        if moments.is_product(self, t):
            return moments.isserlis(self, t)
        return self._unevaluated(t, found)

    def _still(self, t: Term, found: list[Var]) -> int:
        """Replace a member without variance by its mean."""
        for v in found:
            square, m = self._value(pair(v, v)), self._value(v)
            if is_zero(self.context, sub(square, mul(m, m))):
                fact = self.functions.fact(t, False)
                needs = [pair(v, v), v, substitute(t, {v: m})]
                return self._step("still", needs, first=(fact,), term=to_json(t), at=[to_json(v)])
        raise Refused("members that vary")

    def _lemma(self, t: Term, found: list[Var]) -> int:
        """Return a lemma at two members, or at the linear forms that the function depends on."""
        for at in dict.fromkeys((tuple(found), tuple(forms_of(self.context, t)))):
            if 1 <= len(at) <= 2:
                with suppress(Refused, CannotCompose):
                    return self._at(t, at)
        raise Refused("no lemma")

    def _at(self, t: Term, forms: tuple[Term, ...]) -> int:
        means = [self._value(a) for a in forms]
        z = [add(z, m) if m != ZERO else z for z, m in zip((Z1, Z2), means, strict=False)]
        lemma = self.lemmas.lemma(substitute(t, dict(zip(forms, z, strict=True))))
        needs = [*(pair(a, b) for a, b in combinations_with_replacement(forms, 2)), *forms]
        given = {"term": to_json(t), "at": list(map(to_json, forms))}
        try:
            return self._step("instance", needs, first=(lemma,), **given)
        except Refused:
            return self._step("instance", needs, first=(self.writer.step("closed", [lemma]),), **given)

    def _unevaluated(self, t: Term, found: list[Var]) -> int:
        """Without a closed form: 0 for an odd function of centred members, else the mean keeps its name."""
        scalars = [v for v in self.members(t) if self.family(v) == "scalar"]
        fact, shape = (
            self.functions.fact(t, bool(scalars)),
            substitute(t, {v: Var(f"#{k}") for k, v in enumerate(found)}),
        )
        step = self._step("unevaluated", [*found, *scalars], first=(fact,), term=to_json(t))
        if self.writer.stated(step, Mean).value == ZERO:
            return step
        for first in self._shapes.setdefault(shape, []):
            with suppress(Refused):
                return self._alike(first, t)
        self._shapes[shape].append(t)
        return step

    def _alike(self, first: Term, t: Term) -> int:
        """Return the mean of the same function at members of the same law."""
        before = vectors(self.context, first)
        over = vectors(self.context, t)
        needs = [
            first,
            *before,
            *over,
            *starmap(pair, product(before, repeat=2)),
            *starmap(pair, product(over, repeat=2)),
        ]
        return self._step("alike", needs, term=to_json(t), at=list(map(to_json, over)))

    def _value(self, t: Term) -> Term:
        return self.writer.stated(self.mean(t), Mean).value


def forms_of(context: Context, t: Term) -> list[Term]:
    """Return the linear forms that a term is a function of."""
    if not vectors(context, t):
        return []
    if affine(context, t):
        return [t]
    return list(dict.fromkeys(f for a in children(t) for f in forms_of(context, a)))


def _moved(v: Term, n: Node, at: Term) -> Term:
    """Return a vector in an instruction, at the member that the instruction defines."""
    assert isinstance(at, Var)
    return shift_subs(v, {s: r for s, r in zip(n.subs, at.subs, strict=True) if isinstance(s, str)})


def _factor(factors: Iterable[Term]) -> Term:
    return mul(*sorted(factors, key=to_text))


def asked(t: Term) -> list[Term]:
    """Return the means that a side of a claim needs."""
    match t:
        case App("cov", (a, b)):
            return [pair(a, b), a, b]
        case App("var", (a,)):
            return [pair(a, a), a]
        case App("E", (a,)):
            return [a]
        case App(_, args):
            return [m for a in args for m in asked(a)]
    return []

"""Facts about the functions inside a program, composed down to inputs, MatMuls, scores and moments.

A chain of pseudo-Lipschitz functions is pseudo-Lipschitz, so nodes are first judged one by one; only where that
does not decide is the composed expression built and judged as a whole. Naming a subexpression changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from tensorprog.functions.assume import intervals
from tensorprog.functions.decide.judge import judge
from tensorprog.functions.named.library import library
from tensorprog.functions.rules.facts import Fact, Facts
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.indices import assignments, length
from tensorprog.kernel.ground.nodes import LinComb, Moment, Node, Nonlin, Scalar, entry_term
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import children, rebuild, shift_subs, size, substitute, transform, variables, walk
from tensorprog.numbers.interval import Interval
from tensorprog.program.graph.constants import with_entries
from tensorprog.program.graph.leading import leading, moves
from tensorprog.program.lowering.known import free_indices
from tensorprog.program.normal.analysis import Analysis
from tensorprog.program.normal.open import unrolled
from tensorprog.terms import App, Bind, Term, Var, to_text
from tensorprog.theorems.vectors.softmax_form import written_out_softmax

MAX_ENTRIES, MAX_WRITTEN = 64, 4_000
MAX_TERMS = 8
"""Terms of a sum that are judged one by one, where the sum as a whole is not decided."""
_ORDER = ("proved", "unknown", "refuted")


@dataclass(frozen=True, slots=True)
class Judged:
    """A fact about one function of a program, with its text and the place to point at."""

    fact: Fact
    text: str
    place: Place | None
    facts: Facts | None = None


class Nonlinearities:
    """Facts about the functions of one program, judged once for each shape."""

    def __init__(self, program: Analysis) -> None:
        self.program = program
        self.composer = program.opened
        self.assumptions = intervals(program.params.values())
        self.tending: dict[str, Term] = {}
        self._facts: dict[Term, Facts] = {}
        self._smooth: dict[int, Judged] | None = None

    def facts(self, t: Term, scalars: Collection[str] = ()) -> Facts:
        """Facts of a term whose family members (and `scalars`, further names) are its variables, for every member."""
        t = with_entries(t, self.program.matrices)
        if not self._reads_entries(t):
            return self._facts_of(t, scalars)
        try:
            return _worst([self._facts_of(each, scalars) for each in self._entries_written(t)])
        except CannotCompose:
            return _without_refutations(self._facts_of(t, scalars))

    def _facts_of(self, t: Term, scalars: Collection[str]) -> Facts:
        key, renamed = self.canonical(t, scalars)
        found = self._facts.get(key)
        if found is None:
            names = dict.fromkeys(renamed.values())
            ranges = {i: self.program.range_of(i) for i in self.program.indices}
            found = self._facts[key] = judge(key, list(names), self.entry_ranges(t), ranges, extremes=False)
        if found.pseudo_lipschitz.status == "unknown" and (written := self._short(t)) != t:
            better = self._facts_of(written, scalars)
            if better.pseudo_lipschitz.status != "unknown":
                return better
        return in_words_of(found, key, renamed)

    def _short(self, t: Term) -> Term:
        """The term with its short sums, maxima and minima over indices written out."""

        def written(u: Term) -> Term | None:
            with suppress(CannotCompose):
                return unrolled(self.program, u, MAX_TERMS) if isinstance(u, Bind) and u.head != "softmax" else None
            return None

        return transform(t, written)

    def _reads_entries(self, t: Term) -> bool:
        return bool(self.program.matrices) and any(v.name in self.program.matrices for v in variables(t))

    def _entries_written(self, t: Term) -> list[Term]:
        """The term with its sums over matrix entries written out, for each value of the indices of such entries."""
        program = self.program
        t = self._sums_written(t)
        subs = {s for v in variables(t) if v.name in program.matrices for s in v.subs}
        free = [s for s in free_indices(program, t) if s in subs]
        ranges = program.ranges(free)
        if prod(map(length, ranges.values())) * size(t) > MAX_WRITTEN:
            raise CannotCompose("many matrix entries")
        each = [shift_subs(t, at) for at in assignments(ranges)]
        return list(dict.fromkeys(with_entries(u, program.matrices) for u in each))

    def _sums_written(self, t: Term) -> Term:
        if isinstance(t, Bind) and t.head != "softmax" and self._reads_entries(t):
            return self._sums_written(unrolled(self.program, t, MAX_ENTRIES))
        parts = tuple(map(self._sums_written, children(t)))
        return rebuild(t, parts) if parts else t

    def entry_ranges(self, t: Term) -> dict[str, Interval]:
        """What is assumed of params, and of the matrices whose entries the term still reads: between which they lie."""
        out = dict(self.assumptions)
        for name in {v.name for v in variables(t)} & self.program.matrices.keys():
            matrix = self.program.matrices[name]
            at = (
                product(*(range(1, extent + 1) for extent in matrix.shape)) if prod(matrix.shape) <= MAX_WRITTEN else ()
            )
            found = [entry_term(matrix, k) for k in at]
            numbers = [None if e is None else rational(e) for e in found]
            known = [x for x in numbers if x is not None]
            if known and len(known) == len(numbers):
                out[name] = Interval(min(known), max(known), True, True)
        return out

    def canonical(self, t: Term, scalars: Collection[str] = ()) -> tuple[Term, dict[Var, str]]:
        """Return the term with its members named x0, x1, ... in order, so that equal shapes are equal terms."""
        t = written_out_softmax(self.at_infinity(t), self.program.range_of)
        own = (self.program.families.keys(), scalars, self.tending.keys())
        members = [v for v in variables(t) if any(v.name in names for names in own)]
        taken = self.program.params.keys() | self.program.indices.keys() | self.program.matrices.keys()
        x = "x" if not any(name.startswith("x") and name[1:].isdigit() for name in taken) else "#x"
        if any(isinstance(s, Bind) for s in walk(t)):
            names = list(dict.fromkeys(v.name for v in members))
            renamed = {v: f"{x}{names.index(v.name)}" for v in members}
            return substitute(t, {v: Var(x, v.subs) for v, x in renamed.items()}), renamed
        renamed = {v: f"{x}{k}" for k, v in enumerate(members)}
        return substitute(t, {v: Var(x) for v, x in renamed.items()}), renamed

    def at_infinity(self, t: Term) -> Term:
        """Powers of n belong to the dot products that they scale; in facts about functions they are left out.

        1 + 2/n tends to 1 and is 1 at no n: it becomes a new variable, whose limit is kept in `tending`.
        """
        known: dict[Term, Term] = {}
        stack = [t]
        while stack:
            top = stack.pop()
            if moves(top, self.program.widths) and not any(v.name in self.program.families for v in variables(top)):
                known[top] = Var(f"#{to_text(top)}")
                self.tending[f"#{to_text(top)}"] = leading(top, self.program.widths)
            else:
                stack += children(top)
        return leading(substitute(t, known), self.program.widths)

    def body(self, node: Node) -> Term | None:
        return node.body if isinstance(node, LinComb | Nonlin | Scalar | Moment) else None

    def pseudo_lipschitz(self, node: Node) -> Judged:
        """Judge whether the node, composed down to atoms, is pseudo-Lipschitz jointly in vectors and scalars."""
        if self._smooth is None:
            self._smooth = {}
            for each in self.program.nodes:
                self._smooth[id(each)] = self._pseudo_lipschitz(each, self._smooth)
        return self._smooth[id(node)]

    def _pseudo_lipschitz(self, node: Node, known: dict[int, Judged]) -> Judged:
        body = self.body(node)
        if body is None:
            return Judged(Fact("proved", "a variable"), to_text(Var(node.name, node.subs)), node.place)
        local = self.facts(body)
        place = function_place(body) or node.place
        inner = [known[id(n)] for ref, _ in self.program.references(node) for n, _ in self.program.resolve(ref)]
        if local.pseudo_lipschitz.proved and all(j.fact.proved for j in inner):
            return Judged(local.pseudo_lipschitz, to_text(body), place, local)
        return self._composed(node, body, "pseudo_lipschitz")

    def bounded(self, node: Node) -> Judged:
        """Judge whether the node, as a function of everything before it, is bounded."""
        body = self.body(node)
        if body is None:
            return Judged(Fact("refuted", "it is Gaussian"), to_text(Var(node.name, node.subs)), node.place)
        local = self.facts(body)
        if local.bounded.proved:
            return Judged(local.bounded, to_text(body), function_place(body) or node.place, local)
        return self._composed(node, body, "bounded")

    def controlled(self, node: Node) -> Judged:
        """Judge whether the node, composed down to atoms, is controlled. Pseudo-Lipschitz functions are."""
        smooth = self.pseudo_lipschitz(node)
        if smooth.fact.proved:
            return smooth
        body = self.body(node)
        return smooth if body is None else self._composed(node, body, "controlled")

    def continuous(self, node: Node) -> Fact:
        body = self.body(node)
        return Fact("proved", "") if body is None else self._composed(node, body, "continuous").fact

    def _composed(self, node: Node, body: Term, name: str) -> Judged:
        """Return the composed function, or the worst of the members' where these are defined differently."""
        try:
            wholes = self.composer.members(body)
        except CannotCompose as why:
            return Judged(Fact("unknown", str(why)), to_text(body), node.place)
        found = [(getattr(facts, name), whole, facts) for whole in wholes for facts in [self.facts(whole)]]
        fact, whole, facts = max(found, key=lambda each: _ORDER.index(each[0].status))
        return Judged(fact, to_text(whole), function_place(body) or node.place, facts)


def _worst(found: list[Facts]) -> Facts:
    """Return what holds of every member: each judgement as it is for the member where it is worst."""
    named = [dict(f.named()) for f in found]
    changes: dict[str, Any] = {
        name: max((n[name] for n in named), key=lambda fact: _ORDER.index(fact.status)) for name in named[0]
    }
    return replace(found[0], **changes)


def in_words_of(
    found: Facts, key: Term, renamed: Mapping[Var, str], meaning: Mapping[str, Term] | None = None
) -> Facts:
    """Return the facts of a term under short names, their reasons about the program's own variables.

    `meaning` has the terms that some of these are names of.
    """
    whole = any(isinstance(u, Bind) for u in walk(key))  # then the names are those of families
    known = meaning or {}
    names = {
        x: to_text(known[v.name]) if v.name in known else v.name if whole else to_text(v) for v, x in renamed.items()
    }
    pattern = re.compile(r"#?\bx\d+\b")
    changes: dict[str, Any] = {
        name: replace(fact, because=pattern.sub(lambda m: names.get(m[0], m[0]), fact.because))
        for name, fact in found.named()
        if pattern.search(fact.because)
    }
    return replace(found, **changes) if changes else found


def _without_refutations(found: Facts) -> Facts:
    """Facts for all entries between bounds: what fails for some of them need not fail for those that occur."""
    changes: dict[str, Any] = {name: replace(fact, status="unknown") for name, fact in found.named() if fact.refuted}
    return replace(found, **changes)


def function_place(t: Term) -> Place | None:
    """Return the place of the outermost named function in a term, else of the term."""
    for s in walk(t):
        if isinstance(s, App) and s.head in library() and s.place is not None:
            return s.place
    return t.place

"""Facts about the functions inside a program, composed down to inputs, MatMuls, scores and moments.

A chain of pseudo-Lipschitz functions is pseudo-Lipschitz, so nodes are first judged one by one; only where that
does not decide is the composed expression built and judged as a whole. Naming a subexpression changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from tensorprog.errors import Place
from tensorprog.functions.facts import Fact, Facts
from tensorprog.functions.interval import Interval
from tensorprog.functions.judge import judge
from tensorprog.program.compose import CannotCompose, Composer
from tensorprog.program.nodes import LinComb, Moment, Node, Nonlin, Scalar
from tensorprog.program.program import Program
from tensorprog.terms import App, Bind, Num, Term, Var, to_text
from tensorprog.terms.signatures import FUNCTIONS
from tensorprog.terms.term import ONE, mul, shift_subs, substitute, transform, variables, walk

UNDECIDED = Fact("unknown", "the expression is too large once composed")


@dataclass(frozen=True, slots=True)
class Judged:
    """A fact about one function of a program, with its text and the place to point at."""

    fact: Fact
    text: str
    place: Place | None
    facts: Facts | None = None


class Nonlinearities:
    """Facts about the functions of one program, judged once for each shape."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.composer = Composer(program)
        self.assumptions = {
            p.name: Interval(p.low, p.high, not p.low_open, not p.high_open) for p in program.params.values()
        }
        self._facts: dict[Term, Facts] = {}
        self._smooth: dict[int, Judged] | None = None

    def facts(self, t: Term) -> Facts:
        """Facts of a term whose family members are its variables."""
        key, renamed = self.canonical(t)
        found = self._facts.get(key)
        if found is None:
            names = dict.fromkeys(renamed.values())
            ranges = {i: self.program.range_of(i) for i in self.program.indices}
            found = self._facts[key] = judge(key, list(names), self.assumptions, ranges, extremes=False)
        return found

    def canonical(self, t: Term) -> tuple[Term, dict[Var, str]]:
        """The term with its members named x0, x1, ... in order, so that equal shapes are equal terms."""
        t = transform(self.without_widths(t), self._written_out_softmax)
        members = [v for v in variables(t) if v.name in self.program.families]
        if any(isinstance(s, Bind) for s in walk(t)):
            names = list(dict.fromkeys(v.name for v in members))
            renamed = {v: f"x{names.index(v.name)}" for v in members}
            return substitute(t, {v: Var(x, v.subs) for v, x in renamed.items()}), renamed
        renamed = {v: f"x{k}" for k, v in enumerate(members)}
        return substitute(t, {v: Var(x) for v, x in renamed.items()}), renamed

    def _written_out_softmax(self, t: Term) -> Term | None:
        """exp(p[j]) / sum(exp(p[l]) for l) is the j-th entry of a softmax, and is judged as one."""
        if not (isinstance(t, App) and t.head == "mul"):
            return None
        for below in t.args:
            match below:
                case App("recip", (Bind("sum", (App("exp", (b,)),), (index,), None),)):
                    for above in t.args:
                        entry = self._entry(above, b, index)
                        if entry is not None:
                            rest = [a for a in t.args if a is not below and a is not above]
                            share = Bind("softmax", (b, entry), (index,), None, t.place)
                            return mul(share, *(transform(a, self._written_out_softmax) for a in rest))
        return None

    def _entry(self, above: Term, b: Term, index: str) -> Term | None:
        """The j for which `above` is exp(b) at index = j, within its range."""
        if not (isinstance(above, App) and above.head == "exp"):
            return None
        low, high = self.program.range_of(index)
        for s in dict.fromkeys(s for v in variables(above) for s in v.subs):
            lo, hi = (s, s) if isinstance(s, int) else self.program.range_of(s)
            if low <= lo and hi <= high and shift_subs(b, {index: s}) == above.args[0]:
                return Num(s) if isinstance(s, int) else Var(s)
        return None

    def without_widths(self, t: Term) -> Term:
        """Powers of n belong to the dot products they scale; in facts about functions they are left out."""
        widths = self.program.widths
        return transform(t, lambda v: ONE if isinstance(v, Var) and v.name in widths and not v.subs else None)

    def body(self, node: Node) -> Term | None:
        return node.body if isinstance(node, LinComb | Nonlin | Scalar | Moment) else None

    def pseudo_lipschitz(self, node: Node) -> Judged:
        """Is the node, composed down to atoms, pseudo-Lipschitz jointly in vectors and scalars?"""
        if self._smooth is None:
            self._smooth = {}
            for each in self.program.nodes:
                self._smooth[id(each)] = self._pseudo_lipschitz(each, self._smooth)
        return self._smooth[id(node)]

    def _pseudo_lipschitz(self, node: Node, known: dict[int, Judged]) -> Judged:
        body = self.body(node)
        if body is None:
            return Judged(Fact("proved", "a variable"), "x", node.place)
        local = self.facts(body)
        place = function_place(body) or node.place
        inner = [known[id(n)] for ref, _ in self.program.references(node) for n, _ in self.program.resolve(ref)]
        if local.pseudo_lipschitz.proved and all(j.fact.proved for j in inner):
            return Judged(local.pseudo_lipschitz, to_text(body), place, local)
        return self._composed(node, body, "pseudo_lipschitz")

    def bounded(self, node: Node) -> Judged:
        """Is the node, as a function of everything before it, bounded?"""
        body = self.body(node)
        if body is None:
            return Judged(Fact("refuted", "a vector made by no Nonlin is not bounded"), "x", node.place)
        local = self.facts(body)
        if local.bounded.proved:
            return Judged(local.bounded, to_text(body), function_place(body) or node.place, local)
        return self._composed(node, body, "bounded")

    def controlled(self, node: Node) -> Judged:
        """Is the node, composed down to atoms, controlled? Pseudo-Lipschitz functions are."""
        smooth = self.pseudo_lipschitz(node)
        if smooth.fact.proved:
            return smooth
        body = self.body(node)
        return smooth if body is None else self._composed(node, body, "controlled")

    def continuous(self, node: Node) -> Fact:
        body = self.body(node)
        return Fact("proved", "") if body is None else self._composed(node, body, "continuous").fact

    def _composed(self, node: Node, body: Term, name: str) -> Judged:
        try:
            whole = self.composer.of_term(body)
        except CannotCompose as why:
            return Judged(Fact("unknown", str(why)), to_text(body), node.place)
        facts = self.facts(whole)
        fact: Fact = getattr(facts, name)
        return Judged(fact, to_text(whole), function_place(body) or node.place, facts)


def function_place(t: Term) -> Place | None:
    """The place of the outermost named function in a term, else of the term."""
    for s in walk(t):
        if isinstance(s, App) and s.head in FUNCTIONS and s.place is not None:
            return s.place
    return t.place


__all__ = ["Judged", "Nonlinearities", "function_place"]

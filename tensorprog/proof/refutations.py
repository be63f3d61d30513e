"""Refutations, found: the witness that the facts of functions give, or a simple curve, as a step of the kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice, product

from tensorprog.errors import TensorProgError
from tensorprog.functions.assume import intervals
from tensorprog.functions.decide.judge import judge
from tensorprog.functions.rules.facts import Fact, Facts
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.ground.term import PI, add, mul, neg, recip, variables, walk
from tensorprog.proof.writer import Writer
from tensorprog.terms import App, Num, Term, Var, read, to_json, to_text

T = Var("t")
WAVE = mul(PI, add(mul(Num(2), T), Num(Fraction(1, 2))))
"""sin is 1 there, for whole t."""
SIMPLE: tuple[Term, ...] = (T, neg(T), Num(1), Num(0), Num(-1), mul(Num(Fraction(1, 2)), PI), WAVE)
TRIES = 60


class Refutations:
    """Finds refutations of properties of instructions."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self._facts: dict[int, Facts | None] = {}

    def refuted(self, k: int, what: str) -> int:
        """Return a step that refutes a property of instruction k; Refused if none is found."""
        context = self.writer.context
        term = context.composer.of_term(context.body(k))
        families = context.program.families
        atoms = [v for v in variables(term) if v.name in families]
        params = [v for v in variables(term) if v.name in context.program.params]
        found = self._facts[k] if k in self._facts else self._facts.setdefault(k, self._judged(term, atoms))
        fact: Fact | None = getattr(found, what.replace("-", "_").replace(" ", "_").lower()) if found else None
        if fact is None or fact.status != "refuted":
            raise Refused(f"instruction {k} is not found to lack the property")
        said = dict(fact.witness)
        for curve in islice(_curves(term, atoms, params, said), TRIES):
            try:
                pairs = [[to_json(v), to_json(x)] for v, x in curve.items()]
                return self.writer.step("refuted", node=str(k), what=what, curve=pairs)
            except Refused:
                continue
        raise Refused(f"instruction {k}: no curve is found")

    def _judged(self, term: Term, atoms: list[Var]) -> Facts | None:
        program = self.writer.context.program
        ranges = {name: program.range_of(name) for name in program.indices}
        try:
            return judge(
                term, sorted({v.name for v in atoms}), intervals(program.params.values()), ranges, extremes=False
            )
        except TensorProgError:
            return None


def _curves(t: Term, atoms: list[Var], params: list[Var], said: dict[str, str]) -> Iterator[dict[Var, Term]]:
    """The witness as a curve; then simple ones, towards infinity and towards places where the function may break."""
    known = {v: x for v in [*atoms, *params] if (x := _read(v, said)) is not None}
    numbers = {v: known.get(v, Num(1)) for v in params}
    ends = sorted({u.value for u in walk(t) if isinstance(u, Num)} | {Fraction(0)}, key=abs)
    near: list[Term] = [x for c in ends for s in (1, -1) for x in (_beside(Num(c), s), Num(s * c))]
    if all(v in known for v in atoms):
        yield {**numbers, **{v: known[v] for v in atoms}}
    point = {v: known.get(v, Num(1)) for v in atoms}
    for v in atoms:
        for x in [_beside(known[v], s) for s in (1, -1) if v in known] + near[:12]:
            yield {**numbers, **point, v: x}
    for x in SIMPLE:
        yield {**numbers, **dict.fromkeys(atoms, x)}
    for values in islice(product(SIMPLE, repeat=len(atoms)), 200):
        yield {**numbers, **dict(zip(atoms, values, strict=True))}


def _beside(c: Term, side: int) -> Term:
    """c + 1/t or c - 1/t."""
    step = recip(T) if side > 0 else neg(recip(T))
    return step if c == Num(0) else add(c, step)


def _read(v: Var, said: dict[str, str]) -> Term | None:
    """Return what a witness says of a variable: under its name, or as `x = t` in a curve or a point."""
    name = to_text(v)
    text = said.get(name)
    for part in re.split(r", (?![^\[]*\])", ", ".join(said[k] for k in ("curve", "point", "to") if k in said)):
        left, _, right = part.partition(" = ")
        text = right if left == name and text is None else text
    try:
        found = read(text.removeprefix("0 + ")) if text else None
    except TensorProgError:
        return None
    return found if isinstance(found, Num | App | Var) else None

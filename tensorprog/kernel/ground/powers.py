"""Powers of the width, collected through definitions: which dot products are scores, which are moments.

A scalar is judged where it enters a function, a vector or an output. There it is a polynomial in dot products and
moments with a power of n in each term; a dot product whose total power is -1/2 is a score, -1 a moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from tensorprog.kernel.ground.nodes import SCALAR_NODES, Dot, LinComb, Moment, Node, Nonlin, Scalar
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.ground.scaling import leading_part, mentions_width, width_power
from tensorprog.kernel.ground.term import App, Bind, Term, Var, children

SCORE, MOMENT = Fraction(-1, 2), Fraction(-1)


@dataclass(frozen=True, slots=True)
class Use:
    """Scalar node `source` enters `user` (None: an output) with the total power n^power."""

    source: Node
    power: Fraction
    user: Node | None
    place: Place | None


class Powers:
    """All uses of dot products, moments and bare constants by the nodes of a program; `spend` is told of the work."""

    def __init__(self, program: Instructions, spend: Callable[[int], None] = lambda work: None) -> None:
        self.program, self.spend = program, spend
        self._memo: dict[tuple[int, Fraction], tuple[tuple[Node, Fraction], ...]] = {}
        self.by_user: dict[int, tuple[Use, ...]] = {}
        self._active: set[int] = set()
        for node in program.nodes:
            uses = tuple(self._uses_of(node))
            if uses:
                self.by_user[id(node)] = uses
        self.dot_powers: dict[int, set[Fraction]] = {}
        for use in [u for uses in self.by_user.values() for u in uses] + self.output_uses() + self._unused():
            if isinstance(use.source, Dot):
                self.dot_powers.setdefault(id(use.source), set()).add(use.power)

    def _unused(self) -> list[Use]:
        """Scalars that nothing reads still say what they are: a score that no vector uses is a score."""
        scalars = [node for node in self.program.nodes if isinstance(node, SCALAR_NODES)]
        names = {node.name for node in scalars}
        refs = {r for node in self.program.nodes for r, _ in self.program.references(node) if r.name in names}
        read = {id(source) for ref in refs for source in self._sources(ref)}
        idle = [node for node in scalars if id(node) not in read]
        return [Use(s, p, None, node.place) for node in idle for s, p in self._expand(node, Fraction(0))]

    def _sources(self, ref: Var) -> list[Node]:
        """The instructions that define what a reference touches."""
        self.spend(1 + len(self.program.families[ref.name].pieces))
        return [source for source, _ in self.program.resolve(ref)]

    def is_score(self, node: Node) -> bool:
        return isinstance(node, Dot) and SCORE in self.dot_powers.get(id(node), ())

    def of_output(self, ref: Var) -> tuple[Use, ...]:
        """How an output's own value scales, if it is a scalar."""
        if self.program.families[ref.name].kind == "vector":
            return ()
        nodes = self.program.families[ref.name].pieces if not ref.subs else self._sources(ref)
        return tuple(Use(s, p, None, ref.place) for n in nodes for s, p in self._expand(n, Fraction(0)))

    def output_uses(self) -> list[Use]:
        return [u for o in self.program.outputs for u in self.of_output(o.ref)]

    def _uses_of(self, node: Node) -> Iterator[Use]:
        match node:
            case Scalar(body=body):
                entries = _function_entries(body)
            case LinComb(body=body) | Nonlin(body=body) | Moment(body=body):
                entries = _leaves(body)
            case _:
                return
        for ref in entries:
            if self.program.families.get(ref.name) is None or self.program.families[ref.name].kind == "vector":
                continue
            for source in self._sources(ref):
                for dot, power in self._expand(source, Fraction(0)):
                    yield Use(dot, power, node, ref.place)

    def _expand(self, node: Node, power: Fraction) -> tuple[tuple[Node, Fraction], ...]:
        """The dots, moments and constants inside a scalar node, with the total power of n at each."""
        key = (id(node), power)
        if key not in self._memo:
            found = list(self._expand_now(node, power))
            self.spend(5 + len(found))
            self._memo[key] = tuple(dict.fromkeys(found))
        return self._memo[key]

    def _expand_now(self, node: Node, power: Fraction) -> Iterator[tuple[Node, Fraction]]:
        match node:
            case Dot(factor=factor):
                own = width_power(factor, self.program.widths)
                yield node, power + (own[1] if own else 0)
            case Scalar(body=body):
                for refs, exponent, functions in self.monomials(body):
                    total = power + exponent
                    if not refs:
                        if total != 0:
                            yield node, total
                        continue
                    dots = [ref for ref in refs if self._has_dot(ref)]
                    share = total / len(dots or refs)
                    for ref in refs:
                        for source in self._sources(ref):
                            yield from self._expand(source, share if ref in dots or not dots else Fraction(0))
                    if functions and total != 0 and not dots:
                        yield node, total
            case _:
                yield node, power

    def _has_dot(self, ref: Var) -> bool:
        """Return whether a power of n may belong to a dot product in it; averages and functions have limits as is."""
        each = (found for source in self._sources(ref) for found, _ in self._expand(source, Fraction(0)))
        return any(isinstance(node, Dot) for node in each)

    def monomials(self, t: Term) -> list[tuple[list[Var], Fraction, bool]]:
        """Scalar references, power of n, and whether functions of scalars occur, for each term of a sum."""
        if not self._has_scalars(t):
            part = leading_part(t, self.program.widths)
            return [([], part[1] if part else Fraction(0), False)]
        match t:
            case Var():
                return [([t], Fraction(0), False)]
            case App("neg", (a,)) | Bind("sum", (a,)):
                return self.monomials(a)
            case App("add", args):
                return [m for a in args for m in self.monomials(a)]
            case App("mul", args):
                out: list[tuple[list[Var], Fraction, bool]] = [([], Fraction(0), False)]
                for a in args:
                    out = [(r + r2, e + e2, f or f2) for r, e, f in out for r2, e2, f2 in self.monomials(a)]
                    if len(out) > 4096:
                        return [([], Fraction(0), True)]
                return out
            case _:
                return [([], Fraction(0), True)]

    def seen(self, t: Term) -> bool:
        """Return whether widths stand only where `monomials` finds their powers: in sums and products."""
        if not mentions_width(t, self.program.widths):
            return True
        if not self._has_scalars(t):
            return leading_part(t, self.program.widths) is not None
        match t:
            case App("add" | "mul" | "neg", args) | Bind("sum", args):
                return all(map(self.seen, args))
        return False

    def _has_scalars(self, t: Term) -> bool:
        return any(v.name in self.program.families for v in _leaves(t)) or (
            not mentions_width(t, self.program.widths) and isinstance(t, Bind)
        )


def _leaves(t: Term) -> Iterator[Var]:
    stack = [t]
    while stack:
        top = stack.pop()
        if isinstance(top, Var):
            yield top
        stack.extend(reversed(children(top)))


def _function_entries(t: Term) -> Iterator[Var]:
    """The names inside a scalar expression that stand in a function, not in a sum or product."""
    match t:
        case App("add" | "mul" | "neg", args) | Bind("sum", args):
            for a in args:
                yield from _function_entries(a)
        case Var():
            return
        case _:
            yield from _leaves(t)

"""Which members an output depends on: its ancestors as exact sets, and the single products behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from tensorprog.kernel.ground.indices import Pattern
from tensorprog.kernel.ground.nodes import Input, MatMul, Node, primed_indices
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.ground.term import ZERO, Sub, Var

Product = tuple[object, object]
"""The matrix (its name and subscripts) and the vector (its instruction and member) of one product."""


class Members:
    """The ancestors of some roots: for each instruction, the patterns of its members that are needed.

    `spend` is told of the work.
    """

    def __init__(self, program: Instructions, roots: Sequence[Var], spend: Callable[[int], None]) -> None:
        self.program, self.spend = program, spend
        self.need: dict[int, dict[Pattern, None]] = {}
        for root in roots:
            whole = not root.subs and program.families[root.name].arity > 0
            pieces = [(n, _box(program, n)) for n in program.families[root.name].pieces]
            self._add(pieces if whole else program.resolve(root))
        for n in reversed(program.nodes):
            references = program.references(n) if id(n) in self.need else []
            for pattern in list(self.need.get(id(n), ())):
                for ref, inside in references:
                    self._add(self.at(n, pattern, ref, inside))
        self.nodes = [n for n in program.nodes if id(n) in self.need]

    def _add(self, found: Iterable[tuple[Node, Pattern]]) -> None:
        for n, pattern in found:
            self.need.setdefault(id(n), {})[pattern] = None

    def at(self, n: Node, pattern: Pattern, ref: Var, inside: tuple[str, ...] = ()) -> list[tuple[Node, Pattern]]:
        """What a reference of these members of an instruction touches; `inside`: the indices bound around it."""
        self.spend(2 + len(self.program.families[ref.name].pieces))
        axes: dict[Sub, Sub] = dict(zip((s for s in n.subs if isinstance(s, str)), pattern.slots, strict=True))
        subs = tuple(s if s in inside else axes.get(s, s) for s in ref.subs)
        return self.program.resolve(Var(ref.name, subs), {**dict(pattern.ranges), **self.program.ranges(inside)})

    def product(self, n: MatMul, member: tuple[int, ...]) -> Product:
        """The matrix of one member of a MatMul, and the vector that it multiplies."""
        axes: dict[Sub, Sub] = dict(zip((s for s in n.subs if isinstance(s, str)), member, strict=True))
        ((source, used),) = self.program.resolve(Var(n.arg.name, tuple(axes.get(s, s) for s in n.arg.subs)))
        return (n.weight.name, tuple(axes.get(s, s) for s in n.weight.subs)), (id(source), used.first())

    def products(self, n: MatMul, patterns: Iterable[Pattern]) -> Iterator[Product]:
        return (self.product(n, m) for p in patterns for m in p.members())


def _box(program: Instructions, n: Node) -> Pattern:
    return Pattern.of([s for s in n.subs if isinstance(s, str)], program.indices)


def independent_input(n: Node) -> bool:
    """An initial vector that is centred and independent of all others."""
    return isinstance(n, Input) and len(n.group.names) == 1 and n.group.mean[0] == ZERO and not primed_indices(n.group)


def source_of(n: Node) -> object:
    """Limits of initial vectors and products from different sources are independent: their weight, or their group."""
    return n.weight.name if isinstance(n, MatMul) else n.group.names if isinstance(n, Input) else id(n)

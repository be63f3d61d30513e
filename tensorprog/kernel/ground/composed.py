"""Nonlins composed down to inputs, MatMuls, dot products and moments: what a vector is, as one function."""

from __future__ import annotations

from tensorprog.kernel.ground.nodes import Input, LinComb, Node, Nonlin, Scalar
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.ground.term import Sub, Term, Var, shift_subs, size, transform

MAX_COMPOSED = 4_000


class CannotCompose(Exception):
    """The composed expression would be too large, or a reference spans differently defined pieces."""


class Spans(CannotCompose):
    """A reference touches members with different definitions: they must be taken one by one."""


class Composer:
    """Expressions over atoms: the leaves of a composed term are inputs, MatMuls, Dots and Moments."""

    def __init__(self, program: Instructions) -> None:
        self.program = program
        self._memo: dict[int, Term] = {}

    def of_node(self, node: Node) -> Term:
        """The node's members as a function of atoms, over the node's own index names."""
        found = self._memo.get(id(node))
        if found is None:
            match node:
                case LinComb(body=body) | Nonlin(body=body) | Scalar(body=body):
                    found = self.of_term(body)
                case Input():
                    found = Var(node.name, node.subs)
                case _:
                    found = Var(node.name, node.subs, node.place)
            if size(found) > MAX_COMPOSED:
                raise CannotCompose(f"{node.name} is too large once composed")
            self._memo[id(node)] = found
        return found

    def of_term(self, t: Term) -> Term:
        """The term with every reference to a LinComb, Nonlin or Scalar replaced by its definition."""
        try:
            out = transform(t, self._leaf)
        except RecursionError:
            raise CannotCompose("nested too deep once composed") from None
        if size(out) > MAX_COMPOSED:
            raise CannotCompose("the expression is too large once composed")
        return out

    def _leaf(self, t: Term) -> Term | None:
        if not isinstance(t, Var) or t.name not in self.program.families:
            return None
        pieces = self.program.resolve(t)
        maps = [node for node, _ in pieces if isinstance(node, LinComb | Nonlin | Scalar)]
        if not maps:
            return t
        if len(pieces) > 1:
            raise Spans(f"{t.name} spans several definitions")
        return shift_subs(self.of_node(maps[0]), self._renaming(maps[0], t))

    @staticmethod
    def _renaming(node: Node, ref: Var) -> dict[str, Sub]:
        return {a: b for a, b in zip(node.subs, ref.subs, strict=True) if isinstance(a, str) and a != b}

"""What is drawn, and in which order: made once for some questions, before any number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from tensorprog.kernel.ground.nodes import Input
from tensorprog.kernel.ground.term import children
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.limit.particles.reading import Reader
from tensorprog.limit.particles.splitting import Class, Groups, is_feature
from tensorprog.limit.particles.tame import are_tame, gaps
from tensorprog.terms import Num, Term, Var

MOST_FORMS = 3_000
MOST_INPUTS = 700
"""Initial vectors whose covariances are read one by one."""

Node = tuple[Term, frozenset[Var]]
"""A term, and the forms that are carried in it."""


class Plan:
    """The populations that some families of terms need; each family is a tuple of terms that were read."""

    def __init__(self, reader: Reader, families: Sequence[tuple[Term, ...]]) -> None:
        self.reader = reader
        self.families = tuple(families)
        self.levels = reader.levels(t for f in families for t in f)
        if len(self.levels) > MOST_FORMS:
            raise NotCovered(f"more than {MOST_FORMS} Gaussian vectors")
        self.groups = Groups.of(reader, self.levels)
        self.origins = self._origins()
        """The leaves of each matrix or group of initial vectors, in the order in which they can be drawn."""
        self.arguments = {
            origin: self.groups.classes([reader.arguments[v] for v in leaves])
            for origin, leaves in self.origins.items()
            if leaves[0] in reader.arguments
        }
        self.questions = [self.groups.classes(f) for f in self.families]
        self.averages = {v: self.groups.classes([reader.moments[v]]) for v in self.levels if v in reader.moments}
        self._refuse_wild()

    def _refuse_wild(self) -> None:
        """Refuses what is not proved to have a second moment: a sample of it would look finite."""
        moved = [
            self.reader.arguments[v] for leaves in self.origins.values() for v in leaves if v in self.reader.arguments
        ]
        averages = {v: self.reader.moments[v] for v in sorted(self.averages, key=self.levels.__getitem__)}
        asked = [t for f in self.families for t in f]
        whole, forms = [*moved, *averages.values(), *asked], frozenset(self.groups.group_of)
        if not are_tame(whole, forms, averages):
            raise NotCovered("a second moment is not proved to be finite, and a sample would look so")
        self.gaps = gaps(whole, forms)

    def _origins(self) -> dict[object, list[Var]]:
        out: dict[object, dict[Var, None]] = {}
        for v in sorted(self.groups.group_of, key=lambda v: (self.levels[v], int(v.name[1:]))):
            for leaf, _ in self.reader.forms[v].leaves:
                out.setdefault(self.reader.u.origin(leaf), {})[leaf] = None
        inputs = [v for leaves in out.values() for v in leaves if isinstance(self.reader.u.leaves[v].node, Input)]
        if len(inputs) > MOST_INPUTS:
            raise NotCovered(f"more than {MOST_INPUTS} initial vectors")
        return {origin: list(leaves) for origin, leaves in out.items()}

    @cached_property
    def roots(self) -> list[Node]:
        """Everything of which averages are taken."""
        kinds: list[list[Class]] = [*self.arguments.values(), *self.questions, *self.averages.values()]
        found = [c for classes in kinds for c in classes]
        controls = [c.controls for c in found if c.controls is not None]
        nodes = [self.node(t, c.carried) for c in (*found, *controls) for t in c.products]
        return nodes + [(t, frozenset[Var]()) for c in controls for t in c.products]

    def node(self, t: Term, carried: frozenset[Var]) -> Node:
        """The term with those of the carried forms that it has."""
        return t, carried if self.reader.below(t) & carried else frozenset()

    def below(self, node: Node) -> list[Node]:
        """What must be known before a node is: nothing below a form, an average or a feature."""
        t, carried = node
        if isinstance(t, Num | Var) or (carried and is_feature(self.reader, t, carried)):
            return []
        return [self.node(c, carried) for c in children(t) if not self._is_index(t, c)]

    @staticmethod
    def _is_index(t: Term, c: Term) -> bool:
        return isinstance(c, Num) and getattr(t, "head", "") in ("hermite", "softmax")

    @cached_property
    def uses(self) -> Counter[Node]:
        """How often each node is asked for: what is asked for no more need not be kept."""
        out: Counter[Node] = Counter()
        stack = list(self.roots)
        while stack:
            node = stack.pop()
            out[node] += 1
            if out[node] == 1:
                stack += self.below(node)
        return out

    @cached_property
    def drawn(self) -> list[Var]:
        """The forms whose values are needed, in program order."""
        found = {t for t, carried in self.uses if isinstance(t, Var) and t in self.reader.forms and not carried}
        return sorted(found, key=lambda v: (self.levels[v], int(v.name[1:])))

    @cached_property
    def width(self) -> int:
        """Numbers that are kept for each particle, about."""
        drawn = frozenset(self.drawn)
        moving = {(t, c) for t, c in self.roots if (self.reader.below(t) - c) & drawn}
        carried = Counter(self._features(c) for _, c in moving if c)
        return len(drawn) + len(moving) + sum((n + 1) * k // 2 for n, k in carried.items())

    def _features(self, carried: frozenset[Var]) -> int:
        return len({t for t, c in self.uses if c == carried and is_feature(self.reader, t, c)})

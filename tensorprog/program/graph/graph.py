"""The program: a DAG of vectors and scalars, append-only, with exact knowledge of who defines which member."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import islice, product
from typing import Any, Self

from tensorprog.errors import TensorProgError, fail
from tensorprog.kernel.ground.growing import Growing
from tensorprog.kernel.ground.indices import Range, length
from tensorprog.kernel.ground.nodes import (
    Input,
    InputGroup,
    Matrix,
    Node,
    Output,
    Param,
    Weight,
)
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.program import volume
from tensorprog.kernel.ground.term import variables
from tensorprog.kernel.ground.text import member_text
from tensorprog.program.graph.limits import DEFAULT_LIMITS, Limits
from tensorprog.terms import Sub, Term, Var
from tensorprog.terms.reserved import RESERVED


class Graph(Growing):
    """Declarations, instructions in order, outputs and claims; instructions are only ever appended."""

    def __init__(self, name: str = "program", limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(name)
        self.limits = limits
        self.assumptions: list[str] = []
        self.sources: dict[str | None, Sequence[str]] = {}
        self.made: dict[str, None] = {}
        """The names that no user wrote: of expressions inside statements."""
        self.path: str = "<text>"

    def content(self) -> dict[str, Any]:
        """Return what the program consists of so far: the lists and tables as they are now."""
        return {
            name: value.copy() if isinstance(value, dict | list) else value
            for name, value in vars(self).items()
            if not name.startswith("_") and name != "families"  # which the nodes make
        }

    # -- names ---------------------------------------------------------------------------------------------------

    def check_free(self, name: str, place: Place | None) -> None:
        """Refuse reserved names and second definitions (TP005)."""
        if name in RESERVED:
            raise fail("TP005", f"{name} is a reserved word", place, help="choose another name")
        if (role := self.role(name)) is not None:
            raise fail("TP005", f"{name} is already defined ({role})", place, help="every name is defined once")

    # -- declarations --------------------------------------------------------------------------------------------

    def add_width(self, name: str, ratio: Fraction, place: Place | None = None) -> None:
        self.check_free(name, place)
        if ratio <= 0:
            raise fail("TP017", f"the width {name} must be a positive multiple of n", place)
        if max(ratio.numerator, ratio.denominator) > self.limits.index_value:
            raise self.limits.exceeded("TP906", "index_value", "a larger number", f"the ratio of width {name}", place)
        self.widths[name] = ratio

    def add_index(self, name: str, low: int, high: int, place: Place | None = None) -> None:
        self.check_free(name, place)
        if low > high:
            raise fail("TP004", f"the range {low}..{high} of index {name} is empty", place)
        if max(abs(low), abs(high)) > self.limits.index_value:
            raise self.limits.exceeded("TP905", "index_value", high, f"the range of index {name} is too large", place)
        self.indices[name] = (low, high)

    def add_param(self, param: Param) -> None:
        self.check_free(param.name, param.place)
        self.params[param.name] = param

    def add_matrix(self, matrix: Matrix) -> None:
        self.check_free(matrix.name, matrix.place)
        self.matrices[matrix.name] = matrix

    def add_weight(self, weight: Weight) -> None:
        self.check_free(weight.name, weight.place)
        self._check_members(weight.name, weight.subs, weight.place)
        self.weights[weight.name] = weight

    def add_input(self, group: InputGroup) -> None:
        if len(set(group.names)) < len(group.names):
            raise fail("TP005", "a name is declared twice", group.place)
        for name in group.names:
            self.check_free(name, group.place)
        self.groups.append(group)
        for k, name in enumerate(group.names):
            self.append(Input(name, group.subs, group, k, group.place))

    def add_output(self, output: Output) -> None:
        if self.role(output.ref.name) not in ("vector", "scalar"):
            raise fail("TP002", f"the output {output.ref.name} is not defined", output.place)
        self.outputs.append(output)

    # -- instructions --------------------------------------------------------------------------------------------

    def append(self, node: Node, place: Place | None = None) -> None:
        """Append one instruction, defined at `place`; every member is defined once, before it is used (TP005)."""
        place = place or node.place
        if len(self.nodes) >= self.limits.statements:
            raise self.limits.exceeded("TP904", "statements", len(self.nodes) + 1, "too many instructions", place)
        self._check_members(node.name, node.subs, place)
        if node.name not in self.families:
            self.check_free(node.name, place)
        elif not self.fits(node):
            raise fail("TP005", f"{node.name} is already defined, with other indices, kind or width", place)
        if (other := self.clash(node)) is not None:
            raise fail(
                "TP005",
                f"{member_text(node.name, node.subs)} is defined twice",
                place,
                because="each element is defined once",
                related=[(other.place, "first defined here")] if other.place else [],
            )
        self.put(node)

    def _check_members(self, name: str, subs: Sequence[Sub], place: Place | None) -> None:
        members = 1
        for s in subs:
            if isinstance(s, str):
                members *= length(self.indices[s])
        if members > self.limits.family_members:
            raise self.limits.exceeded("TP905", "family_members", members, f"{name} has too many members", place)

    def vectors_in(self, t: Term) -> list[Var]:
        """Return the vectors that occur in a term."""
        families = self.families
        return [v for v in variables(t) if v.name in families and families[v.name].kind == "vector"]

    def hull(self, name: str) -> tuple[Range, ...]:
        """The box that a family spans: the least and the greatest subscript at each position, as far as defined."""
        boxes = self.families[name].boxes
        return tuple((min(r[0] for r in side), max(r[1] for r in side)) for side in zip(*boxes, strict=True))

    def members(self, ref: Var, most: int) -> list[Var]:
        """Return the first members that a reference names (indices that are names run over the family's box)."""
        subs = ref.subs or ("",) * self.families[ref.name].arity
        sides = [range(s, s + 1) if isinstance(s, int) else range(r[0], r[1] + 1)
                 for s, r in zip(subs, self.hull(ref.name), strict=True)]  # fmt: skip
        return [Var(ref.name, at) for at in islice(product(*sides), most)]

    # -- the whole -----------------------------------------------------------------------------------------------

    def finish(self) -> Self:
        """Return what can only be said at the end: an output exists, and every family fills a box (TP007, TP015)."""
        problems = []
        if not self.outputs:
            hint = "write `output NAME` for each variable whose limit is wanted"
            problems.append(fail("TP007", "the program has no output", self._end(), help=hint).diagnostics[0])
        for family in self.families.values():
            if len(family.pieces) == 1:
                continue
            hull = self.hull(family.name)
            if volume(hull) != sum(volume(b) for b in family.boxes):
                error = fail(
                    "TP015",
                    f"the members of {family.name} do not fill a box",
                    family.pieces[0].place,
                    because=f"its subscripts span {' x '.join(f'{lo}..{hi}' for lo, hi in hull)}, but some are missing",
                    help="define every member, or give the parts different names",
                )
                problems.append(error.diagnostics[0])
        if problems:
            raise TensorProgError(tuple(problems), dict(self.sources), self.path)
        return self

    def _end(self) -> Place | None:
        lines = self.sources.get(None)
        return Place(max(1, len(lines)), 1) if lines else None

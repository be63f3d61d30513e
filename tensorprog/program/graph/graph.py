"""The program: a DAG of vectors and scalars, append-only, with exact knowledge of who defines which member."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Self

from tensorprog.errors import Place, TensorProgError, fail
from tensorprog.program.graph.indices import Pattern, Range, length, match, use_pattern
from tensorprog.program.graph.limits import DEFAULT_LIMITS, Limits
from tensorprog.program.graph.nodes import (
    Attention,
    Claim,
    Dot,
    Family,
    Input,
    InputGroup,
    Kind,
    MatMul,
    Matrix,
    Node,
    Output,
    Param,
    Weight,
)
from tensorprog.terms import Sub, Term, Var
from tensorprog.terms.signatures import RESERVED
from tensorprog.terms.term import Bind, children, variables


class Graph:
    """Declarations, instructions in order, outputs and claims; instructions are only ever appended."""

    def __init__(self, name: str = "program", limits: Limits = DEFAULT_LIMITS) -> None:
        self.name = name
        self.limits = limits
        self.widths: dict[str, Fraction] = {"n": Fraction(1)}
        self.indices: dict[str, Range] = {}
        self.params: dict[str, Param] = {}
        self.matrices: dict[str, Matrix] = {}
        self.weights: dict[str, Weight] = {}
        self.groups: list[InputGroup] = []
        self.families: dict[str, Family] = {}
        self.nodes: list[Node] = []
        self.outputs: list[Output] = []
        self.claims: list[Claim] = []
        self.assumptions: list[str] = []
        self.sources: dict[str | None, Sequence[str]] = {}
        self.path: str = "<text>"

    def content(self) -> dict[str, Any]:
        """What the program consists of so far: the lists and tables as they are now."""
        return {
            name: value.copy() if isinstance(value, dict | list) else value
            for name, value in vars(self).items()
            if not name.startswith("_") and name != "families"  # which the nodes make
        }

    # -- names ---------------------------------------------------------------------------------------------------

    def role(self, name: str) -> str | None:
        """What a name stands for: width, index, param, matrix, weight, vector, scalar, or nothing."""
        if name in self.families:
            return self.families[name].kind
        for role, table in (
            ("index", self.indices),
            ("param", self.params),
            ("matrix", self.matrices),
            ("weight", self.weights),
            ("width", self.widths),
        ):
            if name in table:
                return role
        return None

    def check_free(self, name: str, place: Place | None) -> None:
        """Refuse reserved names and second definitions (TP005)."""
        if name in RESERVED:
            raise fail("TP005", f"{name} is a reserved word", place, help="choose another name")
        if (role := self.role(name)) is not None:
            raise fail("TP005", f"{name} is already defined ({role})", place, help="every name is defined once")

    def range_of(self, index: str) -> Range:
        """The range of an index name; names made when a binder was renamed (j~) have their origin's range."""
        return self.indices[index.rstrip("~'")]

    def ranges(self, names: Iterable[Sub]) -> dict[str, Range]:
        return {s: self.range_of(s) for s in names if isinstance(s, str)}

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
        kind: Kind = "scalar" if node_kind(node) == "scalar" else "vector"
        width = None if kind == "scalar" else self._width(node)
        family = self.families.get(node.name)
        if family is None:
            self.check_free(node.name, place)
            family = self.families[node.name] = Family(node.name, kind, width, len(node.subs))
        elif family.arity != len(node.subs) or family.kind != kind or family.width != width:
            raise fail("TP005", f"{node.name} is already defined, with other indices, kind or width", place)
        box = tuple((s, s) if isinstance(s, int) else self.indices[s] for s in node.subs)
        self._place_piece(family, node, box, place)
        self.nodes.append(node)

    def _place_piece(self, family: Family, node: Node, box: tuple[Range, ...], place: Place | None) -> None:
        fixed = tuple(k for k, s in enumerate(node.subs) if isinstance(s, int))
        free = tuple(box[k] for k in range(len(box)) if k not in fixed)
        constants = tuple(s for s in node.subs if isinstance(s, int))
        group = family.by_constants.setdefault((fixed, free), {})
        other = group.get(constants)
        if other is None and len(family.by_constants) > 1:
            for key, pieces in family.by_constants.items():
                if key != (fixed, free):
                    other = next((p for p in pieces.values() if _overlap(box, self.box(p))), None)
                    if other is not None:
                        break
        if other is not None:
            raise fail(
                "TP005",
                f"{member_text(node.name, node.subs)} is defined twice",
                place,
                because="each element is defined once",
                related=[(other.place, "first defined here")] if other.place else [],
            )
        group[constants] = node
        family.pieces.append(node)
        family.boxes.append(box)

    def box(self, node: Node) -> tuple[Range, ...]:
        return tuple((s, s) if isinstance(s, int) else self.indices[s] for s in node.subs)

    def _check_members(self, name: str, subs: Sequence[Sub], place: Place | None) -> None:
        members = 1
        for s in subs:
            if isinstance(s, str):
                members *= length(self.indices[s])
        if members > self.limits.family_members:
            raise self.limits.exceeded("TP905", "family_members", members, f"{name} has too many members", place)

    def _width(self, node: Node) -> str:
        match node:
            case Input(group=group):
                return group.width
            case MatMul(weight=weight, transposed=transposed):
                w = self.weights[weight.name]
                return w.cols if transposed else w.rows
            case Attention(value=value):
                return self.families[value.name].width or "n"
            case _:
                refs = [r for r, _ in self.references(node) if self.families[r.name].kind == "vector"]
                return self.families[refs[0].name].width or "n"

    # -- who refers to whom --------------------------------------------------------------------------------------

    def references(self, node: Node) -> list[tuple[Var, tuple[str, ...]]]:
        """Every vector or scalar that the node reads, with the indices that are bound around it."""
        match node:
            case Input():
                return []
            case MatMul(arg=arg):
                return [(arg, ())]
            case Dot(left=left, right=right):
                return [(left, ()), (right, ())]
            case Attention(query=q, key=k, value=v, over=over):
                return [(q, over), (k, over), (v, over)]
            case _:
                return self.references_in(node.body)

    def references_in(self, t: Term, bound: tuple[str, ...] = ()) -> list[tuple[Var, tuple[str, ...]]]:
        out: dict[tuple[Var, tuple[str, ...]], None] = {}
        stack: list[tuple[Term, tuple[str, ...]]] = [(t, bound)]
        while stack:
            top, inside = stack.pop()
            if isinstance(top, Var):
                if top.name in self.families:
                    out[(top, inside)] = None
                continue
            if isinstance(top, Bind):
                inside = (*inside, *(i for i in top.over if i not in inside))
            stack.extend((c, inside) for c in reversed(children(top)))
        return list(out)

    def vectors_in(self, t: Term) -> list[Var]:
        """The vectors that occur in a term."""
        families = self.families
        return [v for v in variables(t) if v.name in families and families[v.name].kind == "vector"]

    def resolve(self, ref: Var, ranges: Mapping[str, Range] | None = None) -> list[tuple[Node, Pattern]]:
        """The nodes that define the members which `ref` touches, with the set of members touched (over node axes)."""
        family = self.families[ref.name]
        where = {**self.indices, **(self.ranges(ref.subs) if ranges is None else ranges)}
        out = []
        for node in self._candidates(family, ref):
            pattern = use_pattern(node.subs, ref.subs, where)
            if pattern is not None:
                out.append((node, pattern))
        return out

    @staticmethod
    def _candidates(family: Family, ref: Var) -> Iterable[Node]:
        for (fixed, _), pieces in family.by_constants.items():
            wanted = tuple(ref.subs[k] for k in fixed)
            if all(isinstance(s, int) for s in wanted):
                node = pieces.get(wanted)  # type: ignore[arg-type]
                if node is not None:
                    yield node
            else:
                yield from pieces.values()

    def missing(self, ref: Var) -> bool:
        """Does `ref` touch a member that no instruction defines so far? Pieces are disjoint, so counting decides."""
        where = {**self.indices, **self.ranges(ref.subs)}
        names = dict.fromkeys(s for s in ref.subs if isinstance(s, str))
        total = _count(names, where)
        found = 0
        for node in self._candidates(self.families[ref.name], ref):
            bound = match(node.subs, ref.subs, where)
            if bound is not None:
                found += _count(names, {**where, **bound})
        return found != total

    # -- the whole -----------------------------------------------------------------------------------------------

    def finish(self) -> Self:
        """What can only be said at the end: an output exists, and every family fills a box (TP007, TP015)."""
        problems = []
        if not self.outputs:
            hint = "write `output NAME` for each variable whose limit is wanted"
            problems.append(fail("TP007", "the program has no output", self._end(), help=hint).diagnostics[0])
        for family in self.families.values():
            if len(family.pieces) == 1:
                continue
            hull = [(min(r[0] for r in side), max(r[1] for r in side)) for side in zip(*family.boxes, strict=True)]
            if _volume(hull) != sum(_volume(b) for b in family.boxes):
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


def node_kind(node: Node) -> Kind:
    """Is the node's value a vector or a scalar?"""
    from tensorprog.program.graph.nodes import SCALAR_NODES

    return "scalar" if isinstance(node, SCALAR_NODES) else "vector"


def member_text(name: str, subs: Sequence[Sub]) -> str:
    """x[1,i], or x without subscripts."""
    return f"{name}[{','.join(map(str, subs))}]" if subs else name


def _overlap(a: Sequence[Range], b: Sequence[Range]) -> bool:
    return all(x[0] <= y[1] and y[0] <= x[1] for x, y in zip(a, b, strict=True))


def _volume(box: Iterable[Range]) -> int:
    out = 1
    for r in box:
        out *= length(r)
    return out


def _count(names: Iterable[str], ranges: Mapping[str, Range]) -> int:
    return _volume(ranges[k] for k in names)

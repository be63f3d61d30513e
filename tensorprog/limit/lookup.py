"""What a caller may name: members, expressions in them, whole families; everything else is refused by name."""

from __future__ import annotations

from typing import Any

from tensorprog.errors import did_you_mean, fail
from tensorprog.functions.named.registry import read_term
from tensorprog.kernel.ground.indices import Range
from tensorprog.kernel.ground.term import walk
from tensorprog.kernel.ground.text import member_text
from tensorprog.limit.rules.labels import label
from tensorprog.limit.rules.open import Composer
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import App, Bind, Num, Term, Var, to_text


class Lookup:
    """Names of one program in normal form."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self.program: Graph = composer.program

    def term(self, given: Any) -> Term:
        """Return a variable or an expression from text, a term or sympy; names are checked."""
        t = given if isinstance(given, Num | Var | App | Bind) else _read(given)
        program = self.program
        for v in walk(t):
            if not isinstance(v, Var):
                continue
            if v.name in program.families:
                family = program.families[v.name]
                if len(v.subs) != family.arity:
                    example = member_text(v.name, [r[0] for r in family.boxes[0]])
                    raise fail("TP004", f"{v.name} has {family.arity} index(es), and {to_text(v)} gives {len(v.subs)}",
                               help=f"name one member, such as {example}")  # fmt: skip
                if all(isinstance(s, int) for s in v.subs):
                    self.composer.locate(v)
            elif not (v.name in program.params or v.name in program.matrices or v.name in program.indices):
                known = [*program.families, *program.params, *program.matrices]
                raise fail("TP002", f"{to_text(v)} is not a variable or param of this program",
                           help=did_you_mean(v.name, known, self._known()))  # fmt: skip
        return t

    def family(self, given: Any) -> Var:
        """Return a family by its name, or with some of its indices fixed, as h[3,i]."""
        t = given if isinstance(given, Var) else _read(given)
        families = self.program.families
        if not isinstance(t, Var) or t.name not in families:
            near = did_you_mean(t.name, families, self._known()) if isinstance(t, Var) else self._known()
            raise fail("TP002", f"{given} is not a family of this program", help=near)
        if t.subs and len(t.subs) != families[t.name].arity:
            raise fail("TP004", f"{t.name} has {families[t.name].arity} index(es)")
        for s, (low, high) in zip(t.subs, self.program.hull(t.name), strict=False):
            if isinstance(s, int) and not low <= s <= high:
                raise fail("TP004", f"{t.name} has no member {to_text(t)}", help=f"this index runs over {low}..{high}")
        return t if t.subs else Var(t.name, tuple(f"i{k}" for k in range(families[t.name].arity)))

    def _known(self) -> str:
        names = [*dict.fromkeys(o.ref.name for o in self.program.outputs)]
        return f"its outputs: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}; `show` lists every name"

    def labelled(self, ref: Var) -> tuple[Var, Var, list[Range]]:
        """Return two members of a family with separate labels, and the ranges of the indices that are not fixed."""
        first: list[Any] = []
        second: list[Any] = []
        ranges = []
        for k, (s, r) in enumerate(zip(ref.subs, self.program.hull(ref.name), strict=True)):
            if isinstance(s, int):
                first.append(s)
                second.append(s)
            else:
                first.append(label(f"#{k}", r))
                second.append(label(f"#{k + len(ref.subs)}", r))
                ranges.append(r)
        return Var(ref.name, tuple(first)), Var(ref.name, tuple(second)), ranges

    def members(self, ref: Var, most: int) -> list[Var]:
        """Return the first members that a reference names (indices that are names run over their ranges)."""
        return self.program.members(ref, most)


def _read(given: Any) -> Term:
    if isinstance(given, str):
        return read_term(given)
    from tensorprog.functions.evaluate.sympy_bridge import from_sympy

    return from_sympy(given)

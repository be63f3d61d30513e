"""A program as `.tp` text: declarations, then one instruction a line; it reads back to the same hash."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from tensorprog.kernel.ground.nodes import (
    Input,
    InputGroup,
    Matrix,
    Node,
    Param,
    Weight,
)
from tensorprog.kernel.ground.text import claim_text, member_text
from tensorprog.kernel.written.canonical import instruction_term
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import to_text


def program_text(program: Graph) -> str:
    """Return the whole program."""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: Graph) -> Iterator[str]:
    yield f"program {program.name}"
    for name, ratio in program.widths.items():
        if name != "n":
            yield f"width {name} = {_ratio(ratio)}"
    for name, (lo, hi) in program.indices.items():
        yield f"index {name} in {lo}..{hi}"
    yield from map(_param, program.params.values())
    yield from map(_matrix, program.matrices.values())
    yield from map(_input, program.groups)
    yield from map(_weight, program.weights.values())
    for node in program.nodes:
        if not isinstance(node, Input):
            yield f"{member_text(node.name, node.subs)} = {instruction_text(node)}"
    for output in program.outputs:
        yield f"output {to_text(output.ref)}"
    yield from map(claim_text, program.claims)


def _ratio(ratio: Fraction) -> str:
    top = "n" if ratio.numerator == 1 else f"{ratio.numerator}*n"
    return top if ratio.denominator == 1 else f"{top}/{ratio.denominator}"


def _param(p: Param) -> str:
    out = f"param {p.name}"
    if p.low is not None and p.high is not None:
        out += f" in ({p.low}, {p.high})"
    elif p.low is not None:
        out += f" {'>' if p.low_open else '>='} {p.low}"
    elif p.high is not None:
        out += f" {'<' if p.high_open else '<='} {p.high}"
    return out if p.default is None else f"{out} = {to_text(p.default)}"


def _matrix(m: Matrix) -> str:
    if m.entries is None:
        return f'matrix {m.name} = file("{m.file}")'
    if len(m.shape) == 1:
        return f"matrix {m.name} = [{', '.join(map(to_text, m.entries))}]"
    rows, columns = m.shape
    texts = [", ".join(map(to_text, m.entries[r * columns : (r + 1) * columns])) for r in range(rows)]
    return f"matrix {m.name} = [{', '.join(f'[{t}]' for t in texts)}]"


def _input(g: InputGroup) -> str:
    names = ", ".join(member_text(n, g.subs) for n in g.names)
    width = "" if g.width == "n" else f": {g.width}"
    if len(g.names) == 1:
        return f"input {names}{width} ~ N({to_text(g.mean[0])}, {to_text(g.cov[0][0])})"
    mean = ", ".join(map(to_text, g.mean))
    rows = ", ".join(f"[{', '.join(map(to_text, row))}]" for row in g.cov)
    return f"input ({names}){width} ~ N([{mean}], [{rows}])"


def _weight(w: Weight) -> str:
    shape = "" if w.rows == w.cols == "n" else f": {w.rows} x {w.cols}"
    name = member_text(w.name, w.subs)
    if w.law == "gaussian":
        return f"weight {name}{shape} ~ N(0, {to_text(w.variance)})"
    law = w.law if w.freedom is None else f"{w.law}({to_text(w.freedom)})"
    return f"weight {name}{shape} ~ iid({law}, {to_text(w.variance)})"


def instruction_text(node: Node) -> str:
    """Return the right-hand side of an instruction."""
    return to_text(instruction_term(node))

"""A program drawn: Mermaid, Graphviz dot, SVG, and LaTeX equations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from tensorprog.kernel.ground.nodes import Attention, Dot, Input, LinComb, MatMul, Moment, Node, Nonlin, Scalar
from tensorprog.kernel.ground.text import member_text
from tensorprog.program.forms.text import instruction_text
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import Var

COLOURS = {
    Input: "#dbeafe",
    MatMul: "#fde68a",
    LinComb: "#e5e7eb",
    Nonlin: "#bbf7d0",
    Moment: "#e9d5ff",
    Dot: "#fecaca",
    Scalar: "#fbcfe8",
    Attention: "#a5f3fc",
}
MAX_LABEL = 46
MAX_DRAWN = 2_000


@dataclass(frozen=True, slots=True)
class Box:
    """A node of the drawing."""

    key: str
    node: Node
    title: str
    text: str


def boxes_and_edges(program: Graph) -> tuple[list[Box], list[tuple[str, str, str]]]:
    """Return one box an instruction, and an edge (from, to, weight) for each argument."""
    keys = {id(node): f"n{k}" for k, node in enumerate(program.nodes)}
    boxes, edges = [], []
    for node in program.nodes[:MAX_DRAWN]:
        text = "N(mean, covariance)" if isinstance(node, Input) else instruction_text(node)
        boxes.append(Box(keys[id(node)], node, member_text(node.name, node.subs), _short(text)))
        weight = member_text(node.weight.name, node.weight.subs) if isinstance(node, MatMul) else ""
        for ref, _ in program.references(node):
            for source, _ in program.resolve(ref):
                edges.append((keys[id(source)], keys[id(node)], weight))
    return boxes, list(dict.fromkeys(edges))


def _short(text: str) -> str:
    return text if len(text) <= MAX_LABEL else text[: MAX_LABEL - 1] + "…"


def mermaid_text(program: Graph) -> str:
    """Return a Mermaid flowchart; edges through one matrix carry its name."""
    boxes, edges = boxes_and_edges(program)
    lines = ["flowchart TD"]
    for b in boxes:
        label = f"{b.title} = {b.text}".replace('"', "#quot;")
        lines.append(f'    {b.key}["{label}"]:::{type(b.node).__name__}')
    lines += [f"    {a} -->|{w}| {b}" if w else f"    {a} --> {b}" for a, b, w in edges]
    lines += [
        f"    classDef {kind.__name__} fill:{colour},stroke:#374151,color:#111827" for kind, colour in COLOURS.items()
    ]
    return "\n".join(lines)


def dot_text(program: Graph) -> str:
    """Return a Graphviz digraph."""
    boxes, edges = boxes_and_edges(program)

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    lines = [f"digraph {quoted(program.name)} {{", "    rankdir=TB;", '    node [shape=box, style="rounded,filled"];']
    for b in boxes:
        label = quoted(f"{b.title} = {b.text}")
        lines.append(f'    {b.key} [label={label}, fillcolor="{COLOURS[type(b.node)]}"];')
    lines += [f"    {a} -> {b}" + (f" [label={quoted(w)}]" if w else "") + ";" for a, b, w in edges]
    return "\n".join([*lines, "}"])


ROW, GAP, CHAR, PAD = 74, 28, 7.3, 14


SHARED_INKS = ("#b91c1c", "#1d4ed8", "#047857", "#7e22ce", "#be185d", "#0e7490")
"""Inks of the edges through matrices that several instructions use, in turn."""


def _inks(program: Graph) -> dict[str, str]:
    """An ink for each matrix, as an edge names it, that more than one instruction uses (`W[1]` and `W[2]` are two)."""
    groups: list[list[Var]] = []
    for node in program.nodes:
        if isinstance(node, MatMul):
            group = next((g for g in groups if any(_may_meet(w, node.weight) for w in g)), None)
            if group is None:
                groups.append([node.weight])
            else:
                group.append(node.weight)
    shared = [g for g in groups if len(g) > 1]
    return {member_text(w.name, w.subs): SHARED_INKS[k % len(SHARED_INKS)] for k, g in enumerate(shared) for w in g}


def _may_meet(a: Var, b: Var) -> bool:
    """Return whether two references can be the same matrix."""
    fixed = (x == y for x, y in zip(a.subs, b.subs, strict=False) if isinstance(x, int) and isinstance(y, int))
    return a.name == b.name and all(fixed)


def svg_text(program: Graph, notes: Mapping[str, str] | None = None, links: Mapping[str, str] | None = None) -> str:
    """Return a self-contained SVG: arguments above, users below; hover a box for the whole instruction.

    Edges through a matrix that several instructions share have its ink. `notes` are added to what hovering a box
    shows, and `links` are where a click on it leads; both are keyed by the instruction's name, such as `h[i]`.
    """
    notes, links, inks = notes or {}, links or {}, _inks(program)
    boxes, edges = boxes_and_edges(program)
    level: dict[str, int] = {b.key: 0 for b in boxes}
    for source, target, _ in edges:
        if source in level and target in level:
            level[target] = max(level[target], level[source] + 1)
    rows: dict[int, list[Box]] = {}
    for box in boxes:
        rows.setdefault(level[box.key], []).append(box)
    width = {b.key: max(len(b.title), len(b.text)) * CHAR + 2 * PAD for b in boxes}
    total = max((sum(width[b.key] + GAP for b in row) for row in rows.values()), default=GAP) + GAP
    place: dict[str, tuple[float, float]] = {}
    parents: dict[str, list[str]] = {}
    for source, target, _ in edges:
        parents.setdefault(target, []).append(source)
    for k in sorted(rows):
        row = sorted(rows[k], key=lambda b: _middle(parents.get(b.key, []), place, total))
        x = (total - sum(width[b.key] + GAP for b in row) + GAP) / 2
        for b in row:
            place[b.key] = (x + width[b.key] / 2, 20 + ROW * k)
            x += width[b.key] + GAP
    height = 40 + ROW * len(rows)
    size = f'viewBox="0 0 {total:.0f} {height}" width="{total:.0f}" height="{height}"'
    font = 'font-family="ui-monospace, monospace" font-size="12"'
    name = escape(program.name)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="graph of {name}" {font}>',
        f"<title>{name}</title>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
        ' markerUnits="userSpaceOnUse">'
        '<path d="M0 0L8 4L0 8z" fill="#6b7280"/></marker></defs>',
        f'<rect width="{total:.0f}" height="{height}" fill="#ffffff"/>',
    ]
    for source, target, w in edges:
        if source in place and target in place:
            out.append(_svg_edge(place[source], place[target], w, inks.get(w, "")))
    for box in boxes:
        drawn = _svg_box(box, place[box.key], width[box.key], notes.get(box.title, ""))
        link = links.get(box.title)
        out.append(drawn if link is None else f'<a href="{escape(link)}">{drawn}</a>')
    return "\n".join([*out, "</svg>"])


def _svg_edge(start: tuple[float, float], end: tuple[float, float], weight: str, ink: str) -> str:
    (x1, y1), (x2, y2) = start, end
    y1 += 40
    bend = (y1 + y2) / 2
    path = f"M{x1:.1f} {y1:.1f}C{x1:.1f} {bend:.1f} {x2:.1f} {bend:.1f} {x2:.1f} {y2 - 2:.1f}"
    thick = ' stroke-width="2"' if ink else ""
    line = f'<path d="{path}" fill="none" stroke="{ink or "#6b7280"}"{thick} marker-end="url(#arrow)"/>'
    if not weight:
        return line
    at = f'x="{(x1 + x2) / 2 + 4:.1f}" y="{bend:.1f}"'
    return f'{line}<text {at} fill="{ink or "#92400e"}" font-size="11">{escape(weight)}</text>'


def _svg_box(box: Box, at: tuple[float, float], width: float, note: str) -> str:
    x, y = at
    whole = "input" if isinstance(box.node, Input) else instruction_text(box.node)
    frame = f'x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="40" rx="6" stroke="#374151"'
    ink = f'x="{x:.1f}" text-anchor="middle" fill="#111827"'
    return (
        f"<g><title>{escape(box.title)} = {escape(whole)}{escape(chr(10) + note) if note else ''}</title>"
        f'<rect {frame} fill="{COLOURS[type(box.node)]}"/>'
        f'<text {ink} y="{y + 16:.1f}" font-weight="bold">{escape(box.title)}</text>'
        f'<text {ink} y="{y + 32:.1f}">{escape(box.text)}</text></g>'
    )


def _middle(parents: list[str], place: dict[str, tuple[float, float]], total: float) -> float:
    at = [place[p][0] for p in parents if p in place]
    return sum(at) / len(at) if at else total / 2

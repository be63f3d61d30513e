"""The public program: a graph with its forms."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tensorprog.program.graph.graph import Graph
from tensorprog.program.graph.limits import DEFAULT_LIMITS, Limits
from tensorprog.program.normal.analysis import Analysis


class Program(Graph):
    """A Tensor Program: declarations, instructions in order, outputs and claims.

    Instructions are only ever appended. `program.hash` is the sha256 of the canonical JSON of the lowered program;
    places and comments do not count. Build one with `tensorprog.load`, `tensorprog.loads`, or `tensorprog.Program`.
    """

    def __init__(self, name: str = "program", limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(name, limits)
        self._analysed: tuple[dict[str, Any], Analysis] | None = None

    @property
    def analysis(self) -> Analysis:
        """Its normal form with what follows from it, computed once and again only after the program has grown."""
        content = self.content()
        if self._analysed is None or self._analysed[0] != content:
            self._analysed = content, Analysis(self)
        return self._analysed[1]

    def __getstate__(self) -> dict[str, Any]:
        """Return what is sent to another process: an analysis is made there, if it is asked for."""
        return vars(self) | {"_analysed": None}

    @property
    def canonical_json(self) -> str:
        """The lowered program as JSON with sorted keys and no spaces."""
        from tensorprog.kernel.written.canonical import program_to_json

        return json.dumps(program_to_json(self, data=False), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def hash(self) -> str:
        """sha256 of the canonical JSON."""
        return hashlib.sha256(self.canonical_json.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the program as JSON data that `Program.from_json` reads back to the same hash."""
        from tensorprog.kernel.written.canonical import program_to_json

        return program_to_json(self, data=True)

    @staticmethod
    def from_json(data: object, limits: Limits = DEFAULT_LIMITS) -> Program:
        """Read a program from JSON data (untrusted); malformed input is one clear error."""
        from tensorprog.program.forms.json_form import program_from_json

        return program_from_json(data, Program(limits=limits))

    def to_text(self) -> str:
        """Return the lowered program as `.tp` text, one instruction a line; it reads back to the same hash."""
        from tensorprog.program.forms.text import program_text

        return program_text(self)

    def _repr_html_(self) -> str:
        """In a notebook: the text beside the graph."""
        from html import escape

        from tensorprog.program.forms.drawing import svg_text

        drawn = svg_text(self)
        return (
            '<div style="display:flex;flex-wrap:wrap;gap:1rem;align-items:start">'
            f'<pre style="margin:0">{escape(self.to_text())}</pre>'
            f'<div style="background:#fff;overflow-x:auto;max-width:100%">{drawn}</div></div>'
        )

    @property
    def graph(self) -> Any:
        """The DAG as a networkx.DiGraph: nodes are instruction numbers, edges point from argument to user."""
        from tensorprog.program.forms.networkx import program_graph

        return program_graph(self)

    def __repr__(self) -> str:
        return f"<Program {self.name}: {len(self.nodes)} instructions, hash {self.hash[:12]}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self.canonical_json == other.canonical_json

    def __hash__(self) -> int:
        return hash(self.hash)

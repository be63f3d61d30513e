"""Every form in which a program is shown, by its name: `tensorprog show --format NAME`."""

from __future__ import annotations

import json
from collections.abc import Callable

from tensorprog.kernel.written.canonical import program_to_json
from tensorprog.program.forms.drawing import dot_text, mermaid_text, svg_text
from tensorprog.program.forms.latex import program_latex
from tensorprog.program.forms.text import program_text
from tensorprog.program.graph.graph import Graph


def json_text(program: Graph) -> str:
    """Return the program as one JSON object."""
    return json.dumps(program_to_json(program, data=True), ensure_ascii=False)


FORMS: dict[str, Callable[[Graph], str]] = {
    "text": program_text,
    "mermaid": mermaid_text,
    "svg": svg_text,
    "dot": dot_text,
    "latex": program_latex,
    "json": json_text,
}

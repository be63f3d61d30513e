"""How Sphinx builds the site: Markdown by MyST, formulas as MathML, programs with colours."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert

from tensorprog.editor.text.highlight import TensorprogLexer

project = "tensorprog"
author = "the tensorprog authors"
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
html_math_renderer = "mathml"
html_theme = "furo"
html_title = "tensorprog"
html_show_copyright = False
html_copy_source = False
exclude_patterns = ["docs/site.py", "**/peers/**"]
suppress_warnings = ["myst.header"]


def _inline(self: Any, node: nodes.Element) -> None:
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _block(self: Any, node: nodes.Element) -> None:
    room = 'class="formula" style="padding: 0.4em 0"'  # tall glyphs stay inside the part that scrolls sideways
    self.body.append(f"<div {room}>{convert(node.astext(), display='block')}</div>")
    raise nodes.SkipNode


def setup(app: Any) -> None:
    for alias in TensorprogLexer.aliases:
        app.add_lexer(alias, TensorprogLexer)
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))

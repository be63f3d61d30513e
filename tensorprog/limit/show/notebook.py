"""Limits in a notebook: a table of results, covariances as a heat map, rows for pandas."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from tensorprog.limit.show.results import HEAD, Result, cells
from tensorprog.limit.show.summary import statements
from tensorprog.numbers.budget import said_of_cut
from tensorprog.numbers.drawing import axes, frame, table


def html_of(results: Sequence[Result], title: str = "", more: Sequence[str] = ()) -> str:
    """Return a table of results, and paragraphs below it."""
    caption = f"<p><b>{escape(title)}</b></p>" if title else ""
    return caption + table(HEAD, [cells(r) for r in results]) + "".join(f"<p>{escape(line)}</p>" for line in more)


def picture_of(limit: Any, name: str, ax: Any = None) -> Any:
    """Draw the covariance of a family as a heat map, its members in the order of their indices."""
    import numpy as np

    matrix = np.asarray(limit.matrix(name))
    side = round(matrix.size**0.5)
    square = matrix.reshape(side, side)
    drawn = axes(ax, 4.2, 3.6)
    most = float(np.abs(square).max()) or 1.0
    picture = drawn.imshow(square, cmap="RdBu_r", vmin=-most, vmax=most)
    drawn.figure.colorbar(picture, ax=drawn)
    drawn.set_title(f"covariance of {name}")
    if side <= 16:
        drawn.set_xticks(range(side), range(1, side + 1))
        drawn.set_yticks(range(side), range(1, side + 1))
    return drawn.figure


class InNotebooks:
    """What the limit of a program has in a notebook."""

    def _repr_html_(self: Any) -> str:
        results, entries, cut = self._entries
        more = [] if not cut else [said_of_cut(cut, self.stopped)]
        laws = [law for law in self.laws if law.given or law.kind == "none"]
        more += statements(laws, entries, self.engine.rules)
        return html_of(results, f"limit of {self.program.name}", more)

    def plot(self: Any, name: str, ax: Any = None) -> Any:
        """Draw the covariance of a family as a heat map; needs matplotlib (`tensorprog[plot]`)."""
        return picture_of(self, name, ax)

    def to_frame(self: Any) -> Any:
        """Return means and covariances of the outputs as a pandas DataFrame, a row for each; needs pandas."""
        columns = ("of", "expr", "value", "error", "error_kind", "method", "supported_by")
        return frame([{c: r.to_json()[c] for c in columns} for r in self.results])

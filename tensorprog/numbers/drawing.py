"""Pictures with matplotlib and tables with pandas, where they are installed: what results have in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from tensorprog.errors import fail


def axes(ax: Any = None, width: float = 5.0, height: float = 3.2) -> Any:
    """Return the axes to draw on: the given ones, or those of a new figure that a notebook shows by itself.

    Raises TP018 where matplotlib is not installed.
    """
    if ax is not None:
        return ax
    if find_spec("matplotlib") is None:
        raise fail("TP018", "drawing needs matplotlib", help="pip install 'tensorprog[plot]'")
    from io import StringIO

    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that no window holds, and that a notebook shows as SVG."""

        def _repr_svg_(self) -> str:
            out = StringIO()
            self.savefig(out, format="svg")
            return out.getvalue()

    return Picture(figsize=(width, height), layout="constrained").subplots()


def frame(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return a pandas DataFrame (TP018 where pandas is not installed)."""
    if find_spec("pandas") is None:
        raise fail("TP018", "a frame needs pandas", help="pip install pandas; .to_json() needs nothing")
    from pandas import DataFrame

    return DataFrame(list(rows))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table of cells that are HTML already.

    >>> table(["a"], [["1"]])
    '<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>'
    """
    top = "".join(f"<th>{h}</th>" for h in head)
    body = "".join(f"<tr>{''.join(f'<td>{c}</td>' for c in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"

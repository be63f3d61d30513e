"""A law in a notebook: a table of its numbers, matrices of a joint law, its density as a picture."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from tensorprog.errors import fail
from tensorprog.numbers.drawing import axes, table
from tensorprog.numbers.estimate import Estimate, shown


def _cells(found: Estimate, *at: int) -> list[str]:
    value, error = (np.broadcast_to(x, np.shape(found.value))[at] for x in (found.value, found.error))
    if not np.isfinite(value):
        return ["unknown", escape(found.note), ""]
    return [f"{float(value):.6g}", escape(shown(float(error), found.error_kind)), escape(found.method)]


def html_of(law: Any) -> str:
    """Return the kind, the statement given the scores, and mean, covariance and kurtosis with their errors."""
    names = [escape(name) for name in law.of]
    parts = [f"<p>law of <b>{', '.join(names)}</b>: {law.kind}, supported by <b>{escape(law.supported_by)}</b></p>"]
    if law.given:
        given = ", ".join(law.given[:8]) + (", …" if len(law.given) > 8 else "")
        parts.append(f"<p>given {escape(given)}</p>")
    latex = law.conditional_variance_latex
    if latex is not None:
        parts.append(rf"<p>$\mathrm{{Cov}}(\cdot \mid p) = {escape(latex)}$</p>")
    if len(names) == 1:
        rows = [[what, *_cells(found, 0)] for what, found in
                (("mean", law.mean), ("variance", law.variance), ("excess kurtosis", law.excess_kurtosis))]  # fmt: skip
        return "".join(parts) + table(["", "value", "error", "method"], rows)
    means = [[name, *_cells(law.mean, k), *_cells(law.excess_kurtosis, k)[:2]] for k, name in enumerate(names)]
    found = law.covariance
    matrix = [[f"<b>{name}</b>", *(f'<span title="{e}">{v}</span>' for v, e, _ in
               (_cells(found, k, j) for j in range(len(names))))] for k, name in enumerate(names)]  # fmt: skip
    largest = float(np.max(found.error))
    error = shown(largest, found.error_kind) if np.isfinite(largest) else "an error is not known"
    parts.append(table(["", "mean", "error", "method", "excess kurtosis", "error"], means))
    parts.append(table(["covariance", *names], matrix))
    return "".join(parts) + f"<p>covariance: at most {escape(error)}; {escape(found.method)}</p>"


def picture_of(law: Any, ax: Any = None) -> Any:
    """Draw the density of one variable, over five standard deviations, beside the Gaussian of its moments."""
    if len(law.of) != 1 or law.kind in ("none", "deterministic"):
        raise fail("TP018", f"the density of {', '.join(law.of)} cannot be drawn",
                   because="it is of several variables" if len(law.of) > 1 else f"the law is {law.kind}",
                   help="ask for the law of one variable that is random")  # fmt: skip
    mean, sd = float(law.mean.value[0]), float(law.variance.value[0]) ** 0.5
    drawn = axes(ax)
    points = np.linspace(mean - 5 * sd, mean + 5 * sd, 401)
    drawn.plot(points, np.asarray(law.density(points).value).ravel(), label=f"law of {law.of[0]}")
    gaussian = np.exp(-(((points - mean) / sd) ** 2) / 2) / (sd * (2 * np.pi) ** 0.5)
    drawn.plot(points, gaussian, "--", linewidth=0.8, label="Gaussian of its variance")
    drawn.set_xlabel(law.of[0])
    drawn.set_ylabel("density")
    drawn.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2, frameon=False, fontsize="small")
    return drawn.figure


class InNotebooks:
    """What a law has in a notebook."""

    def _repr_html_(self) -> str:
        return html_of(self)

    def plot(self, ax: Any = None) -> Any:
        """Draw the density of one variable beside the Gaussian of its variance; needs matplotlib."""
        return picture_of(self, ax)

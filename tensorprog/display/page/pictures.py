"""Two pictures that every comparison needs: a law over the draws of finite networks, and a number over the width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tensorprog.display.page.plots import Plot, Series

if TYPE_CHECKING:
    from tensorprog.limit.laws.law import Law

BINS = 60


def law_picture(title: str, draws: Mapping[str, Any], laws: Mapping[str, Law], reach: float) -> Plot:
    """Histograms of draws, and densities of limit laws, on [-reach, reach]; the keys are the legend.

    `draws`: arrays of finite-width samples. `laws`: objects with `.density(y)`, as `tp.derive(program).law("y[1]")`.
    """
    import numpy as np

    edges, grid = np.linspace(-reach, reach, BINS + 1), np.linspace(-reach, reach, 161)
    series: list[Series] = []
    for label, values in draws.items():
        heights = np.histogram(np.asarray(values), bins=edges)[0] / (np.size(values) * (edges[1] - edges[0]))
        series.append(Series(label, edges.tolist(), heights.tolist(), "bars", colour=len(series)))
    for label, law in laws.items():
        series.append(Series(label, grid.tolist(), law.density(grid).value.tolist(), "line", colour=len(series)))
    return Plot(title, f"{title}: histograms of finite networks, and densities of the limit", "value", "density",
                tuple(series))  # fmt: skip


def curve_picture(
    title: str,
    x: tuple[str, Sequence[float]],
    y: str,
    theory: Mapping[str, Sequence[float]],
    measured: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float]]],
    log: bool = False,
) -> Plot:
    """Curves of the theory over x, with measured points: (x, value, standard error) for each label."""
    series = [Series(label, list(x[1]), list(v), "line", colour=k) for k, (label, v) in enumerate(theory.items())]
    for label, (at, value, error) in measured.items():
        series.append(Series(label, list(at), list(value), "points", list(error), colour=len(series)))
    return Plot(title, f"{title}: the theory as curves, simulation as points with standard errors", x[0], y,
                tuple(series), log, log)  # fmt: skip

"""Figures 1, 2 and 3 and the ReLU figure of Sakai, Karakida & Imaizumi (2025), again.

    python examples/sakai2025/reproduce.py            # quick: under a minute on two cores
    python examples/sakai2025/reproduce.py --full     # the paper's 50,000 draws and 10 repeats (ReLU: 100,000 draws)

Writes table.md and one SVG a figure. Every draw is a whole network, exact in law at its width. Two distances to the
limit are given:

* KL of density estimates, as in the paper: one coordinate a draw, against as many draws of the limit. Two samples of
  the limit itself already have such a distance; the row `limit against itself` shows this floor.
* sharp KL: up to 32 coordinates of each draw, against the exact limit density smoothed by the same kernel. Its floor
  is far lower, so that the fall with the width is seen.

Error bars are one standard deviation over repeats, as in the paper. Repeat r at seed S draws with seed S + r.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from scipy.interpolate import CubicSpline

import tensorprog as tp
from tensorprog.display.page.plots import Plot, Series, standalone

HERE = Path(__file__).resolve().parent
WIDTHS = (16, 64, 256, 1024)
COORDINATES = 32
GRID = np.linspace(-5.0, 5.0, 1001)
SHOWN = np.abs(GRID) <= 3.0


@dataclass(frozen=True)
class Scale:
    """How many draws and repeats; `heads` are draws of the networks with 256 heads."""

    draws: int
    relu: int
    heads: int
    repeats: int
    seed: int = 0


QUICK = Scale(draws=6_000, relu=6_000, heads=1_000, repeats=3)
FULL = Scale(draws=50_000, relu=100_000, heads=50_000, repeats=10)


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    figure: str
    setting: str
    measured: str
    theory: str
    paper: str


def program(name: str, heads: int = 2) -> tp.Program:
    """One of the programs beside this script, with another number of heads."""
    text = (HERE / f"{name}.tp").read_text(encoding="utf-8")
    return tp.loads(text.replace("const H = 2\n", f"const H = {heads}\n"))


def estimate(data: np.ndarray) -> tuple[np.ndarray, float]:
    """A Gaussian kernel density estimate on the grid (Scott's bandwidth), by binning finely and smoothing."""
    bandwidth = float(data.std()) * len(data) ** -0.2
    return smoothed(np.histogram(data, bins=_edges())[0] / (len(data) * _step()), bandwidth), bandwidth


def smoothed(density: np.ndarray, bandwidth: float) -> np.ndarray:
    """A density on the grid, convolved with a Gaussian."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(density, bandwidth / _step(), mode="constant", truncate=8.0))


def _step() -> float:
    return float(GRID[1] - GRID[0])


def _edges() -> np.ndarray:
    return np.append(GRID - _step() / 2, GRID[-1] + _step() / 2)


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p || q) where both are positive, both normalised on the grid."""
    p, q = p / p.sum(), q / q.sum()
    both = (p > 1e-12) & (q > 1e-12)
    return float(np.sum(p[both] * np.log(p[both] / q[both])))


@dataclass(frozen=True)
class Comparison:
    """Finite networks against the limit: a value for each repeat, and the first repeat's density."""

    plain: np.ndarray
    sharp: np.ndarray
    floor: np.ndarray
    variance: np.ndarray
    kolmogorov: float
    density: np.ndarray
    limit: np.ndarray
    limit_variance: float
    draws: int


def compare(net: tp.Program, n: int, draws: int, scale: Scale) -> Comparison:
    """Draw y[1] at width n, and compare with its limit law."""
    law = tp.derive(net).law("y[1]")
    limit = CubicSpline(GRID[::5], law.density(GRID[::5]).value)(GRID)
    plain, sharp, floor, variance, first = [], [], [], [], None
    for r in range(scale.repeats):
        y = tp.simulate(net, n, draws, scale.seed + r, outputs=["y[1]"], coordinates=min(n, COORDINATES))["y[1]"]
        one, _ = estimate(y[:, 0])
        mine = law.sample(2 * draws, scale.seed + 1000 + r)[:, 0]
        other, another = (estimate(half)[0] for half in (mine[:draws], mine[draws:]))
        plain.append(divergence(one, other))
        floor.append(divergence(another, other))
        many, bandwidth = estimate(y.ravel())
        sharp.append(divergence(many, smoothed(limit, bandwidth)))
        variance.append(float((y**2).mean()))
        if first is None:
            first = (one, stats.ks_1samp(y[:, 0], lambda t: np.interp(t, GRID[::5], law.cdf(GRID[::5]).value)).pvalue)
    assert first is not None
    return Comparison(np.array(plain), np.array(sharp), np.array(floor), np.array(variance), float(first[1]), first[0],
                      limit, float(law.variance.value[0]), draws)  # fmt: skip


def over_repeats(values: np.ndarray, digits: int = 2) -> str:
    """Mean and standard deviation over repeats."""
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return f"{float(values.mean()):.{digits}e} ± {spread:.1e}"


def plain_number(values: np.ndarray) -> str:
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return f"{float(values.mean()):.4f} ± {spread:.4f}"


def _curve(label: str, y: np.ndarray, kind: Any, colour: int) -> Series:
    return Series(label, GRID[SHOWN].tolist(), y[SHOWN].tolist(), kind, colour=colour)


def convergence(name: str, figure: str, draws: int, scale: Scale) -> tuple[list[Row], dict[str, Plot]]:
    """Density estimates at each width, and KL against the width."""
    net = program(name)
    found = {n: compare(net, n, draws, scale) for n in WIDTHS}
    rows = [
        Row(figure, f"n = {n}: KL; sharp KL", f"{over_repeats(c.plain)}; {over_repeats(c.sharp)}", "→ 0",
            "decays with n") for n, c in found.items()
    ]  # fmt: skip
    last = found[WIDTHS[-1]]
    rows.append(Row(figure, "limit against itself: KL", over_repeats(last.floor), "0", "(not given)"))
    rows += [Row(figure, f"n = {n}: var y[1]", plain_number(c.variance), f"{c.limit_variance:.4f}", "converges rapidly")
             for n, c in found.items()]  # fmt: skip
    slope, error = fitted([c.sharp for c in found.values()])
    rows.append(Row(figure, "slope of log sharp KL in log n", f"{slope:.2f} ± {error:.2f}", "−2 (bias 1/n, squared)",
                    "consistent decay"))  # fmt: skip
    curves = [_curve(f"n = {n}", c.density, "dash", k) for k, (n, c) in enumerate(found.items())]
    curves.append(_curve("limit", last.limit, "line", 4))
    word = "ReLU" if name == "relu" else "clip"
    points = [Series("KL of density estimates", WIDTHS, [float(c.plain.mean()) for c in found.values()], "points",
                     [float(c.plain.std(ddof=1)) for c in found.values()], 0),
              Series("sharp KL", WIDTHS, [float(c.sharp.mean()) for c in found.values()], "points",
                     [float(c.sharp.std(ddof=1)) for c in found.values()], 1),
              Series("limit against itself", WIDTHS, [float(last.floor.mean())] * len(WIDTHS), "dash",
                     colour=4)]  # fmt: skip
    about = f"estimated densities of y[1] at four widths and the limit density; {draws} draws each"
    return rows, {
        f"{name}_densities": Plot(f"Densities of y[1] ({word}, H = 2)", about, "y", "density", tuple(curves)),
        f"{name}_kl": Plot(f"KL divergence to the limit ({word}, H = 2)",
                           "KL divergence against width, log-log, bars one standard deviation over repeats", "width n",
                           "KL", tuple(points), True, True, tuple(map(float, WIDTHS))),
    }  # fmt: skip


def fitted(values: list[np.ndarray]) -> tuple[float, float]:
    """Slope of log KL in log n up to n = 256 (where the noise floor is far), one fit a repeat."""
    x = np.log(WIDTHS[:3])
    slopes = np.array(
        [np.polyfit(x, np.log([max(v[r], 1e-12) for v in values[:3]]), 1)[0] for r in range(len(values[0]))]
    )
    return float(slopes.mean()), float(slopes.std(ddof=1)) if len(slopes) > 1 else float("nan")


def scores(scale: Scale) -> tuple[list[Row], dict[str, Plot]]:
    """Figure 2(A): scores divided by sqrt(n) spread, divided by n they concentrate."""
    n, at = 256, "p[1,1,1]"
    spread = [tp.simulate(program("multi_head", 1), n, scale.draws, scale.seed + r, outputs=[at])[at]
              for r in range(scale.repeats)]  # fmt: skip
    narrow = [tp.simulate(program("scores_over_n"), n, scale.draws, scale.seed + r, outputs=["p[1,1]"])["p[1,1]"]
              for r in range(scale.repeats)]  # fmt: skip
    limit = float(tp.derive(program("multi_head", 1)).var(at))
    rows = [
        Row("2(A)", "standard deviation at 1/sqrt(n)", plain_number(np.array([v.std() for v in spread])),
            f"{limit**0.5:.4f}", "nondegenerate"),
        Row("2(A)", "standard deviation at 1/n", plain_number(np.array([v.std() for v in narrow])),
            f"0 (1/sqrt(n) = {n**-0.5:.4f})", "concentrates at 0"),
    ]  # fmt: skip
    grid = np.linspace(-4, 4, 241)
    series = [_bars("1/n", narrow[0], 1, 0.1), _bars("1/sqrt(n)", spread[0], 0, 0.1),
              Series("limit at 1/sqrt(n)", grid.tolist(), stats.norm.pdf(grid, scale=limit**0.5).tolist(), "line",
                     colour=4)]  # fmt: skip
    about = "histograms of a score: spread out when divided by the root of the width, narrow when divided by the width"
    return rows, {"scores": Plot(f"A score at n = {n}, two scalings", about, "p[1,1]", "density", tuple(series))}


def _bars(label: str, data: np.ndarray, colour: int, step: float) -> Series:
    edges = np.arange(-4, 4 + step / 2, step)
    heights = np.histogram(data, bins=edges)[0] / (len(data) * step)
    return Series(label, edges.tolist(), heights.tolist(), "bars", colour=colour)


def heads(scale: Scale) -> tuple[list[Row], dict[str, Plot]]:
    """Figure 2(B): one head and 256 heads at n = 256."""
    n, rows, curves = 256, [], []
    for k, h in enumerate((1, 256)):
        c = compare(program("multi_head", h), n, scale.draws if h == 1 else scale.heads, scale)
        rows += _agreement("2(B)", f"H = {h}, n = {n}", c)
        curves += [
            _curve(f"H = {h}, n = {n}", c.density, "dash", 2 * k),
            _curve(f"H = {h}, limit", c.limit, "line", 2 * k + 1),
        ]
    about = "estimated densities of y[1] with 1 and 256 heads lie on the densities of their limits"
    return rows, {"heads": Plot("Few and many heads", about, "y", "density", tuple(curves))}


def low_rank(scale: Scale) -> tuple[list[Row], dict[str, Plot]]:
    """Figure 3: heads of width 64, H = 1, 4, 16, so n = 64 H."""
    rows, curves = [], []
    for k, h in enumerate((1, 4, 16)):
        c = compare(program("low_rank", h), 64 * h, scale.draws if h < 16 else scale.heads, scale)
        rows += _agreement("3", f"low rank, H = {h}, n = {64 * h}", c)
        curves += [_curve(f"H = {h}", c.density, "dash", k), _curve(f"H = {h}, limit", c.limit, "line", k)]
    about = "estimated densities of y[1] for heads of width 64 lie on the densities of their limits"
    return rows, {"low_rank": Plot("Low rank: heads of width 64", about, "y", "density", tuple(curves))}


def _agreement(figure: str, setting: str, c: Comparison) -> list[Row]:
    return [
        Row(figure, f"{setting}: var y[1]", plain_number(c.variance), f"{c.limit_variance:.4f}", "close agreement"),
        Row(figure, f"{setting}: KL (floor); sharp KL",
            f"{over_repeats(c.plain)} ({float(c.floor.mean()):.1e}); {over_repeats(c.sharp)}", "→ 0",
            "close agreement"),
        Row(figure, f"{setting}: Kolmogorov-Smirnov p, {c.draws} draws", f"{c.kolmogorov:.2g}", "uniform in the limit",
            "(not given)"),
    ]  # fmt: skip


def table(rows: list[Row], scale: Scale, seconds: float) -> str:
    """All rows as Markdown."""
    head = ["figure", "setting", "measured", "theory (limit)", "the paper's text"]
    drawn = (f"Draws {scale.draws} (ReLU {scale.relu}; 256 heads, and H = 16 of low rank, {scale.heads}), "
             f"repeats {scale.repeats}, seeds from {scale.seed}, {seconds:.0f} s.")  # fmt: skip
    lines = ["# The paper's figures in numbers", "", drawn, "", "| " + " | ".join(head) + " |",
             "|" + " --- |" * len(head)]  # fmt: skip
    lines += [f"| {r.figure} | {r.setting} | {r.measured} | {r.theory} | {r.paper} |" for r in rows]
    return "\n".join(lines) + "\n"


def reproduce(scale: Scale, out: Path) -> list[Row]:
    """All figures and the table, written to a folder."""
    start = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    parts: list[Callable[[], tuple[list[Row], dict[str, Plot]]]] = [
        lambda: convergence("multi_head", "1", scale.draws, scale),
        lambda: scores(scale),
        lambda: heads(scale),
        lambda: low_rank(scale),
        lambda: convergence("relu", "ReLU", scale.relu, scale),
    ]
    rows: list[Row] = []
    for part in parts:
        found, plots = part()
        rows += found
        for name, plot in plots.items():
            (out / f"{name}.svg").write_text(standalone(plot), encoding="utf-8")
    (out / "table.md").write_text(table(rows, scale, time.perf_counter() - start), encoding="utf-8")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the paper's number of draws and repeats")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "figures")
    given = parser.parse_args()
    base = FULL if given.full else QUICK
    reproduce(Scale(base.draws, base.relu, base.heads, base.repeats, given.seed), given.out)
    print((given.out / "table.md").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()

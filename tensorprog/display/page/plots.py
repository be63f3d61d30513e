"""Plots as small SVG drawings: no script, no font, no network; colours come from classes, for light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tensorprog.display.page.markup import Markup, tag

Kind = Literal["line", "dash", "bars", "points"]
STYLE = """
.plot text{font-family:system-ui,sans-serif;font-size:12px;fill:var(--ink,#1f2937)}
.plot .head{font-size:13px;font-weight:600}
.plot .axis,.plot .tick{stroke:var(--ink,#1f2937);fill:none}.plot .grid{stroke:var(--rule,#d1d5db);stroke-width:.6}
.plot .back{fill:var(--paper,#fff)}.plot .line,.plot .dash{fill:none;stroke-width:2}
.plot .dash{stroke-dasharray:6 4}.plot .bars{stroke:none;fill-opacity:.35}.plot .error{stroke-width:1.4;fill:none}
.plot .s0{stroke:var(--s0,#1d4ed8)}.plot .s1{stroke:var(--s1,#b45309)}.plot .s2{stroke:var(--s2,#047857)}
.plot .s3{stroke:var(--s3,#a21caf)}.plot .s4{stroke:var(--s4,#475569)}
.plot .s0.bars,.plot .s0.points{fill:var(--s0,#1d4ed8)}.plot .s1.bars,.plot .s1.points{fill:var(--s1,#b45309)}
.plot .s2.bars,.plot .s2.points{fill:var(--s2,#047857)}.plot .s3.bars,.plot .s3.points{fill:var(--s3,#a21caf)}
.plot .s4.bars,.plot .s4.points{fill:var(--s4,#475569)}
"""
DARK = "--ink:#e5e7eb;--paper:#111827;--rule:#374151;--s0:#93c5fd;--s1:#fcd34d;--s2:#6ee7b7;--s3:#f0abfc;--s4:#cbd5e1;"
COLOURS = 5
WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM = 520, 340, 58, 16, 46


@dataclass(frozen=True, slots=True)
class Series:
    """One curve, point set or histogram (`x` then holds the bin edges, one more than `y`)."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    kind: Kind = "line"
    error: Sequence[float] = ()
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot with its title, what a reader who cannot see it is told, its axes and series."""

    title: str
    description: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False
    x_ticks: tuple[float, ...] = ()


def draw(plot: Plot) -> Markup:
    """Return the plot as one `<svg>` element."""
    rows = _legend_rows(plot.series)
    top = 30 + 18 * len(rows)
    x, x_ticks = _scale([v for s in plot.series for v in s.x], plot.log_x, LEFT, WIDTH - RIGHT, plot.x_ticks)
    y, y_ticks = _scale(_heights(plot), plot.log_y, HEIGHT - BOTTOM, top)
    parts: list[Markup] = [
        tag("title", plot.title),
        tag("desc", plot.description),
        tag("rect", width=WIDTH, height=HEIGHT, class_="back"),
        tag("text", plot.title, x=WIDTH // 2, y=18, text_anchor="middle", class_="head"),
    ]
    for v in y_ticks:
        at = _f(y(v))
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at, class_="grid"))
        parts.append(tag("text", _number(v), x=LEFT - 6, y=_f(y(v) + 4), text_anchor="end"))
    for v in x_ticks:
        at = _f(x(v))
        parts.append(tag("line", x1=at, x2=at, y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM + 4, class_="tick"))
        parts.append(tag("text", _number(v), x=at, y=HEIGHT - BOTTOM + 17, text_anchor="middle"))
    for s in plot.series:
        parts += _drawn(s, x, y, HEIGHT - BOTTOM, plot.log_y)
    parts.append(tag("path", d=f"M{LEFT} {top}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}", class_="axis"))
    parts.append(tag("text", plot.x_label, x=(LEFT + WIDTH - RIGHT) // 2, y=HEIGHT - 8, text_anchor="middle"))
    middle = (top + HEIGHT - BOTTOM) // 2
    parts.append(tag("text", plot.y_label, transform=f"translate(13 {middle}) rotate(-90)", text_anchor="middle"))
    for k, row in enumerate(rows):
        parts += _legend(row, 34 + 18 * k)
    return tag("svg", *parts, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {HEIGHT}",
               role="img", aria_label=plot.title, class_="plot", width=WIDTH, height=HEIGHT)  # fmt: skip


def standalone(plot: Plot) -> str:
    """Return the plot as a separate file, light or dark as the reader's screen is."""
    style = f"<style>{STYLE}@media (prefers-color-scheme:dark){{svg{{{DARK}}}}}</style>"
    svg = draw(plot)
    head, _, rest = svg.partition(">")
    return f"{head}>{style}{rest}\n"


def heat_map(title: str, labels: Sequence[str], values: Sequence[Sequence[float]]) -> Markup:
    """Return a matrix as coloured squares, its numbers written in them while they fit."""
    n = len(labels)
    cell = max(8, min(64, 420 // max(n, 1)))
    left = 10 + 7 * max((len(text) for text in labels), default=0)
    width, height = max(left + n * cell + 10, 8 * len(title) + 20), 30 + n * cell + 24
    largest = max((abs(v) for row in values for v in row), default=0.0) or 1.0
    parts = [tag("title", title), tag("rect", width=width, height=height, class_="back"),
             tag("text", title, x=10, y=18, class_="head")]  # fmt: skip
    for i, row in enumerate(values):
        middle = 30 + i * cell + cell / 2 + 4
        if cell >= 14:
            parts.append(tag("text", labels[i], x=left - 6, y=_f(middle), text_anchor="end"))
        for j, v in enumerate(row):
            strength = abs(v) / largest
            shade = _shade(strength, v < 0)
            square = tag("rect", tag("title", f"{labels[i]}, {labels[j]}: {v:.6g}"), x=left + j * cell,
                         y=30 + i * cell, width=cell, height=cell, fill=shade)  # fmt: skip
            parts.append(square)
            if cell >= 40:
                ink = "fill:#ffffff" if strength > 0.6 else "fill:#111827"
                at = _f(left + j * cell + cell / 2)
                parts.append(tag("text", f"{v:.2g}", x=at, y=_f(middle), text_anchor="middle", style=ink))
    if cell >= 14:
        for j, text in enumerate(labels):
            if cell >= 7 * len(text) + 4:
                at = _f(left + j * cell + cell / 2)
                parts.append(tag("text", text, x=at, y=30 + n * cell + 16, text_anchor="middle"))
    return tag("svg", *parts, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}", role="img",
               aria_label=title, class_="plot", width=width, height=height)  # fmt: skip


def _shade(strength: float, negative: bool) -> str:
    low, high = (255, 255, 255), (146, 64, 14) if negative else (29, 78, 216)
    return "#" + "".join(f"{round(a + (b - a) * strength):02x}" for a, b in zip(low, high, strict=True))


def _heights(plot: Plot) -> list[float]:
    out = [] if plot.log_y else [0.0]
    for s in plot.series:
        errors = s.error or [0.0] * len(s.y)
        out += [v + e for v, e in zip(s.y, errors, strict=True)]
        out += [max(v - e, v / 3) if plot.log_y else v - e for v, e in zip(s.y, errors, strict=True)]
    return out


def _scale(
    values: Sequence[float], log: bool, start: float, end: float, ticks: Sequence[float] = ()
) -> tuple[Callable[[float], float], list[float]]:
    """Return the map from data to pixels, and the places of the ticks."""
    found = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    low, high = (min(found), max(found)) if found else (1.0, 10.0) if log else (0.0, 1.0)
    if log:
        a, b = math.log10(low), math.log10(high)
        pad = 0.05 * (b - a) or 0.5
        a, b = a - pad, b + pad
        marks = [10.0**k for k in range(math.ceil(a), math.floor(b) + 1)]
        if len(marks) < 2:
            marks = [m * 10.0**k for k in range(math.floor(a), math.ceil(b) + 1) for m in (1, 2, 5)]
            marks = [m for m in marks if a <= math.log10(m) <= b]
        return lambda v: start + (end - start) * (math.log10(max(v, 1e-300)) - a) / (b - a), list(ticks) or marks
    if high <= low:
        low, high = low - 0.5, high + 0.5
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= 6)
    marks = [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return lambda v: start + (end - start) * (v - low) / (high - low), list(ticks) or marks


def _drawn(
    s: Series, x: Callable[[float], float], y: Callable[[float], float], floor: float, log: bool
) -> list[Markup]:
    look = f"{s.kind} s{s.colour % COLOURS}"
    if s.kind == "bars":
        d = f"M{_f(x(s.x[0]))} {_f(floor)}"
        for k, v in enumerate(s.y):
            d += f"V{_f(y(v))}H{_f(x(s.x[k + 1]))}"
        return [tag("path", d=d + f"V{_f(floor)}Z", class_=look)]
    points = [(a, b) for a, b in zip(s.x, s.y, strict=True) if math.isfinite(b) and (b > 0 or not log)]
    out = []
    if s.kind in ("line", "dash"):
        out.append(tag("path", d="M" + "L".join(f"{_f(x(a))} {_f(y(b))}" for a, b in points), class_=look))
    else:
        out += [tag("circle", cx=_f(x(a)), cy=_f(y(b)), r=3.5, class_=look) for a, b in points]
    for a, b, e in zip(s.x, s.y, s.error, strict=False):
        low = min(floor, y(b - e)) if not log or b > e else floor
        d = f"M{_f(x(a) - 4)} {_f(low)}h8M{_f(x(a))} {_f(low)}V{_f(y(b + e))}m-4 0h8"
        out.append(tag("path", d=d, class_=f"error s{s.colour % COLOURS}"))
    return out


def _legend_rows(series: Sequence[Series]) -> list[list[tuple[Series, float]]]:
    """Entries in rows that fit the width."""
    rows: list[list[tuple[Series, float]]] = []
    at = float(WIDTH)
    for s in series:
        if not s.label:
            continue
        wide = 36 + 6.6 * len(s.label)
        if at + wide > WIDTH - RIGHT or not rows:
            rows.append([])
            at = float(LEFT)
        rows[-1].append((s, at))
        at += wide
    return rows


def _legend(row: Sequence[tuple[Series, float]], y: float) -> list[Markup]:
    out = []
    for s, at in row:
        look = f"{s.kind} s{s.colour % COLOURS}"
        if s.kind == "bars":
            out.append(tag("rect", x=_f(at), y=_f(y - 5), width=20, height=10, class_=look))
        elif s.kind == "points":
            out.append(tag("circle", cx=_f(at + 10), cy=_f(y), r=3.5, class_=look))
        else:
            out.append(tag("path", d=f"M{_f(at)} {_f(y)}h20", class_=look))
        out.append(tag("text", s.label, x=_f(at + 25), y=_f(y + 4)))
    return out


def _f(v: float) -> str:
    return f"{v:.1f}"


def _number(v: float) -> str:
    return f"{v:.4g}".replace("-", "−") if abs(v) > 1e-12 else "0"

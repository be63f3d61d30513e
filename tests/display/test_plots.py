"""Plots: what is drawn lies where the numbers are."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from tensorprog.display.page.plots import HEIGHT, WIDTH, Plot, Series, draw, heat_map, standalone

SVG = "{http://www.w3.org/2000/svg}"


def plot(*series: Series, log: bool = False) -> Plot:
    return Plot("A <title>", "what it says", "x", "y", series, log, log)


def test_points_keep_their_order_and_proportions() -> None:
    root = ET.fromstring(draw(plot(Series("s", [0, 1, 2], [0, 1, 4], "points"))))
    dots = list(root.iter(f"{SVG}circle"))[:3]
    x, y = ([float(c.attrib[k]) for c in dots] for k in ("cx", "cy"))
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)
    assert (y[0] - y[2]) == pytest.approx(4 * (y[0] - y[1]), abs=0.5)
    assert all(0 <= v <= WIDTH for v in x)
    assert all(0 <= v <= HEIGHT for v in y)


def test_a_power_law_is_straight_on_log_axes() -> None:
    n = [16.0, 64.0, 256.0]
    root = ET.fromstring(draw(plot(Series("s", n, [1 / v for v in n], "points"), log=True)))
    dots = list(root.iter(f"{SVG}circle"))[:3]
    x, y = ([float(c.attrib[k]) for c in dots] for k in ("cx", "cy"))
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx((y[2] - y[1]) / (x[2] - x[1]), rel=0.02)


@pytest.mark.parametrize("values", [[], [0.0], [1.0, 1.0], [float("nan"), 2.0], [-1e9, 1e-9]])
def test_odd_numbers_draw_too(values: list[float]) -> None:
    for log in (False, True):
        assert not re.search("nan|inf", draw(plot(Series("s", list(range(len(values))), values, "points"), log=log)))


def test_a_file_of_its_own_brings_its_style_and_nothing_else() -> None:
    text = standalone(plot(Series("", [0, 1], [1, 2])))
    root = ET.fromstring(text)
    assert root.find(f"{SVG}style") is not None
    assert root.find(f"{SVG}title").text == "A <title>"  # type: ignore[union-attr]
    assert "prefers-color-scheme" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_heat_map_shows_every_entry_and_its_sign() -> None:
    root = ET.fromstring(heat_map("K", ["a", "b"], [[2.0, -1.0], [-1.0, 2.0]]))
    cells = [r for r in root.iter(f"{SVG}rect") if "fill" in r.attrib]
    assert [c.find(f"{SVG}title").text for c in cells] == ["a, a: 2", "a, b: -1", "b, a: -1", "b, b: 2"]  # type: ignore[union-attr]
    assert cells[0].attrib["fill"] == cells[3].attrib["fill"] != cells[1].attrib["fill"]

"""The three columns of tests/definitions.py agree with one another, and have every function of the language."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from tensorprog.kernel.ground.signatures import FUNCTIONS
from tests.definitions import ARRAYS, EXACT, FLOATS, Table

MORE = {
    "leaky_relu": ("0.1",),
    "clip": ("-1.5", "0.75"),
    "mod": ("1.25",),
    "pow": ("3",),
    "max": ("0.4",),
    "min": ("0.4",),
}
POINTS = ("-2.3", "-1.1", "-0.4", "0.3", "0.9", "1.7", "4.2")


def at(name: str, x: str) -> tuple[str, ...]:
    return ("4", x) if name == "hermite" else (x, *MORE.get(name, ()))


@pytest.mark.parametrize("table", [EXACT, ARRAYS, FLOATS], ids=["exact", "arrays", "floats"])
def test_every_function_has_a_definition(table: Table) -> None:
    assert FUNCTIONS.keys() - {"where"} <= table.keys()  # of where, whoever evaluates takes the branch


@pytest.mark.parametrize("name", sorted(EXACT.keys() - {"pi", "add", "mul"}))
def test_definitions_agree(name: str) -> None:
    compared = 0
    for x in POINTS:
        try:
            with mp.workdps(30):
                truth = float(EXACT[name](*map(mp.mpf, at(name, x))))
        except ZeroDivisionError:
            with np.errstate(all="ignore"):
                assert np.isnan(ARRAYS[name](*map(np.array, map(float, at(name, x)))))
            continue
        numbers = [float(v) for v in at(name, x)]
        assert FLOATS[name](*numbers) == pytest.approx(truth, rel=1e-13, abs=1e-300)
        found = ARRAYS[name](*(v if k == 0 and name == "hermite" else np.array([v]) for k, v in enumerate(numbers)))
        assert found == pytest.approx(np.array([truth]), rel=1e-13, abs=1e-300)
        compared += 1
    assert compared >= 3


def test_one_digit_off_is_seen() -> None:
    with pytest.raises(AssertionError):
        assert ARRAYS["selu"](np.array([1.7])) == pytest.approx(1.0507009 * 1.7, rel=1e-13)

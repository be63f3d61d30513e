"""The numbers of a program at one width: params, widths, constant arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import index
from typing import Any

from tensorprog.errors import fail
from tensorprog.kernel.ground.place import Place
from tensorprog.program.api import Program
from tensorprog.program.graph.constants import array
from tensorprog.program.lowering.params import param_numbers
from tensorprog.simulate.arrays import Array


@dataclass(frozen=True)
class Numbers:
    """The values of constants at width n."""

    program: Program
    n: int
    params: Mapping[str, float]
    widths: Mapping[str, int]
    matrices: dict[str, Array] = field(default_factory=dict, compare=False, repr=False)

    def width(self, name: str | None) -> int:
        return self.widths[name or "n"]

    def constant(self, name: str, place: Place | None = None) -> float:
        """Return the number of a param or a width (TP017 for a param that has none)."""
        if name in self.widths:
            return float(self.widths[name])
        if name in self.params:
            return self.params[name]
        raise fail(
            "TP017",
            f"the param {name} has no number",
            place or self.program.params[name].place,
            because="a simulation needs a number for every param it uses",
            help=f"give one with --set {name}=1, or a default: param {name} = 1",
        )

    def matrix(self, name: str) -> Array:
        """Return a constant array as floats."""
        if name not in self.matrices:
            self.matrices[name] = array(self.program.matrices[name], self.params, self.program)
        return self.matrices[name]


def whole(value: Any, what: str, least: int) -> int:
    """Check an integer of any kind that is at least `least` (TP018): 64.5 is not taken for 64."""
    try:
        found = index(value)
    except TypeError:
        raise fail("TP018", f"{what} = {value!r} is not an integer") from None
    if found < least:
        kind = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise fail("TP018", f"{what} = {found} is not {kind}")
    return found


def numbers(program: Program, n: int, values: Mapping[str, Any] | None = None) -> Numbers:
    """Return the numbers of a program at width n, defaults overridden by `values` (TP002, TP011, TP017)."""
    params = {name: float(x) for name, x in param_numbers(program, values).items()}
    widths = {}
    for name, ratio in program.widths.items():
        exact = ratio * n
        if exact.denominator != 1:
            raise fail(
                "TP011",
                f"the width {name} = {exact} is not an integer at n = {n}",
                because=f"{name} is {ratio} times n",
                help=f"choose n as a multiple of {ratio.denominator}",
            )
        widths[name] = int(exact)
    return Numbers(program, n, params, widths)

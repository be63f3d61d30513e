"""The numbers of params: defaults, and numbers given beside them, checked in one place for every command."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from tensorprog.errors import did_you_mean, fail
from tensorprog.kernel.ground.scaling import rational
from tensorprog.program.graph.constants import evaluate
from tensorprog.program.graph.graph import Graph
from tensorprog.program.lowering.declare import admissible


def param_numbers(program: Graph, given: Mapping[str, Any] | None = None) -> dict[str, Fraction]:
    """Returns the exact value of each param that has one: the number given, else its default.

    Refuses names that are no params (TP002) and numbers that are none or contradict an assumption (TP017).

    >>> from tensorprog.language import loads
    >>> program = loads("param r in (-1, 1) = 0.5\\ninput u ~ N(0, 1)\\nx = r*u\\noutput x")
    >>> param_numbers(program), param_numbers(program, {"r": "1/3"})
    ({'r': Fraction(1, 2)}, {'r': Fraction(1, 3)})
    """
    out: dict[str, Fraction] = {}
    for p in program.params.values():
        if p.default is not None:
            exact = rational(p.default)
            out[p.name] = exact if exact is not None else Fraction(repr(evaluate(p.default, {}, program)))
    for name, x in (given or {}).items():
        if name not in program.params:
            known = f"the params of this program: {', '.join(program.params) or 'none'}"
            raise fail("TP002", f"there is no param {name}", help=did_you_mean(name, program.params, known))
        out[name] = exactly(x, name)
        if not admissible(program.params[name], out[name]):
            raise fail("TP017", f"{name} = {x} contradicts the assumption on {name}", program.params[name].place)
    return out


def exactly(x: Any, name: str) -> Fraction:
    """The number as a fraction; a float is read as the decimal that it prints as (TP017 for what is no number)."""
    if isinstance(x, Fraction):
        return x
    try:
        return Fraction(str(float(x)) if isinstance(x, float) else str(x))
    except (ValueError, ZeroDivisionError):
        raise fail("TP017", f"{name} = {x!r:.60} is not a number", help=f"write {name}=2.5 or {name}=5/2") from None

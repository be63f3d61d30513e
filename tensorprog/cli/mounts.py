"""`function` with its dual: the facts of one floor and the Gaussian engine of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorprog.errors import TensorProgError
from tensorprog.functions.command import function_command
from tensorprog.functions.rules.facts import Facts
from tensorprog.numbers.interval import Interval
from tensorprog.terms import Var

LONGEST = 2_000
"""Characters of a formula that a person may want to read."""


def dual_text(found: Facts, known: Mapping[str, Interval]) -> str:
    """Write E[f(Z1) f(Z2)] in the entries K11, K12, K22 of the covariance."""
    if not found.controlled.proved:
        return "dual E[f(Z1) f(Z2)]: not asked for, since the function is not known to be controlled"
    from tensorprog.gaussian.arrays.duals import pair_kernel

    try:
        kernel = pair_kernel(found.expr, found.expr, Var(found.vars[0]), known)
    except TensorProgError as error:
        return f"dual E[f(Z1) f(Z2)]: {error.diagnostics[0].message}"
    lines = [f"dual E[f(Z1) f(Z2)] = {_readable(kernel.expr)}"]
    if kernel.diagonal is not None:
        lines.append(f"     E[f(Z)^2]      = {_readable(kernel.diagonal)}")
    return "\n".join(lines)


def _readable(formula: Any) -> str:
    if formula is None:
        return "no closed form; numbers: see expect"
    text = str(formula)
    return text if len(text) <= LONGEST else f"a closed form of {len(text)} characters; `expect --symbolic` prints it"


function = function_command(dual_text)

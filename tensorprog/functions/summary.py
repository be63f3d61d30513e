"""More about a function of one variable: its derivative, its Hermite coefficients, a picture."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorprog.errors import TensorProgError, fail, renamed
from tensorprog.functions.evaluate.derivative import Underivable, derivative
from tensorprog.functions.rules.facts import Facts
from tensorprog.kernel.ground.term import variables
from tensorprog.numbers.drawing import axes
from tensorprog.terms import Term, Var, to_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COEFFICIENTS = 6


def one_variable(found: Facts) -> str:
    """Write the derivative (almost everywhere) and the first Hermite coefficients of a function of one variable."""
    x = _the_variable(found)
    if x is None:
        return ""
    lines = []
    with suppress(Underivable):
        lines.append(f"derivative: {to_text(derivative(found.expr, x))}")
    if found.controlled.proved and not _params(found.expr, x):
        coefficients = hermite_coefficients(found.expr, x, COEFFICIENTS)
        if coefficients is not None:
            shown = ", ".join(f"{c:.6g}" if abs(c) > 1e-12 else "0" for c in coefficients)
            lines.append(f"Hermite coefficients E[f(Z) he_k(Z)], k = 0..{COEFFICIENTS - 1} (numeric): {shown}")
    return "\n".join(lines)


def _the_variable(found: Facts) -> Var | None:
    own = [v for v in variables(found.expr) if v.name in found.vars]
    return own[0] if len(own) == 1 and not own[0].subs else None


def _params(t: Term, x: Var) -> list[str]:
    return [v.name for v in variables(t) if v != x]


def hermite_coefficients(t: Term, x: Var, count: int) -> list[float] | None:
    """Compute E[f(Z) he_k(Z)], Z ~ N(0, 1), he_k = He_k/sqrt(k!), by Gauss-Legendre panels between whole numbers."""
    import numpy as np

    from tensorprog.functions.evaluate.arrays import compile_numpy
    from tensorprog.functions.named.numpy_forms import hermite

    nodes, weights = np.polynomial.legendre.leggauss(24)
    edges = np.arange(-14.0, 14.0)
    z = (edges[:, None] + (nodes + 1) / 2).ravel()
    w = np.tile(weights / 2, len(edges)) * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    try:
        values = compile_numpy(t, [x.name])(z)
    except TensorProgError:  # a registered function of which only facts are declared
        return None
    if not np.all(np.isfinite(values)):
        return None
    return [float(np.sum(w * values * hermite(np.asarray(float(k)), z))) for k in range(count)]


@renamed(params="values")
def plot(found: Facts, path: Path, values: Mapping[str, float] | None = None) -> None:
    """Draw a function of one variable on [-5, 5] to a file; needs matplotlib."""
    drawn(found, None, values).savefig(path)


def drawn(found: Facts, ax: Any = None, values: Mapping[str, float] | None = None) -> Any:
    """Return the figure of a function of one variable on [-5, 5]; needs matplotlib."""
    import numpy as np

    from tensorprog.functions.evaluate.arrays import compile_numpy

    x = _the_variable(found)
    if x is None:
        raise fail("TP018", "only a function of one variable can be drawn")
    values = {**dict.fromkeys(_params(found.expr, x), 1.0), **(values or {})}
    on = axes(ax)
    grid: NDArray[np.float64] = np.linspace(-5.0, 5.0, 2001)
    y = compile_numpy(found.expr, [x.name, *values])(grid, *values.values())
    on.plot(grid, np.where(np.isfinite(y), y, np.nan))
    on.axhline(0, linewidth=0.5)
    on.axvline(0, linewidth=0.5)
    said = ", ".join(f"{n} = {v:g}" for n, v in values.items())
    on.set_title(to_text(found.expr) + (f" ({said})" if said else ""))
    on.set_xlabel(x.name)
    return on.figure

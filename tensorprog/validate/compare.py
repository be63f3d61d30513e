"""From statistics at several widths to one test of each quantity: whether its value at infinite width is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorprog.numbers.estimate import Estimate, finite
from tensorprog.validate.observe import Observed
from tensorprog.validate.quantities import Quantity
from tensorprog.validate.statistics import extrapolated_distance, fit, kolmogorov_p, orders, studentized_p
from tensorprog.validate.theory import Theory

MARGIN = 0.05
"""A theory that is off by this fraction of a quantity's natural scale must be noticed, or the test says so."""

GRID = 201
FEWEST_DRAWS = 400
HEAVY = 0.2
"""A mean of draws of greater skewness than this rests on a few large ones, and its error is not known."""


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison: the extrapolated estimate against the theory.

    `resolved` says whether a theory off by 5 % of the natural scale would have been noticed (2 standard errors).
    """

    of: str
    widths: tuple[int, ...]
    theory: float
    estimate: float
    standard_error: float
    z: float
    p_value: float
    scale: float
    resolved: bool
    essential: bool
    powers: tuple[float, ...] = ()
    coefficients: tuple[float, ...] = ()
    by_width: tuple[tuple[float, float], ...] = ()
    rejected: bool = False
    heavy: bool = False
    """Its mean over draws rests on a few large ones: it is not tested."""

    def to_json(self) -> dict[str, Any]:
        return {
            "of": self.of,
            "widths": list(self.widths),
            "theory": finite(self.theory),
            "estimate": finite(self.estimate),
            "standard_error": finite(self.standard_error),
            "z": finite(self.z),
            "p_value": finite(self.p_value),
            "rejected": self.rejected,
            "resolved": self.resolved,
            "bias": [{"power_of_n": -p, "coefficient": c} for p, c in zip(self.powers[1:], self.coefficients[1:],
                                                                            strict=False)],
            "by_width": [{"n": n, "estimate": e, "standard_error": s}
                         for n, (e, s) in zip(self.widths, self.by_width, strict=False)],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rate:
    """How the distance of one draw from the limit falls with the width: rms ~ n^slope."""

    of: str
    slope: float
    slope_standard_error: float
    expected: float

    def to_json(self) -> dict[str, Any]:
        return {
            "of": self.of,
            "slope": self.slope,
            "slope_standard_error": self.slope_standard_error,
            "confidence_interval": [self.slope - 1.96 * self.slope_standard_error,
                                    self.slope + 1.96 * self.slope_standard_error],
            "expected": self.expected,
        }  # fmt: skip


def label(q: Quantity, centred: bool) -> str:
    """`var(y[1])`, `cov(x[1], x[2])`, `E(y[1]^4)`, `law of y[1]`."""
    names = q.names
    if q.kind == "law":
        return f"law of {names[0]}"
    if len(names) == 1:
        return f"E({names[0]})"
    if len(names) == 2 and centred:
        return f"var({names[0]})" if names[0] == names[1] else f"cov({names[0]}, {names[1]})"
    if len(set(names)) == 1:
        return f"E({names[0]}^{len(names)})"
    return f"E({'*'.join(names)})"


def moment_test(
    q: Quantity,
    k: int,
    known: Estimate,
    scale: float,
    centred: bool,
    observed: Sequence[Observed],
    widths: Sequence[int],
) -> Test | None:
    """z = (a - theory)/SE, with a the intercept of the weighted fit over widths.

    A sampled theory's error is five of its standard errors and adds in squares; any other is a bound and is granted.
    """
    found = [o.estimate(k) for o in observed]
    if not all(np.isfinite(e) and np.isfinite(s) for e, s in found):
        return None
    powers = orders(widths, q.half)
    line = fit(widths, [e for e, _ in found], [s for _, s in found], powers)
    error = line.standard_error
    if known.error_kind == "sampling":
        error = float(np.hypot(error, known.error / 5.0))
    slack = 0.0 if known.error_kind == "sampling" else known.error
    rounding = 1e-9 * max(abs(known.value), scale, 1e-300)
    difference = line.intercept - known.value
    beyond = float(np.sign(difference)) * max(0.0, abs(difference) - slack - rounding)
    z = beyond / error if error > 0 else (0.0 if beyond == 0 else float(np.copysign(np.inf, beyond)))
    skewness = max(o.skewness(k) for o in observed)
    heavy = skewness > HEAVY
    return Test(
        label(q, centred), tuple(widths), known.value, line.intercept, error, z,
        1.0 if heavy else studentized_p(z, skewness), scale,
        not heavy and (2.0 * error <= MARGIN * scale or scale == 0.0),
        q.output and q.kind in ("average", "draw") and len(q.members) == 2,
        powers, line.coefficients, tuple(found), heavy=heavy,
    )  # fmt: skip


def law_test(
    q: Quantity, position: int, theory: Theory, sd: float, observed: Sequence[Observed], widths: Sequence[int]
) -> Test | None:
    """Kolmogorov-Smirnov on draws, one coordinate a draw, extrapolated over widths like any expectation."""
    samples = [o.law(position) for o in observed]
    if not all(np.isfinite(x).all() for x in samples) or sd <= 0:
        return None
    pooled = np.concatenate(samples)
    at = np.quantile(pooled, np.linspace(0.0025, 0.9975, GRID))
    found = theory.cdf(q.names[0], at)
    if found is None:
        return None
    powers = orders(widths, q.half)
    ones = [1.0 / np.sqrt(len(x)) for x in samples]
    line = fit(widths, [0.0] * len(widths), ones, powers)
    distance, effective = extrapolated_distance(samples, line.weights, at, found[0])
    beyond = max(0.0, distance - found[1])
    root = float(np.sqrt(effective))
    p = kolmogorov_p(beyond, effective)
    return Test(
        label(q, True), tuple(widths), 0.0, distance, 1.0 / root, beyond * root,
        p, 1.0, effective >= FEWEST_DRAWS, False, powers,
    )  # fmt: skip


def rate(name: str, k: int, observed: Sequence[Observed], widths: Sequence[int], expected: float) -> Rate | None:
    """Return weighted least squares of log rms on log n, with a correction c/n where there are three widths or more."""
    found = [o.distance(k) for o in observed]
    if len(set(widths)) < 2 or not all(r > 0 and np.isfinite(r) and s > 0 for r, s in found):
        return None
    n = np.asarray(widths, dtype=float)
    columns = [np.ones_like(n), np.log(n)]
    if len(set(widths)) >= 3:
        columns.append(n.min() / n)
    s = np.array([e / r for r, e in found])
    design = np.stack(columns, axis=1) / s[:, None]
    solve = np.linalg.pinv(design)
    slope = float(solve[1] @ (np.log([r for r, _ in found]) / s))
    return Rate(name, slope, float(np.sqrt(np.square(solve[1]).sum())), expected)

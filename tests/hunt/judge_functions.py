"""`function`: bounds that are said to be proved, against values at many points."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from tests.hunt.ask import ask, command_line
from tests.hunt.expressions import anything
from tests.hunt.finding import Finding, Report
from tests.hunt.judge_verdicts import broken
from tests.hunt.scalars import values
from tests.hunt.syntax import X, ref


def judged(rng: random.Random, folder: Path, report: Report) -> Finding | None:
    """No point lies outside proved bounds; a slope is not larger than a proved Lipschitz function's could be."""
    del folder
    f: X = anything(rng, lambda: ref(rng.choice(["x", "y"])), rng.choice([1, 2, 3]), 0.1)
    names = sorted({r.name for r in f.walk() if r.op == "ref"})
    answer = ask("function", str(f), "--vars", ",".join(names))
    line = command_line(answer.words)
    found = broken(answer, f"# {f}\n")
    if found is not None or answer.refused:
        return found
    report.count("function against values")
    facts, points = answer.data["facts"], _points(names, rng.randrange(10**6))
    y = values(f, points)
    if not np.all(np.isfinite(y)):
        if facts["continuous"]["status"] == "proved" and np.any(np.isnan(y)):
            return Finding("function", "continuous", f"# {f}\n", "continuous proved", "undefined at a point", line)
        return None
    bounded = facts["bounded"]
    low, high = bounded.get("inf"), bounded.get("sup")
    slack = 1e-9 * (1 + float(np.max(np.abs(y))))
    if bounded["status"] == "proved" and (
        (low is not None and y.min() < low - slack) or (high is not None and y.max() > high + slack)
    ):
        return Finding("function", "bounds", f"# {f}\n", f"in [{low}, {high}]", f"values {y.min()} to {y.max()}", line)
    if bounded["status"] == "refuted" and np.max(np.abs(y)) < 4:
        return Finding("function", "bounded refuted", f"# {f}\n", str(bounded), "values stay small", line)
    lipschitz = facts["pseudo_lipschitz"]
    if lipschitz["status"] == "proved":
        for scale in (1e-3, 1e-5, 1e-7):
            near = {k: v + scale * d for (k, v), d in zip(points.items(), _directions(len(names)), strict=True)}
            size = sum(np.abs(v) for v in points.values()) + 1
            ratio = float(np.max(np.abs(values(f, near) - y) / (scale * size ** (lipschitz["order"] - 1))))
            if ratio > 1e6:
                return Finding(
                    "function", "pseudo-Lipschitz", f"# {f}\n", str(lipschitz), f"a quotient of {ratio:.3g}", line
                )
    return None


def _directions(size: int) -> list[float]:
    return [1.0, -0.7][:size]


def _points(names: list[str], seed: int) -> dict[str, np.ndarray]:
    """Points at all scales, kinks at round numbers among them."""
    rng = np.random.default_rng(seed)
    special = np.array([0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 0.3, 3.0])
    out = {}
    for name in names:
        wide = rng.standard_normal(4000) * 10 ** rng.uniform(-3, 4, 4000)
        out[name] = np.concatenate(
            [wide, rng.choice(special, 1000), rng.choice(special, 1000) + 1e-8 * rng.standard_normal(1000)]
        )
    return out

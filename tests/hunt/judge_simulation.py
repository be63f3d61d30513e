"""`simulate` against dense matrices at one finite width: the laws are equal at every n, so no bias is allowed for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.hunt.ask import ask, command_line, written
from tests.hunt.dense import Dense
from tests.hunt.finding import Finding, Report
from tests.hunt.judge_verdicts import broken
from tests.hunt.statistics import SIGMAS, Estimate, estimate
from tests.hunt.syntax import Program, member

N, DRAWS = 24, 1500


def tamed(x: np.ndarray) -> np.ndarray:
    """A bounded monotone function, so that moments settle whatever the tails."""
    return np.asarray(x / (1 + np.abs(x)))


def moments(columns: np.ndarray) -> dict[str, Estimate]:
    """Means, squares, products of the tamed outputs, and how often neighbours are equal."""
    y = tamed(columns)
    out = {}
    for k in range(y.shape[1]):
        out[f"mean {k}"] = estimate(y[:, k])
        for j in range(k + 1):
            out[f"product {j} {k}"] = estimate(y[:, k] * y[:, j])
        out[f"zero {k}"] = estimate(np.abs(columns[:, k]) < 1e-9)
    return out


def against_matrices(program: Program, folder: Path, report: Report, seed: int) -> Finding | None:
    """Coordinate 1 of every output."""
    text, out = str(program), folder / "samples.npz"
    out.unlink(missing_ok=True)
    names = list(dict.fromkeys(o.name for o in program.outputs))
    words = [
        "simulate",
        written(text, folder),
        "-n",
        str(N),
        "--samples",
        str(DRAWS),
        "--seed",
        str(seed),
        "--out",
        str(out),
    ]
    answer = ask(*words)
    found = broken(answer, text)
    if found is not None or answer.code != 0 or not out.exists():
        return found
    arrays = np.load(out)
    dense = Dense(program, N, DRAWS, np.random.default_rng(seed + 1))
    theirs, ours = [], []
    for name in names:
        theirs.append(arrays[name].reshape(DRAWS, -1))
        ours.append(np.stack([np.broadcast_to(dense.get(*m)[:, 0], DRAWS) for m in dense.family(name)], axis=1))
    a, b = np.concatenate(theirs, axis=1)[:, :6], np.concatenate(ours, axis=1)[:, :6]
    if a.shape != b.shape:
        return Finding("simulation", "shape", text, str(a.shape), str(b.shape), command_line(words))
    report.count("simulate against matrices")
    if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))):
        return None
    mine = moments(b)
    for key, one in moments(a).items():
        noise = (SIGMAS + 1) * float(np.hypot(one.error, mine[key].error))
        if abs(one.mean - mine[key].mean) > noise + 3.0 * SIGMAS / DRAWS:
            labels = ", ".join(member(*m) for name in names for m in dense.family(name))
            return Finding(
                "simulation",
                key.split()[0],
                text,
                f"{key} of ({labels}): {one}",
                f"dense matrices: {mine[key]}",
                command_line(words),
            )
    return None

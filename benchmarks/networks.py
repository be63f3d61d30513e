"""How answers on real networks grow with their size; each time beside that of something that is run next to it.

python benchmarks/networks.py [NAME ...]       prints for each size: processor time, ratio, growth exponent

A row is a function from a size to what is measured and what stands beside it; others are added to ROWS. `sizes` end
with the size that the promise names. What is computed is checked where a second road is cheap.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

import tensorprog as tp
from tensorprog import models
from tensorprog.language.parser import parse
from tensorprog.numbers.estimate import Estimate
from tensorprog.program.graph.limits import Limits

Job = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """What is promised, at which sizes it is measured, and how."""

    name: str
    promise: str
    sizes: tuple[int, ...]
    make: Callable[[int], tuple[Job, Job]]
    """The job, and what it is measured against; neither includes what is made here."""


def gram(tokens: int) -> list[list[float]]:
    matrix: list[list[float]] = (0.9 * np.eye(tokens) + 0.1).tolist()
    return matrix


def dense(tokens: int, depth: int, width: int = 256) -> Job:
    """One draw of a network of this many tokens and layers of dense matrices, in plain numpy."""
    rng = np.random.default_rng(0)

    def run() -> object:
        x = rng.standard_normal((width, tokens))
        for _ in range(depth):
            q, k, v, o = (rng.standard_normal((width, width)) / math.sqrt(width) for _ in range(4))
            scores = (q @ x).T @ (k @ x) / width
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            x = x + o @ (v @ x) @ (weights / weights.sum(axis=1, keepdims=True)).T
        return x

    return run


def attention_law(tokens: int) -> tuple[Job, Job]:
    program = models.attention(gram(tokens), heads=8, activation="tanh")

    def run() -> object:
        law = tp.derive(program).law("y[1]")
        assert law.covariance.error[0, 0] <= 1e-3 * law.covariance.value[0, 0]
        return law

    return run, dense(tokens, 8)


def deep_transformer(depth: int) -> tuple[Job, Job]:
    program = models.transformer(gram(8), depth, scaling="1/n", activation="relu")

    def run() -> object:
        found = tp.derive(program).matrix_number(f"x_f{depth}")
        k = np.array(gram(8))
        for _ in range(depth):  # softmax is uniform in the limit; relu by Cho and Saul 2009
            k = k + k.mean()
            s = np.sqrt(np.diag(k))
            rho = np.clip(k / np.outer(s, s), -1, 1)
            np.fill_diagonal(rho, 1.0)
            k = k + np.outer(s, s) * (np.sqrt(1 - rho**2) + (np.pi - np.arccos(rho)) * rho) / (2 * np.pi)
        assert np.abs(found.value - k).max() <= found.error + 1e-9 * k.max()
        return found

    return run, dense(8, depth)


def heads_written_out(heads: int) -> str:
    """A program of many attention heads over one layer of features, each written out."""
    lines = ["index i, j in 1..4", "input u[i] ~ N(0, 1)", "weight E0 ~ N(0, 1/n)", "x[i] = tanh(E0 @ u[i])"]
    for k in range(heads):
        lines += [
            f"weight Q{k}, K{k}, V{k} ~ N(0, 1/n)",
            f"q{k}[i] = Q{k} @ x[i]",
            f"k{k}[i] = K{k} @ x[i]",
            f"v{k}[i] = V{k} @ x[i]",
            f"y{k}[i] = attention(q{k}[i], k{k}[j], v{k}[j] over j, scale = 1/sqrt(n))",
            f"output y{k}",
        ]
    return "\n".join(lines) + "\n"


def separate_heads(heads: int) -> tuple[Job, Job]:
    text = heads_written_out(heads)
    program = tp.loads(text)

    def run() -> object:
        verdict = tp.check(program)
        assert verdict.verdict == "valid"
        return verdict

    return run, lambda: parse(text, Limits())


def statements(count: int) -> tuple[Job, Job]:
    lines = ["input x0 ~ N(0, 1)", "weight W ~ N(0, 1/n)"]
    lines += [t for k in range(count // 2 - 1) for t in (f"h{k} = W @ x{k}", f"x{k + 1} = x{k}/2 + tanh(h{k})")]
    text = "\n".join(lines)

    def compiled() -> object:
        return compile(text.replace("~", "-").replace("input ", "input_").replace("weight ", "weight_"), "text", "exec")

    return lambda: parse(text, Limits()), compiled


def relative(found: Estimate) -> float:
    """The largest error of a covariance matrix beside the standard deviations of its members."""
    sd = np.sqrt(np.diag(found.value))
    return float(np.max(found.error / np.outer(sd, sd)))


def recurrent(steps: int, matrices: int, width: int = 1024) -> Job:
    """One draw of so many tied matrices applied at each step, in plain numpy."""
    rng = np.random.default_rng(0)

    def run() -> object:
        w = rng.standard_normal((matrices, width, width)) / math.sqrt(width)
        h = rng.standard_normal(width)
        for _ in range(steps):
            h = np.tanh((w @ h).sum(axis=0))
        return h

    return run


def gru(steps: int) -> tuple[Job, Job]:
    program = models.gru(steps)

    def run() -> object:
        found = tp.derive(program).matrix_number("h")
        assert relative(found) <= 1e-3
        return found

    return run, recurrent(steps, 6)


def tied_gru(steps: int) -> tuple[Job, Job]:
    program = models.gru(steps)

    def run() -> object:
        found = tp.derive(program, seconds=5, tolerance=1e-4).matrix_number("h")
        assert relative(found) <= 1e-4
        return found

    return run, recurrent(steps, 6)


def lstm(steps: int) -> tuple[Job, Job]:
    program = models.lstm(steps)

    def run() -> object:
        found = tp.derive(program, seconds=10).matrix_number("h")
        print(f"    relative error {relative(found):.1e}, absolute {found.error.max():.1e}; {found.note}")
        return found

    return run, recurrent(steps, 8)


def pooled(side: int, pooling: str) -> tuple[Job, Job]:
    program = models.convolution(side * side, (side, side), depth=2, pool=2, pooling=pooling, head="average")

    def run() -> object:
        found = tp.derive(program).var("f[1]").number
        assert found is not None
        print(f"    relative error {found.error / found.value:.1e}, {found.method}")
        return found

    return run, recurrent(side * side, 9)


ROWS = [
    Row("attention", "the law of one output of a layer of 8 heads, by tokens: 5 s at 64; beside 8 layers of dense "
        "matrices of width 256, one draw", (8, 16, 32, 64), attention_law),
    Row("transformer", "covariances of a transformer at 1/n on 8 tokens, by layers: 5 s at 50; beside one draw of "
        "dense matrices of width 256", (5, 10, 20, 50), deep_transformer),
    Row("heads", "check of separately named heads: 2 s at 1,000; beside parsing their text", (100, 300, 1000),
        separate_heads),
    Row("gru", "covariances of all states to 1e-3, by steps: 10 s at 20; beside one draw of its 6 matrices of width "
        "1,024", (5, 10, 20), gru),
    Row("tied", "covariances of a GRU to 1e-4, by steps: 5 s at 4; beside the same", (2, 3, 4), tied_gru),
    Row("lstm", "covariances of all states, by steps: 10 s at 20; beside the same with 8 matrices", (5, 10, 20), lstm),
    Row("averages", "the variance of two convolutions with averages of 2 x 2, by side: seconds at 8; beside products "
        "with 9 matrices of width 1,024 at each position", (4, 6, 8), partial(pooled, pooling="average")),
    Row("maxima", "the same with maxima", (4, 6, 8), partial(pooled, pooling="max")),
    Row("reader", "parsing, by statements: a second at 10,000; beside Python's own parser (in C) on a text as long",
        (1000, 3000, 10_000), statements),
]  # fmt: skip


def seconds(job: Job) -> float:
    start = time.process_time()
    job()
    return time.process_time() - start


def measure(row: Row) -> None:
    """Print one line for each size."""
    print(f"{row.name}: {row.promise}")
    before: tuple[int, float] | None = None
    for size in row.sizes:
        job, beside = row.make(size)
        base = sorted(seconds(beside) for _ in range(3))[1]
        spent = seconds(job)
        growth = "" if before is None else f"   growth {math.log(spent / before[1]) / math.log(size / before[0]):.2f}"
        print(f"  {size:6d}   {spent:7.2f} s   {spent / max(base, 1e-6):8.1f} times{growth}", flush=True)
        before = size, spent


def main() -> None:
    """Measure the rows that are named, or all."""
    tp.derive(models.attention(gram(2))).law("y[1]").covariance  # noqa: B018 - libraries are loaded before the clock runs
    for row in ROWS:
        if not sys.argv[1:] or row.name in sys.argv[1:]:
            measure(row)


if __name__ == "__main__":
    main()

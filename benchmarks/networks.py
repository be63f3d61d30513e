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

import numpy as np

import tensorprog as tp
from tensorprog import models
from tensorprog.language.parser import parse
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


def separate_heads(heads: int) -> tuple[Job, Job]:
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
    text = "\n".join(lines)
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


ROWS = [
    Row("attention", "the law of one output of a layer of 8 heads, by tokens: 5 s at 64; beside 8 layers of dense "
        "matrices of width 256, one draw", (8, 16, 32, 64), attention_law),
    Row("transformer", "covariances of a transformer at 1/n on 8 tokens, by layers: 5 s at 50; beside one draw of "
        "dense matrices of width 256", (5, 10, 20, 50), deep_transformer),
    Row("heads", "check of separately named heads: 2 s at 1,000; beside parsing their text", (100, 300, 1000),
        separate_heads),
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

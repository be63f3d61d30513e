"""Limit kernels of perceptrons from data: milliseconds (median of three) and nanoseconds an entry and layer.

    python benchmarks/bench_kernels.py [inputs]

Inputs in 64 dimensions, σ_w² = 2, σ_b² = 0.1, train × train with the symmetric half and train × test in full. Each
kernel is checked on a corner against the limit that `derive` finds for the program.
"""

import sys
import time

import numpy as np

from tensorprog import models
from tensorprog.limit.derive import derive
from tensorprog.nngp import MLPKernel


def median(run: object) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run()  # type: ignore[operator]
        times.append(time.perf_counter() - start)
    return sorted(times)[1]


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    X = np.random.default_rng(0).standard_normal((n, 64))
    Y = np.random.default_rng(1).standard_normal((n, 64))
    print(f"{'kernel':8}{'depth':>6}{'train x train, ms':>20}{'train x test, ms':>20}{'ns/entry/layer':>16}")
    for phi in ("relu", "erf", "gelu", "sign", "tanh"):
        for depth in (3, 10):
            kernel = MLPKernel(phi, depth, 2.0, 0.1)
            K = kernel(X)
            if depth == 3:
                gram = (X[:2] @ X[:2].T / 64).tolist()
                truth = derive(models.mlp(gram, depth, phi, 2, "1/10")).matrix(f"h[{depth + 1},i]")
                if np.abs(K[:2, :2] - truth).max() > 1e-9:
                    raise SystemExit(f"{phi}: a wrong number, off by {np.abs(K[:2, :2] - truth).max()}")
            half, full = median(lambda k=kernel: k(X)), median(lambda k=kernel: k(X, Y))
            each = full / n**2 / depth * 1e9
            print(f"{phi:8}{depth:6}{half * 1e3:20.1f}{full * 1e3:20.1f}{each:16.1f}", flush=True)


if __name__ == "__main__":
    main()

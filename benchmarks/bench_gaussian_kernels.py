"""Kernels of 1000 inputs: nanoseconds of processor time an entry (median of three), and the accuracy by mpmath.

    python benchmarks/bench_gaussian_kernels.py [inputs]

relu, erf, gelu and clip by their closed forms, tanh by Mehler's series. The covariance is a Gram matrix of random
inputs in 50 dimensions. `error` is the largest stated error, `actual` the largest difference from mpmath at 30 digits
on three entries (diagonal and off it), both relative to √(K(x,x) K(y,y)) of the result.
"""

import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import mpmath as mp
import numpy as np
import sympy

from tensorprog.gaussian.arrays.compiled import compile_closed_form
from tensorprog.gaussian.arrays.series import pair_matrix
from tensorprog.gaussian.closed.engine import Problem, closed_form
from tensorprog.terms import Var, read

NAMES = ("relu", "erf", "gelu", "clip", "tanh")
TEXT = {"clip": "clip(z, -1, 1)"}
KINKS = {"relu": [0], "clip": [-1, 1]}
EXACT: dict[str, Callable[[Any], Any]] = {
    "relu": lambda z: max(z, mp.mpf(0)),
    "erf": mp.erf,
    "gelu": lambda z: z * mp.ncdf(z),
    "clip": lambda z: min(max(z, mp.mpf(-1)), mp.mpf(1)),
    "tanh": mp.tanh,
}


def kernel(name: str) -> Callable[[Any, Any, Any], tuple[Any, Any]]:
    """(K11, K12, K22) -> values and errors."""
    f = read(TEXT.get(name, f"{name}(z)"))
    if name == "tanh":
        return lambda a, b, c: pair_matrix(f, f, a, b, c)
    entries = sympy.symbols("K11 K12 K22", real=True)
    text = TEXT.get(name, f"{name}(z)")
    pair = read(f"({text.replace('z', 'a')})*({text.replace('z', 'b')})")
    k11, k12, k22 = entries
    problem = Problem(pair, (Var("a"), Var("b")), ((k11, k12), (k12, k22)), (sympy.S.Zero, sympy.S.Zero))
    return compile_closed_form(closed_form(problem).expr, ["K11", "K12", "K22"]).with_error


def truth(name: str, a: float, b: float, c: float) -> Any:
    """E f(Z1) f(Z2) by nested Gauss–Legendre in mpmath: 30 nodes on panels of width 1, split at the kinks."""
    mp.mp.dps = 30
    f = EXACT[name]
    s, t = mp.sqrt(mp.mpf(a)), mp.sqrt(mp.mpf(c))
    rho = mp.mpf(b) / (s * t)
    if rho > 1 - mp.mpf(10) ** -14:
        return line(lambda z: f(z) ** 2, mp.mpf(0), s, KINKS.get(name, []))
    rest = t * mp.sqrt(1 - rho * rho)
    return line(lambda z: f(z) * line(f, rho * t * z / s, rest, KINKS.get(name, [])), mp.mpf(0), s, KINKS.get(name, []))


def line(f: Callable[[Any], Any], mean: Any, sigma: Any, kinks: list[float]) -> Any:
    ends = [mean + k * sigma * 3 for k in range(-3, 4)] + [k for k in kinks if abs(k - mean) < 9 * sigma]
    ends = sorted(map(mp.mpf, ends))
    total = mp.mpf(0)
    for low, high in pairwise(ends):
        for x, w in NODES:
            z = (low + high) / 2 + (high - low) / 2 * x
            total += w * (high - low) / 2 * f(z) * mp.exp(-(((z - mean) / sigma) ** 2) / 2)
    return total / (sigma * mp.sqrt(2 * mp.pi))


mp.mp.dps = 30
NODES = [(mp.mpf(x), mp.mpf(w)) for x, w in zip(*np.polynomial.legendre.leggauss(24), strict=True)]


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    X = np.random.default_rng(0).standard_normal((n, 50))
    K = X @ X.T / 50
    d = np.diag(K)
    print(f"{'kernel':8}{'ns/entry':>10}{'error':>10}{'actual':>10}   ({n} x {n})")
    for name in NAMES:
        run = kernel(name)
        run(d[:5, None], K[:5, :5], d[None, :5])
        times = []
        for _ in range(3):
            start = time.process_time()
            values, errors = run(d[:, None], K, d[None, :])
            times.append((time.process_time() - start) / n**2 * 1e9)
        spent = sorted(times)[1]
        scale = np.sqrt(np.abs(np.outer(np.diag(values), np.diag(values))))
        samples = [(0, 0), *map(tuple, np.random.default_rng(1).integers(0, n, (2, 2)))]
        actual = max(
            float(abs(truth(name, d[i], K[i, j], d[j]) - mp.mpf(float(values[i, j])))) / scale[i, j] for i, j in samples
        )
        if actual > float(np.max(errors / scale)):
            raise SystemExit(f"{name}: a wrong number, off by {actual}")
        print(f"{name:8}{spent:10.0f}{float(np.max(errors / scale)):10.1e}{actual:10.1e}", flush=True)


if __name__ == "__main__":
    main()

"""Exact samples against real matrices, one pinned core: draws a second, growth with the width, memory.

Processor time is reported, since other work on the machine does not change it. Every speed is of a result that is
checked against the dense code's in the same run.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is loaded

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from tensorprog.language import loads
from tensorprog.simulate import simulate
from tensorprog.simulate.draw.engine import Runner
from tensorprog.simulate.draw.streams import Stream
from tensorprog.simulate.plan.plan import ENGINES
from tensorprog.simulate.run import make_job

ATTENTION = """
index i, j in 1..4
index a in 1..2
param C > 0 = 1
input h0 ~ N(0, 1)
weight U[i], Wq[a], Wk[a], Wv[a], Wo[a] ~ N(0, 1/n)
x[i] = {feature}
p[a,i,j] = dot(Wq[a] @ x[i], Wk[a] @ x[j]) / sqrt(n)
y[i] = sum(softmax(p[a,i,j] over j) * (Wo[a] @ Wv[a] @ x[j]) for a, j) / sqrt(2)
output y
"""
FEATURES = {
    "clip": ("clip(U[i] @ h0, -C, C)", lambda h: np.clip(h, -1.0, 1.0)),
    "relu": ("relu(U[i] @ h0)", lambda h: np.maximum(h, 0.0)),
    "tanh": ("tanh(U[i] @ h0)", np.tanh),
}
LINEAR = """
index i, j in 1..4
input u[i] ~ N(0, 1)
weight Wq, Wk, Wv ~ N(0, 1/n)
p[i,j] = dot(Wq @ u[i], Wk @ u[j]) / sqrt(n)
y[i] = sum(softmax(p[i,j] over j) * (Wv @ u[j]) for j)
output y
"""
RNN = """
index t in 1..100
index b in 1..4
input x[t,b] ~ N(0, 0.1)
weight W ~ N(0, 2/n)
g[1,b] = x[1,b]
for s in 2..100:
    g[s,b] = W @ tanh(g[s-1,b]) + x[s,b]
output g[100,b]
"""
LAYERS = "\n".join(
    ["input x0, dx ~ N(0, 1)", "weight " + ", ".join(f"W{k}" for k in range(10)) + " ~ N(0, 2/n)"]
    + [f"h{k + 1} = W{k} @ x{k}\nx{k + 1} = relu(h{k + 1})" for k in range(10)]
    + [f"d{k} = W{k}' @ ({'dx' if k == 9 else f'd{k + 1}'} * step(h{k + 1}))" for k in range(9, -1, -1)]
    + ["s = dot(d0, d0) / n", "output s"]
)


def clock(f: Callable[[], Any], repeats: int = 3) -> float:
    """Median processor time of a call."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        f()
        times.append(time.process_time() - start)
    return median(times)


def dense_draw(rng: np.random.Generator, n: int, feature: Callable[[Any], Any]) -> Any:
    """The network as one would write it with matrices: 12 of n x n a draw."""

    def matrix() -> Any:
        return rng.standard_normal((n, n)) / np.sqrt(n)

    h0 = rng.standard_normal(n)
    x = np.stack([feature(matrix() @ h0) for _ in range(4)])
    y = np.zeros((4, n))
    for _ in range(2):
        q, k, v = x @ matrix().T, x @ matrix().T, x @ matrix().T @ matrix().T
        p = q @ k.T / np.sqrt(n)
        weights = np.exp(p - p.max(axis=1, keepdims=True))
        y += weights / weights.sum(axis=1, keepdims=True) @ v
    return y[:, 0] / np.sqrt(2)


def per_draw(text: str, n: int, seconds: float = 0.6, engine: str = "numpy") -> tuple[float, int]:
    """(processor time of one draw, normals it takes), after one block to warm up."""
    job = make_job(loads(text), n, 0, engine=engine)
    runner = Runner.of(job)
    runner.block(0)
    blocks, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        runner.block(blocks + 1)
        blocks += 1
    return (time.process_time() - start) / (blocks * runner.plan.block), runner.plan.normals_per_draw


def normals(count: int, engine: str) -> float:
    """Processor time of that many normals alone, from the engine's generator, in pieces that stay in the cache."""
    stream = Stream.of(engine, 1, 1, 1)
    buffer = np.empty(50_000)
    stream.fill(buffer)
    return clock(lambda: [stream.fill(buffer) for _ in range(20)], 5) / (20 * len(buffer)) * count


def attention() -> None:
    n = 1024
    for name, (text, feature) in FEATURES.items():
        rng = np.random.default_rng(0)
        dense = clock(lambda rng=rng, feature=feature: dense_draw(rng, n, feature))
        for engine in ENGINES:
            ours, drawn = per_draw(ATTENTION.format(feature=text), n, engine=engine)
            alone, limit = normals(drawn, engine), normals(4 * n, engine)
            print(
                f"attention, {name}, n = {n}, engine {engine}: dense {dense * 1e3:.0f} ms, exact {ours * 1e6:.1f} us "
                f"a draw, {dense / ours:.0f} times as fast (drawing 4n normals alone: {dense / limit:.0f}); "
                f"{alone / ours:.0%} of the time in the generator"
            )
    rng = np.random.default_rng(2)
    real = np.stack([dense_draw(rng, 32, FEATURES["clip"][1]) for _ in range(4000)])
    for engine in ENGINES:
        program = loads(ATTENTION.format(feature=FEATURES["clip"][0]))
        small = simulate(program, n=32, samples=20_000, rng=1, engine=engine)["y"]
        errors = [np.std((y**2).mean(axis=1)) / len(y) ** 0.5 for y in (small, real)]
        z = (np.mean(small**2) - np.mean(real**2)) / np.hypot(*errors)
        print(f"  {engine} at n = 32: variance {np.mean(small**2):.4f}, dense {np.mean(real**2):.4f} (z = {z:+.1f})")
        assert abs(z) < 4


def growth() -> None:
    for power in (10, 15, 20, 40):
        print(f"linear parts only, n = 2^{power}: {per_draw(LINEAR, 2**power, 0.3)[0] * 1e6:.1f} us a draw")
    text = ATTENTION.format(feature=FEATURES["relu"][0])
    for power in (12, 14, 16, 18, 20):
        used = per_draw(text, 2**power, 0.3)[0]
        each = used / 2**power * 1e9
        print(f"attention, relu, n = 2^{power}: {used * 1e3:.2f} ms a draw, {each:.0f} ns a coordinate")


def large() -> None:
    layers = loads(LAYERS)
    used = clock(lambda: simulate(layers, n=65_536, samples=1, rng=0))
    print(f"10 layers forward and back, n = 65,536: {used:.2f} s a draw")
    ratio = simulate(layers, n=4096, samples=20, rng=0)["s"].mean()
    assert 0.8 < ratio < 1.25  # a critical network keeps the length of gradients
    code = (
        "import resource, time, sys\nfrom tensorprog.language import loads\nfrom tensorprog.simulate import simulate\n"
        "start = time.process_time()\n"
        f"draw = simulate(loads({RNN!r}), n=65_536, samples=1, rng=0, dtype=sys.argv[1])\n"
        "used = time.process_time() - start\n"
        "print(f'tied RNN, 100 steps, 4 sequences, n = 65,536, {sys.argv[1]}: {used:.1f} s, '"
        " f'{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB in all')"
    )
    for dtype in ("float64", "float32"):
        done = subprocess.run([sys.executable, "-c", code, dtype], capture_output=True, text=True, check=True)
        print(done.stdout, end="")


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    attention()
    growth()
    large()

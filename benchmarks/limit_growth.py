"""How deriving limits grows: layers of a ReLU network, steps of a tied recurrent network, inputs of a perceptron.

python benchmarks/limit_growth.py            prints seconds for each size, with the growth exponent
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tensorprog import load
from tensorprog.limit.derive import derive


def relu_network(layers: int) -> tuple[str, int]:
    lines = ["index i in 1..2", "matrix K = [[1, 0.3], [0.3, 1]]", "input x0[i] ~ N(0, K)"]
    for k in range(1, layers + 1):
        lines += [f"weight W{k} ~ N(0, 2/n)", f"x{k}[i] = relu(W{k} @ x{k - 1}[i])"]
    return "\n".join([*lines, "weight V ~ N(0, 1/n)", f"f[i] = V @ x{layers}[i]", "output f"]), 2


def tied_rnn(steps: int, inputs: int = 20) -> tuple[str, int]:
    return (
        f"""
index a in 1..{inputs}
matrix G = file("gram.npy")
input x[a] ~ N(0, G)
weight W ~ N(0, 1.5/n)
weight U ~ N(0, 2/n)
input b ~ N(0, 0.25)
h[1,a] = U @ x[a] + b
s[1,a] = erf(h[1,a])
for t in 2..{steps}:
    h[t,a] = W @ s[t-1,a] + U @ x[a] + b
    s[t,a] = erf(h[t,a])
f = 1*h[{steps},1]
output f
""",
        inputs,
    )


def perceptron(inputs: int) -> tuple[str, int]:
    lines = [f"index i in 1..{inputs}", 'matrix K = file("gram.npy")', "input x0[i] ~ N(0, K)"]
    for k in range(1, 4):
        lines += [f"weight W{k} ~ N(0, 2/n)", f"x{k}[i] = relu(W{k} @ x{k - 1}[i])"]
    return "\n".join([*lines, "weight V ~ N(0, 1/n)", "f[i] = V @ x3[i]", "output f"]), inputs


def curve(title: str, make: Callable[[int], tuple[str, int]], sizes: list[int], family: str, pair: str) -> None:
    print(title)
    before: tuple[int, float] | None = None
    for size in sizes:
        text, inputs = make(size)
        with tempfile.TemporaryDirectory() as folder:
            x = np.random.default_rng(0).standard_normal((inputs, 2 * inputs))
            np.save(Path(folder) / "gram.npy", x @ x.T / (2 * inputs))
            path = Path(folder) / "program.tp"
            path.write_text(text)
            start = time.perf_counter()
            program = load(path)
            loaded = time.perf_counter() - start
        start = time.perf_counter()
        kernel = derive(program).matrix(family)
        spent = time.perf_counter() - start
        start = time.perf_counter()
        a, b = pair.split()
        derive(program).cov(a.format(size), b.format(size))
        single = time.perf_counter() - start
        growth = "" if before is None else f"   growth {math.log(spent / before[1]) / math.log(size / before[0]):.2f}"
        print(f"  {size:6d}   load {loaded:6.2f} s   array {kernel.shape} {spent:6.2f} s   one entry with its bound"
              f" {single:6.2f} s{growth}", flush=True)  # fmt: skip
        before = (size, spent)


def main() -> None:
    derive(load(Path(__file__).parent.parent / "examples" / "mlp.tp")).matrix("h[3,i]")
    curve("ReLU network: layers", relu_network, [10, 20, 50, 100, 200], "f", "f[1] f[2]")
    curve("tied RNN on 20 inputs, all steps against all: steps", tied_rnn, [5, 10, 20, 50], "h", "h[{0},1] h[{0},2]")
    curve("three-layer ReLU network: inputs", perceptron, [10, 100, 300, 1000], "f", "f[1] f[2]")


if __name__ == "__main__":
    main()

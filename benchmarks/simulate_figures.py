"""The data of the paper's figures: attention at widths 16 to 1024 against its limit, for 1, 2 and 256 heads.

    python benchmarks/simulate_figures.py [DRAWS] [REPEATS]

prints, for every width, the KL divergence between density estimates of y and of draws from the limit law, with its
error over repeats, and how long the draws took. The paper takes 50,000 draws and 10 repeats.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from tensorprog.validate.density import divergence

from tensorprog.language import loads
from tensorprog.limit.derive import derive
from tensorprog.simulate import simulate

PROGRAM = """
index i, j in 1..4
index a in 1..{heads}
input h0 ~ N(0, 1)
weight U[i], Wq[a], Wk[a], Wv[a], Wo[a] ~ N(0, 1/n)
x[i] = {feature}
p[a,i,j] = dot(Wq[a] @ x[i], Wk[a] @ x[j]) / sqrt(n)
y[i] = sum(softmax(p[a,i,j] over j) * (Wo[a] @ Wv[a] @ x[j]) for a, j) / sqrt({heads})
output y
"""
FEATURES = {"clip, C = 100": "clip(U[i] @ h0, -100, 100)", "relu": "relu(U[i] @ h0)"}


def main(draws: int, repeats: int) -> None:
    for name, feature in FEATURES.items():
        for heads in (1, 2, 256):
            program = loads(PROGRAM.format(heads=heads, feature=feature))
            law = derive(program).law("y[1]")
            theory = np.ravel(law.sample(draws * repeats, 1))
            for n in (16, 64, 256, 1024):
                start = time.perf_counter()
                y = simulate(program, n=n, samples=draws * repeats, rng=2, outputs=["y[1]"])["y[1]"]
                used = time.perf_counter() - start
                kl = divergence(y, theory, repeats)
                print(
                    f"{name}, {heads} heads, n = {n}: KL {kl.value:.5f} +- {kl.standard_error:.5f}, "
                    f"variance {y.var():.4f} (limit {theory.var():.4f}), {used:.1f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main(*(int(a) for a in [*sys.argv[1:], *("5000", "10")[len(sys.argv) - 1 :]]))

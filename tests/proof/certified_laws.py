"""Programs whose covariances, laws and claims are certified, with the goals."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from tensorprog.language import load, loads
from tensorprog.program import Program

EXAMPLES = Path(__file__).parents[2] / "examples"
SCORES = ",".join(f"p[{a},{i},{j}]" for a, i, j in product((1, 2), range(1, 5), range(1, 5)))


def mlp(f: str, depth: int) -> Program:
    return loads(f"""
param r in (-1, 1) = 0.5
matrix K = [[1, r], [r, 1]]
index i in 1..2
index l in 1..{depth}
input u[i] ~ N(0, K)
input b[l] ~ N(0, 1/10)
weight W[l] ~ N(0, 2/n)
h[1,i] = W[1] @ u[i] + b[1]
for t in 2..{depth}:
    h[t,i] = W[t] @ {f}(h[t-1,i]) + b[t]
output h[{depth},i]
""")


RNN = """
input x ~ N(0, 1)
input b ~ N(0, 1/10)
weight W ~ N(0, 3/2/n)
weight V ~ N(0, 1/n)
g1 = V @ x + b
g2 = W @ erf(g1) + V @ x + b
g3 = W @ erf(g2) + V @ x + b
output g3
"""
RESIDUAL = """
index l in 1..3
input x ~ N(0, 1)
weight W[l] ~ N(0, 1/n)
h[1] = W[1] @ x
h[2] = h[1] + W[2] @ relu(h[1])
h[3] = h[2] + W[3] @ relu(h[2])
output h[3]
"""
INLINE = """
index i, j in 1..3
input u[i] ~ N(0, 1)
input b ~ N(0, 1/10)
input z ~ N(1, 0)
weight A, B, C ~ N(0, 1/n)
x[i] = A @ u[i]
y[i] = B @ relu(x[i] + b) + C @ abs(z)
output y
claim cov(x[i], x[j]) = 0 for i != j
claim var(y[i]) = 31/20
"""
PROGRAMS: dict[str, tuple[Program, list[str]]] = {
    "the paper's Example 1 (clip at C), all score pairs": (
        load(EXAMPLES / "attention.tp"),
        [f"covariances:{SCORES}", "covariances:x[1],x[2]", "laws:y[1],y[2]", "claims"],
    ),
    "its ReLU version": (
        load(EXAMPLES / "relu_attention.tp"),
        ["covariances:x[1],x[2]", "laws:y", "claims"],
    ),
    "MLP of 50 layers, relu": (mlp("relu", 50), ["covariances:h[50,1],h[50,2]"]),
    "MLP of 50 layers, erf": (mlp("erf", 50), ["covariances:h[50,1],h[50,2]"]),
    "MLP with symbolic variances, erf": (load(EXAMPLES / "mlp.tp"), ["covariances:h[3,1],h[3,2]", "claims"]),
    "tied RNN, erf": (loads(RNN), ["covariances:g1,g2,g3"]),
    "residual network, relu": (loads(RESIDUAL), ["covariances:h[1],h[3]"]),
    "MLP of 10 layers, tanh": (mlp("tanh", 10), ["covariances:h[10,1],h[10,2]"]),
    "biases inside the function": (loads(INLINE), ["covariances", "claims"]),
    "layernorm": (load(EXAMPLES / "layernorm.tp"), ["covariances:y,x", "claims"]),
}

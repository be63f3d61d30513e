"""Every builder once: the verdict on each network, and the program of one of them as `.tp` text.

python examples/models/zoo.py
"""

from collections.abc import Callable
from typing import Any

import tensorprog as tp
from tensorprog import models

PAIR = [[1, 0.5], [0.5, 1]]
NETWORKS: dict[str, Callable[[], Any]] = {
    "perceptron, GELU": lambda: models.mlp(PAIR, depth=3, activation="gelu", weights="he", bias=0.1),
    "perceptron with dropout": lambda: models.dropout_mlp(PAIR, keep="4/5", activation="tanh"),
    "residual, branches scaled": lambda: models.residual_mlp(PAIR, depth=4, branch="1/sqrt(4)"),
    "random Fourier features": lambda: models.random_features(PAIR, "sqrt(2)*cos(x)", phase=True),
    "layer normalisation": lambda: models.layernorm_mlp(PAIR),
    "batch normalisation": lambda: models.batchnorm_mlp(3),
    "recurrent, two sequences": lambda: models.rnn(5, lengths=[3, 2], activation="tanh"),
    "GRU": lambda: models.gru(2),
    "LSTM": lambda: models.lstm(2),
    "graph convolution": lambda: models.graph_convolution(4, edges=[(1, 2), (2, 3), (3, 4)], depth=2),
    "1-d convolution, pooled": lambda: models.convolution(8, shape=(8,), depth=2, pool=2, head="average"),
    "2-d convolution": lambda: models.convolution(16, shape=(4, 4), stride=2),
    "attention": lambda: models.attention(3, heads=2, causal=True),
    "multi-query attention": lambda: models.attention(3, heads=4, kv_heads=1),
    "low-rank attention": lambda: models.attention(3, heads=4, rank="1/4"),
    "attention, ReLU features": lambda: models.attention(3, activation="relu"),
    "transformer, 1/n scores": lambda: models.transformer(2, depth=2, heads=2, scaling="1/n"),
    "transformer, 1/sqrt(n) scores": lambda: models.transformer(2),
}


def main() -> dict[str, str]:
    verdicts = {}
    for name, build in NETWORKS.items():
        found = tp.check(build())
        verdicts[name] = found.verdict
        print(f"{name:32}{found.verdict:18}{', '.join(found.covered_by)}")
    print()
    print(models.attention(3, heads=2, kv_heads=1, causal=True, residual=True).to_text())
    return verdicts


if __name__ == "__main__":
    main()

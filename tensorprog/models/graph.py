"""Graph convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorprog.language import Program, fn
from tensorprog.language.build import Expr, term_of
from tensorprog.models.parts import Activation, Gram, Number, biases, inputs, law, plus, size_of
from tensorprog.models.parts import activation as _activation


def normalised_adjacency(edges: Sequence[tuple[int, int]], nodes: int) -> list[list[str]]:
    """D^{-1/2} (A + I) D^{-1/2} of an undirected graph with nodes 1..nodes, entries exact (Kipf & Welling 2017, eq. 2).

    >>> normalised_adjacency([(1, 2)], 3)[0]
    ['1/2', '1/2', '0']
    """
    near = [{k} for k in range(1, nodes + 1)]
    for a, b in edges:
        if not (1 <= a <= nodes and 1 <= b <= nodes):
            raise ValueError(f"the edge {a}, {b} leaves the nodes 1..{nodes}")
        near[a - 1].add(b)
        near[b - 1].add(a)
    size = [len(s) for s in near]

    def entry(a: int, b: int) -> str:
        if b + 1 not in near[a]:
            return "0"
        return f"1/{size[a]}" if size[a] == size[b] else f"1/sqrt({size[a] * size[b]})"

    return [[entry(a, b) for b in range(nodes)] for a in range(nodes)]


def graph_convolution(
    gram: Gram,
    edges: Sequence[tuple[int, int]],
    depth: int = 1,
    activation: Activation = "relu",
    weights: Number = "he",
    bias: Number = 0,
) -> Program:
    """Return a graph convolutional network with `depth` hidden layers; gram is over the nodes.

        h(l, v) = W(l) Σ_u Â(v, u) φ(h(l-1, u)) + b(l),       Â = D^{-1/2} (A + I) D^{-1/2}

    Kipf & Welling 2017; limit: Hu et al. 2020. Covered by: netsor.

    >>> import tensorprog
    >>> tensorprog.check(graph_convolution(3, [(1, 2), (2, 3)])).verdict
    'valid'
    """
    p, act = Program("graph_convolution"), _activation(activation)
    x = inputs(p, gram, indices="u, v")
    u, v = Expr(term_of("u")), Expr(term_of("v"))
    p.index(f"l in 1..{depth + 1}")
    near = p.matrix("A", normalised_adjacency(edges, size_of(gram)))
    (w,) = p.weight(f"W[l] ~ {law(weights)}")
    b = biases(p, "b[l]", bias)
    h: Any = None
    for t in range(1, depth + 2):
        z = x[u] if t == 1 else act(h[t - 1, u])
        h = p.define(f"h[{t},v]", plus(w[t] @ fn.sum(near[v, u] * z, over=u), b(t)))
    p.output(h[depth + 1, v])
    return p

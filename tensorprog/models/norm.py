"""Networks with layer normalisation and batch normalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorprog.language import Program, fn
from tensorprog.language.build import Expr, term_of
from tensorprog.models.parts import Activation, Gram, Number, biases, inputs, law, number, plus, size_of
from tensorprog.models.parts import activation as _activation

EPSILON = "1/100000"


def _eps(e: Expr, eps: Number) -> Expr:
    return e if number(eps) == "0" else e + Expr(term_of(eps))


def layer_norm(p: Program, name: str, index: str, h: Expr, eps: Number) -> Any:
    """(h - m)/√(v + eps), m and v the mean and the variance over the width: Moments named m_name and v_name."""
    at = tuple(index.split(","))
    m = p.define(f"m_{name}[{index}]", fn.mean(h))[at]
    v = p.define(f"v_{name}[{index}]", fn.mean((h - m) ** 2))[at]
    return (h - m) / fn.sqrt(_eps(v, eps))


def layernorm_mlp(
    gram: Gram,
    depth: int = 1,
    activation: Activation = "relu",
    weights: Number = "he",
    bias: Number = 0,
    eps: Number = EPSILON,
) -> Program:
    """Return a multilayer perceptron with layer normalisation before each nonlinearity, without affine parameters.

        h(l) = W(l) z(l-1) + b(l) ──> mean, variance over the width ──> z(l) = φ((h - m)/√(v + eps)) ──> h(l+1)

    Ba, Kiros & Hinton 2016; limit: Yang 2019. Covered by: netsor-plus, where the limit variance is positive.

    >>> import tensorprog
    >>> tensorprog.check(layernorm_mlp(2)).covered_by[0]
    'netsor-plus'
    """
    p, act = Program("layernorm_mlp"), _activation(activation)
    i = Expr(term_of("i"))

    def features(t: int, h: Any) -> Any:
        return act(layer_norm(p, str(t), "i", h[t, i], eps))

    return _layers(p, inputs(p, gram), depth, weights, bias, features)


def _layers(
    p: Program, x: Any, depth: int, weights: Number, bias: Number, features: Callable[[int, Any], Any]
) -> Program:
    """h[1] = W[1] x + b[1] and h[t] = W[t] z[t-1] + b[t], where z[t] = features(t, h)."""
    i = Expr(term_of("i"))
    p.index(f"l in 1..{depth + 1}")
    (w,) = p.weight(f"W[l] ~ {law(weights)}")
    b = biases(p, "b[l]", bias)
    h = p.define("h[1,i]", plus(w[1] @ x[i], b(1)))
    for t in range(1, depth + 1):
        z = p.define(f"z{t}[i]", features(t, h))
        h = p.define(f"h[{t + 1},i]", plus(w[t + 1] @ z[i], b(t + 1)))
    p.output(h[depth + 1, i])
    return p


def batchnorm_mlp(
    gram: Gram,
    depth: int = 1,
    activation: Activation = "relu",
    weights: Number = "he",
    bias: Number = 0,
    eps: Number = EPSILON,
) -> Program:
    """Return a multilayer perceptron with batch normalisation: all inputs are one batch, normalised at each unit.

        at each coordinate:  m = mean over i of h(l,i),  v = mean over i of (h(l,i) - m)²
        z(l,i) = φ((h(l,i) - m)/√(v + eps)),  h(l+1,i) = W(l+1) z(l,i) + b(l+1)

    Ioffe & Szegedy 2015; limit: Yang 2019, Yang et al. 2019. Covered by: netsor for eps > 0 (a Lipschitz function of
    the batch's vectors); with eps = 0 the quotient is undefined where the batch agrees, and no theorem here covers it.

    >>> import tensorprog
    >>> tensorprog.check(batchnorm_mlp(3)).covered_by[0]
    'netsor'
    """
    size = size_of(gram)
    if size < 2:
        raise ValueError("a batch has at least two inputs")
    p, act = Program("batchnorm_mlp"), _activation(activation)
    x, i, j = inputs(p, gram, indices="i, j"), Expr(term_of("i")), Expr(term_of("j"))

    def features(t: int, h: Any) -> Any:
        m = p.define(f"m{t}", fn.sum(h[t, j], over=j) / size)
        v = p.define(f"v{t}", fn.sum((h[t, j] - m) ** 2, over=j) / size)
        return act((h[t, i] - m) / fn.sqrt(_eps(v, eps)))

    return _layers(p, x, depth, weights, bias, features)

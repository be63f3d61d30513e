"""Fully connected networks: plain, residual, with dropout, and one layer of random features."""

from __future__ import annotations

from typing import Any

from tensorprog.language import Program, fn
from tensorprog.language.build import Expr, term_of
from tensorprog.models.parts import Activation, Gram, Number, biases, dropout, inputs, law, number, plus
from tensorprog.models.parts import activation as _activation


def mlp(
    gram: Gram, depth: int = 1, activation: Activation = "relu", weights: Number = "he", bias: Number = 0
) -> Program:
    """Return a multilayer perceptron with `depth` hidden layers; `bias` is the variance of the bias vectors.

        x ── W1 ──> h1 ── φ ── W2 ──> h2 ── φ ── ... ── W(L+1) ──> output      h(l) = W(l) φ(h(l-1)) + b(l)

    Neal 1996, Lee et al. 2018, Matthews et al. 2018. Covered by: netsor, for pseudo-Lipschitz or controlled φ.

    >>> print(mlp(2, activation="erf", weights="lecun").to_text())
    program mlp
    index i in 1..2
    index l in 1..2
    input x[i] ~ N(0, 1)
    weight W[l] ~ N(0, 1/n)
    h[1,i] = W[1] @ x[i]
    h_1[i] = erf(h[1,i])
    h[2,i] = W[2] @ h_1[i]
    output h[2,i]
    <BLANKLINE>
    """
    return _layers("mlp", gram, depth, activation, weights, bias)


def dropout_mlp(
    gram: Gram,
    keep: Number,
    depth: int = 1,
    activation: Activation = "relu",
    weights: Number = "he",
    bias: Number = 0,
    shared_mask: bool = False,
) -> Program:
    """Return a multilayer perceptron whose hidden units are kept with probability `keep` and divided by it.

        h(l,i) = W(l) (m(l,i)/keep φ(h(l-1,i))) + b(l),     m(l,i) ~ bernoulli(keep), for each input i afresh

    shared_mask: one m(l) for all inputs, as when one thinned network is drawn and kept; the variances are the same, and
    the inputs are more correlated. Srivastava et al. 2014; Schoenholz et al. 2017.
    Covered by: netsor in Yang's form (the mask jumps: controlled, not Lipschitz).
    Errors: TP019 a `keep` that is no probability.

    >>> dropout_mlp(1, "4/5").to_text().splitlines()[6:8]
    ['m[l,i] = where(Phi(m_u[l,i]) < 4/5, 1, 0)', 'h[1,i] = W[1] @ x[i]']
    """
    return _layers("dropout_mlp", gram, depth, activation, weights, bias, keep, shared_mask)


def _layers(
    name: str,
    gram: Gram,
    depth: int,
    phi: Activation,
    weights: Number,
    bias: Number,
    keep: Number = 1,
    shared_mask: bool = False,
) -> Program:
    p, act = Program(name), _activation(phi)
    x = inputs(p, gram)
    i, _ = Expr(term_of("i")), p.index(f"l in 1..{_positive(depth) + 1}")
    (w,) = p.weight(f"W[l] ~ {law(weights)}")
    b = biases(p, "b[l]", bias)
    drop = dropout(p, "m[l]" if shared_mask else "m[l,i]", keep)
    h = p.define("h[1,i]", plus(w[1] @ x[i], b(1)))
    for t in range(2, depth + 2):
        z = drop(t - 1 if shared_mask else (t - 1, i), act(h[t - 1, i]))
        h = p.define(f"h[{t},i]", plus(w[t] @ z, b(t)))
    p.output(h[depth + 1, i])
    return p


def _positive(depth: int) -> int:
    if depth < 1:
        raise ValueError("depth is at least 1")
    return depth


def residual_mlp(
    gram: Gram,
    depth: int = 1,
    activation: Activation = "relu",
    weights: Number = "he",
    bias: Number = 0,
    branch: Number = 1,
    keep: Number = 1,
) -> Program:
    """Return a residual network of `depth` blocks; `branch` scales each branch, as `1/sqrt(8)` for eight blocks.

        r(0) = W(0) x ──┬───────────────────────────────(+)──> r(1) ──> ... ──> r(L)
                        └── φ ── W(l), times branch ─────┘           r(l) = r(l-1) + branch (W(l) φ(r(l-1)) + b(l))

    keep: the units of φ(r(l-1)) are kept with this probability and divided by it (dropout, for each input afresh).

    He et al. 2016, Yang & Schoenholz 2017; branch scaling: Hayou et al. 2021. Covered by: netsor.

    >>> import tensorprog
    >>> tensorprog.check(residual_mlp(2, depth=2, activation="tanh", branch="1/sqrt(2)")).verdict
    'valid'
    """
    p, act = Program("residual_mlp"), _activation(activation)
    x = inputs(p, gram)
    i, _ = Expr(term_of("i")), p.index(f"l in 0..{_positive(depth)}")
    (w,) = p.weight(f"W[l] ~ {law(weights)}")
    b = biases(p, "b[l]", bias)
    drop = dropout(p, "m[l,i]", keep)
    scale = 1 if number(branch) == "1" else Expr(term_of(branch))
    r = p.define("r[0,i]", w[0] @ x[i])
    for t in range(1, depth + 1):
        step: Any = plus(w[t] @ drop((t, i), act(r[t - 1, i])), b(t))
        r = p.define(f"r[{t},i]", r[t - 1, i] + (step if isinstance(scale, int) else scale * step))
    p.output(r[depth, i])
    return p


def random_features(gram: Gram, activation: Activation = "cos", weights: Number = 1, phase: bool = False) -> Program:
    """Random features with a random readout; its covariance is the kernel that the features approximate.

        f(i) = r · φ(W x(i)) / √n          with `phase`: φ(W x(i) + 2πU), U uniform on (0, 1), one for each feature

    Rahimi & Recht 2007 (φ = √2 cos with a phase: the Gaussian kernel). Covered by: netsor (Readout).

    >>> import tensorprog
    >>> tensorprog.check(random_features(2, "sqrt(2)*cos(x)", phase=True)).covered_by[0]
    'netsor'
    """
    p, act = Program("random_features"), _activation(activation)
    x, i = inputs(p, gram), Expr(term_of("i"))
    (w,) = p.weight(f"W ~ {law(weights)}")
    (r,) = p.input("r ~ N(0, 1)")
    h = p.define("h[i]", w @ x[i])[i]
    if phase:
        (u,) = p.input("u ~ N(0, 1)")
        h = h + 2 * Expr(term_of("pi")) * fn.Phi(u)
    z = p.define("z[i]", act(h))
    f = p.define("f[i]", fn.dot(r, z[i]) / Expr(term_of("sqrt(n)")))
    p.output(f)
    return p

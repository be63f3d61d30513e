"""Recurrent networks: one set of matrices for all steps, on one or several sequences of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorprog.language import Program
from tensorprog.language.build import Expr
from tensorprog.models.parts import Activation, Gram, Number, biases, inputs, law, plus, size_of
from tensorprog.models.parts import activation as _activation
from tensorprog.terms import Var

_S = Expr(Var("s"))


def _sequences(gram: Gram, lengths: Sequence[int] | None) -> list[tuple[int, int | None]]:
    """(token, the token before it in its sequence), tokens counted from 1 through all sequences."""
    size = size_of(gram)
    lengths = [size] if lengths is None else list(lengths)
    if sum(lengths) != size or min(lengths) < 1:
        raise ValueError(f"the lengths {lengths} do not add up to the {size} tokens of the Gram matrix")
    out: list[tuple[int, int | None]] = []
    for length in lengths:
        start = len(out) + 1
        out += [(start + k, start + k - 1 if k else None) for k in range(length)]
    return out


def _gate(p: Program, name: str, x: Expr, recurrent: Number, feed: Number, bias: Number) -> Callable[[int, Any], Expr]:
    """The preactivation V_name x[s] + U_name h + b_name, with its own matrices and bias; h is None at the start."""
    (v,), (u,) = p.weight(f"V{name} ~ {law(feed)}"), p.weight(f"U{name} ~ {law(recurrent)}")
    b = biases(p, f"b{name}", bias)
    return lambda s, h: plus(v @ x[s] if h is None else u @ h + v @ x[s], b(None))


def rnn(
    gram: Gram,
    lengths: Sequence[int] | None = None,
    activation: Activation = "erf",
    recurrent: Number = 1,
    feed: Number = 1,
    bias: Number = 0,
    readout: Number = 1,
) -> Program:
    """Return a simple recurrent network with the same U, V, b at every step; y is read out at every step.

        x(1)      x(2)      x(3)              g(t) = U φ(g(t-1)) + V x(t) + b
         │ V       │ V       │ V              y(t) = R φ(g(t))
        g(1) ─U─> g(2) ─U─> g(3)              `lengths` splits the tokens into sequences, each starting from 0

    Elman 1990; limit: Yang 2019. Covered by: netsor (a matrix may come back; only its transpose may not).

    >>> import tensorprog
    >>> tensorprog.check(rnn(4, lengths=[2, 2])).verdict
    'valid'
    """
    p, phi = Program("rnn"), _activation(activation)
    steps = _sequences(gram, lengths)
    x = inputs(p, gram, indices="s")
    pre = _gate(p, "", x, recurrent, feed, bias)
    (r,) = p.weight(f"R ~ {law(readout)}")
    g: Any = None
    for s, before in steps:
        g = p.define(f"g[{s}]", pre(s, None if before is None else phi(g[before])))
    y = p.define("y[s]", r @ phi(g[_S]))
    p.output(y)
    return p


def gru(
    gram: Gram,
    lengths: Sequence[int] | None = None,
    gate: Activation = "sigmoid",
    activation: Activation = "tanh",
    recurrent: Number = 1,
    feed: Number = 1,
    bias: Number = 0,
    readout: Number = 1,
) -> Program:
    """Return a gated recurrent unit with tied weights, starting from 0; gates may be `sigmoid` or `(1 + erf(x))/2`.

        z = σ(Uz h + Vz x + bz)     r = σ(Ur h + Vr x + br)
        c = φ(Uc (r h) + Vc x + bc)
        h(t) = (1 - z) h(t-1) + z c                                  y(t) = R h(t)

    Cho et al. 2014; limit: Yang 2019. Covered by: netsor.

    >>> import tensorprog
    >>> tensorprog.check(gru(2, gate="(1 + erf(x))/2", activation="erf")).verdict
    'valid'
    """
    p, sigma, phi = Program("gru"), _activation(gate), _activation(activation)
    steps = _sequences(gram, lengths)
    x = inputs(p, gram, indices="s")
    update, reset, candidate = (_gate(p, k, x, recurrent, feed, bias) for k in ("z", "r", "c"))
    (out,) = p.weight(f"R ~ {law(readout)}")
    h: Any = None
    for s, before in steps:
        old = None if before is None else h[before]
        z = p.define(f"z[{s}]", update(s, old))
        r = p.define(f"r[{s}]", reset(s, old))
        c = p.define(f"c[{s}]", candidate(s, None if old is None else sigma(r[s]) * old))
        new = sigma(z[s]) * phi(c[s])
        h = p.define(f"h[{s}]", new if old is None else (1 - sigma(z[s])) * old + new)
    p.output(p.define("y[s]", out @ h[_S]))
    return p


def lstm(
    gram: Gram,
    lengths: Sequence[int] | None = None,
    gate: Activation = "sigmoid",
    activation: Activation = "tanh",
    recurrent: Number = 1,
    feed: Number = 1,
    bias: Number = 0,
    readout: Number = 1,
) -> Program:
    """Return a long short-term memory with tied weights, starting from 0.

        i, f, o = σ(U h + V x + b), each with its own matrices      g = φ(Ug h + Vg x + bg)
        c(t) = f c(t-1) + i g          h(t) = o φ(c(t))              y(t) = R h(t)

    Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000; limit: Yang 2019. Covered by: netsor.

    >>> import tensorprog
    >>> tensorprog.check(lstm(2)).verdict
    'valid'
    """
    p, sigma, phi = Program("lstm"), _activation(gate), _activation(activation)
    steps = _sequences(gram, lengths)
    x = inputs(p, gram, indices="s")
    enter, forget, leave, propose = (_gate(p, k, x, recurrent, feed, bias) for k in ("i", "f", "o", "g"))
    (out,) = p.weight(f"R ~ {law(readout)}")
    c: Any = None
    h: Any = None
    for s, before in steps:
        old = None if before is None else h[before]
        i, o, g = (p.define(f"{k}[{s}]", pre(s, old)) for k, pre in (("i", enter), ("o", leave), ("g", propose)))
        new = sigma(i[s]) * phi(g[s])
        if before is not None:
            new = sigma(p.define(f"f[{s}]", forget(s, old))[s]) * c[before] + new
        c = p.define(f"c[{s}]", new)
        h = p.define(f"h[{s}]", sigma(o[s]) * phi(c[s]))
    p.output(p.define("y[s]", out @ h[_S]))
    return p

"""One layer of attention: self, cross, causal, with shared or low-rank heads."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

from tensorprog.language import Program, fn
from tensorprog.language.build import Expr, term_of
from tensorprog.models.parts import Activation, Gram, Number, inputs, law, number, size_of, total
from tensorprog.models.parts import activation as _activation

FEATURES = "clip(x, -100, 100)"
"""The paper's own features: bounded, and almost the identity."""


def attention(
    gram: Gram,
    heads: int = 1,
    kv_heads: int | None = None,
    context: int = 0,
    causal: bool = False,
    scaling: str = "1/sqrt(n)",
    rank: Number = 1,
    residual: bool = False,
    activation: Activation = FEATURES,
    weights: Number = 1,
    sequences: int = 1,
) -> Program:
    """Multi-head attention over features φ(x) of the tokens.

                 ┌─ Wq[a] ─> q ┐
        x ── φ ──┼─ Wk[g] ─> k ┴─> <q, k> scaling ─> softmax over j ┐
          │      └─ Wv[g] ─> v ──────────────────────────────────── ×  ── Wo[a] ──> Σ over heads / √H  (+ x)

    kv_heads: keys and values shared by groups of heads (1: multi-query; None: one for each head).
    context: the last `context` tokens are what the others look at (cross attention); 0: self attention.
    causal: a token sees itself and those before it. scaling: `1/sqrt(n)` or `1/n`.
    rank: the width of a head over n, as `1/4`; scores are then scaled by the head's own width.
    residual: the features are added to the output.
    sequences: the tokens are those of so many sequences of equal length, one after another; none sees the others.

    Vaswani et al. 2017; Shazeer 2019 (multi-query), Ainslie et al. 2023 (grouped). Limit: Sakai, Karakida & Imaizumi
    2025, Example 1. Covered by: attention at 1/√n for bounded φ (low rank and unbounded φ by remark), netsor-plus
    at 1/n.

    >>> import tensorprog
    >>> tensorprog.check(attention(2, heads=2)).covered_by[0]
    'attention'
    >>> tensorprog.check(attention(2, scaling="1/n")).covered_by[0]
    'netsor-plus'
    """
    p, act = Program("attention"), _activation(activation)
    size = length(gram, sequences)
    if not 0 <= context < size or (causal and context):
        raise ValueError("context is fewer than all tokens, and a causal layer has none")
    x = tokens(p, gram, "x", "t", sequences)
    queries = size - context
    p.index(f"i in 1..{queries}")
    p.index(f"j in {queries + 1 if context else 1}..{size}")
    b = "b," if sequences > 1 else ""
    x = within(p.define(f"x_phi[{b}t]", act(x(_T))), sequences)
    y = attend(p, x, "", heads, kv_heads, causal, scaling, rank, weights)
    if residual:
        y = y + x(_I)
    p.output(p.define(f"y[{b}i]", y))
    return p


Tokens: TypeAlias = Callable[[Expr], Any]
"""From an index to the member of a family of tokens."""


def length(gram: Gram, sequences: int) -> int:
    """Tokens of one sequence."""
    each, rest = divmod(size_of(gram), max(sequences, 1))
    if rest or not each or sequences < 1:
        raise ValueError(f"{size_of(gram)} tokens do not divide into {sequences} sequences of equal length")
    return each


def tokens(p: Program, gram: Gram, name: str, indices: str, sequences: int) -> Tokens:
    """Declare the inputs `name[i]`, or `name[b,i]` for several sequences, and their indices."""
    if sequences == 1:
        return within(inputs(p, gram, name=name, indices=indices), 1)
    u = inputs(p, gram, name="u", indices="e")
    each = length(gram, sequences)
    p.index(f"b in 1..{sequences}")
    p.index(f"{indices} in 1..{each}")
    for k in range(size_of(gram)):
        p.define(f"{name}[{k // each + 1},{k % each + 1}]", 1 * u[k + 1])
    return within(Expr(term_of(name)), sequences)


def within(x: Any, sequences: int) -> Tokens:
    """Return the members of one sequence, by position."""
    return (lambda i: x[i]) if sequences == 1 else (lambda i: x[_B, i])


_I, _J, _T, _B = (Expr(term_of(name)) for name in "ijtb")


def attend(
    p: Program,
    x: Tokens,
    layer: str,
    heads: int,
    kv_heads: int | None,
    causal: bool,
    scaling: str,
    rank: Number,
    weights: Number,
) -> Any:
    """Attention of x(i) to x(j) (indices declared before), matrices named after the layer; the sum over heads / √H."""
    shared = heads if kv_heads is None else kv_heads
    if heads < 1 or shared < 1 or heads % shared:
        raise ValueError("heads and kv_heads are positive, and kv_heads divides heads")
    if scaling not in ("1/sqrt(n)", "1/n"):
        raise ValueError("scaling is 1/sqrt(n) or 1/n")
    d = _head_width(p, layer, rank)
    scale = Expr(term_of(scaling.replace("n", d) if d == "n" else f"1/sqrt({d})" if "sqrt" in scaling else f"1/{d}"))
    suffix = layer
    p.index(f"a{suffix} in 1..{heads}")
    p.index(f"g{suffix} in 1..{shared}")
    into, back = ("", "") if d == "n" else (f": {d} x n", f": n x {d}")
    (wq,) = p.weight(f"Wq{suffix}[a{suffix}]{into} ~ {law(weights)}")
    wk, wv = p.weight(f"Wk{suffix}[g{suffix}], Wv{suffix}[g{suffix}]{into} ~ {law(weights)}")
    (wo,) = p.weight(f"Wo{suffix}[a{suffix}]{back} ~ {law(weights, d)}")
    mask = _J <= _I if causal else None
    out: list[Any] = []
    for a in range(1, heads + 1):
        g = 1 + (a - 1) // (heads // shared)
        q, k, v = wq[a] @ x(_I), wk[g] @ x(_J), wo[a] @ (wv[g] @ x(_J))
        out.append(fn.attention(q, k, v, over=_J, scale=scale, mask=mask))
    return total(out) if heads == 1 else total(out) / fn.sqrt(heads)


def _head_width(p: Program, layer: str, rank: Number) -> str:
    if number(rank) == "1":
        return "n"
    name = f"d{layer}"
    p.width(f"{name} = {number(Fraction(rank) if isinstance(rank, str) else rank)}*n")
    return name

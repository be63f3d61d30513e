"""How a derivation is written: as text, or in a notation for formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tensorprog.functions.evaluate.sympy_bridge import formula
from tensorprog.terms import Term, Var, to_text
from tensorprog.terms.formula import Notation, Writer


@dataclass(frozen=True)
class Style:
    """How the parts of a derivation are written."""

    term: Callable[[Term], str]
    formula: Callable[[Any], str]
    cov: Callable[[str, str], str]
    expectation: Callable[[str], str]
    limit: Callable[[str], str]
    vector: Callable[[str], str]
    delta: Callable[[str, str], str]
    sum: Callable[[Sequence[str], str], str]
    product: Callable[[str, str], str]
    equation: Callable[[str, str], str]
    function: Callable[[Term, Callable[[Var], str | None]], str]
    raw: Callable[[str], str]


TEXT = Style(
    term=to_text,
    formula=str,
    cov=lambda a, b: f"Σ({a}, {b})",
    expectation=lambda inner: f"E[{inner}]",
    limit=lambda a: f"lim({a})",
    vector=lambda a: a,
    delta=lambda s, t: f"[{s} = {t}]",
    sum=lambda over, body: f"(sum over {', '.join(over)} of {body})",
    product=lambda a, b: f"{a} * {b}",
    equation=lambda a, b: f"{a} = {b}",
    function=lambda t, _: to_text(t),
    raw=lambda s: s,
)


def typeset(n: Notation) -> Style:
    """Write a derivation in a notation."""
    w = Writer(n)
    return Style(
        term=w.term,
        formula=lambda expr: formula(expr, n),
        cov=lambda a, b: w.call(n.letter("Σ"), a, b),
        expectation=w.expectation,
        limit=n.ringed,
        vector=lambda a: n.above(n.letter("Z"), a),
        delta=lambda s, t: n.below(n.letter("δ"), w.product(s, t)),
        sum=lambda over, body: n.fenced("(", n.row(n.big("∑", w.listed(over)), body), ")"),
        product=w.product,
        equation=w.equation,
        function=lambda t, member: Writer(n, member).term(t),
        raw=lambda s: "{" + s + "}",
    )

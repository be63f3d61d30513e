"""The rule about properties that a function lacks, by its tail along a curve (`extra.tails`)."""

from __future__ import annotations

from fractions import Fraction

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.names import valued
from tensorprog.kernel.core.rates import PROPERTIES
from tensorprog.kernel.core.refused import NIL, ZERO, require
from tensorprog.kernel.core.statements import Premises, Refuted, Statement
from tensorprog.kernel.extra.tails import LOG, Path, Tail, Undefined, powers
from tensorprog.kernel.ground.term import Num, Term, Var, add, neg, variables


def _admitted(ctx: Context, v: Term, x: Term, over: list[str]) -> bool:
    """Whether x may stand for v: an admissible number for a param; anything for a vector or scalar of its own."""
    if not isinstance(v, Var):
        return False
    if v.name in ctx.program.families:
        return over.count(v.name) == 1 or all(isinstance(s, int) for s in v.subs)
    p = ctx.program.params.get(v.name)
    return (
        p is not None
        and isinstance(x, Num)
        and (p.low is None or p.low < x.value)
        and (p.high is None or x.value < p.high)
    )


def _outgrows(along: Path, s: Tail, what: str, fast: Fraction) -> bool:
    """|u| exceeds what the property allows at points of norm at most C t^fast."""
    if what == "total" or s.c is None or along.rises(s) <= 0:
        return False
    if fast == 0 or what == "bounded":  # near a point, where every property but totality fails; anywhere
        return True
    return what != "continuous" and s.e[0][0] > 0 and (what != "controlled" or s.e[0][0] >= 2 * fast)


def refuted(ctx: Context, premises: Premises, node: int, what: str, curve: tuple[tuple[Term, ...], ...]) -> Statement:
    """An instruction, as a function of basic vectors and scalars, lacks a property: shown along a curve x(t)."""
    fine = not premises and len(curve) <= 100 and all(len(pair) == 2 for pair in curve)
    require(fine, "pairs of a variable and a term")
    require(what in PROPERTIES, "a property of functions")
    path, over = {pair[0]: pair[1] for pair in curve}, [v.name for v, _ in curve if isinstance(v, Var)]
    require(len(path) == len(curve) and all(_admitted(ctx, v, x, over) for v, x in curve), "admissible values")
    body, along, parts = ctx.composer.of_term(ctx.body(node)), Path(ctx, True), {v: powers(x) for v, x in curve}
    require(all(p is not None and not any(map(variables, p.values())) for p in parts.values()), "sums of powers of t")
    exponents = [k for p in parts.values() for k in p or ()]
    fast, step = max([ZERO, *exponents]), max((k for k in exponents if k < 0), default=ZERO)
    try:
        u = along.late(valued(body, path))
        holds = _outgrows(along, along.tail(u), what, fast)
        if not holds and fast == 0 > step and what in ("continuous", "pseudo-Lipschitz"):
            end = along.late(valued(body, {v: (p or {}).get(ZERO, NIL) for v, p in parts.items()}))
            gap = along.tail(along.late(add(u, neg(end))))  # |x(t) - x(oo)| <= C t^step
            slope = along.made(gap.c, *gap.e, (LOG, Num(-step)))
            holds = gap.c is not None and (along.rises(gap) >= 0 or (what != "continuous" and along.rises(slope) > 0))
    except Undefined:
        holds = True
    require(holds, "the curve refutes the property")
    return Refuted(node, what, tuple((v, x) for v, x in curve))

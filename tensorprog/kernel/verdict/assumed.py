"""The rule about what is believed of an instruction: an axiom, but never that a jump in a scalar is harmless."""

from __future__ import annotations

from tensorprog.kernel.core.context import MAPS, Context
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.core.statements import Assumed, Premises, Statement
from tensorprog.kernel.ground.nodes import Dot, Moment, Node, Scalar
from tensorprog.kernel.ground.term import App, walk


def assumed(ctx: Context, premises: Premises, node: int, what: str) -> Statement:
    """What the calculus cannot derive, listed as an axiom: an instruction is bounded, pseudo-Lipschitz, varies, ..."""
    require(not premises and ctx.node(node) is not None, "an instruction of the program")
    require(what in ("bounded", "controlled", "pseudo-Lipschitz", "variance"), "a property that theorems ask for")
    require(what == "variance" or not jumps(ctx, ctx.node(node)), "a jump in a scalar is not assumed away")
    return Assumed(node, ctx.node(node).name, what)


JUMPS = ("where", "step", "sign", "floor", "ceil", "mod")


def jumps(ctx: Context, n: Node) -> bool:
    """Return whether an instruction branches on what depends on a scalar, by itself or through what it reads."""
    reads = {id(m) for m in ctx.program.nodes if isinstance(m, Scalar | Dot | Moment)}
    for m in ctx.program.nodes:  # in their order: what is read stands before
        if isinstance(m, MAPS) and any(id(d) in reads for r, _ in ctx.program.references(m) for d in ctx.resolve(r)):
            reads.add(id(m))
    stack, seen = [n], {id(n)}
    while stack:
        top = stack.pop()
        ctx.spend(100)
        if not isinstance(top, (*MAPS, Moment)):
            continue
        for s in walk(top.body):
            below = s.args[:1] if isinstance(s, App) and s.head in JUMPS else ()
            if any(id(d) in reads for c in below for v, _ in ctx.program.references_in(c) for d in ctx.resolve(v)):
                return True
        for r, _ in ctx.program.references(top):
            for d in ctx.resolve(r):
                if id(d) not in seen:
                    seen.add(id(d))
                    stack.append(d)
    return False

"""The rules about limits that vary: positive variances, functions that are not 0, averages above 0."""

from __future__ import annotations

from fractions import Fraction

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.names import valued
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.core.statements import Nonzero, Premises, Sign, Statement, Varies, asked
from tensorprog.kernel.ground.members import source_of
from tensorprog.kernel.ground.nodes import Dot, Input, MatMul, Moment
from tensorprog.kernel.ground.scaling import width_power
from tensorprog.kernel.ground.term import ZERO, App, Bind, Num, Term, Var, add, mul, neg, shift_subs, variables, walk
from tensorprog.kernel.verdict.constants import number
from tensorprog.kernel.verdict.facts import facts


def variance(ctx: Context, premises: Premises, node: int) -> Statement:
    """The limit of an initial vector, or of a product, has positive variance."""
    n = ctx.node(node)
    if isinstance(n, Input):
        scale: Term = shift_subs(n.group.cov[n.position][n.position], {f"{s}'": s for s in n.group.subs})
        require(not premises, "no premise")
    else:
        require(isinstance(n, MatMul), "an input or a product")
        require(list(premises) == [Nonzero(n.arg)], "its vector is not 0")  # type: ignore[union-attr]
        scale = average(ctx, ctx.program.weights[n.weight.name].variance)  # type: ignore[union-attr]
    require(number(ctx, scale).positive, "the variance is positive")
    return Varies(node)


def average(ctx: Context, factor: Term) -> Term:
    """The c of c/n."""
    part = width_power(factor, ctx.program.widths)
    require(part and part[1] == -1, "a constant over the width")
    return part[0]  # type: ignore[index]


def nonzero(ctx: Context, premises: Premises, term: Term, atom: Var, points: tuple[Fraction, ...]) -> Statement:
    """P(F(Z) != 0) > 0: F is continuous, and not 0 at a point of the support, or takes two values there.

    A last premise says that the difference of the two values is nowhere 0.
    """
    (t,), (info,) = facts(premises[:1], 1)
    found, p = ctx.resolve(atom), ctx.program
    require(t == term and info.level >= 2 and not info.local, "the term is continuous")
    varies, more = list(premises[1 : 1 + len(found)]), premises[1 + len(found) :]
    require(varies == [Varies(ctx.index(n)) for n in found], "the atom varies")
    t = ctx.composer.of_term(term)
    inside = {j for b in walk(t) if isinstance(b, Bind) for j in b.over}
    require(atom in variables(t) and not inside & set(atom.subs), "the atom stands in the term, outside of binders")
    vectors = [v for v in variables(t) if v.name in p.families and p.families[v.name].kind == "vector"]
    for n in (n for v in vectors if v != atom for n in ctx.resolve(v)):
        require(source_of(n) not in map(source_of, found), "the atom is independent of the other vectors")
        centred = isinstance(n, MatMul) or (isinstance(n, Input) and n.group.mean[n.position] == ZERO)
        require(centred, "the others are centred")
    values = [valued(t, {**dict.fromkeys(vectors, ZERO), atom: Num(x)}) for x in points]
    require(1 <= len(values) <= 2, "one point or two")
    if len(values) == 1:
        require(not more and number(ctx, values[0]).nonzero, "the term is not 0 at the point")
        return Nonzero(term)
    (gap,), (apart,) = facts(more, 1)
    fine = gap == add(values[0], neg(values[1])) and apart.nonzero and not apart.local
    require(fine, "the values at the two points differ")
    return Nonzero(term)


def sign(ctx: Context, premises: Premises, node: int) -> Statement:
    """The limit of an average of nonnegative values, which is never negative; positive, if the values are not all 0."""
    n = ctx.node(node)
    (t,), (info,) = facts(premises[:1], 1)
    require(not isinstance(n, Dot) or number(ctx, average(ctx, n.factor)).positive, "a positive factor")
    body = mul(n.left, n.right) if isinstance(n, Dot) else ctx.body(node)
    require(isinstance(n, Dot | Moment) and t == body and not info.local and info.plus, "the values are not negative")
    if len(premises) == 1:
        return Sign(node, False)
    (premise,) = premises[1:]
    p = asked(premise, Nonzero, "the values are not all 0")
    even = isinstance(body, App) and (body.head, body.args[0]) == ("pow", p.term)
    require(even or body in (p.term, mul(p.term, p.term)), "the values are not all 0")
    return Sign(node, True)

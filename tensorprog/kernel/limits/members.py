"""Members of a program, what their instructions say of them, and which parts of a term have values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from math import prod

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.names import Own
from tensorprog.kernel.core.refused import remembered, require
from tensorprog.kernel.core.substitution import part, substituted
from tensorprog.kernel.ground.masks import holds, index_values
from tensorprog.kernel.ground.nodes import Dot, Input, LinComb, MatMul, Moment, Node, Nonlin, Scalar
from tensorprog.kernel.ground.scaling import mentions_width
from tensorprog.kernel.ground.term import (
    ONE,
    App,
    Bind,
    Num,
    Sub,
    Term,
    Var,
    add,
    mul,
    neg,
    recip,
    shift_subs,
    size,
    sub,
    transform,
    variables,
    walk,
)
from tensorprog.kernel.limits.algebra import NIL, Element, as_term, is_zero, normal, plus, positive, text
from tensorprog.kernel.limits.pieces import Z1, Z2
from tensorprog.kernel.verdict.constants import number


@remembered(1 << 12)
def reference(t: Term) -> Own:
    """The mean of a term, which another step is about."""
    return Own(f"E({text(t)})", t)


def pair(a: Term, b: Term) -> Term:
    return mul(*sorted((a, b), key=text))


def same(ctx: Context, t: Term, *known: Term) -> bool:
    """Return whether t is the sum of terms that have values, and has one too."""
    u = add(*known)
    if t == u:
        return True
    ctx.spend(size(t) + size(u))
    parts = {s for k in known for s in walk(k) if part(s)}
    return has_values(ctx, t, parts) and (normal(t) == normal(u) or is_zero(ctx, sub(t, u)))


def has_values(ctx: Context, t: Term, known: Collection[Term] = (), sure: Collection[Term] = ()) -> bool:
    """Return whether every quotient, logarithm, broken power, ... in a term plainly has a value, if not known."""
    return all(_has_value(ctx, s, sure) for s in walk(t) if isinstance(s, App) and part(s) and s not in known)


def _has_value(ctx: Context, s: App, sure: Collection[Term]) -> bool:
    match s:
        case App("asin" | "acos", (a,)):
            gap = sub(ONE, mul(a, a))
            return not normal(gap) or least(ctx, gap, sure) > 0
        case App("tan", (a,)):  # the poles are no rational numbers
            return isinstance(a, Num)
        case App("mod", (_, a)):
            return 2 in (least(ctx, a, sure), least(ctx, neg(a), sure))
    a = add(ONE, s.args[0]) if s.head == "log1p" else s.args[0]
    root = s.head == "sqrt" or (s.head == "pow" and isinstance(s.args[1], Num) and s.args[1].value > 0)
    low = least(ctx, a, sure)
    return low == 2 or (root and low == 1) or (s.head == "recip" and least(ctx, neg(a), sure) == 2)


def least(ctx: Context, t: Term, sure: Collection[Term]) -> int:
    """2 for what is plainly positive, 1 for what is plainly not negative, else 0; `sure` is positive."""
    ctx.spend(1)
    match t:
        case Num(x):
            return (x >= 0) + (x > 0)
        case Var(name, ()) if name in ctx.program.params:
            known = number(ctx, t)
            return known.plus + known.positive
        case App("abs" | "relu", (a,)):
            return 1
        case App("exp" | "sigmoid" | "Phi" | "softplus" | "pi"):
            return 2
        case App("sqrt", (a,)):
            return least(ctx, a, sure)
        case App("add" | "mul" as head, args) if (low := [least(ctx, a, sure) for a in args]) and min(low) > 0:
            return max(low) if head == "add" else min(low)
        case App("pow", (a, Num(e))) if e > 0 and (low_a := least(ctx, a, sure)):
            return low_a
    return 2 if t in sure or positive(normal(t), sure) else int(square(t))


@remembered(1 << 12)
def defined(ctx: Context, v: Term) -> tuple[Node, ...]:
    return tuple(ctx.resolve(v))


@remembered(1 << 12)
def members(ctx: Context, t: Term) -> tuple[Var, ...]:
    """The vectors and scalars of a term: single members, each by one instruction."""
    found = tuple(v for v in variables(t) if v.name in ctx.program.families)
    single = all(isinstance(s, int) for v in found for s in v.subs) and all(len(defined(ctx, v)) == 1 for v in found)
    require(single and not {Z1, Z2} & {*variables(t)}, "single members of the program")
    return found


def vectors(ctx: Context, t: Term) -> list[Var]:
    return [v for v in members(ctx, t) if ctx.program.families[v.name].kind == "vector"]


def instruction_of(ctx: Context, v: Term, *kinds: type[Node]) -> tuple[Node, dict[str, Sub]]:
    """The instruction that defines a member, one of these kinds, and the values of its indices."""
    require(members(ctx, v) == (v,), "single members of the program")
    (n,) = defined(ctx, v)
    require(isinstance(n, kinds), "an instruction of another kind")
    return n, {s: r for s, r in zip(n.subs, v.subs, strict=True) if isinstance(s, str)}  # type: ignore[union-attr]


def chosen(ctx: Context, over: Sequence[str], entry: Sequence[Term], places: object) -> dict[str, Fraction]:
    """Which entry of a softmax is meant, one that it has; `places`: those that its mask leaves."""
    found = {j: e.value for j, e in zip(over, entry, strict=False) if isinstance(e, Num) and ctx.within(e, j)}
    require(places and len(found) == len(over) == len(entry), "an entry of a softmax")
    return found


def written(ctx: Context, t: Term, whole: bool = False) -> Term:
    """A term with binders written out (softmaxes of scalars only if `whole`) and the entries of matrices in place."""

    def leaf(s: Term) -> Term | None:
        match s:
            case Bind("sum" | "max" | "min" | "softmax" as head, (a, *entry), over, mask):
                kinds = {ctx.program.families[v.name].kind for v in variables(a) if v.name in ctx.program.families}
                if head == "softmax" and "vector" not in kinds and not whole:
                    return s
                ctx.spend(10 * prod(high - low + 1 for low, high in map(ctx.program.range_of, over)) * size(s))
                places = [at for at in index_values(list(over), ctx.program) if mask is None or holds(mask, at)]
                parts = [written(ctx, shift_subs(a, dict(at)), whole) for at in places]
                if head != "softmax":
                    return add(*parts) if head == "sum" else App(head, tuple(parts)) if parts[1:] else parts[0]
                shares, wanted = [App("exp", (u,)) for u in parts], chosen(ctx, over, entry, places)
                return mul(add(*(u for u, at in zip(shares, places, strict=True) if at == wanted)), recip(add(*shares)))
        return ctx.entry(s)

    return transform(t, leaf)


@remembered(1 << 12)
def opened(ctx: Context, v: Term) -> Term:
    """What a member is, entry by entry; a moment is not what it averages."""
    n, at = instruction_of(ctx, v, LinComb, Nonlin, Scalar)
    require(not mentions_width(n.body, ctx.program.widths), "a limit has no width")  # type: ignore[union-attr]
    return written(ctx, shift_subs(n.body, at))  # type: ignore[union-attr]


def averaged(ctx: Context, v: Term) -> Term:
    """What a moment averages."""
    n, at = instruction_of(ctx, v, Moment)
    return written(ctx, shift_subs(n.body, at))  # type: ignore[union-attr]


def given(ctx: Context, v: Term) -> Term:
    """The combination that a vector is once the scores are given."""
    (n,) = defined(ctx, v)
    t = v if isinstance(n, Input | MatMul) else opened(ctx, v)
    ctx.spend(4 * size(t))
    late = [u for u in vectors(ctx, t) if u.name in ctx.late and u != v]
    out = substituted(t, {u: given(ctx, u) for u in late}) if late else t
    ctx.spend(4 * size(out))
    return out


def affine(ctx: Context, t: Term) -> bool:
    """Return whether each summand is a constant times one vector at most. Constants may contain scalars."""
    signs = _signs(t)
    if any(not (_has_value(ctx, s, ()) or _signs(s) <= signs) for s in walk(t) if isinstance(s, App) and part(s)):
        return False  # what cancels may have no value
    for m in normal(t):
        found = [(a, e) for a, e in m if vectors(ctx, a)]
        if len(found) > 1 or any(not isinstance(a, Var) or e != 1 for a, e in found):
            return False
    return True


def _signs(t: Term) -> set[tuple[Term, bool]]:
    """The atoms of a normal form, and whether their exponents are positive."""
    return {(a, e > 0) for m in normal(t) for a, e in m}


def first_scores(ctx: Context, t: Term) -> bool:
    """Return whether no score reaches the vectors that make the scores in a term and in the scalars it reads."""
    terms, seen = [t], set[Var]()
    while terms:
        top = terms.pop()
        for v in (v for v in members(ctx, top) if v.name in ctx.late and v not in (*vectors(ctx, top), *seen)):
            seen.add(v)
            n, _ = instruction_of(ctx, v, Dot, Scalar)
            if isinstance(n, Dot) and {n.left.name, n.right.name} & ctx.late:
                return False
            terms += [] if isinstance(n, Dot) else [opened(ctx, v)]
    return True


def weighted(ctx: Context, t: Term) -> dict[Term, Element]:
    """A combination of functions of vectors: each with its weight, in constants and scalars."""
    require(has_values(ctx, t), "every part has a value")
    out: dict[Term, Element] = {}
    for m, c in normal(t).items():
        inside = tuple(f for f in m if vectors(ctx, f[0]))
        u, rest = as_term({inside: Fraction(1)}), tuple(f for f in m if f not in inside)
        require(not ctx.late & {v.name for v in members(ctx, u)}, "scores stand apart from vectors")
        out[u] = plus(out.get(u, NIL), {rest: c})
    return out


@remembered(1 << 12)
def gaussian(ctx: Context, v: Var) -> bool:
    """Return whether a vector's limit, given the scores, is a combination of products and initial vectors."""
    stack, seen = [v], {v}
    while stack:
        top = stack.pop()
        ctx.spend(200)
        n, _ = instruction_of(ctx, top, Input, MatMul, LinComb, Nonlin)
        if isinstance(n, LinComb | Nonlin):
            if not affine(ctx, body := opened(ctx, top)):
                return False
            stack += [u for u in vectors(ctx, body) if u not in seen]
            seen.update(stack)
    return True


def square(t: Term) -> bool:
    """Return whether the term is an even power, or one factor twice."""
    even = isinstance(t, App) and t.head == "pow" and isinstance(e := t.args[1], Num) and e.value % 2 == 0
    return even or (isinstance(t, App) and t.head == "mul" and t.args[1:] == t.args[:1])

"""The rules about functions: each computes its conclusion from its parameters and its premises (docs/calculus.md)."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

from tensorprog.kernel.core.context import MAPS, Context
from tensorprog.kernel.core.rates import FLAT, LINEAR, Info
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.core.statements import Fact, Instruction, Premises, Property, Sign, Statement
from tensorprog.kernel.core.table import definition as expanded
from tensorprog.kernel.ground.json_form import BUILD
from tensorprog.kernel.ground.masks import holds, index_values
from tensorprog.kernel.ground.term import App, Bind, Num, Term, size, variables
from tensorprog.kernel.verdict.constants import number
from tensorprog.kernel.verdict.rates import combine, settle

FLAGS = ("plus", "minus", "nonzero", "away", "below", "above", "constant")


def facts(premises: Premises, count: int | None = None) -> tuple[list[Term], list[Info]]:
    """The terms and infos of premises that are facts."""
    found = [(p.term, p.info) for p in premises if isinstance(p, Fact)]
    require(len(found) == len(premises) and count in (None, len(found)), "premises that are facts, as many as needed")
    return [t for t, _ in found], [i for _, i in found]


def either(u: Info, v: Info) -> Info:
    """What holds of both."""
    flags = {f: getattr(u, f) and getattr(v, f) for f in FLAGS}
    level, growth, slope = min(u.level, v.level), max(u.growth, v.growth), max(u.slope, v.slope)
    return Info(level, growth, slope, **flags, local=u.local | v.local)


def constant(ctx: Context, premises: Premises, term: Term) -> Statement:
    """A term without vectors and scalars."""
    facts(premises, 0)
    return Fact(term, number(ctx, term))


def variable(ctx: Context, premises: Premises, var: Term) -> Statement:
    """A vector or scalar: itself if it is basic, else what its definitions say (one premise each)."""
    found = ctx.resolve(var)
    maps = [ctx.index(n) for n in found if isinstance(n, MAPS)]
    known = [p for p in premises if isinstance(p, Instruction)]
    require(len(known) == len(premises) and [p.node for p in known] == maps, "one premise for each definition")
    infos = [Info(3, LINEAR, FLAT)] if len(maps) < len(found) else []
    return Fact(var, reduce(either, [*infos, *(p.info for p in known)]))


def limit_scalar(ctx: Context, premises: Premises, var: Term) -> Statement:
    """A moment near its limit: in a bounded neighbourhood, above 0 if its limit is, never below 0 if it cannot be."""
    found = ctx.resolve(var)
    kinds = {ctx.program.families[v.name].kind for v in variables(var)}
    require(kinds == {"scalar"} and all(map(ctx.converges, found)), "a scalar that tends to a constant")
    signs = [p for p in premises if isinstance(p, Sign)]
    known = len(signs) == len(premises) and [p.node for p in signs] == [ctx.index(n) for n in found]
    require(known or not premises, "the sign of each definition, or none")
    positive = bool(signs) and all(p.positive for p in signs)
    near = frozenset(v.name for v in variables(var))
    return Fact(var, settle(Info(3, FLAT, FLAT, bool(signs), False, positive, positive, local=near)))


def apply(ctx: Context, premises: Premises, head: str, exponent: Fraction | None = None) -> Statement:
    """A sum, product, power, quotient, maximum or library function of the premises' terms."""
    terms, infos = facts(premises)
    require((exponent is not None) == (head == "pow"), "an exponent for a power")
    many = head in ("add", "mul", "max", "min")
    require(len(terms) >= 2 if many else len(terms) == 1, "as many arguments as the function has")
    t = App(head, (*terms, *(() if exponent is None else (Num(exponent),))))
    return Fact(BUILD[head](*terms) if head in BUILD else t, combine(t, infos))


def family(
    ctx: Context,
    premises: Premises,
    head: str,
    over: tuple[str, ...],
    mask: Term | None = None,
    at: tuple[Term, ...] = (),
) -> Statement:
    """A finite sum, maximum or minimum over indices, or a softmax."""
    terms, infos = facts(premises, 1)
    plain = mask is None and not at
    require(head == "softmax" or (plain and head in ("sum", "max", "min")), "a binder; only a softmax has a mask")
    known = len(set(over)) == len(over) and all(j.rstrip("~") in ctx.program.indices for j in over)
    require(over and known, "indices of the program")
    require(all(ctx.within(e, j) for e, j in zip(at, over, strict=bool(at))), "the entry exists")
    if mask is not None:
        names = [v.name for v in variables(mask)]
        inner, outer = ([k for k in names if (k in over) == inside] for inside in (True, False))
        for row in index_values(outer, ctx.program):
            seen = (_seen(ctx, mask, {**row, **at}) for at in index_values(inner, ctx.program))
            require(any(seen), "a mask leaves no row empty")
    t = Bind(head, (*terms, *at), over, mask)
    return Fact(t, combine(t, infos))


def _seen(ctx: Context, mask: Term, at: dict[str, int]) -> bool:
    ctx.spend(size(mask))
    return holds(mask, at)


def definition(ctx: Context, premises: Premises, term: Term) -> Statement:
    """A function with a definition."""
    (body,), (info,) = facts(premises, 1)
    require(isinstance(term, App) and expanded(term) == body, "the premise is about the definition")
    return Fact(term, info)


def instruction(ctx: Context, premises: Premises, node: int) -> Statement:
    """An instruction's right-hand side; as written, or composed down to basic vectors and scalars."""
    (t,), (info,) = facts(premises, 1)
    body = ctx.body(node)
    require(t == body or t == ctx.composer.of_term(body), "the premise is about its right-hand side")
    return Instruction(node, info)


def has(ctx: Context, premises: Premises, node: int, what: str) -> Statement:
    """What an instruction has, as a function of basic vectors and scalars."""
    (info,) = [p.info for p in premises if isinstance(p, Instruction) and p.node == node]
    require(not info.local and info.has(what), "the instruction has the property")
    return Property(node, what)

"""The rules about functions: each computes its conclusion from its parameters and its premises (docs/calculus.md)."""

# fmt: off
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, reduce
from importlib import import_module
from types import ModuleType

from tensorprog.kernel.functions import ANY, DEFINED, FLAT, LINEAR, Info, Refused, combine, require, settle
from tensorprog.kernel.functions import definition as expanded
from tensorprog.kernel.spelling import Own
from tensorprog.program.graph.constants import entry
from tensorprog.program.graph.graph import Graph
from tensorprog.program.graph.nodes import Dot, LinComb, Moment, Node, Nonlin, Scalar
from tensorprog.program.graph.scaling import rational
from tensorprog.program.lowering.masks import holds, index_values
from tensorprog.program.normal.open import Composer
from tensorprog.program.normal.powers import MOMENT, Powers
from tensorprog.terms import App, Bind, Num, Term, Var, to_text
from tensorprog.terms.term import add, mul, neg, power, recip, shift_subs, size, variables

MAPS = (LinComb, Nonlin, Scalar)
CORE = ("certificate", "functions", "premises", "rules", "spelling")  # the files that every certificate rests on
BUILD: dict[str, Callable[..., Term]] = {"add": add, "mul": mul, "neg": neg, "recip": recip}
"""Numbers are put together as the reader does it."""
FLAGS = ("plus", "minus", "nonzero", "away", "below", "above", "constant")

@dataclass(frozen=True)
class Judgement:
    """What a step establishes: of a term in the program's vectors and scalars, or of an instruction or output.

    Of an expectation: E term = value, for all covariances and params at which every term of the domain is positive.
    """

    words: tuple[str, ...]
    term: Term | None = None
    info: Info | None = None
    axioms: tuple[str, ...] = ()
    value: Term | None = None
    domain: tuple[Term, ...] = ()

    def says(self) -> list[object]:
        terms = [t for t in (self.term, self.value) if t is not None]
        positive = [f"{to_text(d)} > 0" for d in self.domain]
        said: list[object] = [*self.words, *self.axioms, *map(to_text, terms), *positive]
        return said if self.info is None else said + self.info.says()

Premises = Sequence[Judgement]

def inherited(premises: Premises) -> tuple[str, ...]:
    """The axioms that premises rest on."""
    return tuple(sorted({a for p in premises for a in p.axioms}))

def fact(t: Term, info: Info) -> Judgement:
    return Judgement(("fact",), t, info)

def facts(premises: Premises, count: int | None = None) -> tuple[list[Term], list[Info]]:
    """The terms and infos of premises that are facts."""
    found = [(p.term, p.info) for p in premises if p.words == ("fact",) and p.term is not None and p.info is not None]
    require(len(found) == len(premises) and count in (None, len(found)), "premises that are facts, as many as needed")
    return [t for t, _ in found], [i for _, i in found]

class Context:
    """The program in the form in which it is judged, and the work still allowed."""

    def __init__(self, program: Graph, fuel: int) -> None:
        self.program, self.fuel, self.books = program, fuel, set(CORE)
        self.composer, self.powers = Composer(program), Powers(program)
        self._index = {id(n): k for k, n in enumerate(program.nodes)}
        self.late = {n.name for n in program.nodes if self.powers.is_score(n)}
        for n in program.nodes:
            if any(r.name in self.late for r, _ in program.references(n)):
                self.late.add(n.name)

    def index(self, n: Node) -> int:
        return self._index[id(n)]

    def spend(self, amount: int) -> None:
        self.fuel -= amount
        require(self.fuel > 0, "the fuel lasts")

    def node(self, k: int) -> Node:
        require(0 <= k < len(self.program.nodes), "the instruction exists")
        return self.program.nodes[k]

    def body(self, k: int) -> Term:
        n = self.node(k)
        require(isinstance(n, (*MAPS, Moment)), "an instruction that is an expression")
        return n.body  # type: ignore[union-attr]

    def resolve(self, v: Term) -> list[Node]:
        """The instructions that define a vector or scalar."""
        known = isinstance(v, Var) and v.name in self.program.families and not self.program.missing(v)
        require(known, "a variable of the program")
        assert isinstance(v, Var)
        many = any(isinstance(s, str) for s in v.subs)
        self.spend(1 + (len(self.program.families[v.name].pieces) if many else 0))
        return [n for n, _ in self.program.resolve(v)]

    def basic(self, t: Term) -> bool:
        return not any(v.name in self.program.families for v in variables(t))

    def within(self, e: Term, index: str) -> bool:
        """Is an entry, a number or an index, one of the values of an index?"""
        low, high = self.program.range_of(index)
        if isinstance(e, Var) and not e.subs and e.name in self.program.indices:
            return low <= self.program.range_of(e.name)[0] and self.program.range_of(e.name)[1] <= high
        return isinstance(e, Num) and e.value.denominator == 1 and low <= e.value <= high

    def entry(self, t: Term) -> Term | None:
        """An entry of a matrix."""
        if not (isinstance(t, Var) and t.subs and t.name in self.program.matrices):
            return None
        m, flat, index = self.program.matrices[t.name], 0, tuple(k for k in t.subs if isinstance(k, int))
        if len(index) < len(t.subs):
            return None
        for k, extent in zip(index, m.shape, strict=True):
            flat = flat * extent + k - 1
        return Num(Fraction(entry(m, index, {}, self.program))) if m.entries is None else m.entries[flat]

    @cached_property
    def algebra(self) -> ModuleType:
        """The exact algebra, which only some certificates need."""
        self.books.add("algebra")
        found = import_module("tensorprog.kernel.algebra")
        found.forget()
        return found

    def converges(self, n: Node) -> bool:
        """Does a scalar tend to a constant? An average does, and a dot product whose every use is one."""
        return isinstance(n, Moment) or (isinstance(n, Dot) and self.powers.dot_powers.get(id(n)) == {MOMENT})

    def is_zero(self, t: Term) -> bool:
        self.spend(5000 + 3 * size(t) ** 2)
        return bool(self.algebra.is_zero(t))

    def simple(self, t: Term) -> Term:
        return self.algebra.as_term(self.algebra.normal(t))  # type: ignore[no-any-return]

    def number(self, t: Term) -> Info:
        """What holds of a constant, for all admissible params and all values of its indices."""
        self.spend(2)
        p = self.program
        if isinstance(t, Own):
            raise Refused("a constant")
        if (x := rational(t)) is not None:
            return settle(Info(3, plus=x >= 0, minus=x <= 0, nonzero=x != 0, constant=True))
        match t:
            case Var(name, ()) if name in p.params:
                low, high, q = p.params[name].low, p.params[name].high, p.params[name]
                plus, minus = low is not None and low >= 0, high is not None and high <= 0
                off = (plus and (low != 0 or q.low_open)) or (minus and (high != 0 or q.high_open))
                return settle(Info(3, plus=plus, minus=minus, nonzero=off, constant=True))
            case App("pi") | App("sin", (Num(Fraction(numerator=1)),)):
                return settle(Info(3, plus=True, nonzero=True, constant=True))
            case Var(name, ()) if name in p.widths or name.rstrip("~'") in p.indices:
                positive = name in p.widths or p.range_of(name)[0] > 0
                return settle(Info(3, plus=positive, nonzero=positive, constant=True))
            case Var(name, (s, *more)) if name in p.matrices:
                m = p.matrices[name]
                step = m.shape[-1] + 1 if more == [s] else 1  # along the diagonal
                known = [self.number(e) for e in (m.entries or ())[::step]]
                sure = bool(known) and all(u.positive for u in known)
                level = min((u.level for u in known), default=3)
                return settle(Info(level, plus=sure, nonzero=sure, constant=True))
            case App(head, args) if head in DEFINED or (head == "pow" and (rational(args[1]) or 0) < 0):
                return self.number(expanded(t))
            case App("pow", (a, Num())):
                return combine(t, [self.number(a)])
            case App("pow", (a, e)) if self.number(a).positive and self.number(e).level:
                return self.number(App("pi"))  # positive, like every power of a positive number
            case App("where", (App("gt" | "ge" | "lt" | "le" as head, (left, right)), yes, no)):
                gap = self.number(add(left, neg(right)))
                require(gap.nonzero and (gap.plus or gap.minus), "the condition is decided")
                return self.number(yes if gap.plus == (head in ("gt", "ge")) else no)
            case App(_, args) | Bind("sum" | "max" | "min", args, _, None):
                return combine(t, [self.number(a) for a in args])
        raise Refused("a constant")

def either(u: Info, v: Info) -> Info:
    """What holds of both."""
    flags = {f: getattr(u, f) and getattr(v, f) for f in FLAGS}
    level, growth, slope = min(u.level, v.level), max(u.growth, v.growth), max(u.slope, v.slope)
    return Info(level, growth, slope, **flags, local=u.local | v.local)

def constant(ctx: Context, premises: Premises, term: Term) -> Judgement:
    """A term without vectors and scalars."""
    facts(premises, 0)
    return fact(term, ctx.number(term))

def variable(ctx: Context, premises: Premises, var: Term) -> Judgement:
    """A vector or scalar: itself if it is basic, else what its definitions say (one premise each)."""
    found = ctx.resolve(var)
    maps = [("instruction", str(ctx.index(n))) for n in found if isinstance(n, MAPS)]
    require([p.words for p in premises] == maps, "one premise for each definition")
    infos = [Info(3, LINEAR, FLAT)] if len(maps) < len(found) else []
    return fact(var, reduce(either, [*infos, *(p.info for p in premises if p.info is not None)]))

def limit_scalar(ctx: Context, premises: Premises, var: Term) -> Judgement:
    """A moment near its limit: in a bounded neighbourhood, above 0 if its limit is, never below 0 if it cannot be."""
    found = ctx.resolve(var)
    kinds = {ctx.program.families[v.name].kind for v in variables(var)}
    require(kinds == {"scalar"} and all(map(ctx.converges, found)), "a scalar that tends to a constant")
    said = [p.words for p in premises]
    known = [w[:2] for w in said] == [("sign", str(ctx.index(n))) for n in found]
    require(known or not said, "the sign of each definition, or none")
    positive = bool(said) and all(w[2] == "positive" for w in said)
    near = frozenset(v.name for v in variables(var))
    return fact(var, settle(Info(3, FLAT, FLAT, bool(said), False, positive, positive, local=near)))

def apply(ctx: Context, premises: Premises, head: str, exponent: Fraction | None = None) -> Judgement:
    """A sum, product, power, quotient, maximum or library function of the premises' terms."""
    terms, infos = facts(premises)
    require((exponent is not None) == (head == "pow"), "an exponent for a power")
    many = head in ("add", "mul", "max", "min")
    require(len(terms) >= 2 if many else len(terms) == 1, "as many arguments as the function has")
    t = App(head, (*terms, *(() if exponent is None else (Num(exponent),))))
    return fact(BUILD[head](*terms) if head in BUILD else t, combine(t, infos))

def family(ctx: Context, premises: Premises, head: str, over: tuple[str, ...], mask: Term | None = None,
           at: tuple[Term, ...] = ()) -> Judgement:
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
    return fact(t, combine(t, infos))

def _seen(ctx: Context, mask: Term, at: dict[str, int]) -> bool:
    ctx.spend(size(mask))
    return holds(mask, at)

def norm(ctx: Context, premises: Premises) -> Judgement:
    """(u^2 + v^2 + ...)^(1/2)."""
    terms, infos = facts(premises)
    require(len(terms) >= 2, "two parts or more")
    t = power(add(*(power(u, Num(2)) for u in terms)), Num(Fraction(1, 2)))
    out = combine(App("max", tuple(terms)), [combine(App("abs", (u,)), [i]) for u, i in zip(terms, infos, strict=True)])
    return fact(t, replace(out, nonzero=any(i.nonzero for i in infos), away=any(i.away for i in infos)))

def share(ctx: Context, premises: Premises) -> Judgement:
    """An entry of a softmax written out: exp(u at j) / sum(exp(u) over l)."""
    (entry,), (info,) = facts(premises, 1)
    match entry:
        case Bind("softmax", (u, *at), over, None) if all(isinstance(j, Var) and not j.subs for j in at):
            places = {k: j.name for k, j in zip(over, at, strict=True) if isinstance(j, Var)}
            spans = [(ctx.program.range_of(j), ctx.program.range_of(k)) for k, j in places.items()]
            require(all(k[0] <= j[0] and j[1] <= k[1] for j, k in spans), "the entry is one of the summands")
            total = Bind("sum", (App("exp", (u,)),), over, None)
            return fact(mul(App("exp", (shift_subs(u, dict(places)),)), recip(total)), info)
    raise Refused("an entry of a softmax without a mask")

def definition(ctx: Context, premises: Premises, term: Term) -> Judgement:
    """A function with a definition."""
    (body,), (info,) = facts(premises, 1)
    require(isinstance(term, App) and expanded(term) == body, "the premise is about the definition")
    return fact(term, info)

def branches(ctx: Context, premises: Premises, head: str) -> Judgement:
    """where(left <> right, yes, no) without continuity: what holds of both branches; of one, if it alone is read."""
    (left, right, yes, no), (a, b, u, v) = facts(premises, 4)
    require(head in ("lt", "le", "gt", "ge"), "a comparison")
    t = App("where", (App(head, (left, right)), yes, no))
    every = combine(App("add", (left, right, yes, no)), [a, b, u, v])
    gap = combine(add(left, neg(right)), [a, b.negated])
    if gap.nonzero and (gap.plus or gap.minus):
        return fact(t, replace(u if gap.plus == (head in ("gt", "ge")) else v, local=every.local))
    return fact(t, replace(either(u, v), level=1, slope=ANY, constant=every.constant, local=every.local))

def instruction(ctx: Context, premises: Premises, node: int) -> Judgement:
    """An instruction's right-hand side; as written, or composed down to basic vectors and scalars."""
    (t,), (info,) = facts(premises, 1)
    body = ctx.body(node)
    require(t == body or t == ctx.composer.of_term(body), "the premise is about its right-hand side")
    return Judgement(("instruction", str(node)), None, info)

def has(ctx: Context, premises: Premises, node: int, what: str) -> Judgement:
    """What an instruction has, as a function of basic vectors and scalars."""
    (info,) = [p.info for p in premises if p.words == ("instruction", str(node)) and p.info is not None]
    require(not info.local and info.has(what), "the instruction has the property")
    return Judgement(("property", str(node), what))

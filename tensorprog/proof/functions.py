"""Facts of functions, found: which rule to apply to which part, with the rewritings that composition needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import product

from tensorprog.kernel.core.context import MAPS
from tensorprog.kernel.core.names import valued
from tensorprog.kernel.core.rates import FLAT, Info
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.statements import Fact, Instruction
from tensorprog.kernel.core.table import DEFINED
from tensorprog.kernel.core.table import definition as expanded
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.nodes import MatMul, Moment
from tensorprog.kernel.ground.term import add, mul, neg, shift_subs, substitute, variables, walk
from tensorprog.proof.writer import Writer
from tensorprog.terms import App, Bind, Num, Term, Var, to_json

POINTS = (("1",), ("-1",), ("2",), ("1/2",), ("1", "0"), ("2", "-1"))


class Functions:
    """Finds facts; `local`: near the limits of scalars; `sharp`: least orders too, which theorems do not ask for."""

    def __init__(self, writer: Writer, sharp: bool = False) -> None:
        self.sharp = sharp
        self.writer = writer
        self.context = writer.context
        self._facts: dict[tuple[Term, bool], int | Refused] = {}
        self._busy: set[object] = set()

    def info(self, step: int) -> Info:
        found = self.writer.theorems[step].statement
        assert isinstance(found, Fact | Instruction)
        return found.info

    # -- terms -------------------------------------------------------------------------------------------------------

    def fact(self, t: Term, local: bool) -> int:
        """Return the best fact of a term that is found."""
        found = self._facts.get((t, local))
        if found is None:
            best: int | None = None
            for k in self._tries(t, local):
                if best is None or _better(self.info(k), self.info(best)):
                    best = k
            found = self._facts[t, local] = Refused("no rule applies") if best is None else best
        if isinstance(found, Refused):
            raise found
        return found

    def _tries(self, t: Term, local: bool) -> Iterator[int]:
        plain: int | None = None
        with suppress(Refused, CannotCompose):
            plain = self._plain(t, local)
        if plain is not None:
            yield plain
        for attempt in (self._clamped, self._rewritten, self._tails, self._norm, self._share):
            with suppress(Refused, CannotCompose):
                yield from attempt(t, local, plain)

    def _plain(self, t: Term, local: bool) -> int:
        step = self.writer.step
        if self.context.basic(t):
            with suppress(Refused):  # a term that the reader would write otherwise is taken apart below
                return step("constant", term=to_json(t))
        match t:
            case Var():
                return self._variable(t, local)
            case App("where", (App(head, (left, right)), yes, no)):
                return step("branches", [self.fact(a, local) for a in (left, right, yes, no)], head=head)
            case App("pow", (_, Num(e))) if e < 0:
                return step("definition", [self.fact(expanded(t), local)], term=to_json(t))
            case App("pow", (a, Num(e))):
                return step("apply", [self.fact(a, local)], head="pow", exponent=str(e))
            case App(head) if head in DEFINED:
                return step("definition", [self.fact(expanded(t), local)], term=to_json(t))
            case Bind(head, (body, *at), over, mask):
                more = ({"mask": to_json(mask)} if mask is not None else {}) | (
                    {"at": list(map(to_json, at))} if at else {}
                )
                return step("family", [self.fact(body, local)], head=head, over=list(over), **more)
            case App(head, args):
                return step("apply", [self.fact(a, local) for a in args], head=head)
        raise Refused("no rule")

    def _variable(self, v: Var, local: bool) -> int:
        nodes = self.context.resolve(v)
        scalar = self.context.program.families[v.name].kind == "scalar"
        if local and scalar and all(map(self.context.converges, nodes)):
            try:
                return self.writer.step(
                    "limit_scalar", [self.sign(self.context.index(n)) for n in nodes], var=to_json(v)
                )
            except Refused:
                return self.writer.step("limit_scalar", var=to_json(v))
        maps = [self.instruction(self.context.index(n), "total", local) for n in nodes if isinstance(n, MAPS)]
        return self.writer.step("variable", maps, var=to_json(v))

    def _clamped(self, t: Term, local: bool, plain: int | None) -> Iterator[int]:
        """Piecewise terms whose pieces agree on their boundary."""
        match t:
            case App("where", (App("gt" | "ge" | "lt" | "le" as head, (left, right)), yes, no)):
                d = add(left, neg(right))
                above, below = (yes, no) if head in ("gt", "ge") else (no, yes)
            case App("mul", args) if any(isinstance(a, App) and a.head in ("sign", "step") for a in args):
                at = max(k for k, a in enumerate(args) if isinstance(a, App) and a.head in ("sign", "step"))
                jump, rest = args[at], args[:at] + args[at + 1 :]
                assert isinstance(jump, App)
                if at != len(args) - 1:
                    moved = self.fact(mul(*rest, jump), local)
                    yield self.writer.step("equal", [moved, plain if plain is not None else moved])
                    return
                d, above = jump.args[0], mul(*rest)
                below = neg(above) if jump.head == "sign" else Num(0)
            case _:
                return
        for v in variables(d):
            unfolded = unfold(d, above, below, v)
            if unfolded is not None:
                try:
                    found = {"term": to_json(t), "solve": to_json(v)}
                    yield self.writer.step("clamped", [self.fact(unfolded, local), self.fact(d, local)], **found)
                except Refused:
                    continue

    def _rewritten(self, t: Term, local: bool, plain: int | None) -> Iterator[int]:
        """Softmax, sigmoid and softplus written out."""
        if plain is None:
            return
        for other in written_out(t):
            try:
                yield self.writer.step("equal", [self.fact(other, local), plain])
            except Refused:
                continue

    def _tails(self, t: Term, local: bool, plain: int | None) -> Iterator[int]:
        """Functions of one variable in which growth and decay, or slopes, cancel: x exp(-x^2), x/(1 + x^2)."""
        heads = {u.head for u in walk(t) if isinstance(u, App)}
        if plain is None or not isinstance(t, App):
            return
        own = [v for v in variables(t) if v.name in self.context.program.families]
        for what in ("growth", "slope"):
            info = self.info(plain)
            steep = what == "slope" and info.level == 3 and info.slope > FLAT and self.sharp
            grows = what == "growth" and info.level >= 2 and t.head == "mul" and heads & {"exp", "recip"}
            if len(own) == 1 and (steep or (grows and info.growth > FLAT)):
                with suppress(Refused):
                    plain = self.writer.step("tails", [plain], var=to_json(own[0]), what=what)
                    yield plain

    def _norm(self, t: Term, local: bool, plain: int | None) -> Iterator[int]:
        """Yield the root of a sum of squares."""
        match t:
            case App("sqrt", (App("add", squares),)) | App("pow", (App("add", squares), Num())):
                half = t.head == "sqrt" or t.args[1] == Num(Fraction(1, 2))
                roots = [u.args[0] for u in squares if isinstance(u, App) and u.head == "pow" and u.args[1] == Num(2)]
                if not half or len(roots) < len(squares):
                    return
                found = self.writer.step("norm", [self.fact(u, local) for u in roots])
                yield found if t.head == "pow" else self.writer.step("definition", [found], term=to_json(t))

    def _share(self, t: Term, local: bool, plain: int | None) -> Iterator[int]:
        """Yield a softmax written out: exp(u at j) / sum(exp(u) over l)."""
        match t:
            case App("mul", (App("exp", (top,)), App("recip", (Bind("sum", (App("exp", (u,)),), over, None),)))):
                names = dict.fromkeys(s for v in variables(top) for s in (*v.subs, v.name) if isinstance(s, str))
                for at in product([n for n in names if n in self.context.program.indices], repeat=len(over)):
                    if shift_subs(u, dict(zip(over, at, strict=True))) == top:
                        more = {"head": "softmax", "over": list(over), "at": [to_json(Var(j)) for j in at]}
                        yield self.writer.step("share", [self.writer.step("family", [self.fact(u, local)], **more)])

    # -- instructions ------------------------------------------------------------------------------------------------

    def instruction(self, k: int, what: str, local: bool) -> int:
        """Return an instruction with a property: as written, or composed down to basic vectors and scalars."""
        key = (k, local)
        if key in self._busy:
            raise Refused("a definition that uses itself")
        self._busy.add(key)
        try:
            body = self.context.body(k)
            tries = [body]
            with suppress(CannotCompose):
                tries.append(self.context.composer.of_term(body))
            for t in dict.fromkeys(tries):
                try:
                    step = self.writer.step("instruction", [self.fact(t, local)], node=str(k))
                except Refused:
                    continue
                if self.info(step).has(what):
                    return step
        finally:
            self._busy.discard(key)
        raise Refused(f"instruction {k} is not shown to be {what}")

    # -- variances and signs -----------------------------------------------------------------------------------------

    def variance(self, k: int) -> int:
        n = self.context.node(k)
        return self.writer.step("variance", [self.nonzero(n.arg)] if isinstance(n, MatMul) else [], node=str(k))

    def nonzero(self, t: Term) -> int:
        """Return a point of the support where the term is not 0."""
        fact = self.fact(t, False)
        families = self.context.program.families
        for v in variables(self.context.composer.of_term(t)):
            if v.name not in families or families[v.name].kind != "vector":
                continue
            try:
                varies = [self.variance(self.context.index(n)) for n in self.context.resolve(v)]
            except Refused:
                continue
            for points in POINTS:
                try:
                    gap = [self._gap(t, v, points)] if len(points) == 2 else []
                    found = {"term": to_json(t), "atom": to_json(v), "points": list(points)}
                    return self.writer.step("nonzero", [fact, *varies, *gap], **found)
                except Refused:
                    continue
        raise Refused("no point was found")

    def _gap(self, t: Term, atom: Var, points: tuple[str, ...]) -> int:
        """Return the difference of the values of a term at two points, in which scalars may cancel."""
        from tensorprog.kernel.limits.algebra import as_term, normal

        whole, families = self.context.composer.of_term(t), self.context.program.families
        zero: dict[Term, Term] = {
            v: Num(0) for v in variables(whole) if v.name in families and families[v.name].kind == "vector"
        }
        one, other = (valued(whole, {**zero, atom: Num(Fraction(x))}) for x in points)
        gap = add(one, neg(other))
        plain = self.fact(gap, False)
        if self.info(plain).nonzero:
            return plain
        return self.writer.step("equal", [self.fact(as_term(normal(gap)), False), plain])

    def sign(self, k: int) -> int:
        """Return the sign of a moment."""
        n = self.context.node(k)
        body = n.body if isinstance(n, Moment) else mul(n.left, n.right)  # type: ignore[union-attr]
        fact = self.fact(body, False)
        roots = [body.args[0]] if isinstance(body, App) and body.head in ("pow", "mul") else []
        for root in [*roots, body]:
            try:
                return self.writer.step("sign", [fact, self.nonzero(root)], node=str(k))
            except (Refused, CannotCompose):
                continue
        return self.writer.step("sign", [fact], node=str(k))


def _better(a: Info, b: Info) -> bool:
    def rank(i: Info) -> tuple[object, ...]:
        return (i.level, -i.slope.level, -i.slope.power, -i.growth.level, -i.growth.power, i.away, i.nonzero)

    return rank(a) > rank(b)


def unfold(d: Term, above: Term, below: Term, v: Var) -> Term | None:
    """Return the premise of the rule `clamped`: see there."""
    from tensorprog.kernel.limits.algebra import as_term, normal

    q = normal(d)
    slope = q.pop(((v, 1),), Fraction(0))
    if not slope or any(v in variables(t) for m in q for t, _ in m):
        return None
    at = as_term({m: -c / slope for m, c in q.items()})
    if slope < 0:
        above, below = below, above
    high, low = substitute(above, {v: App("max", (v, at))}), substitute(below, {v: App("min", (v, at))})
    return add(high, low, neg(substitute(above, {v: at})))


def written_out(t: Term) -> Iterator[Term]:
    """Library functions that a term may be, written out: 1/(1+e^-u), log(1+e^u), e^u/(e^u+e^v), u/(1+|u|)."""
    match t:
        case App("recip", (App("add", (a, b)),)):
            for one, other in ((a, b), (b, a)):
                if one == Num(1) and isinstance(other, App) and other.head == "exp":
                    yield App("sigmoid", (neg(other.args[0]),))
        case App("log", (App("add", (a, b)),)):
            for one, other in ((a, b), (b, a)):
                if one == Num(1) and isinstance(other, App) and other.head == "exp":
                    yield App("softplus", other.args)
        case App("mul", args):
            for k, bottom in enumerate(args):
                match bottom:
                    case App("recip", (App("add", (App("exp", (u,)), App("exp", (v,)))),)):
                        rest = [a for i, a in enumerate(args) if i != k]
                        yield from _shares(rest, u, v)
                    case App("recip", (App("add", (Num(unit), App("abs", (w,)))),)) if unit == 1 and w in args:
                        left = list(args)
                        left.remove(w)
                        left.remove(bottom)
                        yield mul(*left, App("softsign", (w,)))


def _shares(rest: list[Term], u: Term, v: Term) -> Iterator[Term]:
    weights: dict[Term, Term] = {App("exp", (a,)): App("sigmoid", (add(a, neg(b)),)) for a, b in ((u, v), (v, u))}
    for k, a in enumerate(rest):
        others = rest[:k] + rest[k + 1 :]
        if a in weights:
            yield mul(weights[a], *others)
        elif isinstance(a, App) and a.head == "add":
            parts = []
            for p in a.args:
                factors = list(p.args) if isinstance(p, App) and p.head == "mul" else [p]
                mine = [f for f in factors if f in weights]
                if len(mine) == 1:
                    factors.remove(mine[0])
                    parts.append(mul(*factors, weights[mine[0]], *others))
            if len(parts) == len(a.args):
                yield add(*parts)

"""The conditional covariance of a law as a formula with indices, for people to read.

Cov(y[i], y[i'] | p) = sum(softmax(p[a,i,j] over j)*softmax(p[a,i',j'] over j')*cov(v[a,j], v[a,j']) for a, j, j')/2
"""

from __future__ import annotations

from dataclasses import dataclass

from tensorprog.kernel.ground.nodes import Input, LinComb, MatMul, Nonlin, Scalar
from tensorprog.kernel.ground.term import ONE, add, mul, shift_subs, transform, walk
from tensorprog.limit.members.leaves import Unfolding
from tensorprog.limit.values.formulas import NoFormula
from tensorprog.terms import App, Bind, Num, Sub, Term, Var


@dataclass(frozen=True, slots=True)
class Part:
    """sum over `over` of coefficient * basis, the basis a Gaussian vector."""

    coefficient: Term
    over: tuple[str, ...]
    basis: Var


class Formula:
    """Formulas with indices for the variables of one program."""

    def __init__(self, unfolding: Unfolding) -> None:
        self.u = unfolding
        self.program = unfolding.program

    def covariance(self, a: Var, b: Var) -> Term:
        """Cov(a, b | scores), with cov(.,.) of vectors inside; raises NoFormula."""
        right = [self._primed(p) for p in self.parts(b)]
        pairs = (self._pair(p, q) for p in self.parts(a) for q in right)
        return add(*(pair for pair in pairs if pair is not None))

    def _pair(self, p: Part, q: Part) -> Term | None:
        x, y = self._node(p.basis), self._node(q.basis)
        if isinstance(x[0], Input) != isinstance(y[0], Input):
            return None
        if isinstance(x[0], MatMul) and isinstance(y[0], MatMul):
            v, w = shift_subs(x[0].weight, x[1]), shift_subs(y[0].weight, y[1])
            assert isinstance(v, Var)
            assert isinstance(w, Var)
            if v.name != w.name:
                return None
            for s, t in zip(v.subs, w.subs, strict=True):
                if isinstance(s, int) and isinstance(t, int) and s != t:
                    return None
                if t in q.over:  # distinct matrices are independent: only equal indices remain
                    over = tuple(i for i in q.over if i != t)
                    moved = {str(t): s}
                    basis = shift_subs(q.basis, moved)
                    assert isinstance(basis, Var)
                    q = Part(shift_subs(q.coefficient, moved), over, basis)
        body = mul(*(c for c in (p.coefficient, q.coefficient) if c != ONE), App("cov", (p.basis, q.basis)))
        over = (*p.over, *q.over)
        constants, varying = _apart(body, set(over))
        inner: Term = Bind("sum", (varying,), over) if over else varying
        return mul(*constants, inner)

    def _primed(self, p: Part) -> Part:
        moved: dict[str, Sub] = {j: j + "'" for j in p.over}
        basis = shift_subs(p.basis, moved)
        assert isinstance(basis, Var)
        return Part(_named_entries(shift_subs(p.coefficient, moved)), tuple(j + "'" for j in p.over), basis)

    def parts(self, ref: Var) -> list[Part]:
        node, at = self._node(ref)
        if not isinstance(node, LinComb | Nonlin):
            if isinstance(node, MatMul | Input):
                return [Part(ONE, (), ref)]
            raise NoFormula
        return self._parts(shift_subs(node.body, at))

    def _node(self, ref: Var) -> tuple[object, dict[str, Sub]]:
        found = self.program.resolve(ref)
        if len(found) != 1:
            raise NoFormula
        node = found[0][0]
        return node, {s: r for s, r in zip(node.subs, ref.subs, strict=True) if isinstance(s, str) and s != r}

    def _parts(self, t: Term) -> list[Part]:
        match t:
            case Var(name) if name in self.program.families:
                return self.parts(t)
            case App("neg", (a,)):
                return [Part(mul(Num(-1), p.coefficient), p.over, p.basis) for p in self._parts(a)]
            case App("add", args):
                return [p for a in args for p in self._parts(a)]
            case App("mul", args):
                vectors = [a for a in args if self.u.scores.composer.is_vector(a)]
                if len(vectors) != 1:
                    raise NoFormula
                c = self._opened(mul(*(a for a in args if a is not vectors[0])))
                return [
                    Part(mul(*(f for f in (c, p.coefficient) if f != ONE)), p.over, p.basis)
                    for p in self._parts(vectors[0])
                ]
            case Bind("sum", (body,), over):
                return [Part(p.coefficient, (*over, *p.over), p.basis) for p in self._parts(body)]
            case _:
                raise NoFormula

    def _opened(self, t: Term) -> Term:
        """Scalars written out down to dot products and moments."""

        def scalar(s: Term) -> Term | None:
            if isinstance(s, Var) and s.name in self.program.families:
                node, at = self._node(s)
                if isinstance(node, Scalar):
                    return self._opened(shift_subs(node.body, at))
            return None

        return transform(t, scalar)


def _named_entries(t: Term) -> Term:
    """softmax(p[j] over j at k) as softmax(p[k] over k), where that says the same."""

    def rename(s: Term) -> Term | None:
        match s:
            case Bind("softmax", (body, *at), over, mask) if at and all(isinstance(a, Var) and not a.subs for a in at):
                new = [a.name for a in at if isinstance(a, Var)]
                here = {x for v in walk(body) if isinstance(v, Var) for x in (v.name, *v.subs)}
                if len(set(new)) < len(new) or here & set(new):
                    return None
                moved: dict[str, Sub] = dict(zip(over, new, strict=True))
                inner = None if mask is None else shift_subs(mask, moved)
                return Bind("softmax", (shift_subs(body, moved),), tuple(new), inner, s.place)
        return None

    return transform(t, rename)


def _apart(t: Term, over: set[str]) -> tuple[list[Term], Term]:
    """Constant factors of a product, and the rest."""
    factors: list[Term] = []
    stack = [t]
    while stack:
        top = stack.pop(0)
        if isinstance(top, App) and top.head == "mul":
            stack = [*top.args, *stack]
        else:
            factors.append(top)
    plain = [f for f in factors if not any(isinstance(v, Var) and v.subs for v in walk(f)) and not _uses(f, over)]
    rest = [f for f in factors if f not in plain]
    return _collected(plain), mul(*rest)


def _collected(plain: list[Term]) -> list[Term]:
    """1/sqrt(2) twice is 1/2."""
    out: list[Term] = []
    for f in plain:
        match f:
            case App("recip", (App("sqrt", (Num(c),)),)) if f in out:
                out.remove(f)
                out.append(Num(1 / c))
            case _:
                out.append(f)
    return out


def _uses(t: Term, names: set[str]) -> bool:
    return any(isinstance(v, Var) and (v.name in names or set(v.subs) & names) for v in walk(t))

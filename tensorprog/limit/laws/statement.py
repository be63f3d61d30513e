"""The conditional covariance of a law as a formula with indices, for people to read.

Cov(y[i], y[i'] | p) = sum(softmax(p[a,i,j] over j)*softmax(p[a,i',j'] over j')*cov(v[a,j], v[a,j']) for a, j, j')/2
"""

from __future__ import annotations

from tensorprog.kernel.ground.nodes import Input, MatMul, Scalar
from tensorprog.kernel.ground.term import add, mul, shift_subs, transform, walk
from tensorprog.limit.rules.forms import deltas
from tensorprog.limit.rules.labels import Label
from tensorprog.limit.rules.open import Split, Summand, TooLarge
from tensorprog.limit.rules.quantities import reference
from tensorprog.limit.rules.rules import Rules
from tensorprog.limit.values.formulas import NoFormula
from tensorprog.terms import App, Bind, Num, Sub, Term, Var


class Formula:
    """Formulas with indices for the variables of one program."""

    def __init__(self, rules: Rules) -> None:
        self.composer = rules.composer
        self.families = rules.program.families

    def covariance(self, a: Var, b: Var) -> Term:
        """Cov(a, b | scores), with cov(.,.) of vectors inside; raises NoFormula."""
        try:
            pairs = (self._pair(p, self.composer.refreshed(q)) for p in self._parts(a) for q in self._parts(b))
            return add(*(pair for pair in pairs if pair is not None))
        except (Split, TooLarge):
            raise NoFormula("a family of several definitions") from None

    def _parts(self, ref: Var) -> list[Summand]:
        """Return a vector as a combination of initial vectors and products."""
        node = self.composer.locate(ref)
        if isinstance(node, MatMul | Input):
            return [Summand(atoms=(ref,))]
        out = []
        for s in self.composer.linear(self.composer.body(node, ref)) or (Summand(),):
            if not s.atoms or not isinstance(base := s.atoms[0], Var):
                raise NoFormula
            out += [Summand(mul(s.coefficient, r.coefficient), (*s.over, *r.over), r.atoms) for r in self._parts(base)]
        return out

    def _pair(self, p: Summand, q: Summand) -> Term | None:
        (a,), (b,) = p.atoms, q.atoms
        assert isinstance(a, Var)
        assert isinstance(b, Var)
        x, y = self.composer.locate(a), self.composer.locate(b)
        if isinstance(x, Input) != isinstance(y, Input):
            return None
        same: dict[str, Sub] = {}
        if isinstance(x, MatMul) and isinstance(y, MatMul):
            v, w = reference(x.weight, self.composer.mapping(x, a)), reference(y.weight, self.composer.mapping(y, b))
            equal = deltas(v, w)
            if equal is None:
                return None
            # distinct matrices are independent: only equal indices remain
            same = {t: s for s, t in equal if isinstance(t, str) and t in q.over}
        product = mul(p.coefficient, shift_subs(q.coefficient, same), App("cov", (a, reference(b, same))))
        names: dict[str, Sub] = {}
        for label in (*p.over, *(j for j in q.over if j not in same)):
            assert isinstance(label, Label)
            name = label.name.partition("%")[0].rstrip("~")
            while name in names.values():
                name += "'"
            names[label] = name
        over = tuple(map(str, names.values()))
        constants, varying = _apart(_named_entries(shift_subs(self._opened(product), names)), set(over))
        return mul(*constants, Bind("sum", (varying,), over) if over else varying)

    def _opened(self, t: Term) -> Term:
        """Scalars written out down to dot products and moments."""

        def scalar(s: Term) -> Term | None:
            if isinstance(s, Var) and s.name in self.families and isinstance(node := self.composer.locate(s), Scalar):
                return self._opened(self.composer.body(node, s))
            return None

        return transform(t, scalar)


def _named_entries(t: Term) -> Term:
    """softmax(p[j] over j at k) as softmax(p[k] over k), where that says the same."""

    def rename(s: Term) -> Term | None:
        match s:
            case Bind("softmax", (body, *at), over, mask) if at and all(isinstance(a, Var) and not a.subs for a in at):
                new = [a.name for a in at if isinstance(a, Var)]
                here = {x for v in walk(body) if isinstance(v, Var) for x in (v.name, *v.subs)}
                if len(set(new)) < len(new) or (here - set(over)) & set(new):
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

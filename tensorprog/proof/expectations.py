"""Gaussian expectations, found: which rule, which lemmas, and the closed forms of `gaussian` as candidates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from tensorprog.kernel.core.names import LEMMA, owned
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.table import IMAGINARY
from tensorprog.kernel.ground.term import ONE, PI, ZERO, add, mul, neg, power, recip, substitute, variables
from tensorprog.kernel.limits.algebra import as_term, normal
from tensorprog.kernel.limits.lemmas import RESERVED
from tensorprog.kernel.limits.pieces import UNIT, Z1, Z2, Form, Piece, scale, total
from tensorprog.kernel.limits.reader import Reader
from tensorprog.kernel.verdict.constants import number
from tensorprog.proof.writer import Writer
from tensorprog.terms import App, Num, Term, Var, to_json

HALF = Num(Fraction(1, 2))
MAX_DEPTH = 12
Exponents = tuple[Term, Term, Term, Term]


class Expectations:
    """Finds lemmas about E h(z1, z2), each function once."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self._lemmas: dict[Term, int | Refused] = {}

    def lemma(self, h: Term) -> int:
        """Return the step that says what E h is, or Refused where the calculus has no derivation."""
        taken = {v.name for v in variables(h)} & LEMMA.keys()
        if taken & self.writer.context.program.params.keys():
            raise Refused("a param has the name of a variable of lemmas")
        return self._lemma(owned(h, LEMMA), 0)

    def _lemma(self, h: Term, depth: int) -> int:
        found = self._lemmas.get(h)
        if found is None:
            try:
                if depth > MAX_DEPTH:
                    raise Refused("the mixed derivatives do not end")
                found = self._derived(h, depth)
            except Refused as refused:
                found = refused
            self._lemmas[h] = found
        if isinstance(found, Refused):
            raise found
        return found

    def _derived(self, h: Term, depth: int) -> int:
        assumed = self._positive(h)
        reader = Reader(assumed)
        form = reader.form(h)
        if not hard(form):
            return self._step("gaussian_mean", [], h, assumed, [])
        alone = all(b == UNIT for _, b in form)
        groups = by_exponents(hard(form))
        if len(groups) > 1 and any(any(t != ZERO for t in key) for key in groups):
            parts = [self._lemma(rendered(f), depth + 1) for f in groups.values()]
            return self._step("gaussian_mean", parts, h, assumed, [ONE] * len(parts))
        (key, *_) = groups
        if alone and (found := softened(hard(form))) is not None:
            if hard(form) != form:
                return self._step("gaussian_mean", [self._lemma(rendered(hard(form)), depth + 1)], h, assumed, [ONE])
            premise, slope = self._lemma(found[0], depth + 1), found[1]
            given = {"assumed": list(map(to_json, assumed))} if assumed else {}
            return self.writer.step("smoothed", [premise], term=to_json(h), slope=to_json(slope), **given)
        l1, q1, l2, q2 = key
        if q1 != ZERO or q2 != ZERO:
            raise Refused("a Gaussian factor beside two signs")
        if alone:
            own = as_term(normal(mul(HALF, l1, l1)))
            mixed = scale(reader.derivative(reader.derivative(form, 0), 0), normal(HALF))
        else:
            own = as_term(normal(mul(l1, l2)))
            mixed = reader.derivative(reader.derivative(form, 0), 1)
        rest = hard(total(mixed, scale(form, normal(mul(Num(-1), own)))))
        premises = [self._lemma(rendered(f), depth + 1) for f in by_exponents(rest).values()]
        value = closed_form(h, assumed)
        weights = [ONE] * len(premises) + [own]
        return self._step("heat" if alone else "price", premises, h, assumed, weights, value=to_json(value))

    def _step(
        self, rule: str, premises: list[int], h: Term, assumed: list[Term], weights: list[Term], **more: Any
    ) -> int:
        given: dict[str, Any] = {"term": to_json(h), **more}
        if assumed:
            given["assumed"] = list(map(to_json, assumed))
        if weights:
            given["weights"] = list(map(to_json, weights))
        return self.writer.step(rule, premises, **given)

    def _positive(self, h: Term) -> list[Term]:
        """Return the params that the program declares positive."""
        declared = self.writer.context.program.params
        names = [v for v in variables(h) if v.name in declared and v not in RESERVED]
        return [v for v in names if number(self.writer.context, v).positive]


def hard(form: Form) -> Form:
    """Return the summands with two signs: those whose mean needs a lemma."""
    return {key: c for key, c in form.items() if (key[0].signs and key[1].signs and not (key[0].delta or key[1].delta))
            or any(len(p.signs) > 1 for p in key)}  # fmt: skip


def softened(form: Form) -> tuple[Term, Term] | None:
    """Return a function of z1 with step and Phi as one of z1 and z2 = c z1 + N with two steps: that function, and c."""
    out, slopes = Form(), set()
    for (a, _), c in form.items():
        soft = [s for s in a.signs if s[0] == "Phi"]
        if len(soft) != 1 or len(a.signs) != 2:
            return None
        ((_, slope, b),) = soft
        slopes.add(slope)
        step = Piece(signs=(("step", as_term(normal(mul(Num(-1), b))), ZERO),))
        out[a._replace(signs=tuple(s for s in a.signs if s[0] == "step")), step] = c
    return (rendered(out), slopes.pop()) if len(slopes) == 1 else None


def by_exponents(form: Form) -> Mapping[Exponents, Form]:
    """Return the summands with the same exponential factor together."""
    out: dict[Exponents, Form] = {}
    for (a, b), c in form.items():
        out.setdefault((a.l, a.q, b.l, b.q), {})[a, b] = c
    return out


def rendered(form: Form) -> Term:
    """Return a form as a term."""
    parts = [mul(as_term(c), *_factors(a, Z1), *_factors(b, Z2)) for (a, b), c in form.items()]
    return add(*parts)


def _factors(p: Piece, z: Var) -> Iterable[Term]:
    if p.n:
        yield z if p.n == 1 else power(z, Num(p.n))
    if p.l != ZERO or p.q != ZERO:
        exponent = [mul(p.l, z)] if p.l != ZERO else []
        yield App("exp", (add(*exponent, *([mul(p.q, power(z, Num(2)))] if p.q != ZERO else [])),))
    for kind, a, b in p.signs:
        inside = add(z, mul(Num(-1), a)) if kind == "step" else add(mul(a, z), b)
        yield App(kind, (inside if ZERO not in (a if kind == "step" else b,) else z if kind == "step" else mul(a, z),))


def closed_form(h: Term, assumed: Iterable[Term]) -> Term:
    """Return what `gaussian` derives for E h, as a term."""
    import sympy

    from tensorprog.errors import TensorProgError
    from tensorprog.gaussian.closed.engine import Problem, setting
    from tensorprog.gaussian.exact.ground import POSITIVE, NoClosedForm
    from tensorprog.gaussian.exact.shapes import summands

    h = substitute(h, {z: Var(str(z.name)) for z in LEMMA.values()})
    used = set(variables(h))
    k11, k12, k22 = sympy.symbols("K11 K12 K22", real=True)
    both = ((k11, k12), (k12, k22))
    one, two = Var("z1"), Var("z2")
    names, cov = ((one, two), both) if two in used else ((one,), ((k11,),))
    bounds = {v.name: POSITIVE for v in assumed if isinstance(v, Var)}
    try:
        at = setting(Problem(h, names, cov, (sympy.S.Zero,) * len(names), bounds))
        return element_term(at.engine.expect(summands(at.form)).real())
    except (NoClosedForm, TensorProgError) as error:
        raise Refused(str(error)) from None


def element_term(x: Any) -> Term:
    """Return an exact element of `gaussian` as a term."""
    g = x.ground

    names = [PI if n == "π" else LEMMA.get(n, Var(n)) for n in g.names]

    def monomial(m: Any, c: Any) -> Term:
        factors = [v if e == 1 else power(v, Num(e)) for v, e in zip(names, m, strict=True) if e]
        return mul(Num(Fraction(int(c.numerator), int(c.denominator))), *factors)

    def poly(f: Any) -> Term:
        return add(*(monomial(m, c) for m, c in f.terms()))

    def atom(k: int) -> Term:
        kind, *args = g.atoms[k]
        inner = tuple(map(element_term, args))
        if kind in ("erf", "asin", "sin", "cos"):
            return App(kind, inner)
        if kind == "erfi":
            return mul(neg(IMAGINARY), App("erf", (mul(IMAGINARY, *inner),)))
        if kind in ("erf_re", "erf_im"):
            up, down = (App("erf", (add(inner[0], mul(i, inner[1])),)) for i in (IMAGINARY, neg(IMAGINARY)))
            return mul(HALF, add(up, down)) if kind == "erf_re" else mul(neg(HALF), IMAGINARY, add(up, neg(down)))
        if kind == "sgn2":
            h, k2, _ = inner
            sides = [mul(Num(-2), App("Phi", (a,))) for a in (h, k2)]
            return add(mul(Num(4), App("Phi2", inner)), *sides, ONE)
        raise Refused(f"a value with {kind}")

    parts = []
    for (odd, atoms, exponent), (num, den) in x.terms.items():
        factors = [poly(num), *(power(poly(g.radicals[r]), HALF) for r in odd)]
        factors += [recip(poly(g.radicals[r]) if k == 1 else power(poly(g.radicals[r]), Num(k))) for r, k in den]
        factors += [a if n == 1 else power(a, Num(n)) for a, n in ((atom(k), n) for k, n in atoms)]
        if exponent:
            factors.append(App("exp", (element_term(g.exponents[exponent]),)))
        parts.append(mul(*factors))
    return add(*parts)

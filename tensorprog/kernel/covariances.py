"""The rules about limit laws: equations E(t) = value for products t of members of a program.

A value is a term in params and in references E(s), each to the mean that a premise is about: deep programs have short
certificates. Products with matrices and initial vectors are jointly Gaussian in the limit, and independent of scores.
"""

# fmt: off
from __future__ import annotations

from functools import lru_cache
from itertools import product as every

from tensorprog.kernel.algebra import K11, K12, K22, as_term, normal, plus, positive, text, times
from tensorprog.kernel.expectations import DETERMINANT, Terms
from tensorprog.kernel.functions import require
from tensorprog.kernel.gaussian import Z1, Z2, Reader, plain
from tensorprog.kernel.premises import average, case_of
from tensorprog.kernel.rules import Context, Judgement, Premises
from tensorprog.program.constants import primed_indices
from tensorprog.program.members import independent_input
from tensorprog.program.nodes import Dot, Input, LinComb, MatMul, Moment, Node, Nonlin, Scalar
from tensorprog.program.powers import MOMENT, SCORE
from tensorprog.program.scaling import width_power
from tensorprog.program.text import claim_text
from tensorprog.terms import App, Bind, Num, Sub, Term, Var
from tensorprog.terms.term import ONE, ZERO, add, mul, power, shift_subs, size, sub, substitute, transform, variables


def reference(t: Term) -> Var:
    """The name of a mean that another step is about."""
    return Var(f"E({text(t)})")

def pair(a: Term, b: Term) -> Term:
    return mul(*sorted((a, b), key=text))

@lru_cache(1 << 12)
def _defined(ctx: Context, v: Var) -> tuple[Node, ...]:
    return tuple(ctx.resolve(v))

def basic(t: Term) -> bool:
    """Has a term no references?"""
    return not any(v.name.startswith("E(") for v in variables(t))

def members(ctx: Context, t: Term) -> list[Var]:
    """The vectors and scalars of a term: single members, which no score reaches."""
    found = [v for v in variables(t) if v.name in ctx.program.families]
    single = all(isinstance(s, int) for v in found for s in v.subs) and all(len(_defined(ctx, v)) == 1 for v in found)
    require(single and not {Z1, Z2} & {*variables(t)}, "single members of the program")
    return found

def vectors(ctx: Context, t: Term) -> list[Var]:
    return [v for v in members(ctx, t) if ctx.program.families[v.name].kind == "vector"]

def instruction_of(ctx: Context, v: Term, *kinds: type[Node]) -> tuple[Node, dict[str, Sub]]:
    """The instruction that defines a member, one of these kinds, and the values of its indices."""
    require(members(ctx, v) == [v], "single members of the program")
    (n,) = _defined(ctx, v)
    require(isinstance(n, kinds), "an instruction of another kind")
    return n, {s: r for s, r in zip(n.subs, v.subs, strict=True) if isinstance(s, str)}  # type: ignore[union-attr]

def written(ctx: Context, t: Term) -> Term:
    """A term with its sums written out and the entries of matrices in place."""
    def leaf(s: Term) -> Term | None:
        match s:
            case Bind("sum", (a,), over, None):
                spans = [range(low, high + 1) for low, high in map(ctx.program.range_of, over)]
                places = [dict(zip(over, at, strict=True)) for at in every(*spans)]
                ctx.spend(10 * len(places) * size(a))
                return add(*(written(ctx, shift_subs(a, dict(at))) for at in places))
            case Var(name, (_, *_) as subs) if name in ctx.program.matrices:
                m, flat = ctx.program.matrices[name], 0
                for k, extent in zip(subs, m.shape, strict=True):
                    flat = flat * extent + int(k) - 1
                require(m.entries is not None, "entries that are written as terms")
                return m.entries[flat]  # type: ignore[index]
        return None
    return transform(t, leaf)

def opened(ctx: Context, v: Term) -> Term:
    """What the instruction of a member says."""
    n, at = instruction_of(ctx, v, LinComb, Nonlin, Moment, Scalar)
    return written(ctx, shift_subs(n.body, at))  # type: ignore[union-attr]

def affine(ctx: Context, t: Term) -> bool:
    """Is each summand a constant times one vector at most? Constants may contain scalars."""
    for m in normal(t):
        found = [(a, e) for a, e in m if vectors(ctx, a)]
        if len(found) > 1 or any(not isinstance(a, Var) or e != 1 for a, e in found):
            return False
    return True

def gaussian(ctx: Context, v: Var) -> bool:
    """Is the limit of a vector, given the scores, a combination of products and initial vectors?"""
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

class _Known:
    """What premises say of means: each by its reference, or by its value if that is short."""

    def __init__(self, ctx: Context, premises: Premises) -> None:
        require(all(p.words[0] == "mean" and p.term is not None for p in premises), "premises about means")
        self.ctx, self.premises = ctx, premises
        self.whole = {p.term: p.value for p in premises if p.term is not None and p.value is not None}
        self.values = {t: v if size(v) <= 9 and basic(v) else reference(t) for t, v in self.whole.items()}
        self.roots: dict[Term, Term] = {reference(t): power(Var(f"r{text(t)}"), Num(2)) for t in self.whole
                                        if isinstance(t, App) and t.head == "mul" and t.args[1:] == t.args[:1]}
        self.sure: list[Term] = [reference(p.term) for p in premises if p.term and "positive" in p.words]
        self.sure += [Var(p) for p in ctx.program.params if ctx.number(Var(p)).positive]

    def positive(self, t: Term) -> bool:
        """Whether t > 0 is plain, where means of squares are not negative."""
        p = normal(substitute(plain(t), {k: v for k, v in self.roots.items() if k not in self.sure}))
        angles = [a for m in p for a, _ in m if isinstance(a, App) and a.head == "asin" and self.positive(a.args[0])]
        return positive(p, [*self.sure, *angles])

    def mean(self, t: Term) -> Term:
        require(t in self.values, "the mean is known")
        return self.values[t]

    def constant(self, t: Term) -> Term:
        """A term in constants and scalars at the limits of the scalars, where it is plainly smooth."""
        found = members(self.ctx, t)
        require(not vectors(self.ctx, t) and not self.ctx.late & {v.name for v in found}, "a weight is a constant")
        out = substitute(t, {v: self.mean(v) for v in found})
        Reader(self.sure).defined(plain(out))
        return out

    def concluded(self, term: Term, value: Term, sure: bool = False) -> Judgement:
        """E term = value; `sure`: if it is positive for another reason than its form."""
        require(not self.ctx.late & {v.name for v in members(self.ctx, term)} or not vectors(self.ctx, term),
                "scores stand apart from vectors")
        self.ctx.spend(500 + 5 * size(value))
        words = ("mean", "positive") if sure or self.positive(value) else ("mean",)
        axioms = tuple(sorted({a for p in self.premises for a in p.axioms}))
        return Judgement(words, term, None, axioms, as_term(normal(plain(value))))

    def spelled(self, t: Term) -> Term:
        """A value with references replaced by what they stand for, while it stays short."""
        values: dict[Term, Term] = {reference(t): v for t, v in self.whole.items()}
        for _ in range(len(self.whole)):
            if size(new := substitute(t, values)) > 200 or new == t:
                break
            t = new
        short = as_term(normal(plain(t)))
        return short if size(short) <= size(t) else t

def initial(ctx: Context, premises: Premises, term: Term) -> Judgement:
    """E 1 = 1; the mean of an initial vector; E u w is its covariance, as declared, and the product of the means."""
    known, found = _Known(ctx, premises), term.args if isinstance(term, App) and term.head == "mul" else (term,)
    if term == ONE:
        return known.concluded(term, ONE)
    parts = [instruction_of(ctx, v, Input) for v in found]
    require(len(parts) <= 2, "one vector or two")
    means = [shift_subs(n.group.mean[n.position], at) for n, at in parts]  # type: ignore[union-attr]
    cov: Term = ZERO
    if len(parts) == 2:
        (a, i), (b, j) = parts
        assert isinstance(a, Input)
        assert isinstance(b, Input)
        coupled = primed_indices(a.group)
        if a.group is b.group and all(i[s] == j[s] for s in i if s not in coupled):
            cov = shift_subs(a.group.cov[a.position][b.position], {**i, **{f"{s}'": k for s, k in j.items()}})
    return known.concluded(term, written(ctx, add(mul(*means), cov) if len(parts) == 2 else means[0]))

def product(ctx: Context, premises: Premises, term: Term) -> Judgement:
    """Of products with matrices: E Wx = 0, E Wx Wx' = c E x x' for entries of variance c/width, 0 for W and another."""
    varies = [p for p in premises if p.words[0] == "variance"]
    known = _Known(ctx, [p for p in premises if p.words[0] != "variance"])
    found = term.args if isinstance(term, App) and term.head == "mul" else (term,)
    parts = [instruction_of(ctx, v, MatMul, Input) for v in found]
    made = [(n, at) for n, at in parts if isinstance(n, MatMul)]
    require(len(parts) <= 2 and bool(made), "products, or one and an initial vector")
    names = {n.weight.name for n, _ in made}
    tied = any(n.transposed and n.weight.name in names for n in ctx.program.nodes if isinstance(n, MatMul))
    require(not tied, "no transpose of the matrix is used")
    if len(made) < 2 or shift_subs(made[0][0].weight, made[0][1]) != shift_subs(made[1][0].weight, made[1][1]):
        return known.concluded(term, ZERO)
    (n, i), (m, j) = made
    w = ctx.program.weights[n.weight.name]
    weight = shift_subs(n.weight, i)
    assert isinstance(weight, Var)
    scale = shift_subs(average(ctx, w.variance), dict(zip(w.subs, weight.subs, strict=True)))
    below = known.mean(pair(shift_subs(n.arg, i), shift_subs(m.arg, j)))
    sure = found[0] == found[1] and ("variance", str(ctx.index(n)), "positive") in [p.words for p in varies]
    return known.concluded(term, mul(written(ctx, scale), Num(ctx.program.widths[w.cols]), below), sure)

def linear(ctx: Context, premises: Premises, term: Term, weights: Terms, at: Terms = ()) -> Judgement:
    """The mean of a combination: members `at` replaced by what defines them, the term is the weighted sum of others."""
    known = _Known(ctx, premises)
    target = written(ctx, substitute(term, {v: opened(ctx, v) for v in at}))
    parts = [p.term for p in premises[:len(weights)] if p.term is not None]
    combination = add(*(mul(w, t) for w, t in zip(weights, parts, strict=True)))
    require(target == combination or ctx.is_zero(sub(target, combination)), "the term is the combination")
    return known.concluded(term, add(*(mul(known.constant(w), known.mean(t))
                                       for w, t in zip(weights, parts, strict=True))))

def instance(ctx: Context, premises: Premises, term: Term, at: Terms) -> Judgement:
    """A lemma about E h(z1, z2) at two Gaussian members less their means, where its domain contains their law."""
    lemma, known = premises[0], _Known(ctx, premises[1:])
    require(lemma.words == ("expectation",) and lemma.term is not None, "a lemma about an expectation")
    pairs = Z2 in variables(lemma.term or ONE)
    require(len(at) == 1 + pairs and all(isinstance(v, Var) and gaussian(ctx, v) for v in at), "Gaussian members")
    means = [known.mean(v) for v in at]
    centred: dict[Term, Term] = {z: sub(v, m) if m != ZERO else v for z, v, m in zip((Z1, Z2), at, means, strict=False)}
    stated = substitute(lemma.term or ONE, centred)
    require(stated == term or ctx.is_zero(sub(stated, term)), "the lemma is about the term")
    where = ((K11, 0, 0), (K12, 0, 1), (K22, 1, 1)) if pairs else ((K11, 0, 0),)
    law: dict[Term, Term] = {k: sub(known.mean(pair(at[i], at[j])), mul(means[i], means[j])) for k, i, j in where}
    for d in lemma.domain:
        require(known.positive(substitute(d, law)), "the law lies in the domain of the lemma")
    out = known.concluded(term, substitute(plain(lemma.value or ZERO), law))
    return Judgement(out.words, term, None, tuple(sorted({*out.axioms, *lemma.axioms})), out.value)

def closed(ctx: Context, premises: Premises) -> Judgement:
    """A lemma whose value is continuous where D = 0 holds there too: both sides are continuous in the covariance."""
    (p,) = premises
    require(p.words == ("expectation",) and p.value is not None, "a lemma about an expectation")
    ctx.spend(1000)
    stack = [plain(p.value or ZERO)]
    while stack:
        for m in normal(stack.pop()):
            for a, e in m:
                below = e > 0 or (K12 not in variables(a) and positive(normal(a)))
                fine = isinstance(a, Var) or a.head in ("pi", "pow", "add", "asin", "exp", "Phi")  # type: ignore[union-attr]
                require(below and fine, "the value is continuous where D = 0")
                stack += [a.args[0]] if isinstance(a, App) and a.head in ("pow", "asin", "exp", "Phi") else []
    return Judgement(p.words, p.term, None, p.axioms, p.value, tuple(d for d in p.domain if d != DETERMINANT))

def independent(ctx: Context, premises: Premises, term: Term) -> Judgement:
    """E f g = E f E g for functions of Gaussian members without covariance between those of f and those of g."""
    known = _Known(ctx, premises)
    one, other = (p.term or ONE for p in premises[:2])
    require(mul(one, other) == term or ctx.is_zero(sub(mul(one, other), term)), "the term is the product")
    sides = [vectors(ctx, one), vectors(ctx, other)]
    require(not ctx.late & {v.name for v in members(ctx, term)}, "no score stands in the term")
    require(all(gaussian(ctx, v) for side in sides for v in side), "Gaussian members")
    for a, b in every(*sides):
        apart = ctx.is_zero(sub(known.mean(pair(a, b)), mul(known.mean(a), known.mean(b))))
        require(apart, "members without covariance")
    return known.concluded(term, mul(known.mean(one), known.mean(other)))

def limit(ctx: Context, premises: Premises, term: Term) -> Judgement:
    """The limit of a moment is the mean of what it averages."""
    known = _Known(ctx, premises)
    n, at = instruction_of(ctx, term, Moment, Dot)
    if isinstance(n, Moment):
        return known.concluded(term, known.mean(opened(ctx, term)))
    scale, sides = _dot(ctx, n, at, MOMENT)
    return known.concluded(term, mul(scale, known.mean(pair(*sides))))

def _dot(ctx: Context, n: Node, at: dict[str, Sub], wanted: object) -> tuple[Term, tuple[Term, Term]]:
    """The constant of a dot product, which counts its width, and its sides."""
    assert isinstance(n, Dot)
    part = width_power(shift_subs(n.factor, at), ctx.program.widths)
    require(part is not None and part[1] == wanted and ctx.powers.dot_powers.get(id(n)) == {wanted}, "the scaling")
    return part[0], (shift_subs(n.left, at), shift_subs(n.right, at))  # type: ignore[index]

def _read_by_dots(ctx: Context, name: str) -> bool:
    refs = ctx.program.references
    return all(isinstance(n, Dot) for n in ctx.program.nodes if any(r.name == name for r, _ in refs(n)))

def score(ctx: Context, premises: Premises, term: Term) -> Judgement:
    """E p = 0 and E p p' = c c' r (E l l' E r r' + E l r' E r l') for p = c n^(-1/2) <l, r> of width r n."""
    known, found = _Known(ctx, premises), term.args if isinstance(term, App) and term.head == "mul" else (term,)
    require(len(found) <= 2, "one score or two")
    value: Term = ZERO
    scales, pairs = list[Term](), list[tuple[Term, Term]]()
    for v in found:
        n, at = instruction_of(ctx, v, Dot)
        scale, sides = _dot(ctx, n, at, SCORE)
        (u, i), (w, j) = (instruction_of(ctx, s, Input, MatMul, LinComb, Nonlin) for s in sides)
        two = isinstance(u, MatMul) and isinstance(w, MatMul) and shift_subs(u.weight, i) != shift_subs(w.weight, j)
        late = ctx.late & {s.name for s in sides if isinstance(s, Var)}
        fine = two or (u is not w and any(independent_input(s) and _read_by_dots(ctx, s.name) for s in (u, w)))
        require(fine and not late, "sides by two matrices, or a readout")
        scales, pairs = [*scales, scale], [*pairs, sides]
    if len(found) == 2:
        (a, b), (c, d) = pairs
        ratio = Num(ctx.program.widths[ctx.program.families[a.name].width or "n"])  # type: ignore[union-attr]
        both = (mul(known.mean(pair(a, s)), known.mean(pair(b, t))) for s, t in ((c, d), (d, c)))
        value = mul(*scales, ratio, add(*both))
    return known.concluded(term, value)

@lru_cache(16)
def _below(ctx: Context, output: int) -> frozenset[str]:
    return frozenset(n.name for n in case_of(ctx, output, ()).nodes)

def covered(ctx: Context, names: set[str]) -> None:
    """Ask that one output, which the first goals judge, is computed from all of these."""
    require(any(names <= _below(ctx, k) for k in range(len(ctx.program.outputs))), "members below one output")

def covariance(ctx: Context, premises: Premises, at: Terms) -> Judgement:
    """The covariance of two members in the limit: the mean of the product less the product of the means."""
    known = _Known(ctx, premises)
    a, b = at
    covered(ctx, {v.name for v in (*members(ctx, a), *members(ctx, b))})
    require(members(ctx, a) == [a] and members(ctx, b) == [b], "single members of the program")
    value = known.spelled(sub(known.mean(pair(a, b)), mul(known.mean(a), known.mean(b))))
    words = ("covariance", text(a), text(b), "=", text(value))
    return Judgement(words, None, None, known.concluded(ONE, ONE).axioms, value)

def conditional(ctx: Context, premises: Premises, at: Terms, weights: Terms) -> Judgement:
    """Given the scores, combinations of centred Gaussian members are Gaussian, centred, with this covariance."""
    known = _Known(ctx, premises)
    a, b = at
    covered(ctx, {v.name for v in (*members(ctx, a), *members(ctx, b))})
    require(all(isinstance(v, Var) and gaussian(ctx, v) for v in at), "Gaussian members")
    target, parts = mul(opened(ctx, a), opened(ctx, b)), [p.term for p in premises[:len(weights)] if p.term is not None]
    require(all(ctx.is_zero(known.mean(v)) for v in vectors(ctx, target)), "centred members")
    require(not any(vectors(ctx, w) for w in weights), "a weight has no vectors")
    ctx.spend(100 * len(weights) ** 2)
    found = plus(*(times(normal(w), normal(t)) for w, t in zip(weights, parts, strict=True)))
    require(normal(target) == found, "the product is the combination")
    value = add(*(mul(w, known.mean(t)) for w, t in zip(weights, parts, strict=True) if known.mean(t) != ZERO))
    scalars = [v for v in members(ctx, value) if isinstance(_defined(ctx, v)[0], Scalar)]
    shown = substitute(known.spelled(value), {v: opened(ctx, v) for v in scalars})
    words = ("law given the scores", text(a), text(b), "Gaussian, centred, covariance", text(shown))
    return Judgement(words, None, None, known.concluded(ONE, ONE).axioms, shown)

def claimed(ctx: Context, premises: Premises, node: int) -> Judgement:
    """A claim of the program holds: its sides are equal, where references may be replaced by their values."""
    known = _Known(ctx, premises)
    require(0 <= node < len(ctx.program.claims), "a claim of the program")
    c = ctx.program.claims[node]
    require(c.form == "equal" and c.tolerance is None and c.condition is None, "a claim that two terms are equal")
    def leaf(t: Term) -> Term | None:
        match t:
            case App("cov", (a, b)):
                return sub(known.mean(pair(a, b)), mul(known.mean(a), known.mean(b)))
            case App("var", (a,)):
                return sub(known.mean(pair(a, a)), mul(known.mean(a), known.mean(a)))
            case App("E", (a,)):
                return known.mean(a)
        return None
    covered(ctx, {v.name for t in (c.left, c.right) for v in members(ctx, t or ONE)})
    sides = [written(ctx, transform(t, leaf)) for t in (c.left, c.right) if t is not None]
    require(not any(vectors(ctx, t) or members(ctx, t) for t in sides), "a claim about means")
    gap = sub(*sides)
    require(ctx.is_zero(plain(gap)) or ctx.is_zero(known.spelled(gap)), "the sides of the claim are equal")
    return Judgement(("claim", str(node), claim_text(c)), axioms=known.concluded(ONE, ONE).axioms)

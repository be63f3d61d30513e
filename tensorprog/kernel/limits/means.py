"""The rules about means in the limit: E t = value for products t of functions of members of a program.

Products with matrices and initial vectors are jointly Gaussian in the limit, and independent of scores.
"""

from __future__ import annotations

from itertools import product as every
from math import prod

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import remembered, require
from tensorprog.kernel.core.statements import Premises, Statement, Varies, asked
from tensorprog.kernel.core.substitution import substituted
from tensorprog.kernel.ground.members import source_of
from tensorprog.kernel.ground.nodes import Dot, Input, LinComb, MatMul, Moment, Node, Nonlin, primed_indices
from tensorprog.kernel.ground.powers import MOMENT, SCORE
from tensorprog.kernel.ground.scaling import width_power
from tensorprog.kernel.ground.term import ONE, ZERO, App, Num, Sub, Term, Var, add, mul, shift_subs, sub, variables
from tensorprog.kernel.limits.algebra import K11, K12, K22, is_zero, normal, positive
from tensorprog.kernel.limits.known import Known
from tensorprog.kernel.limits.lemmas import DETERMINANT, Terms
from tensorprog.kernel.limits.members import (
    affine,
    averaged,
    first_scores,
    gaussian,
    instruction_of,
    members,
    opened,
    pair,
    reference,
    same,
    vectors,
    written,
)
from tensorprog.kernel.limits.pieces import Z1, Z2, plain
from tensorprog.kernel.limits.statements import Lemma
from tensorprog.kernel.verdict.facts import facts
from tensorprog.kernel.verdict.variance import average


def initial(ctx: Context, premises: Premises, term: Term) -> Statement:
    """E 1 = 1; the mean of an initial vector; E u w is its covariance, as declared, and the product of the means."""
    known, found = Known(ctx, premises), term.args if isinstance(term, App) and term.head == "mul" else (term,)
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


def product(ctx: Context, premises: Premises, term: Term) -> Statement:
    """Of products with matrices: E Wx = 0, E Wx Wx' = c E x x' for entries of variance c/width, 0 for W and another."""
    varies = [p.node for p in premises if isinstance(p, Varies)]
    known = Known(ctx, [p for p in premises if not isinstance(p, Varies)])
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
    sure = found[0] == found[1] and ctx.index(n) in varies
    return known.concluded(term, mul(written(ctx, scale), Num(ctx.program.widths[w.cols]), below), sure)


def linear(ctx: Context, premises: Premises, term: Term, weights: Terms, at: Terms = ()) -> Statement:
    """The mean of a combination: members `at` replaced by what defines them, the term is the weighted sum of others."""
    known = Known(ctx, premises)
    target = written(ctx, substituted(term, {v: opened(ctx, v) for v in at}))
    parts = [p.term for p in known.means[: len(weights)]]
    combination = [mul(w, t) for w, t in zip(weights, parts, strict=True)]
    require(same(ctx, target, *combination), "the term is the combination")
    return known.concluded(
        term, add(*(mul(known.constant(w), known.mean(t)) for w, t in zip(weights, parts, strict=True)))
    )


def instance(ctx: Context, premises: Premises, term: Term, at: Terms) -> Statement:
    """A lemma about E h(z1, z2) at combinations of Gaussian members less their means, if its domain has their law."""
    lemma, known = asked(premises[0], Lemma, "a lemma about an expectation"), Known(ctx, premises[1:])
    pairs = Z2 in variables(lemma.term)
    require(len(at) == 1 + pairs and all(affine(ctx, a) for a in at), "a combination for each variable")
    require(all(gaussian(ctx, v) for a in at for v in vectors(ctx, a)), "Gaussian members")
    means = [known.mean(v) for v in at]
    centred: dict[Term, Term] = {z: sub(v, m) if m != ZERO else v for z, v, m in zip((Z1, Z2), at, means, strict=False)}
    stated = substituted(lemma.term, centred)
    require(same(ctx, term, stated), "the lemma is about the term")
    where = ((K11, 0, 0), (K12, 0, 1), (K22, 1, 1)) if pairs else ((K11, 0, 0),)
    law: dict[Term, Term] = {k: known.covariance(at[i], at[j]) for k, i, j in where}
    for d in lemma.domain:
        require(known.positive(substituted(d, law)), "the law lies in the domain of the lemma")
    return known.concluded(term, substituted(plain(lemma.value), law))


def unevaluated(ctx: Context, premises: Premises, term: Term) -> Statement:
    """The finite mean of a controlled function of Gaussian members: 0 if odd in centred ones, else under its name."""
    (found,), (info,) = facts(premises[:1], 1)
    known, below = Known(ctx, premises[1:]), members(ctx, term)
    require(found == term and info.has("controlled"), "a controlled function")
    require(first_scores(ctx, term), "scores that are Gaussian")
    require(below != () and all(gaussian(ctx, v) for v in vectors(ctx, term)), "Gaussian members")
    centred = all(v in known.values and is_zero(ctx, known.mean(v)) for v in vectors(ctx, term))
    return known.concluded(term, ZERO if centred and parity(ctx, term) == -1 else reference(term), info.positive)


def closed(ctx: Context, premises: Premises) -> Statement:
    """A lemma whose value is continuous where D = 0 holds there too: both sides are continuous in the covariance."""
    (premise,) = premises
    p = asked(premise, Lemma, "a lemma about an expectation")
    ctx.spend(1000)
    stack = [plain(p.value)]
    while stack:
        for m in normal(stack.pop()):
            for a, e in m:
                below = e > 0 or (K12 not in variables(a) and positive(normal(a)))
                fine = isinstance(a, Var) or a.head in ("pi", "pow", "add", "asin", "exp", "Phi")  # type: ignore[union-attr]
                require(below and fine, "the value is continuous where D = 0")
                stack += [a.args[0]] if isinstance(a, App) and a.head in ("pow", "asin", "exp", "Phi") else []
    return Lemma(p.term, p.value, tuple(d for d in p.domain if d != DETERMINANT))


def independent(ctx: Context, premises: Premises, term: Term) -> Statement:
    """E f g = E f E g for functions of Gaussian members without covariance between those of f and those of g."""
    known = Known(ctx, premises)
    one, other = (p.term for p in known.means[:2])
    require(same(ctx, term, mul(one, other)), "the term is the product")
    sides = [vectors(ctx, one), vectors(ctx, other)]
    require(not ctx.late & {v.name for v in members(ctx, term)}, "no score stands in the term")
    require(all(gaussian(ctx, v) for side in sides for v in side), "Gaussian members")
    for a, b in every(*sides):
        require(is_zero(ctx, known.covariance(a, b)), "members without covariance")
    return known.concluded(term, mul(known.mean(one), known.mean(other)))


def limit(ctx: Context, premises: Premises, term: Term) -> Statement:
    """The limit of a moment is the mean of what it averages."""
    known = Known(ctx, premises)
    n, at = instruction_of(ctx, term, Moment, Dot)
    if isinstance(n, Moment):
        return known.concluded(term, known.mean(averaged(ctx, term)))
    scale, sides = _dot(ctx, n, at, MOMENT)
    return known.concluded(term, mul(scale, ratio(ctx, sides), known.mean(pair(*sides))))


def _dot(ctx: Context, n: Node, at: dict[str, Sub], wanted: object) -> tuple[Term, tuple[Term, Term]]:
    """The constant c of a dot product c n^e <l, r>, and its sides."""
    assert isinstance(n, Dot)
    part = width_power(shift_subs(n.factor, at), ctx.program.widths)
    require(part is not None and part[1] == wanted and ctx.powers.dot_powers.get(id(n)) == {wanted}, "the scaling")
    return part[0], (shift_subs(n.left, at), shift_subs(n.right, at))  # type: ignore[index]


def ratio(ctx: Context, sides: tuple[Term, Term]) -> Num:
    """A dot product adds up as many entries as its sides have: this times n."""
    width, other = (ctx.program.families[s.name].width for s in sides if isinstance(s, Var))
    require(width is not None and width == other, "sides of one width")
    return Num(ctx.program.widths[width])  # type: ignore[index]


def _read_out(ctx: Context, v: Node) -> bool:
    """Return whether this is a centred initial vector that only dot products read, like all correlated with it."""
    group = v.group if isinstance(v, Input) and v.group.mean[v.position] == ZERO else None
    readers = [
        n for n in ctx.program.nodes if any(group and r.name in group.names for r, _ in ctx.program.references(n))
    ]
    return group is not None and all(isinstance(n, Dot) for n in readers)


@remembered(1 << 12)
def gaussian_score(ctx: Context, v: Term) -> tuple[Term, tuple[Term, Term]]:
    """The constant and the sides of a score that is Gaussian in the limit, centred, jointly with others like it."""
    n, at = instruction_of(ctx, v, Dot)
    scale, sides = _dot(ctx, n, at, SCORE)
    (u, i), (w, j) = (instruction_of(ctx, s, Input, MatMul, LinComb, Nonlin) for s in sides)
    two = isinstance(u, MatMul) and isinstance(w, MatMul) and shift_subs(u.weight, i) != shift_subs(w.weight, j)
    late = ctx.late & {s.name for s in sides if isinstance(s, Var)}
    fine = two or (source_of(u) != source_of(w) and any(_read_out(ctx, s) for s in (u, w)))
    require(fine and not late, "sides by two matrices, or a readout")
    return scale, sides


def score(ctx: Context, premises: Premises, term: Term) -> Statement:
    """E p = 0 and E p p' = c c' r (E l l' E r r' + E l r' E r l') for p = c n^(-1/2) <l, r> of width r n."""
    known, found = Known(ctx, premises), term.args if isinstance(term, App) and term.head == "mul" else (term,)
    require(len(found) <= 2, "one score or two")
    value: Term = ZERO
    scales, pairs = list[Term](), list[tuple[Term, Term]]()
    for v in found:
        scale, sides = gaussian_score(ctx, v)
        scales, pairs = [*scales, scale], [*pairs, sides]
    if len(found) == 2:
        (a, b), (c, d) = pairs
        both = (mul(known.mean(pair(a, s)), known.mean(pair(b, t))) for s, t in ((c, d), (d, c)))
        value = mul(*scales, ratio(ctx, (a, b)), add(*both))
    return known.concluded(term, value)


def parity(ctx: Context, t: Term) -> int:
    """1 for a function that is even in its vectors together, -1 for an odd one, 0 where that is not plain."""
    if not vectors(ctx, t):
        return 1
    inner = [parity(ctx, a) for a in t.args] if isinstance(t, App) else [-1 if isinstance(t, Var) else 0]
    match t:
        case App("mul" | "neg" | "recip" | "sin" | "tanh" | "erf" | "atan" | "softsign" | "sign" | "hardtanh"):
            return prod(inner)
        case App("pow", (_, Num(e))) if e.denominator == 1:
            return inner[0] if e.numerator % 2 else abs(inner[0])
        case App("abs" | "cos", _) if inner != [0]:
            return 1
        case Var() | App("add") if len(set(inner)) == 1:
            return inner[0]
    return int(set(inner) == {1})

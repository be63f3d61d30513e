"""What kind of limit law a set of variables has, decided on exact expressions.

Given the scores, a variable is a sum of coefficients times jointly Gaussian leaves, plus a rest. No scores: Gaussian,
or a function of Gaussians. Coefficients that are constant: Gaussian, whatever the scores. Coefficients that vary with
the scores: Gaussian given the scores only. Anything else is a function of such variables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorprog.kernel.ground.term import ONE, ZERO, add, mul, variables
from tensorprog.limit.averages import Averages
from tensorprog.limit.members.leaves import NotCovered, Unfolding
from tensorprog.limit.members.parts import Parts, affine, collected, is_constant, is_zero, settle, split
from tensorprog.limit.mixtures.score_jumps import refuse_jumps
from tensorprog.limit.mixtures.structure import Kind, Structure
from tensorprog.terms import Term, Var

MAX_LEAVES = 20_000


def structure(members: Sequence[Var], averages: Averages) -> Structure:
    """Take apart the joint law of some members (single variables, with integer subscripts)."""
    u, params = averages.u, {k: float(v) for k, v in averages.engine.values.items()}
    terms = tuple(_settled(u.member(m), u) for m in members)
    leaves = frozenset().union(*map(u.below, terms))
    if len(leaves) > MAX_LEAVES:
        raise NotCovered(f"the law reads {len(leaves)} variables; at most {MAX_LEAVES} are taken (MAX_LEAVES)")
    _check_params(terms, u, params)
    refuse_jumps(averages, terms)
    vectors = frozenset(v for v in leaves if u.leaves[v].kind == "vector" or u.is_plain(v))
    first = [split(t, vectors, u.below) for t in terms]
    kinds = tuple(_kind(t, p, u, vectors) for t, p in zip(terms, first, strict=True))
    parts, given = settle(first, u.below, vectors)
    parts = [Parts({g: a for g, a in p.coefficients.items() if not is_zero(a)}, p.rest) for p in parts]
    scores = u.scores_under(leaves)
    depth = max((u.level(v) for v in scores), default=0)
    layers = tuple(tuple(v for v in scores if u.level(v) == k) for k in range(1, depth + 1))
    nested = depth > 1 or any(u.level(v) > 0 for v in leaves if u.leaves[v].kind != "score" or u.is_plain(v))
    ordered = tuple(v for v in u.leaves if v in given)
    return Structure(averages, params, tuple(members), terms, tuple(parts), ordered, layers, kinds, nested)


def _settled(t: Term, u: Unfolding) -> Term:
    """Return the same variable without scores that cancel: sum_j softmax_j(p) v is v."""
    vectors = frozenset(v for v in u.below(t) if u.leaves[v].kind == "vector" or u.is_plain(v))
    p = split(t, vectors, u.below)
    if not p.coefficients or not any(_random(u, v) for v in u.below(t) - vectors):
        return t

    def loose(s: Term) -> frozenset[Var]:
        return frozenset(v for v in u.below(s) if v not in vectors and _random(u, v))

    out = []
    for g, a in p.coefficients.items():
        if loose(a) and is_constant(a, loose):
            a = collected(a)  # where scores have cancelled
        if not is_zero(a):
            out.append(g if a == ONE else mul(a, g))
    return add(*out, *([] if p.rest == ZERO else [p.rest]))


def _random(u: Unfolding, leaf: Var) -> bool:
    """Return whether the leaf varies with the weights (a score), or its law does (what depends on scores)."""
    return u.level(leaf) > 0


def _kind(t: Term, p: Parts, u: Unfolding, vectors: frozenset[Var]) -> Kind:
    leaves = u.below(t)
    random = frozenset(v for v in leaves if _random(u, v))
    plain = leaves & vectors

    def moving(s: Term) -> frozenset[Var]:
        return frozenset(v for v in u.below(s) if v in vectors or _random(u, v))

    if is_constant(t, moving):
        return "deterministic"
    scores = frozenset(v for v in random if u.leaves[v].kind == "score")
    if all(u.level(v) == (1 if v in scores else 0) for v in leaves):
        # Vectors and first-layer scores are jointly Gaussian: constant coefficients keep what they make Gaussian.
        straight = affine(t, plain | scores, u.below)
        if straight is not None and all(is_constant(a, moving) for a in (*straight[0].values(), straight[1])):
            return "gaussian"
        if not random or not plain:
            return "function-of-gaussian"
    inside = frozenset().union(*map(u.below, p.coefficients.values()), u.below(p.rest)) & vectors
    if inside:
        return "function-of-hierarchical" if u.scores_under(leaves) else "function-of-gaussian"
    if plain:
        return "hierarchical-gaussian"
    # Scores alone: those of a later layer are Gaussian given the earlier ones.
    last = affine(t, scores, u.below)
    alike = last is not None and all(is_constant(a, moving) for a in (*last[0].values(), last[1]))
    return "hierarchical-gaussian" if alike else "function-of-hierarchical"


def _check_params(terms: Sequence[Term], u: Unfolding, params: Mapping[str, float]) -> None:
    for t in terms:
        for v in variables(t):
            if v not in u.leaves and v.name not in params:
                raise NotCovered(f"{v.name} has no value: give it with values=, or a default in the program")


def blocks(s: Structure) -> list[tuple[Parts, ...]]:
    """Return the variables as sums of independent parts: linear leaves that share neither scores nor correlation.

    Returned as parts of the same variables; one block where nothing separates. Rests stay with the first block.
    """
    from tensorprog.limit.mixtures.conditional import Conditional

    if s.given or s.nested or s.kind != "hierarchical-gaussian":
        return [s.parts]
    whole = Conditional(s, s.parts)
    if not len(whole.linear):
        return [s.parts]
    parent: dict[Var, Var] = {v: v for v in (*whole.linear, *whole.features.scores)}

    def root(v: Var) -> Var:
        while parent[v] != v:
            parent[v] = parent[parent[v]]
            v = parent[v]
        return v

    for names, k in ((whole.linear, whole.leaf_covariance), (whole.features.scores, whole.score_covariance)):
        scale = float(k.max(initial=0.0))
        for a in range(len(names)):
            for b in range(a):
                if abs(k[a, b]) > 1e-14 * scale:
                    parent[root(names[a])] = root(names[b])
    for p in s.parts:
        for g, c in p.coefficients.items():
            for v in s.unfolding.below(c):
                if v in parent:
                    parent[root(v)] = root(g)
        rest = [v for v in s.unfolding.below(p.rest) if v in parent]
        for v in rest[1:]:
            parent[root(v)] = root(rest[0])
    roots = list(dict.fromkeys(root(g) for g in whole.linear))
    by_root: dict[Var, list[Parts]] = {r: [] for r in roots}
    for p in s.parts:
        mine: dict[Var, dict[Var, Term]] = {r: {} for r in roots}
        for g, c in p.coefficients.items():
            mine[root(g)][g] = c
        read = [v for v in s.unfolding.below(p.rest) if v in parent]
        keeper = root(read[0]) if read else roots[0]
        for r in roots:
            by_root[r].append(Parts(mine[r], p.rest if r == keeper else ZERO))
    out = [tuple(parts) for parts in by_root.values()]
    lost = {root(v) for p in s.parts for v in s.unfolding.below(p.rest) if v in parent} - set(roots)
    return [s.parts] if lost else out

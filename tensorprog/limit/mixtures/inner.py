"""Expectations given scores, for many draws of the scores at once: what later layers are made of.

Given the scores, a nonlinear function reads few Gaussians: the linear forms inside it, such as z = sum_j A_j v_j in
tanh(z). A product of two functions is an expectation over two forms, whose covariance differs from draw to draw; the
trapezoid rule on one fixed grid does all draws together, with the accuracy it has for analytic functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tensorprog.limit.averages import Averages
from tensorprog.limit.members.averaging import scrambled
from tensorprog.limit.members.compiled import Compiled, is_smooth
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.limit.members.parts import MAX_MONOMIALS, is_zero, polynomial, split
from tensorprog.limit.rules.open import TooLarge
from tensorprog.numbers.roots import roots_of
from tensorprog.terms import App, Num, Term, Var
from tensorprog.terms.term import mul, power

Array = NDArray[np.float64]
Values = Mapping[Var, Array]

STEP, FINEST, REACH = 0.5, 0.1, 6.5
AGREE = 1e-6
TRIED = 8
MOST_FORMS = 3
INNER_POINTS = 9
"""Points, as a power of two, that average over more than MOST_FORMS variables given one draw of the scores."""
CHUNK = 1_000_000


class Kinked(Exception):
    """A function with kinks, or of too many forms, for this grid."""


@dataclass(frozen=True, slots=True)
class Form:
    """A vector that is linear in Gaussian leaves given the scores: sum of coefficients times leaves, plus an offset."""

    coefficients: tuple[tuple[Var, Term], ...]
    offset: Term


class Inner:
    """Conditional covariances of leaves whose law depends on scores."""

    def __init__(self, averages: Averages, params: Mapping[str, float]) -> None:
        self.c, self.u, self.params = averages, averages.u, params
        self._compiled: dict[tuple[Term, ...], Compiled] = {}
        self._known: dict[object, Array] = {}
        self._round = 0

    def covariance(self, leaves: Sequence[Var], at: Values, n: int) -> Array:
        """(draws, k, k); `at` holds the scores of all earlier layers."""
        out = np.zeros((n, len(leaves), len(leaves)))
        for i, a in enumerate(leaves):
            for j, b in enumerate(leaves[: i + 1]):
                if self.u.origin(a) == self.u.origin(b):
                    out[:, i, j] = out[:, j, i] = self.pair(a, b, at, n)
        return out

    def pair(self, a: Var, b: Var, at: Values, n: int) -> Array:
        """Cov of two leaves of one origin."""
        x, y = self.u.leaves[a], self.u.leaves[b]
        if x.kind == "score":
            return self._readouts(a, b, at, n)
        if not self.u.level(a) and not self.u.level(b):
            return np.full(n, self._constant(self.c.leaf_covariance(a, b)))
        factor = float(self._value([x.factor], {}, 1)[0][0])
        return factor * self.expectation(mul(x.parts[0], y.parts[0]), at, n)

    def scores(self, leaves: Sequence[Var], at: Values, n: int) -> Array:
        """Cov of scores given earlier ones: C(1,1') C(2,2') + C(1,2') C(2,1')."""
        pairs = [v for v in leaves if self.u.readout(v) is None]
        sides = list(dict.fromkeys(s for v in pairs for s in self.u.leaves[v].parts if isinstance(s, Var)))
        k = self.covariance(sides, at, n)
        place: dict[Term, int] = {s: i for i, s in enumerate(sides)}
        a, b = ([place[self.u.leaves[v].parts[s]] for v in pairs] for s in (0, 1))

        def pick(rows: list[int], columns: list[int]) -> Array:
            return np.asarray(k[:, rows][:, :, columns])

        both = pick(a, a) * pick(b, b) + pick(a, b) * pick(b, a)
        if len(pairs) == len(leaves):
            return both
        out = np.zeros((n, len(leaves), len(leaves)))
        mine = np.array([i for i, v in enumerate(leaves) if v in pairs], dtype=int)
        out[:, mine[:, None], mine] = both
        readouts = [(i, v) for i, v in enumerate(leaves) if v not in pairs]
        for i, v in readouts:
            for j, w in readouts[: readouts.index((i, v)) + 1]:
                out[:, i, j] = out[:, j, i] = self._readouts(v, w, at, n)
        return out

    def _readouts(self, a: Var, b: Var, at: Values, n: int) -> Array:
        """Cov(v.x, v'.x' | earlier scores) = Cov(v, v') E[x x' | earlier scores]."""
        one, two = self.u.readout(a), self.u.readout(b)
        if one is None or two is None:
            raise NotCovered(f"{a.name} or {b.name} reads what depends on its own readout vector")
        (v, x), (w, y) = one, two
        if self.u.reads(y, v) or self.u.reads(x, w):
            raise NotCovered(f"{a.name} and {b.name}: a readout vector of one is read by the other")
        scale = self._constant(self.c.leaf_covariance(v, w))
        return scale * self.expectation(mul(x, y), at, n) if scale else np.zeros(n)

    def moment(self, leaf: Var, at: Values, n: int) -> Array:
        """An average over coordinates, given the scores."""
        if not self.u.level(leaf):
            return np.full(n, self._constant(self.c.moment(leaf)))
        return self.expectation(self.u.leaves[leaf].parts[0], at, n)

    def _constant(self, expr: object) -> float:
        return float(self.c.number(expr).value)

    # -- one expectation -------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Before new draws: what was computed for the last ones goes."""
        self._known.clear()
        self._round += 1

    def expectation(self, t: Term, at: Values, n: int) -> Array:
        """E[t | scores] for each draw."""
        key = frozenset(t.args) if isinstance(t, App) and t.head == "mul" and len(t.args) == 2 else t
        if key not in self._known:
            self._known[key] = self._expectation(t, at, n)
        return self._known[key]

    def _expectation(self, t: Term, at: Values, n: int) -> Array:
        try:
            monomials = polynomial(t)
            if len(monomials) > min(64, MAX_MONOMIALS):
                raise TooLarge
        except TooLarge:
            return self._product(t, at, n)
        total = np.zeros(n)
        for monomial, c in monomials.items():
            factors = [atom if e == 1 else power(atom, Num(e)) for atom, e in monomial]
            total = total + float(c) * self._product(mul(*factors), at, n)
        return total

    def _product(self, t: Term, at: Values, n: int) -> Array:
        forms: dict[Form, Var] = {}
        body = self._reduced(t, forms)
        leaves = self.u.below(t)
        moments = {v: self.moment(v, at, n) for v in leaves if self.u.leaves[v].kind == "moment"}
        known = {**at, **moments}
        if not forms:
            return np.broadcast_to(self._value([body], known, n)[0], (n,))
        c, mean = self._law(list(forms), known, n)
        names = list(forms.values())
        match body:
            case Var() if body in names:
                return mean[:, 0]
            case App("pow", (Var() as x, Num(k))) if k == 2 and x in names:
                return np.asarray(c[:, 0, 0] + mean[:, 0] ** 2)
            case App("mul", (Var() as x, Var() as y)) if {x, y} <= set(names):
                i, j = names.index(x), names.index(y)
                return np.asarray(c[:, i, j] + mean[:, i] * mean[:, j])
        if len(forms) > MOST_FORMS:
            # New points for each set of draws: what they err shows in the spread over the sets.
            points = scrambled(len(forms), INNER_POINTS, self._round).groups[0]
            return self._averaged(body, names, c, mean, known, points.points.T, points.weights)
        if not is_smooth([body]):
            raise Kinked
        return self._grid(body, names, c, mean, known, n)

    def _grid(self, body: Term, names: list[Var], c: Array, mean: Array, at: Values, n: int) -> Array:
        """The coarsest step that a step of half the size confirms on the draws with the largest variances."""
        widest = np.argsort(np.einsum("nii->n", c))[-TRIED:]
        here = {v: np.broadcast_to(at[v], (n,))[widest] for v in self.u.below(body) if v in at}
        step, before = STEP, self._on_grid(body, names, c[widest], mean[widest], here, STEP)
        while True:
            after = self._on_grid(body, names, c[widest], mean[widest], here, step / 2)
            if np.all(np.abs(after - before) <= AGREE * np.maximum(np.abs(after), np.abs(after).max(initial=0.0))):
                return self._on_grid(body, names, c, mean, at, step)
            step, before = step / 2, after
            if step < FINEST:
                raise Kinked

    def _on_grid(self, body: Term, names: list[Var], c: Array, mean: Array, at: Values, step: float) -> Array:
        d = len(names)
        axis = np.arange(-REACH, REACH + step / 2, step)
        one = np.exp(-(axis**2) / 2) / np.exp(-(axis**2) / 2).sum()
        points = np.stack([a.ravel() for a in np.meshgrid(*([axis] * d), indexing="ij")])
        weight = np.prod(np.stack([a.ravel() for a in np.meshgrid(*([one] * d), indexing="ij")]), axis=0)
        kept = weight > 1e-12
        return self._averaged(body, names, c, mean, at, points[:, kept], weight[kept])

    def _averaged(self, body: Term, names: list[Var], c: Array, mean: Array, at: Values, points: Array,
                  weight: Array) -> Array:  # fmt: skip
        """The body averaged over standard normal points (dimension, count), for each draw."""
        n = len(c)
        root = roots_of(c)
        out = np.empty(n)
        few = max(1, CHUNK // len(weight))
        used = self.u.below(body)
        for start in range(0, n, few):
            rows = slice(start, min(start + few, n))
            z = np.einsum("nij,jp->inp", root[rows], points) + mean[rows].T[:, :, None]
            count = z.shape[1] * z.shape[2]
            here = {v: np.repeat(np.broadcast_to(at[v], (n,))[rows], len(weight)) for v in used if v in at}
            here |= {name: z[k].ravel() for k, name in enumerate(names)}
            out[rows] = self._value([body], here, count)[0].reshape(-1, len(weight)) @ weight
        return out

    def _law(self, forms: Sequence[Form], at: Values, n: int) -> tuple[Array, Array]:
        """Covariance and mean of linear forms."""
        leaves = list(dict.fromkeys(g for f in forms for g, _ in f.coefficients))
        k = self.covariance(leaves, at, n)
        a, mean = np.zeros((n, len(forms), len(leaves))), np.zeros((n, len(forms)))
        center = np.array([self._constant(self.c.mean(g)) for g in leaves])
        for i, f in enumerate(forms):
            values = self._value([*(c for _, c in f.coefficients), f.offset], at, n)
            for (g, _), v in zip(f.coefficients, values[:-1], strict=True):
                a[:, i, leaves.index(g)] = v
            mean[:, i] = values[-1] + a[:, i] @ center
        return np.einsum("nik,nkl,njl->nij", a, k, a, optimize=True), mean

    def _reduced(self, t: Term, forms: dict[Form, Var]) -> Term:
        """The expression with every maximal linear part replaced by a name."""
        vectors = frozenset(v for v in self.u.below(t) if self.u.leaves[v].kind == "vector")
        if not vectors:
            return t
        p = split(t, vectors, self.u.below)
        inside = self.u.below(p.rest).union(*map(self.u.below, p.coefficients.values())) & vectors
        if p.coefficients and not inside:
            form = Form(tuple((g, c) for g, c in p.coefficients.items() if not is_zero(c)), p.rest)
            return forms.setdefault(form, Var(f"form{len(forms)}"))
        if isinstance(t, App):
            return App(t.head, tuple(self._reduced(a, forms) for a in t.args))
        raise NotCovered("an expression that is no function of vectors")

    def _value(self, terms: list[Term], at: Values, n: int) -> list[Array]:
        key = tuple(terms)
        if key not in self._compiled:
            names = {Var(f"form{k}") for k in range(MOST_FORMS + 1)}
            self._compiled[key] = Compiled(terms, frozenset(self.u.leaves) | names, self.params)
        return [np.broadcast_to(v, (n,)) for v in self._compiled[key](at)]

"""The engine: E of a sum of c · Π z^n · exp(l·z + z'Qz) · Π sg(w_j) · Π δ(u_j), z ~ N(μ, K), exactly.

Each sign is of w = a·z + b - s N with its own auxiliary standard normal N; s = 0 is the sign itself and
s² = 1/2, 1 turn it into erf(a·z + b) and 2Φ(a·z + b) - 1. The expectation of one summand is found in four moves:
tilt the exponential away, condition on the Dirac factors, strip powers by Stein's identity, look up what is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from tensorprog.gaussian.exact.base_cases import Matrix, blocks, product_of_signs
from tensorprog.gaussian.exact.element import Element, exponential, number, one, pi, zero
from tensorprog.gaussian.exact.exists import Existence
from tensorprog.gaussian.exact.ground import Ground, NoClosedForm
from tensorprog.gaussian.exact.linear import determinant, dot, minor, times

Vector = tuple[Element, ...]
MAX_STATES = 20_000


@dataclass(frozen=True, slots=True)
class Sign:
    """sg(a·z + b - s N): direction a, shift b, and s²."""

    a: Vector
    b: Element
    s2: Element


@dataclass(frozen=True, slots=True)
class Delta:
    """δ(a·z + b)."""

    a: Vector
    b: Element


@dataclass(frozen=True, slots=True)
class Summand:
    """c · Π z^powers · exp(linear·z + z' quadratic z) · Π signs · Π deltas; quadratic lists entries i <= j."""

    c: Element
    powers: tuple[int, ...]
    linear: tuple[Element, ...]
    quadratic: tuple[tuple[tuple[int, int], Element], ...] = ()
    signs: tuple[Sign, ...] = ()
    deltas: tuple[Delta, ...] = ()


@dataclass(frozen=True, slots=True)
class Law:
    """z ~ N(mean, cov)."""

    mean: Vector
    cov: Matrix

    def variance(self, a: Vector) -> Element:
        return dot(a, times(self.cov, a))

    def given_zero(self, a: Vector, m: Element, v: Element) -> Law:
        """Return the law of z given that a·z + noise, of mean m and variance v, is 0: z - (K a / v)(a·z + noise)."""
        ka = times(self.cov, a)
        inverse = v.inverse()
        slope = tuple(x * inverse for x in ka)
        size = range(len(ka))
        cov = [list(row) for row in self.cov]
        for i in size:
            for j in size[i:]:
                if slope[i] and ka[j]:
                    cov[i][j] = cov[j][i] = cov[i][j] - slope[i] * ka[j]
        mean = tuple(x - s * m if s and m else x for x, s in zip(self.mean, slope, strict=True))
        return Law(mean, tuple(tuple(row) for row in cov))


@dataclass(frozen=True, slots=True)
class Record:
    """A rule used on a state, kept as exact elements until somebody wants to read it."""

    rule: str
    powers: tuple[int, ...]
    signs: tuple[Sign, ...]
    law: Law
    result: Element
    detail: str = ""


@dataclass
class Engine:
    """Derives expectations under one law; remembers every state met, and how it was solved."""

    ground: Ground
    law: Law
    existence: Existence = field(default_factory=Existence)
    records: list[Record] = field(default_factory=list)
    _states: dict[object, Element] = field(default_factory=dict)
    _laws: dict[object, tuple[Law, Element]] = field(default_factory=dict)

    def expect(self, summands: list[Summand]) -> Element:
        """E of a sum of summands."""
        for s in summands:
            if s.quadratic:
                used, twice_q = self._quadratic(s)
                inner = [[self.law.cov[i][j] for j in used] for i in used]
                self.existence.require(twice_q, inner, s.quadratic, bool(s.signs or s.deltas))
        self.existence.settle()
        out = zero(self.ground)
        for s in sorted(summands, key=lambda s: -len(s.signs)):  # those most likely to have no closed form first
            out = out + self.summand(s)
        return out

    def _quadratic(self, s: Summand) -> tuple[list[int], list[list[Element]]]:
        """Return the variables in the exponent's quadratic, and 2Q over them."""
        used = sorted({i for pair, _ in s.quadratic for i in pair})
        place = {i: n for n, i in enumerate(used)}
        twice_q = [[zero(self.ground) for _ in used] for _ in used]
        for (i, j), q in s.quadratic:
            a, b = place[i], place[j]
            twice_q[a][b] = twice_q[a][b] + (q.scale(2) if i == j else q)
            if i != j:
                twice_q[b][a] = twice_q[b][a] + q
        return used, twice_q

    def summand(self, s: Summand) -> Element:
        if not s.c:
            return s.c
        law, factor = self._tilted(s)
        signs = s.signs
        for d in s.deltas:
            m, v = dot(d.a, law.mean) + d.b, law.variance(d.a)
            if not v:
                raise NoClosedForm("two Dirac factors at one place")
            density = self._density(m, v)
            law = law.given_zero(d.a, m, v)
            factor = factor * density
            self._note("condition", s.powers, signs, law, density, "the density of the Dirac factor's argument at 0")
        return s.c * factor * self._moment(law, s.powers, signs)

    def _tilted(self, s: Summand) -> tuple[Law, Element]:
        """exp(l·z + z'Qz) under N(μ, K): with S the variables in Q, A = 2Q(I - 2K_SS Q)^-1, l' = l + 2Qμ,

            K' = K + K A K,  μ' = μ + K' l',  factor det(I - 2K_SS Q)^(-1/2) exp(l·μ + μ'Qμ + l' K' l' / 2).
        """  # fmt: skip
        if not s.quadratic and not any(s.linear):
            return self.law, one(self.ground)
        key = (s.linear, s.quadratic)
        if key in self._laws:
            return self._laws[key]
        g, mean, cov = self.ground, self.law.mean, self.law.cov
        det, push, exponent = one(g), list(s.linear), dot(s.linear, mean)
        if s.quadratic:
            used, twice_q = self._quadratic(s)
            for (i, j), q in s.quadratic:
                exponent = exponent + q * mean[i] * mean[j]
            size = range(len(used))
            k_used = [[cov[i][j] for j in used] for i in used]
            system = [
                [number(g, int(a == b)) - dot(tuple(k_used[a]), tuple(row[b] for row in twice_q)) for b in size]
                for a in size
            ]
            det = determinant(system)
            for n, i in enumerate(used):
                push[i] = push[i] + dot(tuple(twice_q[n]), tuple(mean[j] for j in used))
            over = det.inverse()
            adjugate = [[minor(system, b, a).scale((-1) ** (a + b)) * over for b in size] for a in size]
            a_matrix = [[dot(tuple(twice_q[a]), tuple(adjugate[m][b] for m in size)) for b in size] for a in size]
            rows = [[cov[i][j] for j in used] for i in range(len(mean))]
            left = [times(tuple(tuple(r[a] for r in a_matrix) for a in size), tuple(row)) for row in rows]
            cov = tuple(
                tuple(cov[i][j] + dot(tuple(left[i]), tuple(rows[j])) for j in range(len(mean)))
                for i in range(len(mean))
            )
        shift = times(cov, tuple(push))
        exponent = exponent + dot(tuple(push), shift).scale(Fraction(1, 2))
        law = Law(tuple(m + d for m, d in zip(mean, shift, strict=True)), cov)
        factor = det.sqrt().inverse() if s.quadratic else det
        factor = factor * exponential(exponent) if exponent else factor
        self._laws[key] = law, factor
        self._note("tilt", (0,) * len(mean), (), law, factor, "the factor of the tilt")
        return law, factor

    def _density(self, m: Element, v: Element) -> Element:
        """exp(-m²/2v)/√(2πv): the density at 0 of N(m, v)."""
        out = (pi(self.ground) * v).scale(2).sqrt().inverse()
        return out * exponential((m * m * v.inverse()).scale(Fraction(-1, 2))) if m else out

    def _moment(self, law: Law, powers: tuple[int, ...], signs: tuple[Sign, ...]) -> Element:
        """E[Π z^powers Π signs], by parity, Stein and the base cases."""
        key = (law, powers, signs)
        if key in self._states:
            return self._states[key]
        if len(self._states) > MAX_STATES:
            raise NoClosedForm(f"more than {MAX_STATES} intermediate expectations (MAX_STATES)")
        out = self._solve(law, powers, signs)
        self._states[key] = out
        return out

    def _solve(self, law: Law, powers: tuple[int, ...], signs: tuple[Sign, ...]) -> Element:
        g = self.ground
        means = tuple(dot(s.a, law.mean) + s.b for s in signs)
        images = [times(law.cov, s.a) for s in signs]
        matrix = tuple(
            tuple(dot(s.a, images[j]) + (s.s2 if i == j else zero(g)) for j in range(len(signs)))
            for i, s in enumerate(signs)
        )
        settled = self._settle(means, matrix)
        if settled is not None:
            sign, kept = settled
            return self._moment(law, powers, tuple(signs[j] for j in kept)).scale(sign) if sign else zero(g)
        i = next((n for n, p in enumerate(powers) if p), None)
        if (
            not any(means)
            and (sum(powers) + len(signs)) % 2
            and not any(m for m, p in zip(law.mean, powers, strict=True) if p)
        ):
            self._note("parity", powers, signs, law, zero(g))
            return zero(g)
        if i is None:
            out = product_of_signs(means, matrix) if signs else one(g)
            if signs:
                self._note("factorise" if len(blocks(matrix)) > 1 else "base case", powers, signs, law, out)
            return out
        rest = _lower(powers, i)
        out = law.mean[i] * self._moment(law, rest, signs) if law.mean[i] else zero(g)
        for k, n in enumerate(rest):
            if n and law.cov[i][k]:
                out = out + (law.cov[i][k] * self._moment(law, _lower(rest, k), signs)).scale(n)
        for j, s in enumerate(signs):
            if images[j][i]:
                others = signs[:j] + signs[j + 1 :]
                given = law.given_zero(s.a, means[j], matrix[j][j])
                boundary = self._density(means[j], matrix[j][j]) * self._moment(given, rest, others)
                out = out + (images[j][i] * boundary).scale(2)
        self._note("Stein", powers, signs, law, out, f"index {i}")
        return out

    def _settle(self, means: Vector, matrix: Matrix) -> tuple[int, list[int]] | None:
        """Signs that are constant, or that agree with another one almost surely: their value and the signs left."""
        size = range(len(means))
        for j in size:
            if not matrix[j][j]:
                sign = means[j].sign()
                if sign is None:
                    raise NoClosedForm("a sign of a constant that the assumptions do not decide")
                return sign, [i for i in size if i != j]
        for i in size:
            for j in size[i + 1 :]:
                c = matrix[i][j]
                if c and c * c == matrix[i][i] * matrix[j][j]:
                    slope = (c * matrix[i][i].inverse()).sign()
                    if slope is None or means[j] * matrix[i][i] != c * means[i]:
                        raise NoClosedForm("two signs of one line whose order is not decided")
                    return slope, [k for k in size if k not in (i, j)]
        return None

    def _note(
        self, rule: str, powers: tuple[int, ...], signs: tuple[Sign, ...], law: Law, result: Element, detail: str = ""
    ) -> None:
        self.records.append(Record(rule, powers, signs, law, result, detail))


def _lower(powers: tuple[int, ...], k: int) -> tuple[int, ...]:
    return (*powers[:k], powers[k] - 1, *powers[k + 1 :])

"""Expectations over the limit of a program as exact formulas, with named quantities where there is no closed form.

Everything is broken down by rules that hold exactly: E is linear; independent factors separate; odd functions of
centred variables vanish; Cov(Wx, Wx') = s^2 E[x x']; Cov(p, p') = C(1,1')C(2,2') + C(1,2')C(2,1'). What remains is one
Gaussian expectation: a closed form, or a named quantity with its number and bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import permutations
from typing import Any

import sympy

from tensorprog.errors import TensorProgError
from tensorprog.gaussian.expect import expect
from tensorprog.gaussian.integrate.moved import moved
from tensorprog.limit.members.leaves import NotCovered, Unfolding
from tensorprog.limit.members.opaque import Quantities
from tensorprog.limit.members.parity import vanishes
from tensorprog.limit.members.parts import Monomial, TooLarge, polynomial
from tensorprog.numbers.estimate import UNKNOWN, Estimate, worst_kind
from tensorprog.program.graph.nodes import Input, MatMul
from tensorprog.terms import App, Term, Var, to_text
from tensorprog.terms.sympy_bridge import to_sympy
from tensorprog.terms.term import Num as Number_
from tensorprog.terms.term import mul, power, substitute, variables, walk

LONGEST_FORMULA = 12
"""Covariances longer than this (in operations) get a name before they enter another expectation."""


class Certified:
    """Formulas of one program's limit; `values` are the params' numbers, exactly.

    `elsewhere` gives the number of an expectation for which no rule here has one."""

    def __init__(
        self,
        unfolding: Unfolding,
        values: Mapping[str, Fraction],
        elsewhere: Callable[[Term], Estimate] | None = None,
    ) -> None:
        self.u = unfolding
        self.elsewhere = elsewhere
        self.quantities = Quantities(values)
        self._second: dict[tuple[Var, Var], Any] = {}
        self._expected: dict[Term, Any] = {}
        self._shortened: dict[Any, Any] = {}
        self._tried: dict[object, Any] = {}
        self._needs: dict[object, frozenset[Any]] = {}
        self.conditions: set[Any] = set()
        """Relations between params under which the formulas hold that were asked for since this was emptied."""

    @cached_property
    def _signs(self) -> frozenset[str]:
        params = self.u.program.params.values()
        return frozenset(p.name for p in params if p.low is not None and p.low >= 0)

    # -- second moments of leaves ---------------------------------------------------------------------------------

    def covariance(self, a: Var, b: Var) -> Any:
        """Cov of two Gaussian leaves: vectors, readouts, or scores of the first layer."""
        key = (a, b) if repr(a) <= repr(b) else (b, a)
        if key not in self._second:
            self._second[key] = self._noted(key, lambda: self._covariance(*key))
        self.conditions |= self._needs[key]
        return self._second[key]

    def _noted(self, key: object, find: Callable[[], Any]) -> Any:
        """What `find` gives; the conditions that it comes upon are remembered for the next time."""
        before, self.conditions = self.conditions, set()
        try:
            return find()
        finally:
            self._needs[key] = frozenset(self.conditions)
            self.conditions = before

    def _covariance(self, a: Var, b: Var) -> Any:
        x, y = self.u.leaves[a], self.u.leaves[b]
        if x.kind != y.kind:
            return sympy.S.Zero
        if x.kind == "score":
            if self.u.level(a) > 1 or self.u.level(b) > 1:
                raise NotCovered(f"{to_text(a)} is a score of a later layer")
            found = self._readout_covariance(a, b)
            if found is not None:
                return found
            (a1, a2), (b1, b2) = x.parts, y.parts
            straight = self.expectation(mul(a1, b1)) * self.expectation(mul(a2, b2))
            return straight + self.expectation(mul(a1, b2)) * self.expectation(mul(a2, b1))
        if isinstance(x.node, Input) and isinstance(y.node, Input):
            return self._input_covariance(a, b, x.node, y.node)
        if not (isinstance(x.node, MatMul) and isinstance(y.node, MatMul)):
            return sympy.S.Zero
        if self.u.matrix(a) != self.u.matrix(b):
            return sympy.S.Zero
        if self.u.level(a) or self.u.level(b):
            raise NotCovered(f"the law of {to_text(a)} depends on scores")
        return to_sympy(x.factor) * self.expectation(mul(x.parts[0], y.parts[0]))

    def _readout_covariance(self, a: Var, b: Var) -> Any | None:
        """Cov(v.x, v'.x') = Cov(v, v') E[x x']; a readout is independent of other scores. None of two such scores."""
        one, two = self.u.readout(a), self.u.readout(b)
        if one is None and two is None:
            return None
        (v, x), (w, y) = one or (None, mul(*self.u.leaves[a].parts)), two or (None, mul(*self.u.leaves[b].parts))
        if (v is not None and self.u.reads(y, v)) or (w is not None and self.u.reads(x, w)):
            raise NotCovered(f"{to_text(a)} and {to_text(b)}: a readout vector of one is read by the other")
        if v is None or w is None or (k := self.covariance(v, w)) == 0:
            return sympy.S.Zero
        return k * self.expectation(mul(x, y))

    def _input_covariance(self, a: Var, b: Var, x: Input, y: Input) -> Any:
        if x.group is not y.group:
            return sympy.S.Zero
        return to_sympy(self.u.input_covariance(x, a, y, b))

    def mean(self, leaf: Var) -> Any:
        """The mean of a Gaussian leaf; only inputs have one."""
        node = self.u.leaves[leaf].node
        if not isinstance(node, Input):
            return sympy.S.Zero
        at = {i: int(p) for i, p in zip(node.group.subs, leaf.subs, strict=True)}
        return to_sympy(self.u.expression(node.group.mean[node.position], at))

    # -- expectations ----------------------------------------------------------------------------------------------

    def expectation(self, t: Term) -> Any:
        """E[t], t an expression over leaves (as `Unfolding.member` gives them)."""
        if t not in self._expected:
            self._expected[t] = self._noted(t, lambda: self._expectation(t))
        self.conditions |= self._needs[t]
        return self._expected[t]

    def _expectation(self, t: Term) -> Any:
        try:
            monomials = polynomial(t)
        except TooLarge:
            monomials = {((t, 1),): Fraction(1)}
        total = sympy.S.Zero
        for monomial, c in monomials.items():
            value = sympy.Rational(c.numerator, c.denominator)
            for factor in self._independent(monomial):
                value = value * factor
                if value == 0:
                    break
            total += value
        return total

    def _independent(self, monomial: Monomial) -> list[Any]:
        """The expectations of the independent factors of a product of powers of atoms."""
        out: list[Any] = []
        groups: list[tuple[list[Term], set[Var]]] = []
        for atom, e in monomial:
            factor = atom if e == 1 else power(atom, Number_(e))
            below = self.u.below(atom)
            moments = {v for v in below if self.u.leaves[v].kind == "moment"}
            if not below - moments and not moments:
                out.append(to_sympy(factor))
                continue
            if below == moments and isinstance(atom, Var):
                out.append(self.moment(atom) ** e)
                continue
            mine: tuple[list[Term], set[Var]] = ([factor], set(below) - moments)
            for group in [g for g in groups if self._related(g[1], mine[1])]:
                groups.remove(group)
                mine = (group[0] + mine[0], group[1] | mine[1])
            groups.append(mine)
        for factors, leaves in sorted(groups, key=lambda g: len(g[1])):
            out.insert(0, self._gaussian(mul(*factors), sorted(leaves, key=lambda v: (v.name, v.subs))))
        return out

    def _related(self, a: set[Var], b: set[Var]) -> bool:
        return any(v == w or self.covariance(v, w) != 0 for v in a for w in b)

    def moment(self, leaf: Var) -> Any:
        """The limit of an average over coordinates."""
        if self.u.level(leaf):
            raise NotCovered(f"{to_text(leaf)} depends on scores")
        return self.expectation(self.u.leaves[leaf].parts[0])

    # -- one Gaussian expectation ----------------------------------------------------------------------------------

    def _gaussian(self, t: Term, leaves: Sequence[Var]) -> Any:
        match t:
            case Var():
                return self.mean(t)
            case App("pow", (Var() as a, Number_(k))) if k == 2:
                return self.covariance(a, a) + self.mean(a) ** 2
            case App("mul", (Var() as a, Var() as b)):
                return self.covariance(a, b) + self.mean(a) * self.mean(b)
        cov = [[self.covariance(a, b) for b in leaves] for a in leaves]
        mean = [self.mean(v) for v in leaves]
        if all(m == 0 for m in mean) and vanishes(t, frozenset(leaves), self._signs):
            return sympy.S.Zero
        constants = {v: self.moment(v) for v in self.u.below(t) if self.u.leaves[v].kind == "moment"}
        cov = [[self._short(x) for x in row] for row in cov]
        term, names, order = _canonical(t, leaves, cov, mean)
        cov = [[cov[i][j] for j in order] for i in order]
        mean = [mean[i] for i in order]
        fixed: dict[Term, Var] = {
            v: Var(f"m{k}") for k, v in enumerate(sorted(constants, key=lambda v: (v.name, v.subs)))
        }
        term = substitute(term, fixed)
        moments = {name.name: constants[v] for v, name in fixed.items() if isinstance(v, Var)}
        key = (
            term,
            tuple(map(tuple, map(_keys, cov))),
            tuple(_keys(mean)),
            tuple(sorted((n, _key(x)) for n, x in moments.items())),
        )
        if key not in self._tried:
            softmax = any(isinstance(s, App) and s.head == "softmax" for s in walk(term))
            self._tried[key] = None if softmax else self._closed(term, names, cov, mean, moments)
        if (closed := self._tried[key]) is not None:
            self.conditions |= closed[1]
            return closed[0]
        known = self.quantities.known(key)
        if known is not None:
            return known
        number = self._number(term, names, cov, mean, moments)
        if self.elsewhere is not None and not math.isfinite(number.value):
            number = self.elsewhere(t)
        meaning = f"E[{to_text(term)}], Cov = {cov}" + (f", mean = {mean}" if any(mean) else "")
        meaning += f", {moments}" if moments else ""
        return self.quantities.name(key, meaning, number)

    def _short(self, x: Any) -> Any:
        """A long covariance gets a name, so that formulas of deep programs stay readable."""
        if x not in self._shortened:
            self._shortened[x] = x if x.is_Atom or x.count_ops() <= LONGEST_FORMULA else self._named(x)
        return self._shortened[x]

    def _named(self, x: Any) -> Any:
        return self.quantities.name(("covariance", _key(x)), str(x), self.quantities.number(x), x)

    def _closed(self, t: Term, names: Sequence[Var], cov: Any, mean: Any, moments: Mapping[str, Any]) -> Any | None:
        params: dict[str, Any] = {p.name: p for p in self.u.program.params.values()}
        params |= dict.fromkeys(moments)
        params |= dict.fromkeys(self.quantities.numbers)
        try:
            out = expect(t, cov, mean, vars=list(names), assume=params)
        except TensorProgError as error:
            if error.diagnostics[0].code == "TP501":
                raise
            return None
        found = out.expr
        if found is None:
            return None
        point = {sympy.Symbol(n, real=True): x for n, x in moments.items()}
        if any(self.quantities.fails(c.xreplace(point)) for c in out.conditions):
            return None  # another formula there, as of sign(z*u)^2 at z = 0
        finite = frozenset(c.xreplace(point) for c in out.conditions if isinstance(c, sympy.StrictGreaterThan))
        return found.xreplace(point), finite

    def _number(self, t: Term, names: Sequence[Var], cov: Any, mean: Any, moments: Mapping[str, Any]) -> Estimate:
        q = self.quantities
        cov = [[q.rational(x) for x in row] for row in cov]
        mean = [q.rational(x) for x in mean]
        moments = {n: q.rational(x) for n, x in moments.items()}
        k = [[q.number(x) for x in row] for row in cov]
        m = [q.number(x) for x in mean]
        fixed = {n: q.number(x) for n, x in moments.items()}
        flat = [*(x for row in k for x in row), *m, *fixed.values()]
        if not all(math.isfinite(x.value) for x in flat):
            return UNKNOWN
        kind = worst_kind(*(x.error_kind for x in flat))
        centre = [_exact(x, 0.0, e) for x, e in zip(m, mean, strict=True)]
        constants = {n: _exact(x, 0.0, moments[n]) for n, x in fixed.items()}

        def covariances(shift: float) -> list[list[Fraction]]:
            return [
                [_exact(x, shift if i == j else 0.0, e) for j, (x, e) in enumerate(zip(row, ex, strict=True))]
                for i, (row, ex) in enumerate(zip(k, cov, strict=True))
            ]

        def at(shift: float) -> Estimate:
            """The number with every covariance moved by `shift` times its error, towards larger magnitude."""
            return self._one(t, names, covariances(shift), centre, constants)

        base = at(0.0)
        errors = [[_radius(x, e) for x, e in zip(row, ex, strict=True)] for row, ex in zip(k, cov, strict=True)]
        off = [_radius(x, e) for x, e in zip(m, mean, strict=True)]
        unsure = [_radius(x, moments[n]) for n, x in fixed.items()]
        worst = max((x for row in (*errors, off, unsure) for x in row), default=0.0)
        if worst == 0 or not math.isfinite(base.value):
            return Estimate(base.value, base.error, worst_kind(kind, base.error_kind), base.method)
        if base.rigorous and not any(unsure):
            values = {**self.quantities.params, **constants}
            if (more := _moved(t, names, covariances(0.0), centre, errors, off, values)) is not None:
                return Estimate(base.value, base.error + more, worst_kind(kind, "bound"), base.method)
        # To first order: |dE| <= sum |dE/dK_ij| |dK_ij|, measured with a step far above rounding.
        scale = 1e-7 * max([1e-300, *(abs(x.value) for row in k for x in row)]) / worst
        slope = abs(at(scale).value - base.value) / (scale * worst) if scale > 0 else 0.0
        error = base.error + 4 * len(names) ** 2 * (slope + abs(base.value)) * worst
        return Estimate(base.value, error, worst_kind(kind, base.error_kind, "estimate"), base.method)

    def _one(self, t: Term, names: Sequence[Var], cov: Any, mean: Any, moments: Mapping[str, Fraction]) -> Estimate:
        values = {**self.quantities.params, **moments}
        if any(isinstance(s, App) and s.head == "softmax" for s in walk(t)):
            from tensorprog.limit.members.softmax import average

            return average(t, names, cov, mean, values)
        try:
            mine = {v.name for v in variables(t)}
            found = expect(t, cov, mean, vars=list(names), values={n: x for n, x in values.items() if n in mine})
        except TensorProgError as error:
            if error.diagnostics[0].code == "TP501":
                raise
            return UNKNOWN
        return found.number

    def number(self, expr: Any) -> Estimate:
        """The value of a formula at the params' values."""
        return self.quantities.number(expr)


def _moved(t: Term, names: Sequence[Var], cov: Any, mean: Any, errors: Any, off: Any, values: Any) -> float | None:
    """What the errors of the covariances and means change, proved; None where that is not known."""
    if any(isinstance(s, App) and s.head == "softmax" for s in walk(t)):
        from tensorprog.limit.members.softmax import entries

        # a product of entries lies between 0 and 1
        return None if entries(t) is None else moved(t, names, cov, mean, errors, values, 1.0, off)
    try:
        return moved(t, names, cov, mean, errors, values, None, off)
    except TensorProgError:
        return None


def _radius(x: Estimate, expr: Any) -> float:
    return 0.0 if expr.is_Rational else x.error


def _exact(x: Estimate, shift: float, expr: Any) -> Fraction:
    if expr.is_Rational and not shift:
        return Fraction(int(expr.p), int(expr.q))
    return Fraction(x.value + shift * x.error)


def _canonical(t: Term, leaves: Sequence[Var], cov: Any, mean: Any) -> tuple[Term, list[Var], list[int]]:
    """The expression in names z1, z2, ... in an order that does not depend on the leaves' own names."""
    count = len(leaves)
    orders = list(permutations(range(count))) if count <= 4 else [tuple(range(count))]
    keys = [[_key(x) for x in row] for row in cov]
    centers = [_key(x) for x in mean]
    best: tuple[str, Term, list[int]] | None = None
    for order in orders:
        names: dict[Term, Term] = {leaves[i]: Var(f"z{k + 1}") for k, i in enumerate(order)}
        renamed = _sorted(substitute(t, names))
        key = to_text(renamed) + str([[keys[i][j] for j in order] for i in order]) + str([centers[i] for i in order])
        if best is None or key < best[0]:
            best = key, renamed, list(order)
    assert best is not None
    return best[1], [Var(f"z{k + 1}") for k in range(count)], best[2]


def _sorted(t: Term) -> Term:
    """Commutative arguments in one order, the entries of a softmax in one order, numbers kept."""
    match t:
        case App("softmax", (Number_(k), *logits)):
            done = [_sorted(b) for b in logits]
            mine = done[int(k)]
            rest = sorted((b for j, b in enumerate(done) if j != int(k)), key=to_text)
            return App("softmax", (Number_(0), mine, *rest))
        case App("add" | "mul" as head, args):
            return App(head, tuple(sorted(map(_sorted, args), key=to_text)))
        case App(head, args):
            return App(head, tuple(map(_sorted, args)))
        case _:
            return t


@lru_cache(maxsize=4096)
def _key(x: Any) -> str:
    return str(sympy.srepr(sympy.expand(x))) if hasattr(x, "free_symbols") else str(x)


def _keys(row: Sequence[Any]) -> list[str]:
    return [_key(x) for x in row]

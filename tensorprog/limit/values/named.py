"""Formulas in which an expectation without a closed form is a symbol; its number is found on demand.

Equal expectations have one name, so that equations between formulas are decided exactly: variables that are the same
are one, independent factors are separate, and variables come in an order that does not depend on how they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import permutations
from typing import Any

import sympy

from tensorprog.errors import DivergentError, TensorProgError
from tensorprog.gaussian.expect import expected_value
from tensorprog.kernel.ground.term import mul, power, substitute, variables
from tensorprog.limit.members.parts import polynomial
from tensorprog.limit.members.softmax import holds_softmax
from tensorprog.limit.rules.open import TooLarge
from tensorprog.limit.rules.quantities import GUARD, Core, NoLimit, guarded, place, unguarded
from tensorprog.limit.values.balls import BITS, Balls, Enclosure, OutOfTime, enclose
from tensorprog.limit.values.cores import Cores, may_diverge
from tensorprog.limit.values.formulas import Formulas, Infinite, NoFormula
from tensorprog.numbers.estimate import UNKNOWN, Estimate, unknown
from tensorprog.numbers.precision import precision
from tensorprog.program.normal.analysis import Analysis
from tensorprog.terms import App, Num, Term, Var, to_text

MAX_PARTS = 20_000
"""Nodes of an expression, its shared parts written out."""
NOT_KNOWN = sympy.Symbol("the variance at which it is finite", real=True)
"""Asked to be positive of what may be infinite at some values of params."""
MOST_ORDERED = 4
"""Variables of which all orders are compared."""


@dataclass(frozen=True)
class Expected:
    """E[body] over z1, ..., zk with these covariances (i <= j, row by row), means and constants."""

    core: Core
    cov: tuple[Any, ...]
    mean: tuple[Any, ...]
    constants: tuple[Any, ...]

    def among(self, kept: Sequence[int], body: Term) -> Expected:
        """Return the expectation of a body in some of the variables, in this order."""
        size, core = self.core.size, self.core
        names: dict[Term, Term] = {Var(f"z{k + 1}"): Var(f"z{n + 1}") for n, k in enumerate(kept)}
        pairs = [place(i, j, size) for n, i in enumerate(kept) for j in kept[n:]]
        shown = tuple(core.shown[k] for k in kept) if core.shown else ()
        small = Core(substitute(body, names), len(kept), tuple(core.cov[p] for p in pairs),
                     tuple(core.mean[k] for k in kept), core.constants, shown)  # fmt: skip
        return Expected(small, tuple(self.cov[p] for p in pairs), tuple(self.mean[k] for k in kept), self.constants)

    def with_body(self, body: Term) -> Expected:
        """Return the expectation of another body in the same variables."""
        return replace(self, core=replace(self.core, body=body))

    def entry(self, i: int, j: int) -> Any:
        return self.cov[place(i, j, self.core.size)]

    def used(self, t: Term) -> list[int]:
        names = set(variables(t))
        return [k for k in range(self.core.size) if Var(f"z{k + 1}") in names]


class Named(Formulas):
    """Sympy expressions in params, scores and names; a name stands for one expectation, equal ones have one name.

    Algebras for several rules share their names: `like` is another one.
    """

    largest = MAX_PARTS

    def __init__(
        self,
        program: Analysis,
        cores: Cores,
        balls: Balls,
        enclosed: Callable[[Core], Enclosure],
        like: Named | None = None,
    ) -> None:
        """`balls`: what params are as numbers. `enclosed` finds the number of an expectation without a formula."""
        super().__init__(program, cores)
        self.balls, self.enclosed = balls, enclosed
        self._names: dict[object, Any] = {}
        self._meant: dict[Any, tuple[Core, Callable[[Core], Enclosure]]] = {}
        self._numbers: dict[Any, Enclosure] = {}
        if like is not None:
            self._names, self._meant, self._numbers = like._names, like._meant, like._numbers
            self._shared, self._meaning, self._sizes = like._shared, like._meaning, like._sizes
            self._premises = like._premises

    # -- names -----------------------------------------------------------------------------------------------------

    def core(self, core: Core, cov: Sequence[Any], mean: Sequence[Any], constants: Sequence[Any]) -> Any:
        return self._of_product(_independent(_merged(Expected(core, tuple(cov), tuple(mean), tuple(constants)))))

    def _of_product(self, parts: Sequence[Expected]) -> Any:
        """Return the product of independent expectations: closed forms, else sums of monomials, else names."""
        out = sympy.S.One
        for e in parts:
            found = self._closed(e)
            out = self.mul(out, self._by_monomials(e) if found is None else found)
        return out

    def _closed(self, e: Expected) -> Any | None:
        if not e.core.size:
            known: dict[Term, Any] = {Var(f"c{k + 1}"): x for k, x in enumerate(e.constants)}
            return self.evaluated(unguarded(e.core.body), known)
        try:
            out = None if holds_softmax(e.core.body) else super().core(e.core, e.cov, e.mean, e.constants)
        except Infinite:
            return self._by_itself(e)
        except NoFormula:
            return None
        return None if out is None or self._fails(out) else out

    def _fails(self, expr: Any) -> bool:
        """Return whether what a formula assumes of params is not known to hold at their values (scores apart)."""
        return not all(self._may_hold(relation.lhs) for relation in self.conditions(expr))

    def _may_hold(self, positive: Any) -> bool:
        """Return whether an expression is positive at the params' values, or there are none."""
        free = {s.name for s in self.plain(positive).free_symbols - self._meant.keys()}
        return not free <= self.balls.given.keys() or bool(self.number(positive).ball > 0)

    def _by_monomials(self, e: Expected) -> Any:
        try:
            monomials = polynomial(e.core.body)
        except TooLarge:
            return self._name(e)
        out = sympy.S.Zero
        for monomial, c in monomials.items():
            body = mul(*(atom if k == 1 else power(atom, Num(k)) for atom, k in monomial))
            parts = _independent(e.with_body(body))
            alone = len(monomials) == len(parts) == 1
            value = self._alone(parts[0]) if alone else self._of_product(parts)
            out = self.add(out, self.mul(sympy.Rational(c.numerator, c.denominator), value))
        return out

    def _alone(self, e: Expected) -> Any:
        found = None if holds_softmax(e.core.body) else self._by_itself(e)
        if found is not None:
            return found
        symbol = self._name(e)
        if may_diverge(e.core):
            try:
                self._number_of(symbol)  # TP501 if it is infinite
            except OutOfTime:
                pass
            except NoFormula:
                self.noted.add(NOT_KNOWN)
        return symbol

    def _by_itself(self, e: Expected) -> Any | None:
        """The closed form for these covariances, where none is known for all; TP501 if the expectation is infinite."""
        symbols: dict[Any, Any] = {}

        def spelled(x: Any) -> Any:
            x = self.plain(sympy.S.One * x).xreplace(guards)
            for s in sorted(x.free_symbols & self._meant.keys(), key=str):
                symbols.setdefault(s, sympy.Symbol(f"{GUARD}q{len(symbols) + 1}", real=True))
            return x.xreplace(symbols)

        guards = {sympy.Symbol(n, real=True): sympy.Symbol(guarded(n), real=True) for n in self.symbols}
        size = range(e.core.size)
        cov = [[spelled(e.entry(i, j)) for j in size] for i in size]
        mean = [spelled(x) for x in e.mean]
        constants = {sympy.Symbol(f"c{k + 1}", real=True): x for k, x in enumerate(e.constants)}
        assume: dict[str, Any] = {guarded(n): p for n, p in self.program.params.items()}
        assume |= dict.fromkeys((*(s.name for s in symbols.values()), *(s.name for s in constants)))
        try:
            found = expected_value(e.core.body, cov, mean, vars=[Var(f"z{k + 1}") for k in size], assume=assume)
        except DivergentError:
            raise
        except TensorProgError:
            return None
        back = {new: s for s, new in symbols.items()} | constants
        back |= {sympy.Symbol(guarded(n), real=True): s for n, s in self.symbols.items()}
        for c in found.conditions:
            if not isinstance(c, sympy.StrictGreaterThan):
                return None
            positive = (c.lhs - c.rhs).xreplace(back)
            if not self._may_hold(positive):
                return None  # another formula there, as of sign(z*u)^2 at z = 0
            self.noted.add(positive)
        if found.expr is None:
            return None
        out = found.expr.xreplace(back)
        try:
            for positive in self._wanted(e.core, e.cov):
                out = out * self._premise(positive)
        except NoFormula:
            return None
        return None if self._fails(out) else self.small(out)

    def _name(self, e: Expected) -> Any:
        e = _canonical(e)
        key = (e.core.body, *(tuple(map(_key, group)) for group in (e.cov, e.mean, e.constants)))
        if key not in self._names:
            free = {s for x in (*e.cov, *e.mean, *e.constants) for s in self.plain(x).free_symbols} - self._meant.keys()
            if not {s.name for s in free} <= self.symbols.keys():
                raise NoFormula("a score enters a function")
            self._names[key] = symbol = sympy.Dummy(f"{GUARD}{len(self._names) + 1}", real=True)
            self._meant[symbol] = e.core, self.enclosed
        return self._names[key]

    def names(self, expr: Any) -> set[Any]:
        """Return the names in an expression."""
        return set(self._unshared(sympy.S.One * expr).free_symbols & self._meant.keys())

    # -- numbers ---------------------------------------------------------------------------------------------------

    def number(self, expr: Any) -> Enclosure:
        """Return the ball of an expression; NoFormula where it holds a score, or no ball can be had."""
        out = self.plain(sympy.S.One * expr)
        if out.is_Rational:
            return Enclosure.exactly(Fraction(int(out.p), int(out.q)))
        found = {s: self._number_of(s) for s in out.free_symbols if s in self._meant}
        free = {s: sympy.Symbol(f"{s.name} {s.dummy_index}", real=True) for s in found}
        balls = {new.name: found[s].ball for s, new in free.items()}
        balls |= {name: self.balls.param(name) for name in self.symbols if name in self.balls.given}
        out = out.xreplace(free)
        if not {s.name for s in out.free_symbols} <= balls.keys():
            raise NoFormula("a param has no value, or a score enters a function")
        with precision(BITS):
            ball = enclose(out, balls)
        if ball is None:
            raise NoFormula("the formula is singular here")
        return Enclosure.of(ball, *found.values())

    def _number_of(self, symbol: Any) -> Enclosure:
        if symbol not in self._numbers:
            core, enclosed = self._meant[symbol]
            try:
                with precision(BITS):
                    self._numbers[symbol] = enclosed(core)
            except OutOfTime:
                raise
            except NoLimit as why:  # a param has no value, or a score enters a function
                raise NoFormula(str(why)) from None
        return self._numbers[symbol]

    def estimate(self, expr: Any) -> Estimate:
        """Return the number of an expression, unknown where there is none."""
        try:
            return self.number(expr).number
        except OutOfTime as why:
            return unknown(why.diagnostics[0].because)
        except DivergentError:
            raise
        except (NoFormula, TensorProgError, RecursionError):
            return UNKNOWN


def _merged(e: Expected) -> Expected:
    """The same with one variable for those that are equal: one variance, which is their covariance, and one mean."""
    kept: list[int] = []
    names: dict[Term, Term] = {}
    for k in range(e.core.size):
        same = (i for i in kept if e.mean[i] == e.mean[k] and e.entry(i, i) == e.entry(k, k) == e.entry(i, k))
        if (first := next(same, None)) is None:
            kept.append(k)
        else:
            names[Var(f"z{k + 1}")] = Var(f"z{first + 1}")
    return e.among(kept, _settled(substitute(e.core.body, names))) if names else e


def _settled(t: Term) -> Term:
    """Return entries of softmaxes whose logits are all the same as numbers."""
    match t:
        case App("softmax", (_, *logits)) if len(set(logits)) == 1:
            return Num(Fraction(1, len(logits)))
        case App(head, args):
            return App(head, tuple(map(_settled, args)), t.place)
    return t


def _independent(e: Expected) -> list[Expected]:
    """Return the factors of a product in groups that share no variable and no covariance."""
    body = e.core.body
    factors = body.args if isinstance(body, App) and body.head == "mul" else (body,)
    groups: list[tuple[list[Term], set[int]]] = []
    for f in factors:
        mine = ([f], set(e.used(f)))
        for other in [g for g in groups if any(i == j or e.entry(i, j) != 0 for i in g[1] for j in mine[1])]:
            groups.remove(other)
            mine = (other[0] + mine[0], other[1] | mine[1])
        groups.append(mine)
    return [e.among(sorted(used), mul(*fs)) for fs, used in groups] if len(groups) > 1 else [_fitted(e)]


def _fitted(e: Expected) -> Expected:
    """Without variables that the body does not use."""
    used = e.used(e.core.body)
    return e if len(used) == e.core.size else e.among(used, e.core.body)


def _canonical(e: Expected) -> Expected:
    """Return variables in an order that does not depend on their names, arguments of sums and products in one order."""
    size = e.core.size
    orders = permutations(range(size)) if size <= MOST_ORDERED else iter([tuple(range(size))])
    found = (e.among(order, e.core.body) for order in orders)
    return min((x.with_body(_sorted(x.core.body)) for x in found), key=_written)


def _written(e: Expected) -> str:
    return to_text(e.core.body) + str([_key(x) for x in (*e.cov, *e.mean)])


def _sorted(t: Term) -> Term:
    """Commutative arguments in one order, the entries of a softmax in one order, numbers kept."""
    match t:
        case App("softmax", (Num(k), *logits)):
            done = [_sorted(b) for b in logits]
            rest = sorted((b for j, b in enumerate(done) if j != int(k)), key=to_text)
            return App("softmax", (Num(0), done[int(k)], *rest))
        case App("add" | "mul" as head, args):
            return App(head, tuple(sorted(map(_sorted, args), key=to_text)))
        case App(head, args):
            return App(head, tuple(map(_sorted, args)))
    return t


@lru_cache(maxsize=4096)
def _key(x: Any) -> Any:
    return sympy.expand(x)

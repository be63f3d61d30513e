"""Limits of single members as formulas: sympy expressions in the params, and in scores where they are random."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from tensorprog.functions.evaluate.sympy_bridge import to_sympy
from tensorprog.kernel.ground.nodes import Param
from tensorprog.kernel.ground.term import variables
from tensorprog.kernel.ground.text import member_text
from tensorprog.limit.jumps.jumps import Jump, jumps_of
from tensorprog.limit.members.parts import affine, independent
from tensorprog.limit.rules.quantities import Core, guarded, place, unguarded
from tensorprog.limit.values.algebra import Algebra
from tensorprog.limit.values.cores import Cores, isserlis
from tensorprog.program.normal.analysis import Analysis
from tensorprog.terms import App, Term, Var

MAX_FORMULA = 400
"""Nodes of an expression; larger ones are not formulas that a person would read."""
INLINE = 40
"""Nodes of an expression that is not given a symbol while formulas are composed."""


class NoFormula(Exception):
    """There is no closed form, or it would be too large to read."""


class Infinite(NoFormula):
    """The expectation is infinite."""


class Formulas(Algebra[Any]):
    """Sympy expressions; `NoFormula` where some expectation has no closed form or the composition grows too large."""

    largest = MAX_FORMULA

    def __init__(self, program: Analysis, cores: Cores) -> None:
        super().__init__(program)
        self.cores = cores
        self.symbols = {p.name: symbol(p) for p in program.params.values()}
        self._constants: dict[Term, Any] = {}
        self._shared: dict[Any, Any] = {}
        self._meaning: dict[Any, Any] = {}
        self._sizes: dict[Any, int] = {}
        self._premises: dict[Any, Any] = {}
        """Symbols for 1, each a factor of every formula that is true under one condition only."""

    def plain(self, expr: Any) -> Any:
        """Return the expression in real symbols, as the rest of the program writes them, shared parts written out."""
        return self._plain(expr).xreplace(dict.fromkeys(self._premises, sympy.S.One))

    def written(self, expr: Any) -> Any:
        """Return the expression with its shared parts written out."""
        return self._unshared(sympy.S.One * expr)

    def conditions(self, expr: Any) -> tuple[Any, ...]:
        """Return what the expression assumes of params beyond what the program does, as sympy relations."""
        used = self._unshared(expr).free_symbols
        return tuple(self._plain(c) for s, c in self._premises.items() if s in used)

    def _plain(self, expr: Any) -> Any:
        return self._unshared(expr).xreplace({s: sympy.Symbol(n, real=True) for n, s in self.symbols.items()})

    def _unshared(self, expr: Any) -> Any:
        while any(s in self._meaning for s in expr.free_symbols):
            expr = expr.xreplace(self._meaning)
        return expr

    def is_undefined(self, expr: Any) -> bool:
        """Return whether a formula divides by 0."""
        return bool(expr.has(sympy.zoo, sympy.nan, sympy.oo))

    def zero(self) -> Any:
        return sympy.S.Zero

    def add(self, a: Any, b: Any) -> Any:
        return self.small(a + b)

    def mul(self, a: Any, b: Any) -> Any:
        return self.small(a * b)

    def is_zero(self, a: Any) -> bool:
        return bool(a == 0)

    def score(self, ref: Var) -> Any:
        return sympy.Symbol(member_text(ref.name, ref.subs), real=True)

    def evaluated(self, t: Term, found: dict[Term, Any]) -> Any:
        if t in found:
            return found[t]
        match t:
            case Var(name, ()) if name in self.symbols:
                return self.symbols[name]
            case Var(name, subs) if name in self.program.matrices:
                return self.evaluated(self.matrix_entry(name, subs), {})
            case App(head, args) if args:
                inner = [self.evaluated(a, found) for a in args]
                names = [Var(f"a{k}") for k in range(len(args))]
                values = {v.name: x for v, x in zip(names, inner, strict=True)}
                return self.small(to_sympy(App(head, tuple(names)), values))
            case _:
                return to_sympy(t)

    def core(self, core: Core, cov: Sequence[Any], mean: Sequence[Any], constants: Sequence[Any]) -> Any:
        f = self.cores.of(core)
        if f.powers is not None:
            return self.small(sympy.S.One * isserlis(f.powers, cov, mean))
        expr = f.closed.expr
        if expr is None:
            raise NoFormula(f.closed.because)
        given = (*cov, *(m for m, zero in zip(mean, f.centred, strict=True) if not zero), *constants)
        variances: dict[Any, Any] = {}
        point = {sympy.Symbol(n, real=True): x for n, x in zip(f.names, given, strict=True)}
        for name in f.diagonal:
            s = sympy.Symbol(name, real=True)
            if not point[s].is_Rational:  # a variance: sqrt(K11*K22) becomes K where both are K
                point[s] = variances.setdefault(point[s], sympy.Dummy(positive=True))
        point |= {sympy.Symbol(guarded(n), real=True): s for n, s in self.symbols.items()}
        self.small(expr)
        out = expr.xreplace(point).xreplace({v: k for k, v in variances.items()})
        for c in f.conditions:
            found = c.xreplace(point).xreplace({v: k for k, v in variances.items()})
            if found.is_number and not found > 0:
                raise Infinite("the expectation is infinite")
            if not found.is_number:
                self.noted.add(found)
        if out.has(sympy.nan, sympy.zoo, sympy.oo):
            raise NoFormula("the covariance is singular")
        for positive in self._wanted(core, cov):
            out = out * self._premise(positive)
        return self.small(out)

    # -- jumps -----------------------------------------------------------------------------------------------------

    def standing(
        self, body: Term, cov: Sequence[Any], mean: Sequence[Any], found: dict[Term, Any], shown: Sequence[Term] = ()
    ) -> tuple[Jump, ...]:
        """The jumps at which the variables are whatever the params are: variance 0, and no distance to the jump."""
        self._constants = found
        out = []
        for j in jumps_of(body):
            form = self._affine(j.gap, len(mean))
            if form is not None and (not form[0] or self._variance(form[0], cov) == 0):
                distance = sympy.expand(self._unshared(sum((a * mean[k] for k, a in form[0].items()), form[1])))
                if not distance.is_nonzero or j.periodic:
                    if distance != 0 and any(v in found for v in variables(j.gap)):
                        raise NoFormula("a jump at a constant")
                    if distance == 0 or form[0]:
                        out.append(j)
        return tuple(out)

    def _wanted(self, core: Core, cov: Sequence[Any]) -> list[Any]:
        """Return what must be positive so that no jump has positive probability, as far as it is not known to be."""
        size = round((math.sqrt(8 * len(cov) + 1) - 1) / 2)
        out = []
        for j in jumps_of(core.body):
            form = self._affine(j.gap, size)
            if form is not None:
                variance = self._variance(form[0], cov)
                if form[0] and variance != 0 and not variance.is_positive:
                    out.append(variance)
                continue
            used = [k for k in range(size) if Var(f"z{k + 1}") in variables(j.gap)]
            used = [used[k] for k in independent([core.shown[k] for k in used])] if core.shown else used
            matrix = sympy.Matrix([[cov[place(i, k, size)] for k in used] for i in used])
            minors = (self._unshared(matrix[:k, :k].det()) for k in range(1, len(used) + 1))
            out += [m for m in minors if not m.is_positive]
        return out

    def _affine(self, gap: Term, size: int) -> tuple[dict[int, Any], Any] | None:
        names = [Var(f"z{k + 1}") for k in range(size)]
        leaves = frozenset(names)
        form = affine(gap, leaves, lambda t: frozenset(variables(t)) & leaves)
        if form is None:
            return None
        slopes = {names.index(v): self.evaluated(unguarded(a), self._constants) for v, a in form[0].items()}
        return slopes, self.evaluated(unguarded(form[1]), self._constants)

    def _variance(self, slopes: Mapping[int, Any], cov: Sequence[Any]) -> Any:
        size = round((math.sqrt(8 * len(cov) + 1) - 1) / 2)
        total = sum(a * b * cov[place(i, k, size)] for i, a in slopes.items() for k, b in slopes.items())
        return sympy.expand(self._unshared(sympy.S.One * total))

    def _premise(self, positive: Any) -> Any:
        relation = sympy.Gt(positive, 0)
        if relation == sympy.false:
            raise NoFormula("the covariance is singular where the function jumps")
        if relation == sympy.true:
            return sympy.S.One
        for symbol, known in self._premises.items():
            if known == relation:
                return symbol
        symbol = sympy.Dummy(positive=True)
        self._premises[symbol] = relation
        return symbol

    # sympy asks for the signs of numbers when it builds expressions, and answers by evaluating them: deep compositions
    # are therefore kept as small expressions in symbols for parts, and written out once, if they are not too large.
    def small(self, expr: Any) -> Any:
        """Return the expression, or a symbol for it; `NoFormula` if it is too large when written out."""
        size = own = 0
        for part in sympy.preorder_traversal(expr):
            own += 1
            size += self._sizes.get(part, 1)
            if size > self.largest:
                raise NoFormula(f"the formula would have more than {self.largest} parts")
        if own <= INLINE:
            return expr
        if expr not in self._shared:
            symbol = self._shared[expr] = sympy.Dummy(real=True)
            self._meaning[symbol], self._sizes[symbol] = expr, size
        return self._shared[expr]


def symbol(p: Param) -> Any:
    """Return the param with its sign, so that sqrt(sigma^2) is sigma."""
    if p.low is not None and (p.low > 0 or (p.low == 0 and p.low_open)):
        return sympy.Symbol(p.name, positive=True)
    if p.high is not None and (p.high < 0 or (p.high == 0 and p.high_open)):
        return sympy.Symbol(p.name, negative=True)
    if p.low is not None and p.low >= 0:
        return sympy.Symbol(p.name, nonnegative=True)
    return sympy.Symbol(p.name, real=True)

"""Limits of single members as formulas: sympy expressions in the params, and in scores where they are random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from tensorprog.limit.arrays import Cores
from tensorprog.limit.cores import PLAIN, isserlis
from tensorprog.limit.covariance import Rules
from tensorprog.limit.members import Members
from tensorprog.limit.quantities import GUARD, Core
from tensorprog.program.nodes import Param
from tensorprog.program.program import member_text
from tensorprog.terms import App, Term, Var
from tensorprog.terms.sympy_bridge import to_sympy

MAX_FORMULA = 400
"""Nodes of an expression; larger ones are not formulas that a person would read."""
INLINE = 40
"""Nodes of an expression that is not given a symbol of its own while formulas are composed."""


class NoFormula(Exception):
    """There is no closed form, or it would be too large to read."""


class Formulas(Members[Any]):
    """Sympy expressions; `NoFormula` where some expectation has no closed form or the composition grows too large."""

    def __init__(self, rules: Rules, cores: Cores) -> None:
        super().__init__(rules)
        self.cores = cores
        self.symbols = {p.name: _symbol(p) for p in rules.program.params.values()}
        self._shared: dict[Any, Any] = {}
        self._meaning: dict[Any, Any] = {}
        self._sizes: dict[Any, int] = {}

    def plain(self, expr: Any) -> Any:
        """The expression in real symbols, as the rest of the program writes them, shared parts written out."""
        while any(s in self._meaning for s in expr.free_symbols):
            expr = expr.xreplace(self._meaning)
        return expr.xreplace({s: sympy.Symbol(n, real=True) for n, s in self.symbols.items()})

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
                return self._entry(name, subs)
            case App(head, args) if args:
                inner = [self.evaluated(a, found) for a in args]
                names = [Var(f"a{k}") for k in range(len(args))]
                values = {v.name: x for v, x in zip(names, inner, strict=True)}
                return self.small(to_sympy(App(head, tuple(names)), values))
            case _:
                return to_sympy(t)

    def _entry(self, name: str, subs: tuple[Any, ...]) -> Any:
        matrix = self.program.matrices[name]
        flat = 0
        for k, extent in zip(subs, matrix.shape, strict=True):
            flat = flat * extent + k - 1
        if matrix.entries is not None:
            return self.evaluated(matrix.entries[flat], {})
        import struct

        return sympy.Rational(*struct.unpack_from("<d", matrix.data, 8 * flat)[0].as_integer_ratio())

    def core(self, core: Core, cov: Sequence[Any], mean: Sequence[Any], constants: Sequence[Any]) -> Any:
        f = self.cores.of(core)
        if f.powers is not None:
            return self.small(sympy.S.One * isserlis(f.powers, cov, mean, PLAIN))
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
        point |= {sympy.Symbol(n, real=True): s for n, s in self.symbols.items()}
        point |= {sympy.Symbol(GUARD + n, real=True): s for n, s in self.symbols.items()}
        self.small(expr)
        out = expr.xreplace(point).xreplace({v: k for k, v in variances.items()})
        for c in f.conditions:
            found = c.xreplace(point).xreplace({v: k for k, v in variances.items()})
            if found.is_number and not found > 0:
                raise NoFormula("the expectation is infinite")
        if out.has(sympy.nan, sympy.zoo, sympy.oo):
            raise NoFormula("the covariance is singular")
        return self.small(out)

    # sympy asks for the signs of numbers when it builds expressions, and answers by evaluating them: deep compositions
    # are therefore kept as small expressions in symbols for parts, and written out once, if they are not too large.
    def small(self, expr: Any) -> Any:
        """The expression, or a symbol for it; `NoFormula` if it is too large when written out."""
        size = own = 0
        for part in sympy.preorder_traversal(expr):
            own += 1
            size += self._sizes.get(part, 1)
            if size > MAX_FORMULA:
                raise NoFormula(f"the formula would have more than {MAX_FORMULA} parts")
        if own <= INLINE:
            return expr
        if expr not in self._shared:
            symbol = self._shared[expr] = sympy.Dummy(real=True)
            self._meaning[symbol], self._sizes[symbol] = expr, size
        return self._shared[expr]


def _symbol(p: Param) -> Any:
    """The param with its sign, so that sqrt(sigma^2) is sigma."""
    if p.low is None or p.low < 0:
        return sympy.Symbol(p.name, real=True)
    if p.low > 0 or p.low_open:
        return sympy.Symbol(p.name, positive=True)
    return sympy.Symbol(p.name, nonnegative=True)

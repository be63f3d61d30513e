"""What the calculus computes: quantities, and each as a sum of constants times products of other quantities."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from tensorprog.errors import Diagnostic, TensorProgError
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.term import ONE, shift_subs, substitute, variables, walk
from tensorprog.limit.rules.labels import Label, label, range_of
from tensorprog.terms import App, Bind, Num, Sub, Term, Var


@dataclass(frozen=True, slots=True)
class Cov:
    """Cov(Z^a, Z^b), centred, of two bases."""

    a: Var
    b: Var


@dataclass(frozen=True, slots=True)
class Mean:
    """E[Z^a] of a base."""

    a: Var


@dataclass(frozen=True, slots=True)
class Ex:
    """E[term] of a function of vectors, given the scores."""

    term: Term


@dataclass(frozen=True, slots=True)
class ScalarOf:
    """The limit of n^power times a scalar."""

    ref: Var
    power: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class ScoreOf:
    """The value of a score: given, not computed. It is scaled by n^(-1/2), whatever power its dot is written with."""

    ref: Var


Key = Cov | Mean | Ex | ScalarOf | ScoreOf


@dataclass(frozen=True, slots=True)
class Addend:
    """Sum over `over` of coefficient * [s = s' for each delta] * product of factors."""

    coefficient: Term = ONE
    deltas: tuple[tuple[Sub, Sub], ...] = ()
    over: tuple[str, ...] = ()
    factors: tuple[Key | Core, ...] = ()


Sum = tuple[Addend, ...]

RESERVED = re.compile(r"(K\d+(_\d+)?|[cmz]\d+|z)\Z")
GUARD = "ƿ"
"""A letter that no name of the language contains."""


def guarded(name: str) -> str:
    """Return the name under which a param enters a core: its own, unless the core has a use for it."""
    return GUARD + name if RESERVED.match(name) else name


def unguarded(t: Term) -> Term:
    """Return the body of a core with params under their own names."""
    guards: dict[Term, Term] = {v: Var(v.name.removeprefix(GUARD)) for v in variables(t) if v.name.startswith(GUARD)}
    return substitute(t, guards) if guards else t


@dataclass(frozen=True, slots=True)
class Core:
    """E[body(z1, ..., zk; c1, ...)] for jointly Gaussian z with these covariances (i <= j, row by row) and means."""

    body: Term
    size: int
    cov: tuple[Sum, ...]
    mean: tuple[Sum, ...]
    constants: tuple[Term, ...] = ()
    shown: tuple[Term, ...] = field(default=(), compare=False)
    """What each z stands for, to be printed."""

    def entry(self, i: int, j: int) -> Sum:
        """Return the covariance of z_{i+1} and z_{j+1}."""
        return self.cov[place(i, j, self.size)]


def place(i: int, j: int, size: int) -> int:
    """Return the position of the entry (i, j) of a symmetric matrix that is listed row by row with i <= j."""
    i, j = min(i, j), max(i, j)
    return i * size - i * (i - 1) // 2 + j - i


def refs_of(key: Key) -> tuple[Term, ...]:
    match key:
        case Cov(a, b):
            return (a, b)
        case Mean(a) | ScalarOf(a) | ScoreOf(a):
            return (a,)
        case Ex(term):
            return (term,)


def reference(v: Var, names: Mapping[str, Sub]) -> Var:
    """Return the reference with its labels or indices renamed or fixed."""
    out = shift_subs(v, names)
    assert isinstance(out, Var)
    return out


def renamed(key: Key, names: Mapping[str, Sub]) -> Key:
    """Return the quantity with its free labels renamed or fixed."""
    if not names:
        return key
    match key:
        case Cov(a, b):
            return Cov(reference(a, names), reference(b, names))
        case Mean(a):
            return Mean(reference(a, names))
        case ScalarOf(a, power):
            return ScalarOf(reference(a, names), power)
        case ScoreOf(a):
            return ScoreOf(reference(a, names))
        case Ex(term):
            return Ex(shift_subs(term, names))


def moved(a: Addend, names: Mapping[str, Sub]) -> Addend:
    """Return the addend with labels renamed or fixed."""
    if not names:
        return a

    def sub(s: Sub) -> Sub:
        return names.get(s, s) if isinstance(s, str) else s

    return Addend(
        shift_subs(a.coefficient, names),
        tuple((sub(s), sub(t)) for s, t in a.deltas),
        tuple(j for j in a.over if j not in names),
        tuple(moved_core(f, names) if isinstance(f, Core) else renamed(f, names) for f in a.factors),
    )


def moved_core(core: Core, names: Mapping[str, Sub]) -> Core:
    return Core(
        core.body,
        core.size,
        tuple(tuple(moved(a, names) for a in parts) for parts in core.cov),
        tuple(tuple(moved(a, names) for a in parts) for parts in core.mean),
        tuple(shift_subs(c, names) for c in core.constants),
        tuple(shift_subs(t, names) for t in core.shown),
    )


def free_labels(t: Term) -> tuple[Label, ...]:
    """Return the labels that occur in t, in order of first use (labels are never bound inside a term)."""
    out: dict[Label, None] = {}
    for s in walk(t):
        if isinstance(s, Var):
            if not s.subs and isinstance(s.name, Label):
                out[s.name] = None
            for x in s.subs:
                if isinstance(x, Label):
                    out[x] = None
        elif isinstance(s, Bind):
            out |= dict.fromkeys(x for x in s.over if isinstance(x, Label) and s.head == "softmax" and len(s.args) == 1)
    return tuple(out)


def canonical(key: Key) -> tuple[Key, dict[str, str]]:
    """Return the quantity with labels named by first use, and the way back: from canonical labels to the given ones."""
    if isinstance(key, Cov) and _order(key.b) < _order(key.a):
        key = Cov(key.b, key.a)
    names = list(dict.fromkeys(x for t in refs_of(key) for x in free_labels(t)))
    new: dict[str, Sub] = {x: label(f"#{k}", range_of(x)) for k, x in enumerate(names)}
    back = {str(v): x for x, v in new.items()}
    return renamed(key, {x: v for x, v in new.items() if x != v}), back


def _order(v: Var) -> tuple[str, tuple[tuple[int, int, str], ...]]:
    return v.name, tuple((0, s, "") if isinstance(s, int) else (1, *range_of(s)[:1], "") for s in v.subs)


def no_limit(code: str, message: str, place: Place | None, because: str, help: str = "") -> TensorProgError:
    """Return the error for what has no limit that the rules here give."""
    return NoLimit((Diagnostic(code, message, place, because, "", help),))


class NoLimit(TensorProgError):
    """No rule here gives the limit that was asked for."""


class Unsettled(NoLimit):
    """A jump that the limit reaches and finite widths do not: the value at the jump is not the limit."""

    def __str__(self) -> str:
        return f"{self.diagnostics[0].message}: {self.diagnostics[0].because}"


def monomial(body: Term, size: int) -> tuple[int, ...] | None:
    """Return the exponents of z1, ..., zk in a product of their powers, or None.

    >>> from tensorprog.kernel.ground.term import mul
    >>> monomial(mul(Var("z1"), App("pow", (Var("z2"), Num(2)))), 2)
    (1, 2)
    """
    out = [0] * size
    for f in body.args if isinstance(body, App) and body.head == "mul" else (body,):
        base, k = f, Fraction(1)
        if isinstance(f, App) and f.head == "pow" and isinstance(f.args[1], Num):
            base, k = f.args[0], f.args[1].value
        if not isinstance(base, Var) or base.name[0] != "z" or k.denominator != 1 or not 0 < k <= 12:
            return None
        out[int(base.name[1:]) - 1] += int(k)
    return tuple(out)

"""Which functions of Gaussian variables are known to have all moments: what a finite sample cannot tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tensorprog.functions.decide.judge import judge
from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.signatures import CONDITIONS
from tensorprog.limit.members.parity import bounded_by_powers
from tensorprog.limit.particles.reading import ordered
from tensorprog.terms import App, Num, Term, Var

GROWING = frozenset({"sqrt", "abs"})
"""Heads that grow no faster than their argument; where they are undefined a sample says so."""


def are_tame(terms: Sequence[Term], forms: frozenset[Var]) -> bool:
    """At most powers of exp(c|z|), proved by the heads: an exponential of at most linear growth, a bounded part.

    >>> from tensorprog.terms import read
    >>> z = frozenset({Var("z")})
    >>> [are_tame([read(f)], z) for f in ("max(exp(2*z), z^3)", "1/z", "z/(1 + z^2)", "exp(z^2)")]
    [True, False, True, False]
    """
    known: dict[Term, _Growth] = {}
    for part in ordered(terms):
        known[part] = _growth(part, known, forms)
    return all(known[t].tame for t in terms)


@dataclass(frozen=True, slots=True)
class _Growth:
    tame: bool = True
    linear: bool = True
    moves: bool = True


def _growth(t: Term, known: Mapping[Term, _Growth], forms: frozenset[Var]) -> _Growth:
    inner = [known[a] for a in t.args] if isinstance(t, App) else []
    if not isinstance(t, App) or not any(x.moves for x in inner):
        return _Growth(moves=t in forms)
    tame, linear = all(x.tame for x in inner), all(x.linear for x in inner)
    record = library().get(t.head)
    if t.head in CONDITIONS:
        return _Growth()
    if t.head in ("add", "neg", "where", "max", "min", *GROWING):
        return _Growth(tame, linear)
    if t.head == "mul" and tame:
        return _Growth(True, linear and sum(x.moves for x in inner) == 1)
    if t.head == "exp" and linear:
        return _Growth(True, False)
    if t.head == "pow" and isinstance(t.args[1], Num) and t.args[1].value >= 0:
        return _Growth(tame, linear and t.args[1].value <= 1)
    if bounded_by_powers(t.head) and tame:
        return _Growth(True, linear and record is not None and record.regularity == "lipschitz")
    bounded = _bounded(t)
    return _Growth(bounded, bounded)


@lru_cache(maxsize=1024)
def _bounded(t: Term) -> bool:
    names = sorted({v.name for v in ordered([t]) if isinstance(v, Var)})
    return judge(t, names, {}).bounded.proved

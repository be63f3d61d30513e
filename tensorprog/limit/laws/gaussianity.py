"""Whether a limit variable is Gaussian: proved either way, or not known.

A centred Gaussian with a random variance C has the fourth cumulant 3 Var(C), so it is Gaussian only if C is constant.
C is a continuous function of the scores; where it takes two values at two points of their support, it is not constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tensorprog.errors import TensorProgError
from tensorprog.kernel.ground.term import ZERO, power
from tensorprog.limit.members.compiled import is_smooth
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.limit.members.parts import polynomial
from tensorprog.limit.mixtures.conditional import Conditional, terms_of
from tensorprog.limit.mixtures.structure import Structure
from tensorprog.limit.rules.open import TooLarge
from tensorprog.terms import Num, Term, to_text

MAX_MOMENT_TERMS = 400


@dataclass(frozen=True, slots=True)
class Finding:
    """True, False, or None for not known; with the reason."""

    gaussian: bool | None
    because: str


def gaussianity(s: Structure) -> Finding:
    """Decide whether a single variable is Gaussian in the limit."""
    name = to_text(s.members[0])
    match s.kind:
        case "deterministic":
            return Finding(True, f"{name} is a constant: Gaussian of variance 0")
        case "gaussian":
            return Finding(True, f"{name} is a sum of constants times jointly Gaussian variables")
        case "hierarchical-gaussian" if not s.nested:
            found = _variance_moves(s, name)
            return found if found.gaussian is not None else _cumulants(s, name)
        case "function-of-gaussian" | "function-of-hierarchical" if not s.nested:
            return _cumulants(s, name)
        case _:
            return Finding(None, f"{name} depends on scores of several layers; no proof is known here")


def _variance_moves(s: Structure, name: str) -> Finding:
    terms = terms_of(s.parts)
    if s.parts[0].rest != ZERO or not is_smooth(terms, kinks=True):
        return Finding(None, "")
    c = Conditional(s, s.parts)
    if any(c.mean[: len(c.linear)]):
        return Finding(None, "")
    steps = np.concatenate([np.zeros((1, c.dimension)), np.eye(c.dimension), -np.eye(c.dimension)])
    values = c.draw(steps).cov[:, 0, 0]
    low, high = float(values.min()), float(values.max())
    if high - low > 1e-6 * high + 8 * c.second.error * high:
        where = f"its variance given the scores takes the values {low:.6g} and {high:.6g}"
        return Finding(False, f"{name} is Gaussian only given the scores: {where}, so its fourth cumulant is positive")
    return Finding(None, f"the variance of {name} given the scores is constant as far as is seen, but not provably")


def _cumulants(s: Structure, name: str) -> Finding:
    """Return a third or fourth cumulant that is not 0, by exact formulas and true bounds."""
    t: Term = s.terms[0]
    unknown = Finding(None, f"{name} is {s.kind}; no cumulant up to the fourth is shown to differ from a Gaussian's")
    try:
        if len(polynomial(t)) ** 4 > MAX_MOMENT_TERMS * 24 or len(polynomial(power(t, Num(4)))) > MAX_MOMENT_TERMS:
            return unknown
        third, fourth = map(s.averages.number, s.averages.cumulants(s.members[0]))
    except (NotCovered, TooLarge, TensorProgError):
        return unknown
    for word, k in (("third", third), ("fourth", fourth)):
        if k.rigorous and np.isfinite(k.error) and abs(k.value) > k.error:
            return Finding(
                False, f"the {word} cumulant of {name} is {k.value:.6g} (error at most {k.error:.1g}), not 0"
            )
    return unknown

"""Proofs that moments exist: what neither quadrature nor a sample can see."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tensorprog.gaussian.behaviour.domains import defined
from tensorprog.gaussian.behaviour.sizes import Size, Unbounded
from tensorprog.terms import Term

Array = NDArray[np.float64]
ROOM = 1e-9


def integrable(term: Term, names: Sequence[str], L: Array, power: float = 1.0) -> bool:
    """Whether F has a value almost everywhere and E|F(m + L t)|^power is proved to be finite.

    With |F| <= exp(c + Σ p log(1 + |z|) + q |z| + s z²) Π (1 + |h|^-e) only s and the poles matter. E exp(k Σ s z²) is
    finite if I - 2k Lᵀ diag(s) L is positive definite, and E|h|^-a for a < 1 if h is not constant. Hölder puts them
    together: poles of orders e_h take the share Σ k e_h < 1, and all else has the power k/(1 - Σ k e_h).

    >>> from tensorprog.terms import read
    >>> one = np.ones((1, 1))
    >>> [integrable(read(f), ["z"], one) for f in ("exp(z^2/4)", "exp(z^2)", "1/z", "abs(z)^(-1/2)", "sqrt(z + 9)")]
    [True, False, False, True, False]
    >>> [integrable(read(f), ["z"], one, 2) for f in ("exp(z^2/4)", "abs(z)^(-1/2)", "abs(z)^(-1/4)", "log(abs(z))")]
    [False, False, True, True]
    """
    everywhere = Size(tuple(names), ((-math.inf, math.inf),) * len(names))
    try:
        if not defined(term, everywhere, almost=True):
            return False
        g = everywhere.growth(term)
    except (Unbounded, OverflowError, ValueError):
        return False
    share = power * sum(e for _, e in g.poles)
    moving = all(np.any(np.abs(np.array(h) @ L) > ROOM * (np.abs(h) @ np.abs(L))) for (h, _), _ in g.poles)
    if share >= 1 - ROOM or not moving:
        return False
    s = np.maximum(np.array(g.s), 0.0) * power / (1 - share) * (1 + ROOM)
    return bool(np.linalg.eigvalsh(np.eye(L.shape[1]) - 2 * (L.T * s) @ L).min(initial=1.0) > ROOM)

"""Initial vectors: jointly Gaussian members of a group, iid over coordinates."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from tensorprog.errors import fail
from tensorprog.kernel.ground.nodes import InputGroup
from tensorprog.simulate.arrays import Array
from tensorprog.simulate.draw.constants import Constants
from tensorprog.simulate.plan.deferred import split


def covariance_root(group: InputGroup, constants: Constants) -> Array:
    """L (independent indices..., M, M) with L L' the covariance of the M = names x correlated members.

    Independent indices that the covariance does not mention have size 1.
    """
    outer, coupled = split(group)
    sizes = {s: constants.length(s) for s in group.subs}
    members = prod(sizes[s] for s in coupled)
    names = len(group.names)
    primed = tuple(s + "'" for s in coupled)
    blocks = [
        [constants.array(group.cov[a][b], (*outer, *coupled, *primed)) for b in range(names)] for a in range(names)
    ]
    lead = np.broadcast_shapes(*(b.shape[: len(outer)] for row in blocks for b in row))
    full = (*lead, *(sizes[s] for s in coupled), *(sizes[s] for s in coupled))
    matrix = np.empty((*lead, names, members, names, members))
    for a, b in product(range(names), range(names)):
        matrix[..., a, :, b, :] = np.broadcast_to(blocks[a][b], full).reshape(*lead, members, members)
    matrix = matrix.reshape(*lead, names * members, names * members)
    out = np.empty_like(matrix)
    for at in np.ndindex(*lead):
        out[at] = semidefinite_root(matrix[at], group)
    return out


def semidefinite_root(matrix: Array, group: InputGroup) -> Array:
    """Lower-triangular L with L L' = matrix; exact zeros where members depend on earlier ones.

    Outer-product Cholesky; a pivot below 1e-12 of its diagonal entry is a dependence.
    """
    rest = np.array(matrix, dtype=float)
    scale = np.diagonal(rest).copy()
    if not np.isfinite(rest).all() or (scale < 0).any():
        raise _not_a_covariance(group)
    tolerance = 1e-12
    if len(rest) > 32:
        try:
            quick: Array = np.linalg.cholesky(rest)
        except np.linalg.LinAlgError:
            pass
        else:
            if (np.square(np.diagonal(quick)) > 1e-9 * scale).all():
                return quick
    out = np.zeros_like(rest)
    for j in range(len(rest)):
        pivot = rest[j, j]
        if pivot < -1e-9 * max(scale.max(), 1e-300) * len(rest):
            raise _not_a_covariance(group)
        if pivot <= tolerance * scale[j]:
            if np.abs(rest[j:, j]).max(initial=0.0) > 1e-6 * scale.max():
                raise _not_a_covariance(group)
            continue
        column = rest[j:, j] / np.sqrt(pivot)
        out[j:, j] = column
        rest[j:, j:] -= np.outer(column, column)
    return out


def _not_a_covariance(group: InputGroup) -> Exception:
    name = ", ".join(group.names)
    return fail("TP008", f"the covariance of {name} is not positive semidefinite at these numbers", group.place)


def means(group: InputGroup, constants: Constants) -> list[Any]:
    """Return the mean of each name, over the group's indices."""
    return [constants.array(t, group.subs) for t in group.mean]

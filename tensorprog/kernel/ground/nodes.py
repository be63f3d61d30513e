"""The instructions of a program: frozen families, one node per statement whatever its index ranges.

`subs` on a node's left are index names (axes, running over their ranges) or integers (a slab of the family).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, get_args

from tensorprog.kernel.ground.indices import Range
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.term import Num, Sub, Term, Var, variables

Kind = Literal["vector", "scalar"]
Law = Literal["gaussian", "rademacher", "uniform", "student"]
"""The laws of the entries of a matrix; simulate/draw/dense.py draws them."""
LAWS: tuple[Law, ...] = get_args(Law)


@dataclass(frozen=True, slots=True)
class Param:
    """A real symbol with an open or closed interval of admissible values, and a default for numerics."""

    name: str
    low: Fraction | None = None
    high: Fraction | None = None
    low_open: bool = True
    high_open: bool = True
    default: Term | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Weight:
    """A family of matrices (rows x cols, iid entries of one law), one independent matrix per index value."""

    name: str
    subs: tuple[str, ...]
    rows: str
    cols: str
    variance: Term
    law: Law = "gaussian"
    freedom: Term | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class InputGroup:
    """Initial vectors, jointly Gaussian and iid over coordinates: means, and covariances with primed indices.

    Cov(u[i], w[i']) is the entry of `cov`, where members differ only in indices whose primed form occurs there,
    and 0 otherwise.
    """

    names: tuple[str, ...]
    subs: tuple[str, ...]
    width: str
    mean: tuple[Term, ...]
    cov: tuple[tuple[Term, ...], ...]
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Input:
    """An initial vector family: member number `position` of a group."""

    name: str
    subs: tuple[Sub, ...]
    group: InputGroup
    position: int
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class MatMul:
    """g = W x (or W' x)."""

    name: str
    subs: tuple[Sub, ...]
    weight: Var
    transposed: bool
    arg: Var
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Expression:
    """An instruction that is one expression in its arguments: of one of the four kinds below."""

    name: str
    subs: tuple[Sub, ...]
    body: Term
    place: Place | None = field(default=None, compare=False)


class LinComb(Expression):
    """A sum of constants times vectors."""

    __slots__ = ()


class Nonlin(Expression):
    """A coordinatewise function of vectors and scalars."""

    __slots__ = ()


class Moment(Expression):
    """(1/width) times the sum over coordinates of a coordinatewise function."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Dot:
    """factor times the sum over coordinates of left times right; the factor carries constants and powers of widths."""

    name: str
    subs: tuple[Sub, ...]
    left: Var
    right: Var
    factor: Term
    place: Place | None = field(default=None, compare=False)


class Scalar(Expression):
    """A function of scalars and constants."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Attention:
    """The sum over `over` of softmax(scale * <query, key> over `over`, mask) times value: a block of the above."""

    name: str
    subs: tuple[Sub, ...]
    query: Var
    key: Var
    value: Var
    over: tuple[str, ...]
    scale: Term
    mask: Term | None
    place: Place | None = field(default=None, compare=False)


Node = Input | MatMul | LinComb | Nonlin | Moment | Dot | Scalar | Attention
Map = LinComb | Nonlin | Moment | Scalar
"""The nodes that are one expression in their arguments."""

SCALAR_NODES = (Moment, Dot, Scalar)


@dataclass(frozen=True, slots=True)
class Output:
    """What the user wants the limit of: a family, or the members that the subscripts name."""

    ref: Var
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement about the limit: LEFT = RIGHT within TOL for CONDITION, or a word about validity or Gaussianity."""

    form: Literal["equal", "valid", "invalid", "gaussian", "not gaussian"]
    left: Term | None = None
    right: Term | None = None
    tolerance: Term | None = None
    condition: Term | None = None
    text: str = field(default="", compare=False)
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A constant array: entries written as terms, or floats read from a .npy file (kept as bytes with their digest)."""

    name: str
    shape: tuple[int, ...]
    entries: tuple[Term, ...] | None
    file: str | None = None
    digest: str = ""
    data: bytes = field(default=b"", compare=False, repr=False)
    place: Place | None = field(default=None, compare=False)


@dataclass(slots=True)
class Family:
    """All definitions of one name: pieces that fill a box in the end."""

    name: str
    kind: Kind
    width: str | None
    arity: int
    pieces: list[Node] = field(default_factory=list)
    boxes: list[tuple[Range, ...]] = field(default_factory=list)
    by_constants: dict[tuple[tuple[int, ...], tuple[Range, ...]], dict[tuple[int, ...], Node]] = field(
        default_factory=dict
    )


def entry_term(matrix: Matrix, index: Sequence[int]) -> Term:
    """One entry of a constant array, exactly as it was given."""
    flat = 0
    for k, extent in zip(index, matrix.shape, strict=True):
        flat = flat * extent + k - 1
    if matrix.entries is not None:
        return matrix.entries[flat]
    return Num(Fraction(struct.unpack_from("<d", matrix.data, 8 * flat)[0]))


def primed_indices(group: InputGroup) -> set[str]:
    """The indices that couple members: those whose primed form occurs in the covariance."""
    out: set[str] = set()
    for row in group.cov:
        for t in row:
            for v in variables(t):
                out |= {s[:-1] for s in (*v.subs, v.name) if isinstance(s, str) and s.endswith("'")}
    return out

"""Numbers of constant terms at given param values, and the check that a numeric covariance is one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import TYPE_CHECKING

from tensorprog.errors import TensorProgError, fail
from tensorprog.kernel.ground.indices import assignments
from tensorprog.kernel.ground.nodes import InputGroup, Matrix, entry_term, primed_indices
from tensorprog.kernel.ground.program import volume
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import substitute, variables
from tensorprog.program.graph.semidefinite import PSD_TOLERANCE, check_semidefinite, floats, rounding
from tensorprog.terms import App, Num, Term, Var

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tensorprog.program.graph.graph import Graph

MAX_PSD_SIZE = 1_500
MAX_PSD_ENTRIES = 400_000
MAX_MEMBERS = 10_000
_MATH = ("exp", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "erf")


class NoNumber(Exception):
    """A constant that cannot be evaluated here: a param without default, or a function this small table lacks."""


def default_values(program: Graph) -> dict[str, float]:
    """Return the params' defaults as floats; a default is declared only where it is a number."""
    return {p.name: evaluate(p.default, {}, program) for p in program.params.values() if p.default is not None}


def evaluate(t: Term, at: Mapping[str, float], program: Graph) -> float:
    """Return the float value of a constant term; `at` gives params and (primed) indices."""
    match t:
        case Num(value):
            try:
                return float(value)
            except OverflowError:
                raise _too_large(t) from None
        case App("pi"):
            return math.pi
        case Var(name, ()):
            if name in at:
                return float(at[name])
            raise NoNumber(name)
        case Var(name, subs) if name in program.matrices:
            if missing := [s for s in subs if isinstance(s, str) and s not in at]:
                raise NoNumber(missing[0])
            index = tuple(int(at[s]) if isinstance(s, str) else s for s in subs)
            return entry(program.matrices[name], index, at, program)
        case App(head, args):
            values = [evaluate(a, at, program) for a in args]
            try:
                number = _apply(head, values)
            except (ValueError, ZeroDivisionError):
                return math.nan
            except OverflowError:
                raise _too_large(t) from None
            if math.isinf(number):
                raise _too_large(t)
            return number
    raise NoNumber(str(t))


def _too_large(t: Term) -> TensorProgError:
    return fail(
        "TP906",
        "this number is too large",
        t.place,
        because="a covariance, a variance and a default are checked as floating-point numbers, up to about 1e308",
        help="introduce a param for it, and give the number with --set",
    )


def _apply(head: str, v: list[float]) -> float:
    match head:
        case "add":
            return math.fsum(v)
        case "mul":
            return math.prod(v)
        case "neg":
            return -v[0]
        case "recip":
            return 1.0 / v[0]
        case "pow":
            return math.pow(v[0], v[1])
        case "abs":
            return abs(v[0])
        case "min":
            return min(v)
        case "max":
            return max(v)
        case _ if head in _MATH:
            return float(getattr(math, head)(v[0]))
    raise NoNumber(head)


def entry(matrix: Matrix, index: Sequence[int], at: Mapping[str, float], program: Graph) -> float:
    """Return one entry of a constant array (subscripts start at 1)."""
    flat = 0
    for k, extent in zip(index, matrix.shape, strict=True):
        flat = flat * extent + k - 1
    if matrix.entries is not None:
        return evaluate(matrix.entries[flat], at, program)
    import struct

    return float(struct.unpack_from("<d", matrix.data, 8 * flat)[0])


def array(matrix: Matrix, at: Mapping[str, float], program: Graph) -> NDArray[np.float64]:
    """Return all entries of a constant array as floats."""
    import numpy as np

    if matrix.entries is None:
        return np.frombuffer(matrix.data, dtype="<f8").reshape(matrix.shape)
    return np.array([evaluate(t, at, program) for t in matrix.entries], dtype=float).reshape(matrix.shape)


def at_indices(t: Term, at: Mapping[str, int], program: Graph) -> Term:
    """A constant with values for its (primed) indices put in, and the entries of arrays instead of their names."""
    known: dict[Term, Term] = {}
    for v in variables(t):
        if not v.subs and v.name in at:
            known[v] = Num(at[v.name], v.place)
        elif v.name in program.matrices:
            known[v] = entry_term(program.matrices[v.name], [at[s] if isinstance(s, str) else s for s in v.subs])
    return substitute(t, known)


def with_entries(t: Term, matrices: Mapping[str, Matrix]) -> Term:
    """Return the term with every entry whose subscripts are numbers replaced by what it is."""
    known: dict[Term, Term] = {}
    for v in variables(t) if matrices else ():
        at = [s for s in v.subs if isinstance(s, int)]
        if v.name not in matrices or len(at) < len(v.subs):
            continue
        matrix = matrices[v.name]
        if all(1 <= k <= extent for k, extent in zip(at, matrix.shape, strict=True)):
            found = entry_term(matrix, at)
            number = rational(found)
            known[v] = found if number is None else Num(number)
    return substitute(t, known) if known else t


def check_covariance(group: InputGroup, program: Graph, values: Mapping[str, float] | None = None) -> str | None:
    """Refuse a covariance that is not symmetric positive semidefinite at the defaults, or at `values` (TP008).

    Returns a sentence to list as an assumption where it cannot be checked: params without default, or very large.
    """
    primed = primed_indices(group)
    coupled = [s for s in group.subs if s in primed]
    outer = [s for s in group.subs if s not in primed and _depends(group, s)]
    sizes = [program.range_of(s) for s in coupled]
    members = len(group.names)
    list_size = members * volume(sizes)
    name = ", ".join(group.names)
    blocks = volume(map(program.range_of, outer))
    if not outer and (whole := _from_file(group, program)) is not None:
        return None if check_semidefinite(whole, group, _rounding(group, program)) else _unchecked(name, len(whole))
    if list_size > MAX_PSD_SIZE or blocks * list_size**2 > MAX_PSD_ENTRIES:
        return _unchecked(name, blocks * list_size)
    params = default_values(program) if values is None else values
    try:
        for at in assignments(program.ranges(outer)):
            fixed = {**params, **at}
            rows = [(m, c) for m in range(members) for c in product(*(range(lo, hi + 1) for lo, hi in sizes))]
            matrix = [[_cov(group, a, b, coupled, fixed, program) for b in rows] for a in rows]
            if not check_semidefinite(matrix, group, _rounding(group, program)):
                return _unchecked(name, blocks * list_size)
    except NoNumber as missing:
        return f"the covariance of {name} is positive semidefinite (not checked: no number for {missing})"
    if any(v.name in program.params for row in group.cov for t in row for v in variables(t)):
        return f"the covariance of {name} is positive semidefinite for the params' values (checked at the defaults)"
    return None


def _unchecked(name: str, members: int) -> str:
    return f"the covariance of {name} is positive semidefinite (too large to check: {members} members)"


def _from_file(group: InputGroup, program: Graph) -> list[list[float]] | None:
    """Return the rows of a matrix from a file that is the whole covariance."""
    term = group.cov[0][0]
    if len(group.names) != 1 or len(group.subs) != 1 or not isinstance(term, Var) or term.name not in program.matrices:
        return None
    (i,) = group.subs
    matrix = program.matrices[term.name]
    square = len(matrix.shape) == 2 and matrix.shape[0] == matrix.shape[1] <= MAX_PSD_SIZE
    if term.subs != (i, i + "'") or matrix.entries is not None or not square:
        return None
    if program.range_of(i) != (1, matrix.shape[0]):
        return None
    numbers, n = floats(matrix.data), matrix.shape[0]
    return [[*numbers[n * k : n * (k + 1)]] for k in range(n)]


def check_means(group: InputGroup, program: Graph) -> None:
    """Refuse a mean that is not a finite number at the defaults (TP008); of large families, the first members."""
    for t in group.mean:
        for _, value in values_over(t, group.subs, default_values(program), program):
            if not math.isfinite(value):
                raise fail(
                    "TP008", f"the mean of {', '.join(group.names)} is not a finite number", t.place or group.place
                )


def values_over(
    t: Term, subs: Sequence[str], at: Mapping[str, float], program: Graph
) -> Iterator[tuple[dict[str, int], float]]:
    """Yield the numbers of a constant for all values of the indices in it; of large families, the first members."""
    used = [s for s in subs if any(s == v.name or s in v.subs for v in variables(t))]
    for inner in islice(assignments(program.ranges(used)), MAX_MEMBERS):
        try:
            yield inner, evaluate(t, {**at, **inner}, program)
        except NoNumber:
            return


def check_entries(matrix: Matrix, program: Graph) -> None:
    """Refuse a written entry that is not a finite number at the defaults (TP008)."""
    for t in matrix.entries or ():
        for _, value in values_over(t, (), default_values(program), program):
            if not math.isfinite(value):
                place = t.place or matrix.place
                raise fail("TP008", f"the matrix {matrix.name} has an entry that is not a finite number", place)


def _depends(group: InputGroup, index: str) -> bool:
    return any(index == v.name or index in v.subs for row in group.cov for t in row for v in variables(t))


def _cov(
    group: InputGroup,
    a: tuple[int, tuple[int, ...]],
    b: tuple[int, tuple[int, ...]],
    coupled: list[str],
    fixed: Mapping[str, float],
    program: Graph,
) -> float:
    at = {**fixed, **dict(zip(coupled, a[1], strict=True))}
    at |= {s + "'": v for s, v in zip(coupled, b[1], strict=True)}
    return evaluate(group.cov[a[0]][b[0]], at, program)


def _rounding(group: InputGroup, program: Graph) -> float:
    """Return the relative rounding of a covariance: that of the coarsest of the arrays from files that it reads."""
    used = {v.name for row in group.cov for t in row for v in variables(t)}
    read = [m.data for name, m in program.matrices.items() if name in used and m.entries is None]
    return max(map(rounding, read), default=PSD_TOLERANCE)

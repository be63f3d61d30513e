"""Numbers of constant terms at given param values, and the check that a numeric covariance is one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import TYPE_CHECKING

from tensorprog.errors import TensorProgError, fail
from tensorprog.kernel.ground.indices import assignments
from tensorprog.kernel.ground.nodes import InputGroup, Matrix, entry_term, primed_indices
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import substitute, variables
from tensorprog.terms import App, Num, Term, Var

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tensorprog.program.graph.graph import Graph

PSD_TOLERANCE = 1e-9
COARSE = (("<f2", 4e-3), ("<f4", 1e-6))
"""Arrays of half and of single precision, and the relative rounding of a Gram matrix that is computed in them."""
MAX_PSD_SIZE = 1_500
MAX_PSD_ENTRIES = 400_000
MAX_MEMBERS = 10_000
_MATH = ("exp", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "erf")


class NoNumber(Exception):
    """A constant that cannot be evaluated here: a param without default, or a function this small table lacks."""


def default_values(program: Graph) -> dict[str, float]:
    """The params' defaults as floats; a default is declared only where it is a number."""
    return {p.name: evaluate(p.default, {}, program) for p in program.params.values() if p.default is not None}


def evaluate(t: Term, at: Mapping[str, float], program: Graph) -> float:
    """The float value of a constant term; `at` gives params and (primed) indices."""
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
    """One entry of a constant array (subscripts start at 1)."""
    flat = 0
    for k, extent in zip(index, matrix.shape, strict=True):
        flat = flat * extent + k - 1
    if matrix.entries is not None:
        return evaluate(matrix.entries[flat], at, program)
    import struct

    return float(struct.unpack_from("<d", matrix.data, 8 * flat)[0])


def array(matrix: Matrix, at: Mapping[str, float], program: Graph) -> NDArray[np.float64]:
    """All entries of a constant array as floats."""
    import numpy as np

    if matrix.entries is None:
        return np.frombuffer(matrix.data, dtype="<f8").reshape(matrix.shape)
    return np.array([evaluate(t, at, program) for t in matrix.entries], dtype=float).reshape(matrix.shape)


def at_indices(t: Term, at: Mapping[str, int], program: Graph) -> Term:
    """A constant with values for its (primed) indices put in, and the entries of arrays in the place of their names."""
    known: dict[Term, Term] = {}
    for v in variables(t):
        if not v.subs and v.name in at:
            known[v] = Num(at[v.name], v.place)
        elif v.name in program.matrices:
            known[v] = entry_term(program.matrices[v.name], [at[s] if isinstance(s, str) else s for s in v.subs])
    return substitute(t, known)


def with_entries(t: Term, matrices: Mapping[str, Matrix]) -> Term:
    """The term with every entry whose subscripts are numbers replaced by what it is."""
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
    members = list_size = len(group.names)
    for lo, hi in sizes:
        list_size *= hi - lo + 1
    name = ", ".join(group.names)
    blocks = 1
    for lo, hi in map(program.range_of, outer):
        blocks *= hi - lo + 1
    if not outer and _checked_directly(group, program):
        return None
    if list_size > MAX_PSD_SIZE or blocks * list_size**2 > MAX_PSD_ENTRIES:
        return f"the covariance of {name} is positive semidefinite (too large to check: {blocks * list_size} members)"
    params = default_values(program) if values is None else values
    try:
        for at in assignments(program.ranges(outer)):
            fixed = {**params, **at}
            rows = [(m, c) for m in range(members) for c in product(*(range(lo, hi + 1) for lo, hi in sizes))]
            matrix = [[_cov(group, a, b, coupled, fixed, program) for b in rows] for a in rows]
            _check_psd(matrix, group, _rounding(group, program))
    except NoNumber as missing:
        return f"the covariance of {name} is positive semidefinite (not checked: no number for {missing})"
    if any(v.name in program.params for row in group.cov for t in row for v in variables(t)):
        return f"the covariance of {name} is positive semidefinite for the params' values (checked at the defaults)"
    return None


def _checked_directly(group: InputGroup, program: Graph) -> bool:
    """A matrix from a file that is the whole covariance, checked as an array."""
    term = group.cov[0][0]
    if len(group.names) != 1 or len(group.subs) != 1 or not isinstance(term, Var) or term.name not in program.matrices:
        return False
    (i,) = group.subs
    matrix = program.matrices[term.name]
    square = len(matrix.shape) == 2 and matrix.shape[0] == matrix.shape[1] <= MAX_PSD_SIZE
    if term.subs != (i, i + "'") or matrix.entries is not None or not square:
        return False
    if program.range_of(i) != (1, matrix.shape[0]):
        return False
    import numpy as np

    k = array(matrix, {}, program)
    scale, rounding = float(abs(k).max(initial=0.0)), _rounding(group, program)
    worst = np.unravel_index(int(abs(k - k.T).argmax()), k.shape)
    if abs(k[worst] - k.T[worst]) > rounding * scale:
        raise _not_symmetric(group, float(k[worst]), float(k.T[worst]))
    _judge_least(float(np.linalg.eigvalsh(k).min()), rounding * scale, len(k), group)
    return True


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
    """The numbers of a constant for all values of the indices in it; of large families, the first members."""
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
    """The relative rounding of a covariance: what the narrowest type that holds the entries of its arrays suggests.

    An array of float32 is kept as float64, and recognised by its entries: all of them are numbers of single precision.
    Whole numbers are exact in every type, and say nothing.
    """
    used = {v.name for row in group.cov for t in row for v in variables(t)}
    read = [m for name, m in program.matrices.items() if name in used and m.entries is None]
    if not read:
        return PSD_TOLERANCE
    import numpy as np

    def of(k: NDArray[np.float64]) -> float:
        if (k == np.rint(k)).all():
            return PSD_TOLERANCE
        with np.errstate(over="ignore"):
            return next((r for kind, r in COARSE if (k.astype(kind) == k).all()), PSD_TOLERANCE)

    return max(of(array(m, {}, program)) for m in read)


def _check_psd(matrix: list[list[float]], group: InputGroup, rounding: float) -> None:
    n = len(matrix)
    name = ", ".join(group.names)
    if any(not math.isfinite(v) for row in matrix for v in row):
        raise fail("TP008", f"the covariance of {name} has an entry that is not a finite number", group.place)
    scale = max((abs(v) for row in matrix for v in row), default=0.0)
    for i in range(n):
        for j in range(i):
            if abs(matrix[i][j] - matrix[j][i]) > rounding * scale:
                raise _not_symmetric(group, matrix[i][j], matrix[j][i])
    _judge_least(_least_pivot(matrix, scale) if n <= 16 else _least_eigenvalue(matrix), rounding * scale, n, group)


def _not_symmetric(group: InputGroup, a: float, b: float) -> TensorProgError:
    return fail(
        "TP008",
        f"the covariance of {', '.join(group.names)} is not symmetric: {a:g} against {b:g}",
        group.place,
        because="Cov(a, b) = Cov(b, a)",
    )


def _judge_least(least: float, rounding: float, n: int, group: InputGroup) -> None:
    """Refuse a least eigenvalue that is negative beyond rounding."""
    if least < -rounding * max(1, n):
        raise fail(
            "TP008",
            f"the covariance of {', '.join(group.names)} is not positive semidefinite",
            group.place,
            because=f"some combination of its members would have the negative variance {least:g}",
            help="a covariance matrix has no negative eigenvalue; a Gram matrix X X^T always qualifies",
        )


def _least_pivot(matrix: list[list[float]], scale: float) -> float:
    """The least eigenvalue by Jacobi rotations (small matrices, no numpy needed)."""
    a = [row[:] for row in matrix]
    n = len(a)
    for _ in range(60):
        off = max((abs(a[i][j]) for i in range(n) for j in range(i)), default=0.0)
        if off <= 1e-14 * scale:
            break
        for p in range(n):
            for q in range(p + 1, n):
                if abs(a[p][q]) <= 1e-300:
                    continue
                theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
                t = math.copysign(1.0, theta) / (abs(theta) + math.hypot(theta, 1.0))
                c = 1 / math.hypot(t, 1.0)
                s = t * c
                for k in range(n):
                    a[k][p], a[k][q] = c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]
                for k in range(n):
                    a[p][k], a[q][k] = c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]
    return min(a[i][i] for i in range(n))


def _least_eigenvalue(matrix: list[list[float]]) -> float:
    import numpy as np

    return float(np.linalg.eigvalsh(np.array(matrix)).min())

"""Declarations checked: params, constant arrays, inputs with their covariances, weights."""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import replace
from fractions import Fraction

from tensorprog.errors import did_you_mean, fail
from tensorprog.kernel.ground.nodes import LAWS, InputGroup, Matrix, Param, Weight
from tensorprog.kernel.ground.place import Place
from tensorprog.program.graph.constants import (
    NoNumber,
    check_covariance,
    check_entries,
    check_means,
    default_values,
    evaluate,
    values_over,
)
from tensorprog.program.graph.graph import Graph
from tensorprog.program.lowering.lowering import Lowering
from tensorprog.terms import Sub, Term, Var


def declare_param(program: Graph, param: Param) -> None:
    """Declare a param whose interval is not empty and holds its default (TP017)."""
    low, high = param.low, param.high
    if low is not None and high is not None and (low > high or (low == high and (param.low_open or param.high_open))):
        raise fail("TP017", f"no number satisfies the assumption on {param.name}", param.place)
    if param.default is not None:
        default = Lowering(program).constant(param.default, "a default")
        try:
            value = evaluate(default, {}, program)
        except NoNumber as missing:
            raise fail("TP017", f"the default of {param.name} is not a number ({missing})", param.place) from None
        if not math.isfinite(value) or not admissible(param, value):
            raise fail(
                "TP017",
                f"the default {value:g} of {param.name} contradicts its assumption",
                param.place,
                help="change the default or the assumption",
            )
        param = replace(param, default=default)
    program.add_param(param)


def admissible(param: Param, value: float | Fraction) -> bool:
    """Return whether the value satisfies the param's assumption."""
    low_ok = param.low is None or (value > param.low if param.low_open else value >= param.low)
    high_ok = param.high is None or (value < param.high if param.high_open else value <= param.high)
    return low_ok and high_ok


def declare_matrix(program: Graph, matrix: Matrix) -> None:
    """Declare a constant array whose entries match its shape (TP008 for entries that are no numbers)."""
    entries = math.prod(matrix.shape)
    if entries > program.limits.matrix_entries:
        raise program.limits.exceeded(
            "TP905", "matrix_entries", entries, f"the matrix {matrix.name} is too large", matrix.place
        )
    if len(matrix.shape) not in (1, 2) or entries == 0:
        raise fail("TP001", f"the matrix {matrix.name} needs one or two dimensions, none of them empty", matrix.place)
    if matrix.entries is not None:
        if len(matrix.entries) != entries:
            raise fail("TP001", f"the rows of {matrix.name} have different lengths", matrix.place)
        lowering = Lowering(program)
        matrix = replace(matrix, entries=tuple(lowering.constant(t, "an entry of a matrix") for t in matrix.entries))
        check_entries(matrix, program)
    else:
        if len(matrix.data) != 8 * entries:
            raise fail("TP001", f"the matrix {matrix.name} does not match its shape", matrix.place)
        if not all(math.isfinite(v) for (v,) in struct.iter_unpack("<d", matrix.data)):
            raise fail("TP008", f"the matrix {matrix.name} has an entry that is not a finite number", matrix.place)
        digest = hashlib.sha256(repr(matrix.shape).encode() + matrix.data).hexdigest()
        matrix = replace(matrix, digest=digest)
    program.add_matrix(matrix)


def declare_input(
    lowering: Lowering,
    names: tuple[str, ...],
    subs: tuple[str, ...],
    width: str,
    mean: list[Term],
    cov: list[list[Term]],
    place: Place | None,
) -> str | None:
    """Initial vectors; a bare matrix means its entries by position. Returns an assumption to list, if any."""
    program = lowering.program
    check_axes(program, subs, place)
    if width not in program.widths:
        raise fail("TP002", f"there is no width {width}", place, help=f"declare it: width {width} = 2*n")
    if len(mean) != len(names) or len(cov) != len(names) or any(len(row) != len(names) for row in cov):
        raise fail(
            "TP008", f"{len(names)} jointly Gaussian inputs need {len(names)} means and a square covariance", place
        )
    means = tuple(lowering.constant(by_position(t, subs, program, 1, place), "a mean", subs) for t in mean)
    rows = tuple(
        tuple(lowering.constant(by_position(t, subs, program, 2, place), "a covariance", subs, True) for t in row)
        for row in cov
    )
    group = InputGroup(names, subs, width, means, rows, place)
    check_means(group, program)
    assumption = check_covariance(group, program)
    program.assumptions += [assumption] if assumption else []
    program.add_input(group)
    return assumption


def by_position(t: Term, subs: tuple[str, ...], program: Graph, dims: int, place: Place | None) -> Term:
    """K alone means K[i,i'] (mu for mu[i]) where the input has the one index i."""
    if not isinstance(t, Var) or t.subs or t.name not in program.matrices:
        return t
    matrix = program.matrices[t.name]
    if len(matrix.shape) != dims or len(subs) != 1:
        example = f"{t.name}[i,i']" if dims == 2 else f"{t.name}[i]"
        raise fail("TP008", f"the matrix {t.name} fits an input with one index only", t.place or place,
                   help=f"write it with subscripts, such as {example}")  # fmt: skip
    lo, hi = program.indices[subs[0]]
    size = hi - lo + 1
    if dims == 1 and matrix.shape != (size,):
        raise fail("TP008", f"the matrix {t.name} has {matrix.shape[0]} rows for {size} members", t.place or place)
    if dims == 2 and matrix.shape != (size, size):
        raise fail(
            "TP008",
            f"the matrix {t.name} is {matrix.shape[0]} x {matrix.shape[1]}, and the covariance of {size} members"
            f" is {size} x {size}",
            t.place or place,
            help="of data X, whose rows are the inputs, a covariance is X @ X.T / X.shape[1]",
        )
    i = subs[0]
    new: tuple[Sub, ...] = (i,) if dims == 1 else (i, i + "'")
    return Var(t.name, new, t.place)


def check_axes(program: Graph, subs: tuple[str, ...], place: Place | None) -> None:
    if len(set(subs)) < len(subs):
        raise fail("TP004", "an index is repeated", place)
    for s in subs:
        if s not in program.indices:
            raise fail("TP004", f"{s} is not an index", place, help=f"declare it: index {s} in 1..4")


def declare_weight(
    lowering: Lowering,
    name: str,
    subs: tuple[str, ...],
    shape: tuple[str, str],
    variance: Term,
    law: str,
    freedom: Term | None,
    place: Place | None,
) -> None:
    """Declare a weight family; its variance carries the 1/(input width), which the theorems judge (TP104)."""
    program = lowering.program
    check_axes(program, subs, place)
    for width in shape:
        if width not in program.widths:
            raise fail("TP002", f"there is no width {width}", place, help=f"declare it: width {width} = 2*n")
    if law not in LAWS:
        raise fail(
            "TP002",
            f"there is no entry law {law}",
            place,
            help=did_you_mean(law, LAWS, f"the laws are {', '.join(LAWS)}"),
        )
    if (freedom is None) == (law == "student"):
        raise fail("TP016", "student(nu) needs its degrees of freedom, and the other laws take none", place)
    value = lowering.constant(variance, "a variance", subs, scaled=True)
    widths = {w: 1e6 * float(r) for w, r in program.widths.items()}
    for _, number in values_over(value, subs, {**default_values(program), **widths}, program):
        if not number >= 0 or math.isinf(number):
            raise fail("TP008", f"the variance of {name} is not a nonnegative number at the defaults", place)
    nu = None if freedom is None else lowering.constant(freedom, "degrees of freedom")
    for _, degrees in values_over(nu, (), default_values(program), program) if nu is not None else ():
        if not 2 < degrees < math.inf:
            raise fail("TP017", f"student(nu) has the stated variance for nu > 2, and here nu = {degrees:g}", place)
    program.add_weight(Weight(name, subs, *shape, value, law, nu, place))

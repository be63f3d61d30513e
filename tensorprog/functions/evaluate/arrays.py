"""A term as a vectorised numpy function: compiled once to a flat list of operations, evaluated without recursion.

An undefined value is nan. Index families (`v[a,j]` inside `sum(... for a, j)`) are arrays whose leading axes are
the subscripts, in their order; the axes behind them are data and broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, reduce
from math import pi
from typing import TYPE_CHECKING, Any

from tensorprog.errors import fail
from tensorprog.functions.evaluate.narrow import vanishing
from tensorprog.functions.named.library import library
from tensorprog.functions.named.registry import registry
from tensorprog.terms import App, Bind, Num, Term, Var, to_text
from tensorprog.terms.term import ONE, children, variables, walk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Compiled = Callable[..., NDArray[np.float64]]

Operation = Callable[..., Any]


def compile_numpy(term: Term, names: Sequence[str], ranges: Mapping[str, tuple[int, int]] | None = None) -> Compiled:
    """The term as a numpy function of the names, in their order (variables, params and families alike).

    `ranges` gives each index its first and last value. The result's leading axes are the free indices, in the
    order of `ranges`; then the data axes. Raises TP006 for a name that is not listed, TP004 for an index without
    a range.

    >>> from tensorprog.terms import read
    >>> relu = compile_numpy(read("max(x, a*x)"), ["x", "a"])
    >>> relu([-2.0, 3.0], 0.5).tolist()
    [-1.0, 3.0]
    >>> heads = compile_numpy(read("sum(softmax(p[j] over j) * v[j] for j)"), ["p", "v"], {"j": (1, 2)})
    >>> float(heads([0.0, 0.0], [1.0, 3.0]))
    2.0
    """
    return _compile(term, tuple(names), tuple((ranges or {}).items()))


@dataclass(frozen=True, slots=True)
class _Instruction:
    """slot <- operation(slots of the arguments)."""

    operation: Operation
    arguments: tuple[int, ...]


@lru_cache(maxsize=1024)
def _compile(term: Term, names: tuple[str, ...], ranges: tuple[tuple[str, tuple[int, int]], ...]) -> Compiled:
    import numpy as np

    axes = {name: k for k, (name, _) in enumerate(ranges)}
    sizes = dict(ranges)
    _check_names(term, set(names), set(axes))
    bases = _bases(term, sizes)
    slots: dict[Term, int] = {}
    program: list[_Instruction] = []
    stack = [term]
    while stack:
        top = stack[-1]
        if top in slots:
            stack.pop()
            continue
        todo = [c for c in _parts(top) if c not in slots]
        if todo:
            stack.extend(todo)
            continue
        stack.pop()
        operation = _operation(top, names, bases, axes, sizes)
        slots[top] = len(program)
        program.append(_Instruction(operation, tuple(slots[c] for c in _parts(top))))
    subscripts = {v.name: len(v.subs) for v in variables(term) if v.name in names}
    free = _free_indices(term, set(axes))
    bound_axes = tuple(k for name, k in axes.items() if name not in free)

    def run(*given: Any) -> NDArray[np.float64]:
        if len(given) != len(names):
            raise TypeError(f"expected {len(names)} arguments ({', '.join(names)}), got {len(given)}")
        arrays = [np.asarray(g, dtype=float) for g in given]
        leading = [subscripts.get(n, 0) for n in names]
        data = max((a.ndim - k for a, k in zip(arrays, leading, strict=True)), default=0)
        if data < 0:
            raise TypeError("a family needs one leading axis for each of its subscripts")
        inputs = _Inputs(
            [
                a.reshape(a.shape[:k] + (1,) * (data + k - a.ndim) + a.shape[k:])
                for a, k in zip(arrays, leading, strict=True)
            ],
            data,
        )
        values: list[Any] = []
        with np.errstate(all="ignore"):
            for step in program:
                values.append(step.operation(inputs, *(values[i] for i in step.arguments)))
        out = np.asarray(values[-1], dtype=float)
        if axes:
            out = out.reshape((1,) * (len(axes) + data - out.ndim) + out.shape)
            full = [sizes[n][1] - sizes[n][0] + 1 if n in free else 1 for n in axes]
            out = np.broadcast_to(out, (*full, *out.shape[len(axes) :]))
            out = out.squeeze(bound_axes)
        shape = np.broadcast_shapes(*(i.shape[k:] for i, k in zip(inputs, leading, strict=True))) if inputs else ()
        return np.broadcast_to(out, (*out.shape[: len(free & axes.keys())], *shape)).copy()

    return run


def _parts(t: Term) -> tuple[Term, ...]:
    """The subterms that are evaluated before t (a division reads its denominator)."""
    match t:
        case App("mul", args) if any(_denominator(a) is not None for a in args):
            return tuple(_denominator(a) or a for a in args)
        case App("log", (App("add", (one, App("exp", (u,)))),)) if one == ONE:
            return (u,)
        case App("log", (App("add", (one, u)),)) if one == ONE:
            return (u,)
        case App("add", (App("exp", (u,)), minus)) if minus == Num(-1):
            return (u,)
        case _:
            return children(t)


def _denominator(t: Term) -> Term | None:
    return t.args[0] if isinstance(t, App) and t.head == "recip" else None


def _operation(
    t: Term,
    names: tuple[str, ...],
    bases: Mapping[tuple[str, int], int],
    axes: Mapping[str, int],
    sizes: Mapping[str, tuple[int, int]],
) -> Operation:
    import numpy as np

    from tensorprog.functions.named import numpy_forms

    match t:
        case Num(value):
            number = _float(value)
            return lambda inputs: number
        case Var(name, ()) if name in names:
            at = names.index(name)
            return lambda inputs: inputs[at].reshape((1,) * len(axes) + inputs[at].shape) if axes else inputs[at]
        case Var(name, ()):
            values = _index_values(name, axes, sizes)
            return lambda inputs: values.reshape(values.shape + (1,) * inputs.data)
        case Var(name):
            at, where = names.index(name), _positions(t, bases, axes, sizes)
            return lambda inputs: inputs[at][where]
        case App("pi"):
            return lambda inputs: pi
        case App("add", (App("exp"), minus)) if minus == Num(-1):
            return lambda inputs, u: np.expm1(u)
        case App("log", (App("add", (one, App("exp"))),)) if one == ONE:
            return lambda inputs, u: np.logaddexp(0.0, u)
        case App("log", (App("add", (one, _)),)) if one == ONE:
            return lambda inputs, u: numpy_forms.log1p(u)
        case App("add"):
            return lambda inputs, *xs: reduce(np.add, xs)
        case App("mul", args):
            below = [_denominator(a) is not None for a in args]
            zeros = vanishing(t)

            def product(inputs: Any, *xs: Any) -> Any:
                out = numpy_forms.recip(xs[0]) if below[0] else xs[0]
                for x, divides in zip(xs[1:], below[1:], strict=True):
                    out = out / np.where(x == 0, np.nan, x) if divides else out * x
                for k in zeros:
                    out = np.where(xs[k] == 0, 0.0, out)
                return out

            return product
        case App("neg"):
            return lambda inputs, x: -x
        case App("recip"):
            return lambda inputs, x: numpy_forms.recip(x)
        case App("pow", (_, Num(value))) if value == 2:
            return lambda inputs, x, p: x * x
        case App("pow"):
            return lambda inputs, x, p: numpy_forms.power(x, p)
        case App("and"):
            return lambda inputs, *xs: reduce(np.logical_and, xs)
        case App(head) if head in _COMPARE:
            name = _COMPARE[head]
            compare: Operation = getattr(np, name)
            return lambda inputs, x, y: compare(x, y)
        case App(head) if (form := numpy_form(head)) is not None:
            return lambda inputs, *xs: form(*xs)
        case Bind(head, _, over, mask):
            return _binder(head, tuple(axes[i] for i in over), mask is not None)
    raise fail("TP003", f"{to_text(t)} is not a number at a point", getattr(t, "place", None))


def numpy_form(head: str) -> Callable[..., Any] | None:
    """A named function on numpy arrays: its own form, or its definition; None if neither is known."""
    if head in registry():
        return registry()[head].numpy
    record = library().get(head)
    if record is None or record.numpy is not None or record.definition is None:
        return None if record is None else record.numpy
    form, count = compile_numpy(record.definition, record.args), len(record.args)
    return lambda *xs: form(*xs, *(1.0,) * (count - len(xs)))


_COMPARE = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal"}


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


class _Inputs(list[Any]):
    """The argument arrays, each with its family axes and then `data` data axes."""

    def __init__(self, arrays: list[Any], data: int) -> None:
        super().__init__(arrays)
        self.data = data


def _bases(term: Term, sizes: Mapping[str, tuple[int, int]]) -> dict[tuple[str, int], int]:
    """The subscript at which a family's array starts, for each axis: the least that its index names reach, else 1."""
    out: dict[tuple[str, int], int] = {}
    for v in variables(term):
        for k, s in enumerate(v.subs):
            if isinstance(s, str):
                out[v.name, k] = min(sizes[s][0], out.get((v.name, k), sizes[s][0]))
    return out


def _index_values(name: str, axes: Mapping[str, int], sizes: Mapping[str, tuple[int, int]]) -> Any:
    import numpy as np

    low, high = sizes[name]
    shape = [1] * len(axes)
    shape[axes[name]] = high - low + 1
    return np.arange(low, high + 1).reshape(shape)


def _positions(
    v: Var, bases: Mapping[tuple[str, int], int], axes: Mapping[str, int], sizes: Mapping[str, tuple[int, int]]
) -> tuple[Any, ...]:
    """Where the members of a family stand in its array: one index array per subscript, spread over all index axes."""
    import numpy as np

    out: list[Any] = []
    for k, s in enumerate(v.subs):
        values = np.full((1,) * len(axes), s) if isinstance(s, int) else _index_values(s, axes, sizes)
        out.append(values - bases.get((v.name, k), 1))
    return tuple(out)


def _binder(head: str, over: tuple[int, ...], masked: bool) -> Operation:
    import numpy as np

    def softmax(inputs: Any, p: Any, mask: Any = True) -> Any:
        p, mask = np.broadcast_arrays(p, mask)
        if not np.all(np.any(mask, axis=over)):
            raise fail("TP014", "a row of this softmax is fully masked")
        kept = np.where(mask, p, -np.inf)
        weights = np.exp(kept - np.max(kept, axis=over, keepdims=True))
        return weights / np.sum(weights, axis=over, keepdims=True)

    simple: dict[str, Callable[..., Any]] = {"sum": np.sum, "max": np.max, "min": np.min}
    if head == "softmax":
        return softmax
    if head in simple and not masked:
        fold = simple[head]
        return lambda inputs, x: fold(x, axis=over, keepdims=True)
    raise fail("TP003", f"{head} is not a number at a point")


def _check_names(term: Term, names: set[str], indices: set[str]) -> None:
    for t in walk(term):
        wanted: tuple[str, ...] = ()
        match t:
            case Var(name, subs):
                if name not in names and not (name in indices and not subs):
                    raise fail("TP006", f"{name} is not among {', '.join(sorted(names))}", t.place)
                wanted = tuple(s for s in subs if isinstance(s, str))
            case Bind(_, _, over):
                wanted = over
        for i in wanted:
            if i not in indices:
                raise fail("TP004", f"the index {i} has no range", getattr(t, "place", None))


def _free_indices(t: Term, indices: set[str]) -> set[str]:
    if not indices:
        return set()
    match t:
        case Var(name, subs):
            return ({name} | {s for s in subs if isinstance(s, str)}) & indices
        case Bind(head, _, over):
            inner = set().union(*(_free_indices(c, indices) for c in children(t)))
            return inner | set(over) if head == "softmax" else inner - set(over)
        case _:
            return set().union(*(_free_indices(c, indices) for c in children(t)))

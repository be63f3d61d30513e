"""A term as a vectorised numpy function: compiled once to a flat list of operations, evaluated without recursion.

An undefined value is nan. Members of a family (`v[1,2]`) are read from an array whose leading axes are the subscripts,
in their order; the axes behind them are data and broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, reduce
from math import pi
from operator import add, neg
from typing import TYPE_CHECKING, Any

from tensorprog.errors import fail
from tensorprog.functions.evaluate.narrow import vanishing
from tensorprog.functions.named.library import library
from tensorprog.functions.named.registry import registry
from tensorprog.kernel.ground.term import ONE, children, variables
from tensorprog.terms import App, Num, Term, Var, to_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Compiled = Callable[..., NDArray[np.float64]]

Operation = Callable[..., Any]


def compile_numpy(term: Term, names: Sequence[str]) -> Compiled:
    """Return the term as a numpy function of the names, in their order (variables, params and families alike).

    Raises TP006 for a name that is not listed, TP004 for an index that is no number.

    >>> from tensorprog.terms import read
    >>> relu = compile_numpy(read("max(x, a*x)"), ["x", "a"])
    >>> relu([-2.0, 3.0], 0.5).tolist()
    [-1.0, 3.0]
    >>> float(compile_numpy(read("v[1] - 2*v[2]"), ["v"])([5.0, 2.0]))
    1.0
    """
    return _compile(term, tuple(names))


@dataclass(frozen=True, slots=True)
class _Instruction:
    """slot <- operation(slots of the arguments)."""

    operation: Operation
    arguments: tuple[int, ...]


@lru_cache(maxsize=1024)
def _compile(term: Term, names: tuple[str, ...]) -> Compiled:
    import numpy as np

    _check_names(term, set(names))
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
        operation = _operation(top, names)
        slots[top] = len(program)
        program.append(_Instruction(operation, tuple(slots[c] for c in _parts(top))))
    subscripts = {v.name: len(v.subs) for v in variables(term) if v.name in names}

    def run(*given: Any) -> NDArray[np.float64]:
        if len(given) != len(names):
            raise TypeError(f"expected {len(names)} arguments ({', '.join(names)}), got {len(given)}")
        arrays = [np.asarray(g, dtype=float) for g in given]
        leading = [subscripts.get(n, 0) for n in names]
        data = max((a.ndim - k for a, k in zip(arrays, leading, strict=True)), default=0)
        if data < 0:
            raise TypeError("a family needs one leading axis for each of its subscripts")
        inputs = [
            a.reshape(a.shape[:k] + (1,) * (data + k - a.ndim) + a.shape[k:])
            for a, k in zip(arrays, leading, strict=True)
        ]
        values: list[Any] = []
        with np.errstate(all="ignore"):
            for step in program:
                values.append(step.operation(inputs, *(values[i] for i in step.arguments)))
        out = np.asarray(values[-1], dtype=float)
        shape = np.broadcast_shapes(*(i.shape[k:] for i, k in zip(inputs, leading, strict=True))) if inputs else ()
        return np.broadcast_to(out, shape).copy()

    return run


def _parts(t: Term) -> tuple[Term, ...]:
    """Return the subterms that are evaluated before t (a division reads its denominator)."""
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


def _operation(t: Term, names: tuple[str, ...]) -> Operation:
    import numpy as np

    from tensorprog.functions.named import numpy_forms

    match t:
        case Num(value):
            number = _float(value)
            return lambda inputs: number
        case Var(name, subs):
            at, where = names.index(name), tuple(int(k) - 1 for k in subs)
            return lambda inputs: inputs[at][where] if where else inputs[at]
        case App("pi"):
            return lambda inputs: pi
        case App("add", (App("exp"), minus)) if minus == Num(-1):
            return lambda inputs, u: np.expm1(u)
        case App("log", (App("add", (one, App("exp"))),)) if one == ONE:
            return lambda inputs, u: np.logaddexp(0.0, u)
        case App("log", (App("add", (one, _)),)) if one == ONE:
            return lambda inputs, u: numpy_forms.log1p(u)
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
        case App("pow", (_, Num(value))) if value == 2:
            return lambda inputs, x, p: x * x
        case App(head) if (form := operation(head)) is not None:
            return lambda inputs, *xs: form(*xs)
    raise fail("TP003", f"{to_text(t)} is not a number at a point", getattr(t, "place", None))


def operation(head: str) -> Callable[..., Any] | None:
    """Return a head on numpy arrays: arithmetic, comparisons, named functions; None if it has no value at a point."""
    import numpy as np

    from tensorprog.functions.named import numpy_forms

    match head:
        case "add":
            return lambda *xs: reduce(add, xs)
        case "neg":
            return neg
        case "recip":
            return numpy_forms.recip
        case "pow":
            return numpy_forms.power
        case "and":
            return lambda *xs: reduce(np.logical_and, xs)
        case _ if head in _COMPARE:
            compare: Operation = getattr(np, _COMPARE[head])
            return compare
        case _:
            return numpy_form(head)


def numpy_form(head: str) -> Callable[..., Any] | None:
    """Return a named function on numpy arrays: its own form, or its definition; None if neither is known."""
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


def _check_names(term: Term, names: set[str]) -> None:
    for v in variables(term):
        if v.name not in names:
            raise fail("TP006", f"{v.name} is not among {', '.join(sorted(names))}", v.place)
        if any(isinstance(s, str) for s in v.subs):
            raise fail("TP004", f"the index of {to_text(v)} is no number", v.place)

"""The table of rules: under its name each rule that a certificate may use, with the file in which it stands.

A file is read when one of its rules is first used, so that a certificate rests on few. How params are read: their
names are those of the program; beside them a lemma has its two variables, a point of a curve has t.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib import import_module
from typing import Any

from tensorprog.kernel.core.check import Book, Read
from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.names import LEMMA, READ, Own, T, legible, owned
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.ground.json_form import from_json, number_from_json
from tensorprog.kernel.ground.term import App, Bind, Num, Term, Var


def _word(data: Any) -> str:
    require(isinstance(data, str) and len(data) <= 40, "a word")
    return str(data)


def _whole(data: Any) -> int:
    x = number_from_json(data)
    require(x.denominator == 1, "a whole number")
    return int(x)


def _list(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def reader(data: Any) -> tuple[Any, ...]:
        require(isinstance(data, list), "a list")
        return tuple(map(read, data))

    return reader


def _term(data: Any) -> Term:
    return from_json(data, heads=READ)


def _value(data: Any) -> Term:
    return from_json(data, heads={**READ, "Phi2": (3, 3)})


READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("term", "mask", "var", "solve", "atom", "slope"), _term),
    **dict.fromkeys(("head", "what", "theorem", "method"), _word),
    **dict.fromkeys(("node", "output", "count"), _whole),
    **dict.fromkeys(("exponent", "strip", "spacing", "low", "high"), number_from_json),
    **dict.fromkeys(("over", "remarks", "vectors"), _list(_word)),
    **dict.fromkeys(("weights", "assumed", "at"), _list(_term)),
    "value": _value,
    "points": _list(number_from_json),
    "extra": _list(_whole),
    "curve": _list(_list(_term)),
}
"""How each param is read, whatever the rule."""


def _meant(ctx: Context, x: Any, own: Mapping[str, Own]) -> Any:
    """A param whose names are the program's, but for some of the rule's own."""
    if isinstance(x, tuple):
        return tuple(_meant(ctx, y, own) for y in x)
    return owned(legible(x, ctx.program, own), own) if isinstance(x, Num | Var | App | Bind) else x


def of_program(ctx: Context, name: str, data: Any) -> Any:
    """A param in the names of the program."""
    return _meant(ctx, READERS[name](data), {})


def of_lemma(ctx: Context, name: str, data: Any) -> Any:
    """A param of a lemma about z1 and z2."""
    return _meant(ctx, READERS[name](data), LEMMA)


def of_curve(ctx: Context, name: str, data: Any) -> Any:
    """A param of a refutation: along the curve each variable is a term in t."""
    value = READERS[name](data)
    if name != "curve":
        return _meant(ctx, value, {})
    require(all(len(pair) == 2 for pair in value), "pairs of a variable and a term")
    return tuple((_meant(ctx, v, {}), _meant(ctx, x, {"t": T})) for v, x in value)


SHELF: dict[str, tuple[Read, str]] = {
    "verdict.facts": (of_program, "constant variable limit_scalar apply family definition instruction has"),
    "verdict.premises": (of_program, "applies"),
    "verdict.assumed": (of_program, "assumed"),
    "verdict.variance": (of_program, "variance nonzero sign"),
    "limits.lemmas": (of_lemma, "gaussian_mean price heat smoothed rewritten"),
    "limits.means": (of_program, "initial product linear instance unevaluated closed independent limit score"),
    "limits.laws": (of_program, "covariance conditional claimed"),
    "limits.moments": (of_program, "expectation gaussian_law isserlis over_scores"),
    "numbers.numbers": (of_program, "evaluated quadrature trusted located kurtosis enclosed confirmed"),
    "numbers.scores": (of_program, "quadrature_over_scores"),
    "numbers.shares": (of_program, "shares_over_scores"),
    "extra.shapes": (of_program, "norm share branches"),
    "extra.equal": (of_program, "equal clamped"),
    "extra.tails": (of_program, "tails"),
    "extra.refuted": (of_curve, "refuted"),
    "extra.still": (of_program, "still alike"),
    "extra.mixed": (of_program, "mixed"),
    "extra.readouts": (of_program, "readout_scores"),
}
"""The files with rules, how the params of each are read, and the rules: functions of these names."""


@cache
def _book(file: str) -> Book:
    read, names = SHELF[file]
    module = import_module(f"tensorprog.kernel.{file}")
    return Book(file, {name: getattr(module, name) for name in names.split()}, read)


def _table() -> Iterator[tuple[str, Callable[[], Book]]]:
    for file, (_, names) in SHELF.items():
        book = partial(_book, file)
        yield from ((name, book) for name in names.split())


TABLE = dict(_table())
"""Under its name each rule that a certificate may use: the book in which it stands."""

"""The table of rules: under its name each rule that a certificate may use, with the file in which it stands.

A file is read when one of its rules is first used, so that a certificate rests on few. How params are read: their
names are those of the program; beside them a lemma has its two variables, a point of a curve has t.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from tensorprog.kernel.core.check import Book, Read, Rule
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
    **dict.fromkeys(("over", "remarks"), _list(_word)),
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


def _book(file: str, *rules: Rule, read: Read = of_program) -> Book:
    return Book(file, {rule.__name__: rule for rule in rules}, read)


@cache
def _facts() -> Book:
    from tensorprog.kernel.verdict.facts import apply, constant, definition, family, has, instruction, variable
    from tensorprog.kernel.verdict.facts import limit_scalar as near

    return _book("verdict.facts", constant, variable, near, apply, family, definition, instruction, has)


@cache
def _premises() -> Book:
    from tensorprog.kernel.verdict.premises import applies

    return _book("verdict.premises", applies)


@cache
def _assumed() -> Book:
    from tensorprog.kernel.verdict.assumed import assumed

    return _book("verdict.assumed", assumed)


@cache
def _variance() -> Book:
    from tensorprog.kernel.verdict.variance import nonzero, sign, variance

    return _book("verdict.variance", variance, nonzero, sign)


@cache
def _lemmas() -> Book:
    from tensorprog.kernel.limits.lemmas import gaussian_mean, heat, price, rewritten, smoothed

    return _book("limits.lemmas", gaussian_mean, price, heat, smoothed, rewritten, read=of_lemma)


@cache
def _means() -> Book:
    from tensorprog.kernel.limits import means as m

    first = (m.initial, m.product, m.linear, m.instance, m.unevaluated)
    return _book("limits.means", *first, m.closed, m.independent, m.limit, m.score)


@cache
def _laws() -> Book:
    from tensorprog.kernel.limits.laws import claimed, conditional, covariance

    return _book("limits.laws", covariance, conditional, claimed)


@cache
def _moments() -> Book:
    from tensorprog.kernel.limits.moments import expectation, gaussian_law, isserlis, over_scores

    return _book("limits.moments", expectation, gaussian_law, isserlis, over_scores)


@cache
def _numbers() -> Book:
    from tensorprog.kernel.numbers.numbers import confirmed, enclosed, evaluated, located, quadrature, trusted

    return _book("numbers.numbers", evaluated, quadrature, trusted, located, enclosed, confirmed)


@cache
def _scores() -> Book:
    from tensorprog.kernel.numbers.scores import quadrature_over_scores

    return _book("numbers.scores", quadrature_over_scores)


@cache
def _shapes() -> Book:
    from tensorprog.kernel.extra.shapes import branches, norm, share

    return _book("extra.shapes", norm, share, branches)


@cache
def _equal() -> Book:
    from tensorprog.kernel.extra.equal import clamped, equal

    return _book("extra.equal", equal, clamped)


@cache
def _tails() -> Book:
    from tensorprog.kernel.extra.tails import tails

    return _book("extra.tails", tails)


@cache
def _refuted() -> Book:
    from tensorprog.kernel.extra.refuted import refuted

    return _book("extra.refuted", refuted, read=of_curve)


@cache
def _still() -> Book:
    from tensorprog.kernel.extra.still import alike, still

    return _book("extra.still", still, alike)


@cache
def _mixed() -> Book:
    from tensorprog.kernel.extra.mixed import mixed

    return _book("extra.mixed", mixed)


TABLE: dict[str, Callable[[], Book]] = {
    **dict.fromkeys(
        ("constant", "variable", "limit_scalar", "apply", "family", "definition", "instruction", "has"), _facts
    ),
    "applies": _premises,
    "assumed": _assumed,
    **dict.fromkeys(("variance", "nonzero", "sign"), _variance),
    **dict.fromkeys(("gaussian_mean", "price", "heat", "smoothed", "rewritten"), _lemmas),
    **dict.fromkeys(
        ("initial", "product", "linear", "instance", "unevaluated", "closed", "independent", "limit", "score"), _means
    ),
    **dict.fromkeys(("covariance", "conditional", "claimed"), _laws),
    **dict.fromkeys(("expectation", "gaussian_law", "isserlis", "over_scores"), _moments),
    **dict.fromkeys(("evaluated", "quadrature", "trusted", "located", "enclosed", "confirmed"), _numbers),
    "quadrature_over_scores": _scores,
    **dict.fromkeys(("norm", "share", "branches"), _shapes),
    **dict.fromkeys(("equal", "clamped"), _equal),
    "tails": _tails,
    "refuted": _refuted,
    **dict.fromkeys(("still", "alike"), _still),
    "mixed": _mixed,
}
"""Which file has the rule of a name."""

"""A user's own named functions: with a symbolic form, or with declared facts, which are then listed as assumptions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from tensorprog.errors import fail
from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.signatures import FUNCTIONS
from tensorprog.kernel.ground.term import substitute, transform, walk
from tensorprog.kernel.ground.term import variables as variables_of
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Term, Var, read
from tensorprog.terms.heads import HEADS
from tensorprog.terms.idioms import meant
from tensorprog.terms.reserved import RESERVED

_NAME = re.compile(r"[^\W\d]\w*\Z")


@dataclass(frozen=True)
class Declared:
    """What a user says of a function of one variable without a symbolic form."""

    bounded: bool = False
    lipschitz: bool = False
    pseudo_lipschitz: Fraction | None = None
    low: Fraction | None = None
    high: Fraction | None = None

    @property
    def range(self) -> Interval:
        return Interval(self.low, self.high).closure

    def sentences(self, name: str) -> tuple[str, ...]:
        """Return the declarations as assumptions."""
        out = [f"{name} is bounded (declared)"] if self.bounded or self.range != REALS else []
        if self.lipschitz:
            out.append(f"{name} is Lipschitz (declared)")
        elif self.pseudo_lipschitz is not None:
            out.append(f"{name} is pseudo-Lipschitz of order {self.pseudo_lipschitz} (declared)")
        return tuple(out)


@dataclass(frozen=True)
class Registered:
    """One registered function: `form` in the variables `args`, or `declared` facts; `numpy` for numbers."""

    name: str
    args: tuple[str, ...]
    form: Term | None
    declared: Declared | None
    numpy: Callable[..., Any] | None


@cache
def registry() -> dict[str, Registered]:
    """Return the functions registered in this process, by name."""
    return {}


def words() -> dict[str, tuple[int, int]]:
    """Return the functions beyond the words of every program, with their least and greatest number of arguments.

    They are those of the library that no certificate names, and a user's own.
    """
    out = {name: record.arity for name, record in library().items() if name not in FUNCTIONS}
    return out | {name: (len(entry.args),) * 2 for name, entry in registry().items()}


def register(
    name: str,
    form: str | None = None,
    *,
    vars: tuple[str, ...] | list[str] | None = None,
    bounded: bool = False,
    lipschitz: bool = False,
    pseudo_lipschitz: int | float | Fraction | None = None,
    range: tuple[float | None, float | None] = (None, None),
    numpy: Callable[..., Any] | None = None,
) -> Registered:
    """Give a function a name, for use in expressions; registering a name again replaces it.

    `register("swish2", "x*sigmoid(2*x)")`: the name stands for its form, and every fact is proved. Without a form,
    the declared facts (of a function of one variable) are believed, and listed as assumptions wherever it is used.

    >>> register("tanh_shrink", "x - tanh(x)").args
    ('x',)
    >>> from tensorprog.functions.api import facts
    >>> facts("tanh_shrink(2*u)").pseudo_lipschitz.order
    Fraction(1, 1)
    """
    if not _NAME.match(name) or name in RESERVED or name in HEADS or (name in library() and not library()[name].bare):
        raise fail("TP005", f"{name} cannot name a function", help="choose a name that is not a word of the language")
    low, high = (None if v is None else Fraction(str(v)) for v in range)
    if form is not None:
        body = read_term(form)
        found = [v.name for v in variables_of(body)]
        entry = Registered(name, tuple(vars) if vars is not None else tuple(dict.fromkeys(found)), body, None, numpy)
        if set(found) - set(entry.args):
            raise fail(
                "TP002", f"{name} uses {', '.join(sorted(set(found) - set(entry.args)))}, which vars does not list"
            )
    else:
        order = None if pseudo_lipschitz is None else Fraction(str(pseudo_lipschitz))
        declared = Declared(bounded, lipschitz, order, low, high)
        if not declared.sentences(name):
            raise fail(
                "TP016", f"{name} needs a form or declared facts", help='register("f", bounded=True, lipschitz=True)'
            )
        entry = Registered(name, ("x",), None, declared, numpy)
    registry()[name] = entry
    return entry


def expand(t: Term) -> Term:
    """Registered functions with a form, and bare records, replaced by it."""

    def leaf(u: Term) -> Term | None:
        if not isinstance(u, App):
            return None
        entry, record = registry().get(u.head), library().get(u.head)
        if entry is None and record is not None and record.bare:
            _check_count(u, len(record.args))
            body = record.expand(u.args)
            return None if body is None else expand(body)
        if entry is None:
            return None
        _check_count(u, len(entry.args))
        args = tuple(expand(a) for a in u.args)
        if entry.form is None:
            return App(u.head, args, u.place)
        return substitute(entry.form, dict(zip(map(Var, entry.args), args, strict=True)))

    known = registry().keys() | {name for name, r in library().items() if r.bare}
    return transform(t, leaf) if any(isinstance(u, App) and u.head in known for u in walk(t)) else t


def unknown_activation(name: str) -> ValueError:
    """Return the error for an activation that is no function, with what its name may mean."""
    help = meant(name, [*library(), *registry()], ["x"])
    apart = any(word in help for word in ("mean(", "_new", "index"))  # no function of one number
    return ValueError(f"the language has no function {name!r}; {'' if apart else help or 'write an expression in x'}"
                      .rstrip("; "))  # fmt: skip


def _check_count(t: App, wanted: int) -> None:
    if len(t.args) != wanted:
        raise fail("TP016", f"{t.head} takes {wanted} argument(s), and here are {len(t.args)}", t.place)


def read_term(text: str) -> Term:
    """Text as a term in which registered functions are opened."""
    return expand(read(text, words()))


def declared_in(t: Term) -> tuple[str, ...]:
    """Return the declarations that a term rests on."""
    out: list[str] = []
    for u in walk(t):
        entry = registry().get(u.head) if isinstance(u, App) else None
        if entry is not None and entry.declared is not None:
            out.extend(entry.declared.sentences(entry.name))
    return tuple(dict.fromkeys(out))

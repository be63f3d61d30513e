"""The kernel that is hunted, this one or an older one: its rules, and what steps establish as one kind of record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Apply = Callable[[Any, str, list[Any], dict[str, Any]], Any]
"""Context, rule, what earlier steps establish, params as a certificate writes them."""


@dataclass(frozen=True)
class Said:
    """What a step establishes: in words, on which axioms, of which term, with which value or facts."""

    words: tuple[str, ...]
    axioms: tuple[str, ...] = ()
    term: Any = None
    value: Any = None
    info: Any = None
    written: tuple[object, ...] = ()
    """The conclusion, as a certificate has it."""


def said(found: Any) -> Said:
    """What a theorem says, or a judgement of the first kernel."""
    if hasattr(found, "words"):
        return Said(found.words, found.axioms, found.term, found.value, found.info, tuple(found.says()))
    from tensorprog.kernel.written.statements import concluded, words

    s = found.statement
    parts = (getattr(s, name, None) for name in ("term", "value", "info"))
    return Said(words(s), found.axioms, *parts, tuple(concluded(found)))


def rules() -> tuple[list[str], Apply]:
    """The names of the rules, and how one is applied."""
    try:
        from tensorprog.kernel.core.check import apply
        from tensorprog.kernel.rules import TABLE
    except ImportError:
        first = import_module("tensorprog.kernel.certificate")
        return sorted(first.RULES), first.applied
    return sorted(TABLE), lambda ctx, name, before, params: apply(ctx, TABLE[name](), name, before, params)


def context(lowered: Any, fuel: int) -> Any:
    """What rules know of a program in the form in which it is judged."""
    try:
        from tensorprog.kernel.core.context import Context
    except ImportError:
        return import_module("tensorprog.kernel.rules").Context(lowered, fuel)
    return Context(lowered, fuel)


def normalized(program: Any) -> Any:
    """A program in the form in which it is judged."""
    try:
        from tensorprog.program.normal.normalize import normalize
    except ImportError:
        return import_module("tensorprog.program.normalize").normalize(program)
    return normalize(program)


def terms() -> Any:
    """The module of terms as data."""
    try:
        return import_module("tensorprog.kernel.ground.term")
    except ImportError:
        return import_module("tensorprog.terms.term")


def variable(name: str, subs: tuple[Any, ...]) -> Any:
    """A member of a family as a term."""
    return terms().Var(name, subs)


def established(writer: Any, step: int) -> Any:
    """What a step of an honest prover establishes."""
    return (writer.theorems if hasattr(writer, "theorems") else writer.judgements)[step]

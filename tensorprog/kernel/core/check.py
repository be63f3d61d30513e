"""The loop that re-checks a certificate step by step. Here alone a statement becomes a theorem.

A rule is a function of the program, of the statements of earlier steps and of params; it computes what it concludes or
refuses. What a certificate writes of a step is not believed: it is only compared. The axioms of a theorem are those of
its premises, and those that its statement itself enters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, signature
from typing import Any, NoReturn

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import METER, forget, require
from tensorprog.kernel.core.statements import Statement

Rule = Callable[..., Statement]
Read = Callable[[Context, str, Any], Any]
"""How the value of a param with a name is read."""
COST = {"applies": 2000, "nonzero": 1000, "instruction": 100}
"""The fuel that a rule uses beside what its own loops spend; others use 50."""
_SEAL = object()


class Theorem:
    """A statement that follows from the axioms by the rules: nothing but `apply` can make one."""

    __slots__ = ("axioms", "statement")
    statement: Statement
    axioms: tuple[str, ...]

    def __init__(self, seal: object, statement: Statement, axioms: tuple[str, ...]) -> None:
        if seal is not _SEAL:
            raise TypeError("only the check loop makes theorems")
        object.__setattr__(self, "statement", statement)
        object.__setattr__(self, "axioms", axioms)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a theorem does not change")


Written = Callable[[Theorem, Any], None]
"""Refuses a theorem that is not what the certificate writes of its step."""


@dataclass(frozen=True)
class Book:
    """Rules of one file of the kernel, and how their params are read."""

    file: str
    rules: Mapping[str, Rule]
    read: Read


def apply(ctx: Context, book: Book, name: str, before: Sequence[Theorem], params: dict[str, Any]) -> Theorem:
    """What a rule concludes from earlier theorems."""
    require(all(type(t) is Theorem for t in before), "premises are theorems")
    wanted = _params(book.rules[name])
    missing = [p.name for p in wanted if p.default is p.empty and p.name not in params]
    require(not missing and set(params) <= {p.name for p in wanted}, "the params of the rule")
    values = {k: book.read(ctx, k, v) for k, v in params.items()}
    statement = book.rules[name](ctx, tuple(t.statement for t in before), **values)
    axioms = {a for t in before for a in t.axioms} | {*statement.trusts()}
    return Theorem(_SEAL, statement, tuple(sorted(axioms)))


@cache
def _params(rule: Rule) -> list[Parameter]:
    return list(signature(rule).parameters.values())[2:]


def check(
    ctx: Context, table: Mapping[str, Callable[[], Book]], steps: list[Any], done: list[Theorem], agree: Written
) -> set[str]:
    """Add the theorems of all steps to `done`; the files of the rules that were used."""
    files: set[str] = set()
    forget()
    meter = METER.set(ctx.spend)
    try:
        for name, params, before, conclusion in steps:
            require(isinstance(name, str) and name in table, "a rule of the calculus")
            require(isinstance(params, dict) and isinstance(before, list), "params and premises")
            require(all(type(k) is int and 0 <= k < len(done) for k in before), "premises are earlier steps")
            ctx.spend(COST.get(name, 50) + (100 * len(ctx.program.nodes) if name == "applies" else 0))
            book = table[name]()
            theorem = apply(ctx, book, name, [done[k] for k in before], params)
            agree(theorem, conclusion)
            files.add(book.file)
            done.append(theorem)
    finally:
        METER.reset(meter)
    return files

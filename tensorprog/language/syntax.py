"""Statements as data: what the parser makes of a text, before any name is looked up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tensorprog.kernel.ground.place import Place
from tensorprog.terms import App, Term, Var

Entry = Term | tuple["Entry", ...]
"""A term, or an array literal of entries."""


@dataclass(frozen=True, slots=True)
class Statement:
    place: Place


@dataclass(frozen=True, slots=True)
class ProgramName(Statement):
    name: str


@dataclass(frozen=True, slots=True)
class WidthDef(Statement):
    name: str
    value: Term


@dataclass(frozen=True, slots=True)
class ConstDef(Statement):
    name: str
    value: Term


@dataclass(frozen=True, slots=True)
class IndexDef(Statement):
    names: tuple[tuple[str, Place], ...]
    low: Term
    high: Term


@dataclass(frozen=True, slots=True)
class ParamDef(Statement):
    name: str
    compare: str | None
    bounds: tuple[Term, ...]
    default: Term | None


@dataclass(frozen=True, slots=True)
class MatrixDef(Statement):
    name: str
    literal: Entry | None
    file: str | None


@dataclass(frozen=True, slots=True)
class InputDef(Statement):
    refs: tuple[Term, ...]
    joint: bool
    width: str | None
    mean: Entry
    cov: Entry


@dataclass(frozen=True, slots=True)
class BernoulliDef(Statement):
    refs: tuple[Term, ...]
    width: str | None
    probability: Entry


@dataclass(frozen=True, slots=True)
class WeightDef(Statement):
    refs: tuple[Term, ...]
    shape: tuple[str, str] | None
    law: str
    freedom: Term | None
    mean: Term
    variance: Term


@dataclass(frozen=True, slots=True)
class Definition(Statement):
    ref: Term
    value: Term


@dataclass(frozen=True, slots=True)
class Loop(Statement):
    name: str
    low: Term
    high: Term
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class OutputDef(Statement):
    refs: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class ClaimDef(Statement):
    negated: bool
    left: Term
    right: Term | None
    tolerance: Term | None
    condition: Term | None


@dataclass(frozen=True, slots=True)
class Include(Statement):
    path: str


def defined_names(statements: Sequence[Statement]) -> Iterator[str]:
    """The names that some statements define."""
    for st in statements:
        match st:
            case Loop(body=body):
                yield from defined_names(body)
            case Definition(ref=ref):
                yield from _names([ref])
            case InputDef(refs=refs) | BernoulliDef(refs=refs) | WeightDef(refs=refs):
                yield from _names(refs)
            case WidthDef(name=name) | ConstDef(name=name) | ParamDef(name=name) | MatrixDef(name=name):
                yield name
            case IndexDef(names=names):
                yield from (name for name, _ in names)


def _names(refs: Sequence[Term]) -> Iterator[str]:
    for ref in refs:
        match ref:
            case Var(name) | App("ref", (Var(name), *_)):
                yield name

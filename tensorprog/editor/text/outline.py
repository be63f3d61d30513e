"""Where names are declared and used in a text: definitions, references, renaming, the symbols of a document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from tensorprog.editor.text.tokens import Statement, Token, statements
from tensorprog.editor.text.words import functions, grammar
from tensorprog.terms.reserved import RESERVED

Kind = Literal["program", "width", "const", "index", "param", "matrix", "input", "weight", "loop", "defined"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One place where a name is declared: its kind and its statement."""

    kind: Kind
    token: Token
    statement: Statement

    @property
    def name(self) -> str:
        return self.token.text


@dataclass(frozen=True)
class Outline:
    """The declarations and names of one text."""

    statements: tuple[Statement, ...]
    declarations: tuple[Declaration, ...]
    by_name: Mapping[str, tuple[Declaration, ...]] = field(repr=False)
    by_line: Mapping[int, tuple[Token, ...]] = field(repr=False)

    def token_at(self, line: int, column: int) -> Token | None:
        """Return the token at a cursor; between two, the one that is a name or a word."""
        found = [t for t in self.by_line.get(line, ()) if t.touches(line, column)]
        return next((t for t in found if t.role not in ("operator", "number")), found[0] if found else None)

    def definitions(self, line: int, column: int) -> tuple[Declaration, ...]:
        """Return every statement that defines (members of) the name at a cursor."""
        token = self.token_at(line, column)
        return () if token is None or token.role not in ("name", "function") else self.by_name.get(token.text, ())

    def uses(self, name: str) -> list[Token]:
        """Return every token that is this name."""
        return [t for s in self.statements for t in s if t.role == "name" and t.text == name]


@lru_cache(maxsize=16)
def outline(text: str) -> Outline:
    """Return the outline of a text, which need not be a program.

    >>> [(d.name, d.kind) for d in outline("index i in 1..2\\ninput u[i] ~ N(0, 1)\\nx[i] = relu(u[i])").declarations]
    [('i', 'index'), ('u', 'input'), ('x', 'defined')]
    """
    cut = statements(text)
    found = tuple(d for s in cut for d in _declared(s))
    by_name: dict[str, list[Declaration]] = {}
    for d in found:
        by_name.setdefault(d.name, []).append(d)
    by_line: dict[int, list[Token]] = {}
    for s in cut:
        for t in s:
            by_line.setdefault(t.line, []).append(t)
    return Outline(cut, found, {k: tuple(v) for k, v in by_name.items()}, {k: tuple(v) for k, v in by_line.items()})


def _declared(s: Statement) -> Iterable[Declaration]:
    first = s[0]
    if first.role != "keyword":
        if first.role == "name" and _is_definition(s):
            yield Declaration("defined", first, s)
        return
    match first.text:
        case "program" | "width" | "const" | "param" | "matrix" as kind:
            if len(s) > 1 and s[1].role == "name":
                yield Declaration(kind, s[1], s)
        case "for":
            if len(s) > 1 and s[1].role == "name":
                yield Declaration("loop", s[1], s)
        case "index":
            yield from (Declaration("index", t, s) for t in _until(s, "in") if t.role == "name")
        case "input" | "weight" as kind:
            depth = 0
            for t in _until(s, "~", ":"):
                depth += (t.text == "[") - (t.text == "]")
                if depth == 0 and t.role == "name":
                    yield Declaration(kind, t, s)


def _until(s: Statement, *ends: str) -> Iterable[Token]:
    for t in s[1:]:
        if t.text in ends:
            return
        yield t


def _is_definition(s: Statement) -> bool:
    """Return a name, perhaps with subscripts, and an equals sign."""
    depth = 0
    for t in s[1:]:
        depth += (t.text == "[") - (t.text == "]")
        if depth == 0 and t.text != "]":
            return t.text == "="
    return False


def _stays_a_name(text: str, tokens: list[Token], new: str) -> bool:
    """Return whether all these tokens are names when called `new`; some words are names in some places only."""
    lines = text.split("\n")
    for t in sorted(tokens, key=lambda t: (t.line, t.column), reverse=True):
        old = lines[t.line - 1]
        lines[t.line - 1] = old[: t.column - 1] + new + old[t.column - 1 + len(t.text) :]
    return len(outline("\n".join(lines)).uses(new)) >= len(tokens)


class Refused(Exception):
    """A renaming that would change what the program says; the text is the reason."""


def renaming(text: str, line: int, column: int, new: str, included: Iterable[str] = ()) -> list[Token]:
    """Return the tokens to be replaced by `new`, or refuse with the reason.

    Every use of a name is renamed, and a name that is already there is refused: so the program stays the same.
    """
    found = outline(text)
    token = found.token_at(line, column)
    if token is None or token.role != "name":
        raise Refused("there is no name here that can be renamed")
    if token.text not in found.by_name:
        raise Refused(f"{token.text} is not declared in this file")
    if not re.fullmatch(grammar().name, new):
        raise Refused(f"{new!r} is not a name: a letter or _, then letters, digits or _")
    if new in RESERVED or new in functions() or not _stays_a_name(text, found.uses(token.text), new):
        raise Refused(f"{new} is a word of the language")
    if new in {t.text for s in found.statements for t in s if t.role in ("name", "function")}:
        raise Refused(f"{new} is already a name in this file")
    for other in included:
        names = {t.text for s in outline(other).statements for t in s if t.role == "name"}
        if names & {token.text, new}:
            raise Refused(f"{min(names & {token.text, new})} is a name in an included file too")
    return found.uses(token.text)

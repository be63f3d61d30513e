"""Edits of a text, and a diagnostic in its text: what quick fixes are made of."""

from __future__ import annotations

from dataclasses import dataclass

from tensorprog.editor.text.outline import Declaration, Outline
from tensorprog.editor.text.tokens import Statement, Token
from tensorprog.errors import Diagnostic
from tensorprog.terms.reserved import RESERVED


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `length` characters at a place (line and column from 1) by a text."""

    line: int
    column: int
    length: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """One quick fix: what it does, in a few words, and its edits, which do not overlap."""

    title: str
    edits: tuple[Edit, ...]


def applied(text: str, edits: tuple[Edit, ...]) -> str:
    """Return the text with the edits made."""
    lines = text.split("\n")
    for e in sorted(edits, key=lambda e: (e.line, e.column), reverse=True):
        old = lines[e.line - 1]
        lines[e.line - 1] = old[: e.column - 1] + e.text + old[e.column - 1 + e.length :]
    return "\n".join(lines)


@dataclass(frozen=True)
class Spot:
    """A diagnostic in its text."""

    text: str
    outline: Outline
    diagnostic: Diagnostic

    @property
    def token(self) -> Token | None:
        p = self.diagnostic.place
        return None if p is None else self.outline.token_at(p.line, p.column)

    @property
    def statement(self) -> Statement:
        return self.statement_of(self.token)

    def statement_of(self, token: Token | None) -> Statement:
        return next((s for s in self.outline.statements if token in s), ())

    def declared(self, name: str) -> Declaration | None:
        return next(iter(self.outline.by_name.get(name, ())), None)

    @property
    def names(self) -> set[str]:
        return {t.text for s in self.outline.statements for t in s} | RESERVED

    def fresh(self, name: str) -> str:
        return next(f"{name}{k}" for k in range(2, 10_000) if f"{name}{k}" not in self.names)

    def above(self, line: str) -> Edit:
        """Insert a line above the statement, indented alike."""
        first = self.statement[0]
        return Edit(first.line, 1, 0, " " * (first.column - 1) + line + "\n")

    def between(self, first: Token, last: Token) -> str:
        """Return the text from one token to another on its line."""
        return self.text.split("\n")[first.line - 1][first.column - 1 : last.column - 1 + len(last.text)]


def put(token: Token, text: str) -> Edit:
    return Edit(token.line, token.column, len(token.text), text)


def after(token: Token, text: str) -> Edit:
    return Edit(token.line, token.column + len(token.text), 0, text)


def subscript(s: Spot, t: Token) -> str:
    """Return the subscripts after a name, where they are index names."""
    st = s.statement
    rest = st[st.index(t) + 1 :]
    if not rest or rest[0].text != "[":
        return ""
    inside = rest[1 : next((k for k, u in enumerate(rest) if u.text == "]"), 1)]
    names = [u.text for u in inside if u.role == "name"]
    return f"[{', '.join(names)}]" if names and len(names) == len(inside) // 2 + 1 else ""

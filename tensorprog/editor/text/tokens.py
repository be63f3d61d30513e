"""A text cut into tokens, each with its role: also where the text is no program yet, for it is being typed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from tensorprog.editor.text.words import grammar
from tensorprog.kernel.ground.place import Place

Role = Literal["comment", "string", "number", "keyword", "function", "law", "name", "operator"]

OPERAND = ("name", "number", "string")
CLOSING = (")", "]", "'")


@dataclass(frozen=True, slots=True)
class Token:
    """A token with its role and its place; lines and columns count from 1, as in `Place`."""

    role: Role
    text: str
    line: int
    column: int

    @property
    def place(self) -> Place:
        return Place(self.line, self.column, len(self.text))

    def touches(self, line: int, column: int) -> bool:
        """Return whether a cursor between two characters is inside this token or at one of its ends."""
        return self.line == line and self.column <= column <= self.column + len(self.text)


Statement = tuple[Token, ...]
"""The tokens of one statement, without comments."""


@cache
def _pattern() -> re.Pattern[str]:
    g = grammar()
    number = g.number.replace("(", "(?:")
    return re.compile(
        rf'(?P<comment>#[^\n]*)|(?P<string>"[^"\n]*"?)|(?P<name>{g.name})|(?P<range>\.\.)|(?P<number>{number})'
        r"|(?P<joined>\\[ \t\f]*\r?\n)|(?P<newline>\n)|(?P<operator>\*\*|[<>=!]=|[^\s])"
    )


def statements(text: str) -> tuple[Statement, ...]:
    """Return the statements of a text as tokens: a line each, or the lines that an open bracket joins.

    >>> [[t.text for t in s if t.role == "name"] for s in statements("y[i] = W @ x[i]  # all\\noutput y")]
    [['y', 'i', 'W', 'x', 'i'], ['y']]
    """
    out: list[Statement] = []
    current: list[Token] = []
    line, start, depth = 1, 0, 0
    for m in _pattern().finditer(text):
        kind, found = m.lastgroup, m.group()
        if kind in ("newline", "joined"):
            line, start = line + 1, m.end()
            # A statement word at the start of a line ends a bracket that was left open.
            if kind == "newline" and (depth <= 0 or _begins(text, m.end())):
                if current:
                    out.append(_with_roles(current))
                current, depth = [], 0
            continue
        if kind == "comment":
            continue
        depth += (found in "([") - (found in ")]") if kind == "operator" else 0
        role: Role = kind if kind in ("string", "number", "name") else "operator"  # type: ignore[assignment]
        current.append(Token(role, found, line, m.start() - start + 1))
    return (*out, _with_roles(current)) if current else tuple(out)


def comments(text: str) -> list[Token]:
    """Return the comments of a text."""
    out, line, start = [], 1, 0
    for m in _pattern().finditer(text):
        if m.lastgroup == "comment":
            out.append(Token("comment", m.group(), line, m.start() - start + 1))
        elif "\n" in m.group():
            line, start = line + 1, m.end()
    return out


def _begins(text: str, at: int) -> bool:
    m = re.compile(r"[ \t]*([a-z]+)[ \t]").match(text, at)
    return m is not None and m[1] in grammar().statements and m[1] != "for"


def _with_roles(tokens: list[Token]) -> Statement:
    """Decide which names are words: a word that follows an operand, or is where only a word may be."""
    g = grammar()
    first = tokens[0].text if tokens[0].text in g.statements else ""
    texts = [t.text for t in tokens]
    out: list[Token] = []
    for k, t in enumerate(tokens):
        before = out[k - 1] if k else None
        after = texts[k + 1] if k + 1 < len(texts) else ""
        if t.role == "name" and t.text in g.name_free(first, k, before.text if before else "", after, _ends(before)):
            t = replace(t, role="law" if before and before.text == "~" else "keyword")
        elif t.role == "name" and before and before.text == "(" and k > 1 and texts[k - 2] == "iid":
            t = replace(t, role="law")
        elif t.role == "name" and after == "(":
            t = replace(t, role="function")
        out.append(t)
    return tuple(out)


def _ends(t: Token | None) -> bool:
    """Return whether an operand ends with this token."""
    return t is not None and (t.role in OPERAND or t.text in CLOSING)

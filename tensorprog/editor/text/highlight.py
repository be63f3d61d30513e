"""Colours: a lexer for Pygments, and the grammar that VS Code and others read, both from the grammar's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from pygments.lexer import Lexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Text

from tensorprog.editor.text.tokens import comments, statements
from tensorprog.editor.text.words import LAW_FORMS, grammar

COLOURS = {
    "comment": Comment.Single, "string": String, "number": Number, "keyword": Keyword, "law": Name.Class,
    "function": Name.Function, "name": Name, "operator": Operator,
}  # fmt: skip
CONSTANTS = ("n", "pi")


class TensorprogLexer(Lexer):  # type: ignore[misc]  # Pygments has no types
    """The language of programs, for Pygments: a name is coloured as the parser reads it.

    >>> [(str(kind), text) for kind, text in TensorprogLexer().get_tokens("output y # all")][:3]
    [('Token.Keyword', 'output'), ('Token.Text.Whitespace', ' '), ('Token.Name', 'y')]
    """

    name = "tensorprog"
    aliases: ClassVar[list[str]] = ["tensorprog", "tp", "tp-fixed"]
    filenames: ClassVar[list[str]] = ["*.tp"]
    url = ""

    def get_tokens_unprocessed(self, text: str, *_: Any) -> Iterator[tuple[int, Any, str]]:
        starts = [0]
        for line in text.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        found = [t for s in statements(text) for t in s] + comments(text)
        at = 0
        for t in sorted(found, key=lambda t: (t.line, t.column)):
            start = starts[t.line - 1] + t.column - 1
            if start > at:
                yield at, Text.Whitespace, text[at:start]
            yield start, COLOURS[t.role], t.text
            at = start + len(t.text)
        if at < len(text):
            yield at, Text.Whitespace, text[at:]


def textmate() -> dict[str, Any]:
    """Return the TextMate grammar: rules in their order, each one regular expression with a scope.

    Functions and laws are known by their position: a new one leaves the grammar as it is.

    >>> textmate()["scopeName"]
    'source.tensorprog'
    """
    g = grammar()
    free = [w for w in g.contextual if w not in LAW_FORMS]
    name = re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), g.name)  # not every engine reads \\u
    rules = [
        ("comment.line.number-sign", r"#.*$"),
        ("string.quoted.double", r'"[^"\n]*"?'),
        ("keyword.control", rf"^\s*(?:{'|'.join(g.statements)})\b(?!\s*=)"),
        ("keyword.control", rf"\b(?:{'|'.join(g.connectives)})\b"),
        ("support.type", rf"(?<=~)\s*(?:{'|'.join(LAW_FORMS)})\b"),
        ("support.type", rf"(?<=iid\()\s*{name}"),
        ("keyword.other", r"(?<=claim\s)\s*(?:valid|invalid)(?=\s*(?:#|$))"),
        ("keyword.other", r'(?<==)\s*file(?=\s*\(\s*")'),
        ("keyword.other", r"(?<=,\s)(?:mask|scale)(?=\s*=(?!=))"),
        ("keyword.other", rf"(?<=[\w\])'] )(?:{'|'.join(free)})(?=\s+[\w(\"])"),
        ("entity.name.function", rf"{name}(?=\s*\()"),
        ("constant.language", rf"(?<![\w.])(?:{'|'.join(CONSTANTS)})\b(?!\s*\()"),
        ("variable.other", name),
        ("keyword.operator", r"\.\."),
        ("constant.numeric", g.number.replace("(", "(?:")),
        ("keyword.operator", r"\*\*|[<>=!]=|[-+*/^@=~<>:·√≤≥≠']"),
    ]
    patterns = [{"name": f"{scope}.tensorprog", "match": match} for scope, match in rules]
    return {
        "name": "tensorprog",
        "scopeName": "source.tensorprog",
        "fileTypes": ["tp"],
        "patterns": patterns,
    }

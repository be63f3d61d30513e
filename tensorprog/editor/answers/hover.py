"""What a cursor rests on, as Markdown: a name with its limit, a function with its facts, a premise with its finding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from tensorprog.editor.answers.analysis import Analysis
from tensorprog.editor.answers.limits import NameLimit
from tensorprog.editor.text.outline import Outline, outline
from tensorprog.editor.text.tokens import Statement, Token
from tensorprog.editor.text.words import BUILT_IN, LAW_FORMS, STATEMENTS, functions
from tensorprog.errors import TensorProgError
from tensorprog.functions.named.library import library

MORE = {
    "n": "The width, which goes to infinity.",
    "pi": "The constant π.",
    "over": "The index that a softmax or attention runs over.",
    "within": "How far the two sides of a claim may differ.",
    "mask": "A condition on the indices: where it fails, an entry of the softmax is left out.",
    "scale": "What the scores of `attention` are multiplied by.",
    "valid": "A claim: the verdict of `check` is valid.",
    "invalid": "A claim: the verdict of `check` is invalid.",
}
KINDS = {
    "program": "the program's name", "width": "width", "const": "compile-time integer", "index": "index",
    "param": "param", "matrix": "constant matrix", "input": "initial vector", "weight": "weight matrix",
    "loop": "loop variable", "defined": "variable",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hover:
    """A Markdown text about one token."""

    token: Token
    markdown: str


def hover(text: str, line: int, column: int, analysis: Analysis, limits: Iterable[NameLimit] = ()) -> Hover | None:
    """Return what is known of the token at a cursor; `limits` are those derived so far.

    >>> from tensorprog.editor.answers.analysis import analyse
    >>> text = "input u ~ N(0, 1)\\nx = relu(u)\\noutput x"
    >>> print(hover(text, 2, 1, analyse(text)).markdown)
    **x**: vector
    ```tp
    x = relu(u)
    ```
    """
    found = outline(text)
    token = found.token_at(line, column)
    if token is None:
        return None
    parts: list[str] = []
    if token.role == "name" and token.text in found.by_name:
        parts.append(_name(text, found, token, analysis))
        parts += [block("\n".join(x.details), "text") for x in _chosen(token, limits)]
    elif token.role in ("function", "law") and token.text in {**functions(), **LAW_FORMS}:
        parts.append(_function(token.text))
    elif token.role == "keyword" and token.text in STATEMENTS and (token.text != "for" or token.column == 1):
        form, says = STATEMENTS[token.text]
        parts.append(f"{block(form, 'tp')}\n{says}")
    elif token.text in MORE:
        parts.append(f"**{token.text}**: {MORE[token.text]}")
    premises = [p for p in analysis.premises if p.place is not None and token.touches(p.place.line, p.place.column)]
    if token.role == "keyword" and token.text == "output":
        premises = list(analysis.premises)
        parts.append(f"**{analysis.lens}**")
    if premises:
        parts.append(block("\n".join(p.text for p in premises), "text"))
    return Hover(token, "\n\n".join(parts)) if parts else None


def block(content: str, language: str) -> str:
    return f"```{language}\n{content}\n```"


def _name(text: str, found: Outline, token: Token, analysis: Analysis) -> str:
    known = analysis.names.get(token.text)
    declared = found.by_name[token.text]
    first = declared[0]
    kind = known.kind if known else KINDS[first.kind]
    sources = [source(text, d.statement) for d in declared[:4]]
    if known is not None and first.kind == "defined":
        sources = list(known.defined)
    return f"**{token.text}**: {kind}\n{block(chr(10).join(sources), 'tp')}"


def source(text: str, statement: Statement) -> str:
    """Return a statement as it is written, without its comment."""
    lines = text.split("\n")[statement[0].line - 1 : statement[-1].line]
    lines[-1] = lines[-1][: statement[-1].column - 1 + len(statement[-1].text)]
    return "\n".join(lines).strip()


def _chosen(token: Token, limits: Iterable[NameLimit]) -> list[NameLimit]:
    """Return the limit of the instruction on the token's own line, else of the first that defines the name."""
    own = [x for x in limits if x.name == token.text and x.details]
    here = [x for x in own if x.place is not None and x.place.line == token.line]
    return here[:1] or own[:1]


@lru_cache(maxsize=256)
def _function(name: str) -> str:
    if name in LAW_FORMS:
        form, says = LAW_FORMS[name]
        return f"{block(form, 'tp')}\n{says}"
    signature, says = functions()[name]
    if name in BUILT_IN:
        return f"{block(signature, 'tp')}\n{says}"
    out = block(says or signature, "tp")
    record = library().get(name)
    if record is None or len(record.args) > len(set(record.args)):
        return out
    from tensorprog.functions.api import facts

    try:
        fixed = record.args[1:] if name not in ("max", "min") else ()
        varying = [a for a in record.args if a not in fixed] if name != "hermite" else ["x"]
        return out + "\n\n" + block(repr(facts(signature, vars=varying)), "text")
    except TensorProgError:
        return out

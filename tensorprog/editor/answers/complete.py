"""Completion and signatures: what may be typed at a cursor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tensorprog.editor.answers.hover import KINDS, source
from tensorprog.editor.text.outline import Declaration, outline
from tensorprog.editor.text.tokens import Token
from tensorprog.editor.text.words import LAW_FORMS, STATEMENTS, functions
from tensorprog.kernel.ground.nodes import LAWS

ItemKind = Literal["keyword", "function", "vector", "weight", "constant", "law"]
FOR_DECLARED: dict[str, ItemKind] = {"weight": "weight", "input": "vector", "defined": "vector"}


@dataclass(frozen=True, slots=True)
class Item:
    """One proposal: its label, what it is, its signature or statement, and what it says."""

    label: str
    kind: ItemKind
    detail: str
    says: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """The call that a cursor is in: its form, its parameters, and which of them is being typed."""

    form: str
    parameters: tuple[str, ...]
    active: int
    says: str


def completions(text: str, line: int, column: int) -> list[Item]:
    """Return what may be typed at a cursor.

    >>> text = "weight Wq ~ N(0, 1/n)\\ninput u ~ "
    >>> [i.label for i in completions(text, 2, 11)]
    ['N', 'bernoulli']
    >>> [i.label for i in completions(text, 3, 1)][:3]
    ['program', 'width', 'const']
    """
    if _in_comment(text, line, column):
        return []
    before = _before(text, line, column)
    last = before[-1].text if before else ""
    first = before[0].text if before else ""
    if not before:
        return [*_statements(), *_names(text, {"defined"})]
    if last == "~":
        wanted = {"input": ("N", "bernoulli"), "weight": ("N", "iid")}.get(first, tuple(LAW_FORMS))
        return [Item(w, "law", *LAW_FORMS[w]) for w in wanted]
    if last == "(" and len(before) > 1 and before[-2].text == "iid":
        return [Item(w, "law", f"iid({w}, 1/n)") for w in LAWS if w != "gaussian"]
    if _in_subscript(before) or last in ("over", "for"):
        return list(_names(text, {"index", "const", "loop"}))
    if first == "output":
        return list(_names(text, {"defined", "input"}))
    names = list(_names(text, {"width", "const", "index", "param", "matrix", "input", "weight", "defined", "loop"}))
    return [*names, *(Item(n, "function", form, says) for n, (form, says) in functions().items())]


def _statements() -> list[Item]:
    return [Item(w, "keyword", form, says) for w, (form, says) in STATEMENTS.items()]


def _names(text: str, kinds: set[str]) -> Iterator[Item]:
    seen: set[str] = set()
    for d in outline(text).declarations:
        if d.kind in kinds and d.name not in seen:
            seen.add(d.name)
            yield Item(d.name, FOR_DECLARED.get(d.kind, "constant"), _detail(text, d))


def _detail(text: str, d: Declaration) -> str:
    return source(text, d.statement) if d.kind != "loop" else KINDS[d.kind]


def signature(text: str, line: int, column: int) -> Signature | None:
    """Return the innermost call around a cursor.

    >>> found = signature("y = clip(x, -1", 1, 15)
    >>> found.form, found.active
    ('clip(x, lo, hi)', 1)
    """
    calls: list[tuple[Token | None, int]] = []
    before = _before(text, line, column)
    for k, t in enumerate(before):
        if t.text in ("(", "["):
            name = before[k - 1] if k and t.text == "(" and before[k - 1].role in ("function", "law", "name") else None
            calls.append((name, 0))
        elif t.text in (")", "]") and calls:
            calls.pop()
        elif t.text == "," and calls:
            calls[-1] = calls[-1][0], calls[-1][1] + 1
    known = {**functions(), **LAW_FORMS}
    for name, count in reversed(calls):
        if name is not None and name.text in known:
            form, says = known[name.text]
            inside = form[form.index("(") + 1 : -1]
            parameters = tuple(p.strip() for p in _split(inside))
            return Signature(form, parameters, min(count, len(parameters) - 1), says)
    return None


def _split(inside: str) -> list[str]:
    out, depth = [""], 0
    for c in inside:
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            out.append("")
        else:
            out[-1] += c
    return out


def _before(text: str, line: int, column: int) -> list[Token]:
    """Return the tokens of the statement before a cursor, without the word that is being typed."""
    lines = text.split("\n")[:line]
    if len(lines) < line:
        return []
    lines[-1] = lines[-1][: column - 1]
    cut = outline("\n".join(lines)).statements
    last = list(cut[-1]) if cut else []
    if last and last[-1].line != line and not _open(last):
        return []
    if last and last[-1].role in ("name", "keyword", "function", "law") and last[-1].touches(line, column):
        last.pop()
    return last


def _open(tokens: list[Token]) -> bool:
    texts = [t.text for t in tokens]
    return texts.count("(") + texts.count("[") > texts.count(")") + texts.count("]")


def _in_subscript(before: list[Token]) -> bool:
    texts = [t.text for t in before]
    depth = 0
    for k in range(len(texts) - 1, -1, -1):
        depth += (texts[k] in ")]") - (texts[k] in "([")
        if depth < 0:
            return texts[k] == "[" and k > 0 and before[k - 1].role == "name"
    return False


def _in_comment(text: str, line: int, column: int) -> bool:
    lines = text.split("\n")
    return line <= len(lines) and "#" in lines[line - 1][: column - 1]

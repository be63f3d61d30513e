"""What may mend an error in the text: candidates for quick fixes of TP0xx."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from unicodedata import normalize

from tensorprog.editor.fixing.edits import Edit, Fix, Spot, after, put, subscript
from tensorprog.editor.text.tokens import Token
from tensorprog.editor.text.words import functions
from tensorprog.language.parser import LOOK_ALIKES
from tensorprog.terms.idioms import other_name


def _syntax(s: Spot) -> Iterator[Fix]:
    place = s.diagnostic.place
    before = [st for st in s.outline.statements if place is not None and st[0].line <= place.line]
    for st in before[-2:]:
        first = st[0].text
        depth = [t.text for t in st if t.text in "()[]"]
        missing = depth.count("(") - depth.count(")"), depth.count("[") - depth.count("]")
        if missing[0] > 0 or missing[1] > 0:
            closing = ")" * max(0, missing[0]) + "]" * max(0, missing[1])
            yield Fix(f"close with {closing}", (after(st[-1], closing),))
        for t in st:
            if t.text == "=" and first in ("input", "weight"):
                yield Fix("write ~", (put(t, "~"),))
            if t.text == "~" and first not in ("input", "weight"):
                yield Fix("write =", (put(t, "="),))
            if t.place == s.diagnostic.place and t.text in ")],:;":
                yield Fix(f"delete {t.text}", (put(t, ""),))
        if first == "for" and st[-1].text != ":":
            yield Fix("end with :", (after(st[-1], ":"),))
        if first == "program" and st is not s.outline.statements[0]:
            end = st[-1]
            line = s.between(st[0], end)
            top = s.outline.statements[0][0]
            yield Fix("move it to the top", (Edit(top.line, 1, 0, line + "\n"), Edit(st[0].line, 1, len(line), "")))


def _unknown(s: Spot) -> Iterator[Fix]:
    t = s.token
    if t is None or t.role not in ("name", "function"):
        return
    known = [*functions()] if t.role == "function" else [*s.outline.by_name]
    if t.role == "function" and (ours := other_name(t.text)) is not None:
        yield Fix(f"write {ours}", (put(t, ours),))
    if t.role == "function":
        yield from _written_out(s, t)
    for name in sorted(get_close_matches(t.text, known, 3, 0.6), key=lambda w: sorted(w) != sorted(t.text)):
        yield Fix(f"write {name}", (put(t, name),))
    if t.role == "name":
        subs = subscript(s, t)
        line = s.text.split("\n")[t.line - 1]
        if re.match(r"(\[[^\]]*\])?'?\s*@", line[t.column - 1 + len(t.text) :]):
            yield Fix(f"declare the weight {t.text}", (s.above(f"weight {t.text}{subs} ~ N(0, 1/n)"),))
            return
        yield Fix(f"declare the input {t.text}", (s.above(f"input {t.text}{subs} ~ N(0, 1)"),))
        yield Fix(f"declare the param {t.text}", (s.above(f"param {t.text} = 1"),))
        yield Fix(f"declare the index {t.text}", (s.above(f"index {t.text} in 1..2"),))


def _written_out(s: Spot, t: Token) -> Iterator[Fix]:
    """The lines and the expression that the help writes out, instead of the call."""
    *lines, form = re.findall(r"`([^`]+)`", s.diagnostic.help) or [""]
    st, depth = s.statement, 0
    for u in st[st.index(t) + 1 :] if form else ():
        depth += (u.text == "(") - (u.text == ")")
        if depth == 0:
            call = Edit(t.line, t.column, u.column + 1 - t.column, f"({form})")
            yield Fix(f"write {form}", (*([s.above("\n".join(lines))] if lines else []), call))
            return


def _product(s: Spot) -> Iterator[Fix]:
    """A product with a matrix is written @."""
    st = s.statement
    for k, t in enumerate(st):
        found = s.declared(t.text)
        ahead = next((u for u in st[k:] if u.text in ("*", "@")), None)
        if found is not None and found.kind == "weight" and ahead is not None and ahead.text == "*":
            yield Fix("write @", (put(ahead, "@"),))


def _free_index(s: Spot) -> Iterator[Fix]:
    name = re.search(r"index (\w+) is free on the right", s.diagnostic.message)
    st = s.statement
    if name is None or not st or st[0].role != "name":
        return
    if len(st) > 1 and st[1].text == "[":
        close = next(t for t in st if t.text == "]")
        yield Fix(f"write the index {name[1]} on the left", (Edit(close.line, close.column, 0, f",{name[1]}"),))
    else:
        yield Fix(f"write the index {name[1]} on the left", (after(st[0], f"[{name[1]}]"),))
    equal = next((k for k, t in enumerate(st) if t.text == "="), None)
    if equal is not None and equal + 1 < len(st):
        start = st[equal + 1]
        edits = (Edit(start.line, start.column, 0, "sum("), after(st[-1], f" for {name[1]})"))
        yield Fix(f"sum over {name[1]}", edits)


def _twice(s: Spot) -> Iterator[Fix]:
    t = s.token
    if t is None:
        return
    name = s.fresh(t.text)
    later = [u for st in s.outline.statements for u in st if u.text == t.text and u.role in ("name", "keyword")]
    uses = [u for u in later if u.line > t.line or u == t]
    yield Fix(f"call it {name} from here on", tuple(put(u, name) for u in uses))
    yield Fix(f"call it {name} here", (put(t, name),))


def _too_early(s: Spot) -> Iterator[Fix]:
    t, st = s.token, s.statement
    found = s.declared(t.text) if t else None
    if found is None or not st or found.statement[0].line <= st[0].line:
        return
    first, last = found.statement[0], found.statement[-1]
    if first.line == last.line:
        whole = s.text.split("\n")[first.line - 1]
        yield Fix(f"move the line of {found.name} up", (s.above(whole.strip()), Edit(first.line, 1, len(whole), "")))


def _no_output(s: Spot) -> Iterator[Fix]:
    defined = [d for d in s.outline.declarations if d.kind in ("defined", "input")]
    if defined:
        name, last = defined[-1].name, s.outline.statements[-1][-1]
        yield Fix(f"output {name}", (after(last, f"\noutput {name}"),))


def _characters(s: Spot) -> Iterator[Fix]:
    p = s.diagnostic.place
    assert p is not None
    line = s.text.split("\n")[p.line - 1]
    c = line[p.column - 1 : p.column]
    if c in LOOK_ALIKES:
        yield Fix(f"write the Latin letter {LOOK_ALIKES[c]}", (Edit(p.line, p.column, 1, LOOK_ALIKES[c]),))
        fixed = "".join(LOOK_ALIKES.get(x, x) for x in line)
        yield Fix("write Latin letters on this line", (Edit(p.line, 1, len(line), fixed),))
    elif c and not c.isprintable():
        yield Fix("delete the invisible character", (Edit(p.line, p.column, 1, ""),))
    if normalize("NFC", line) != line:
        yield Fix("write it in Unicode normal form C", (Edit(p.line, 1, len(line), normalize("NFC", line)),))


def _arguments(s: Spot) -> Iterator[Fix]:
    """Yield an index for a softmax or a sum that names none."""
    t, st = s.token, s.statement
    if t is None or t.text not in ("softmax", "sum", "attention"):
        return
    depth = 0
    for u in st[st.index(t) + 1 :]:
        depth += (u.text == "(") - (u.text == ")")
        if depth == 0 and u.text == ")":
            word = "for" if t.text == "sum" else "over"
            left = {v.text for v in st[: next((k for k, v in enumerate(st) if v.text == "="), 0)]}
            indices = [d.name for d in s.outline.declarations if d.kind == "index" and d.name not in left]
            for name in indices:
                yield Fix(f"write {word} {name}", (Edit(u.line, u.column, 0, f" {word} {name}"),))
            return


CANDIDATES: dict[str, Callable[[Spot], Iterator[Fix]]] = {
    "TP001": _syntax, "TP002": _unknown, "TP003": _product, "TP004": _free_index, "TP005": _twice, "TP006": _too_early,
    "TP007": _no_output, "TP013": _characters, "TP016": _arguments,
}  # fmt: skip

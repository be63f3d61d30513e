"""What may mend a network that no theorem covers: candidates for quick fixes of TP1xx to TP3xx."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tensorprog.editor.fixing.edits import Edit, Fix, Spot, after, put, subscript
from tensorprog.editor.text.tokens import Statement
from tensorprog.editor.text.words import functions, grammar
from tensorprog.errors import Diagnostic

TAMER = {"sign": "tanh", "step": "sigmoid", "exp": "sigmoid"}
"""A continuous, slowly growing function instead of one that is not."""


def _offered_lines(s: Spot) -> Iterator[Fix]:
    """Statements that the help writes out."""
    lines = [m for m in re.findall(r"`([^`]+)`", s.diagnostic.help) if re.search(r"[~=]", m)]
    if lines and s.statement:
        if all(m.split()[0] in grammar().statements for m in lines):
            yield Fix("add " + ", ".join(lines), (s.above("\n".join(lines)),))
        else:
            declared = [m for m in lines if m.split()[0] in grammar().statements]
            rest = [m for m in lines if m not in declared]
            end = s.statement[-1]
            yield Fix("absorb it with an unused score",
                      (s.above("\n".join(declared)), after(end, "".join("\n" + m for m in rest))))  # fmt: skip


def _own_matrix(s: Spot) -> Iterator[Fix]:
    """Yield a fresh matrix, or readout vector, for one of the places where one is used."""
    yield from _offered_lines(s)
    places = [s.diagnostic.place, *(p for p, _ in s.diagnostic.related)]
    tokens = [s.outline.token_at(p.line, p.column) for p in places if p is not None and p.file is None]
    uses = [t for t in tokens if t is not None and (d := s.declared(t.text)) and d.kind in ("weight", "input")]
    named = [t.text for t in uses]
    for word in re.findall(grammar().name, s.diagnostic.message):
        found = s.declared(word)
        if found is not None and found.kind in ("weight", "input") and word not in named:
            uses += [t for t in s.outline.uses(word) if t not in found.statement]
    for t in uses:
        declared = s.declared(t.text)
        assert declared is not None
        if t in declared.statement:
            continue
        new = s.fresh(t.text)
        subs = subscript(Spot(s.text, s.outline, Diagnostic("TP101", "", declared.token.place)), declared.token)
        edit = after(declared.token, subs + f", {new}") if subs else after(declared.token, f", {new}")
        if subs:  # the new name goes behind the subscripts of the old one
            close = next(u for u in declared.statement[declared.statement.index(declared.token) :] if u.text == "]")
            edit = after(close, f", {new}{subs}")
        where = f"in line {t.line}, column {t.column}"
        yield Fix(f"use a separate {declared.kind} {new} {where}", (edit, put(t, new)))
    yield from _scaling(s)


def _untransposed(s: Spot) -> Iterator[Fix]:
    """Yield a separate weight instead of a transpose."""
    st = s.statement
    for k, t in enumerate(st):
        found = s.declared(t.text)
        if found is None or found.kind != "weight" or k + 1 >= len(st) or st[k + 1].text != "'":
            continue
        new = s.fresh(t.text)
        edits = (after(found.token, f", {new}"), put(t, new), put(st[k + 1], ""))
        yield Fix(f"use a separate weight {new}", edits)


def _multiplied(s: Spot) -> Iterator[Fix]:
    """Yield the sides of a score that no MatMul made, one of them or both, multiplied by a fresh weight each."""
    st = s.statement
    at = next((k for k, t in enumerate(st) if t.text == "dot"), None)
    if at is None:
        return
    depth, starts = 0, [at + 2]
    for k in range(at + 1, len(st)):
        depth += (st[k].text in "([") - (st[k].text in ")]")
        if depth == 0:
            break
        starts += [k + 1] if depth == 1 and st[k].text == "," else []
    sides = [st[k] for k in starts if k < len(st) and st[k].role == "name"]
    for chosen in (*([t] for t in sides), sides):
        names: list[str] = []
        for _ in chosen:
            names.append(next(w for w in ("D", *(f"D{k}" for k in range(2, 99))) if w not in (*names, *s.names)))
        edits = (s.above(f"weight {', '.join(names)} ~ N(0, 1/n)"),
                 *(Edit(t.line, t.column, 0, f"{w} @ ") for t, w in zip(chosen, names, strict=True)))  # fmt: skip
        said = " and ".join(t.text for t in chosen)
        yield Fix(f"multiply {said} by {'fresh weights' if len(chosen) > 1 else 'a fresh weight'}", edits)


def _scaling(s: Spot) -> Iterator[Fix]:
    """Yield another power of n in the statement of a dot product, or where the one that is named is defined."""
    named = [d for w in re.findall(grammar().name, s.diagnostic.message) for d in s.outline.by_name.get(w, ())]
    for st in dict.fromkeys([s.statement, *(d.statement for d in named if d.kind == "defined")]):
        yield from _rescaled(st)


def _rescaled(st: Statement) -> Iterator[Fix]:
    texts = [t.text for t in st]
    for k, t in enumerate(st):
        root = texts[k : k + 4] == ["sqrt", "(", "n", ")"]
        if t.text == "/" and texts[k + 1 : k + 5] == ["sqrt", "(", "n", ")"]:
            yield Fix("divide by n", (Edit(t.line, st[k + 1].column, st[k + 4].column + 1 - st[k + 1].column, "n"),))
        elif t.text == "/" and k + 1 < len(st) and texts[k + 1] == "n":
            last = st[k + 3] if texts[k + 2 : k + 3] in (["^"], ["**"]) and k + 3 < len(st) else st[k + 1]
            length = last.column + len(last.text) - st[k + 1].column
            yield Fix("divide by sqrt(n)", (Edit(t.line, st[k + 1].column, length, "sqrt(n)"),))
            yield Fix("divide by n", (Edit(t.line, st[k + 1].column, length, "n"),))
        elif t.text == "dot" and not root and "n" not in texts:
            depth = 0
            for u in st[k + 1 :]:
                depth += (u.text == "(") - (u.text == ")")
                if depth == 0:
                    yield Fix("divide by sqrt(n)", (after(u, " / sqrt(n)"),))
                    yield Fix("divide by n", (after(u, " / n"),))
                    break


def _law(s: Spot) -> Iterator[Fix]:
    """Yield the variance of a weight over its input width; Gaussian entries."""
    st, texts = s.statement, [t.text for t in s.statement]
    if "~" not in texts or st[0].text != "weight":
        return
    at = texts.index("~")
    width = next((texts[k + 1] for k in range(1, at) if texts[k] == "x" and st[k].role == "keyword"), "n")
    commas = [k for k in range(at, len(st)) if texts[k] == ","]
    if not commas or texts[-1] != ")":
        return
    start, end = st[commas[-1] + 1], st[-2]
    variance = s.between(start, end)
    length = len(variance)
    if s.diagnostic.code == "TP105":
        law = s.between(st[at + 1], st[-1])
        yield Fix(f"write N(0, {variance})", (Edit(start.line, st[at + 1].column, len(law), f"N(0, {variance})"),))
        return
    plain = variance.replace(f"sqrt({width})", width).replace("sqrt(n)", width)
    squared = re.sub(r"\bn\s*(\^|\*\*)\s*2\b", width, variance)
    other = re.sub(r"/\s*\w+$", f"/{width}", variance)
    simple = re.fullmatch(r"[\w.^]+", variance)
    for new in (plain, squared, other, f"{variance}/{width}" if simple else f"({variance})/{width}"):
        if new != variance:
            yield Fix(f"write N(0, {new})", (Edit(start.line, start.column, length, new),))


def _bounded(s: Spot) -> Iterator[Fix]:
    """Yield the feature clipped at 100."""
    name = re.match(r"(?:the feature|could not decide whether) (\w+)\[?", s.diagnostic.message)
    st = s.statement
    equal = next((k for k, t in enumerate(st) if t.text == "="), None)
    if equal is not None and equal + 1 < len(st) and "dot" not in [t.text for t in st]:
        start = st[equal + 1]
        edits = (Edit(start.line, start.column, 0, "clip("), after(st[-1], ", -100, 100)"))
        yield Fix("clip it between -100 and 100", edits)
    found = s.declared(name[1]) if name else None
    if found is not None and found.kind == "defined":
        inner = [t.text for t in found.statement]
        start = found.statement[inner.index("=") + 1]
        edits = (Edit(start.line, start.column, 0, "clip("), after(found.statement[-1], ", -100, 100)"))
        yield Fix(f"clip {found.name} between -100 and 100", edits)


def _tamer(s: Spot) -> Iterator[Fix]:
    """Yield a function that jumps or grows too fast, replaced by a tame one."""
    for t in s.statement:
        if t.role == "function" and t.text in TAMER and TAMER[t.text] in functions():
            yield Fix(f"write {TAMER[t.text]} for {t.text}", (put(t, TAMER[t.text]),))


CANDIDATES: dict[str, Callable[[Spot], Iterator[Fix]]] = {
    "TP101": _own_matrix, "TP102": _own_matrix, "TP103": _multiplied, "TP104": _law, "TP105": _law,
    "TP106": _untransposed, "TP107": _own_matrix, "TP201": _bounded, "TP202": _tamer, "TP203": _bounded,
    "TP204": _tamer, "TP205": _tamer, "TP301": _scaling, "TP302": _scaling,
}  # fmt: skip

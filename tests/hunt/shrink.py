"""Makes a failing program smaller: fewer statements, smaller expressions, shorter ranges, plainer numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.hunt.finding import Finding
from tests.hunt.rewrites import inlined
from tests.hunt.syntax import Define, For, Program, Statement, X, free, kind, num

Judge = Callable[[Program], Finding | None]


def pruned(program: Program, keep: set[str] | frozenset[str] = frozenset()) -> Program:
    """The program without what no output and no kept name needs."""
    needed, before = {o.name for o in program.outputs} | set(keep) | _words(program.claims), set[str]()
    while needed != before:
        before = set(needed)
        for d in program.definitions():
            if d.name in needed:
                needed |= {x.name for x in d.value.walk()}
    body: list[Statement] = []
    for s in program.body:
        kept = (
            tuple(d for d in s.body if d.name in needed) if isinstance(s, For) else ((s,) if s.name in needed else ())
        )
        if kept:
            body.append(replace(s, body=kept) if isinstance(s, For) else kept[0])
    made = replace(
        program,
        body=tuple(body),
        inputs=tuple(i for i in program.inputs if needed & set(i.names)),
        weights=tuple(w for w in program.weights if w.name in needed),
    )
    text = _words(tuple(map(str, (*made.inputs, *made.weights, *made.body, *made.claims, *made.outputs))))
    return replace(
        made,
        params=tuple(p for p in made.params if p.name in text),
        matrices=tuple(m for m in made.matrices if m[0] in text),
        indices=tuple(i for i in made.indices if i[0] in text),
        widths=tuple(w for w in made.widths if w[0] in text),
    )


def _words(texts: tuple[str, ...]) -> set[str]:
    return set("".join(c if c.isalnum() or c == "_" else " " for c in " ".join(texts)).split())


def shrunk(program: Program, judge: Judge, signature: str, seconds: float) -> Finding | None:
    """The smallest program found, in so many CPU seconds, that fails in the same way."""
    end, best = time.process_time() + seconds, judge(program)
    if best is None or best.signature != signature:
        return None
    again = True
    while again and time.process_time() < end:
        again = False
        for smaller in smaller_programs(program):
            if time.process_time() > end:
                break
            try:
                found = judge(smaller)
            except (KeyError, ValueError, IndexError):  # a reference to what is gone
                continue
            if found is not None and found.signature == signature:
                program, best, again = smaller, found, True
                break
    return best


def smaller_programs(p: Program) -> Iterator[Program]:
    """Programs with one thing less, the largest steps first."""
    for made in _steps(p):
        if size(made) < size(p):
            yield made


def size(p: Program) -> tuple[int, int, int]:
    """What is made smaller: the definitions, the text, the numbers that are not 1."""
    text = str(p)
    return len(list(p.definitions())), len(text), sum(c in "23456789" for c in text)


def _steps(p: Program) -> Iterator[Program]:
    if len(p.outputs) > 1:
        for o in p.outputs:
            yield pruned(replace(p, outputs=tuple(q for q in p.outputs if q != o)))
    if len(p.claims) > 1:
        for c in p.claims:
            yield pruned(replace(p, claims=(c,)))
    for d in reversed(list(p.definitions())):  # an earlier family as the output
        if all(o.name != d.name for o in p.outputs):
            yield pruned(replace(p, outputs=(X("ref", name=d.name),), claims=()) if not p.claims else p)
    for k, s in enumerate(p.body):
        if (
            not any(s.name == x.name for d in p.definitions() for x in d.value.walk())
            if isinstance(s, Define)
            else False
        ):
            rest = p.body[:k] + p.body[k + 1 :]
            if rest and all(o.name != s.name for o in p.outputs):  # type: ignore[union-attr]
                yield pruned(replace(p, body=rest), keep={d.name for d in p.definitions()})
    for s in p.body:
        if isinstance(s, Define) and (made := inlined(p, s)) is not None:
            yield pruned(made, keep=_unused(p))
    for k, (name, low, high) in enumerate(p.indices):
        if high > low and name != "k":
            mates = [j for j, (_, lo, hi) in enumerate(p.indices) if (lo, hi) == (low, high)]
            yield _cut(p, replace(p, indices=tuple((n, lo, high - 1) if j in mates else (n, lo, hi)
                                                   for j, (n, lo, hi) in enumerate(p.indices))), high)  # fmt: skip
            del k
    for k, s in enumerate(p.body):
        for j, d in enumerate(s.body if isinstance(s, For) else (s,)):
            for value in _smaller(d.value, p):
                if free(value) <= {t for t in d.subs if isinstance(t, str)}:
                    new: Statement = replace(d, value=value)
                    if isinstance(s, For):
                        new = replace(s, body=(*s.body[:j], new, *s.body[j + 1 :]))  # type: ignore[arg-type]
                    yield pruned(replace(p, body=(*p.body[:k], new, *p.body[k + 1 :])), keep=_unused(p))
    for k, given in enumerate(p.inputs):
        if given.law == "iid" and str(given.value[0]) not in ("1",):
            yield pruned(
                replace(p, inputs=(*p.inputs[:k], replace(given, value=(num(1),)), *p.inputs[k + 1 :])), keep=_unused(p)
            )
    for k, w in enumerate(p.weights):
        if str(w.variance) != "1":
            yield pruned(
                replace(p, weights=(*p.weights[:k], replace(w, variance=num(1)), *p.weights[k + 1 :])), keep=_unused(p)
            )


def _unused(p: Program) -> set[str]:
    """Statements that no other reads: kept, since they may be what matters."""
    read = {x.name for d in p.definitions() for x in d.value.walk()}
    return {d.name for d in p.definitions() if d.name not in read}


def _cut(before: Program, after: Program, last: int) -> Program:
    """A shorter range: members defined by number beyond it go, and matrices lose their last rows."""
    body = tuple(s for s in after.body if not (isinstance(s, Define) and last in s.subs))
    body = tuple(replace(s, high=last - 1) if isinstance(s, For) and s.high == last else s for s in body)
    body = tuple(s for s in body if not (isinstance(s, For) and s.high < s.low))
    matrices = tuple(
        (m, tuple(r[: last - 1] for r in (rows if len(rows) == 1 else rows[: last - 1]))) for m, rows in after.matrices
    )
    return replace(after, body=body, matrices=matrices)


def _smaller(x: X, p: Program) -> Iterator[X]:
    """Expressions of the same kind with one node less."""
    wanted = kind(x, p)
    for a in x.args:
        if a.op != "cmp" and kind(a, p) == wanted:
            yield a
    if x.op in ("matmul", "transposed", "softmax", "mean", "dot"):
        inputs = [i for i in p.inputs if not i.subs and i.width == "n"]
        if wanted == "vector" and inputs:
            yield X("ref", name=inputs[0].names[0])
    if x.op not in ("num", "ref") and wanted == "constant":
        yield num(1)
    if x.op == "softmax" and x.mask:
        yield replace(x, mask=())
    for k, a in enumerate(x.args):
        for smaller in _smaller(a, p):
            yield replace(x, args=(*x.args[:k], smaller, *x.args[k + 1 :]))

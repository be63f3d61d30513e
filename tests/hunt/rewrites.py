"""Rewrites that do not change what a program computes: verdicts and laws must be the same after them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product

from tests.hunt.syntax import (
    Define,
    For,
    Input,
    Program,
    Statement,
    Sub,
    Weight,
    X,
    call,
    free,
    kind,
    num,
    op,
    rebuilt,
    ref,
    score,
    substituted,
)
from tests.hunt.unroll import members

Rewrite = Callable[[random.Random, Program], Program | None]


def _somewhere(
    rng: random.Random, p: Program, change: Callable[[X], X | None], all_of_them: bool = False
) -> Program | None:
    """The change at one node at random where it applies, or at all."""
    spots = [k for k, x in enumerate(_nodes(p)) if change(x) is not None]
    if not spots:
        return None
    chosen = set(spots) if all_of_them else {rng.choice(spots)}
    counter = iter(range(10**9))

    def once(x: X) -> X:
        new = change(x) if next(counter) in chosen else None
        return x if new is None else new

    return p.mapped(once)


def _nodes(p: Program) -> Iterator[X]:
    """Every node in the order in which `mapped` meets them."""
    found: list[X] = []

    def note(x: X) -> X:
        found.append(x)
        return x

    p.mapped(note)
    yield from found


def commute(rng: random.Random, p: Program) -> Program | None:
    """a + b is b + a; so with products, dot, max and min."""

    def change(x: X) -> X | None:
        if x.op in ("add", "mul", "dot") or (x.op == "call" and x.name in ("max", "min")):
            return replace(x, args=x.args[::-1])
        return None

    return _somewhere(rng, p, change, all_of_them=rng.random() < 0.4)


def associate(rng: random.Random, p: Program) -> Program | None:
    """(a + b) + c for a + b + c and back, a - (b - c) for (a - b) + c, max and products too; sums in either order."""

    def change(x: X) -> X | None:
        if x.op == "sum" and x.args[0].op == "sum":
            inner = x.args[0]
            return replace(inner, args=(replace(x, args=inner.args),))
        if x.op == "sub" and x.args[1].op in ("add", "sub"):
            a, (b, c) = x.args[0], (x.args[1].args[0], op("add", *x.args[1].args[1:]))
            c = c.args[0] if len(c.args) == 1 else c
            return op("sub" if x.args[1].op == "add" else "add", op("sub", a, b), c)
        if x.op == "add" and x.args[0].op == "sub":
            a, b = x.args[0].args
            return op("sub", a, op("sub", b, *x.args[1:])) if len(x.args) == 2 else None
        if x.op not in ("add", "mul") and not (x.op == "call" and x.name in ("max", "min")):
            return None
        nested = [k for k, a in enumerate(x.args) if (a.op, a.name) == (x.op, x.name)]
        if nested and (len(x.args) < 3 or rng.random() < 0.5):
            k = rng.choice(nested)
            return replace(x, args=(*x.args[:k], *x.args[k].args, *x.args[k + 1 :]))
        if len(x.args) < 3:
            return None
        k = rng.randrange(len(x.args) - 1)
        return replace(x, args=(*x.args[:k], replace(x, args=x.args[k : k + 2]), *x.args[k + 2 :]))

    return _somewhere(rng, p, change, all_of_them=rng.random() < 0.4)


def distribute(rng: random.Random, p: Program) -> Program | None:
    """Products of sums as sums of products, for weights, factors and dot."""

    def change(x: X) -> X | None:
        if x.op == "matmul" and x.args[0].op in ("add", "sub"):
            return replace(x.args[0], args=tuple(replace(x, args=(a,)) for a in x.args[0].args))
        if x.op == "matmul" and x.args[0].op == "mul" and kind(x.args[0].args[0], p) == "constant":
            c, v = x.args[0].args
            return op("mul", c, replace(x, args=(v,)))
        if x.op == "matmul" and x.args[0].op == "sum" and x.args[0].name not in x.subs:
            return replace(x.args[0], args=(replace(x, args=x.args[0].args),))
        if x.op in ("mul", "dot") and x.args[0].op in ("add", "sub"):
            return replace(x.args[0], args=tuple(replace(x, args=(a, x.args[1])) for a in x.args[0].args))
        return None

    return _somewhere(rng, p, change)


def factor(rng: random.Random, p: Program) -> Program | None:
    """W@a + W@b as W@(a + b), and a sum of products as the product of a sum."""

    def change(x: X) -> X | None:
        if x.op in ("add", "sub") and all(a.op == "matmul" for a in x.args):
            a, b = x.args
            if (a.name, a.subs) == (b.name, b.subs):
                return replace(a, args=(replace(x, args=(a.args[0], b.args[0])),))
        if x.op == "sum" and x.args[0].op == "mul":
            c, v = x.args[0].args
            if v.op == "matmul" and kind(c, p) != "vector" and x.name not in v.subs:
                return replace(v, args=(replace(x, args=(op("mul", c, v.args[0]),)),))
        return None

    return _somewhere(rng, p, change)


def name(rng: random.Random, p: Program) -> Program | None:
    """A subexpression gets a name of its own, over its free indices."""
    spots = [(k, x) for k, s in enumerate(p.body) if isinstance(s, Define) for x in s.value.walk()
             if x.op not in ("num", "ref", "pad", "wrap", "width", "cmp") and kind(x, p) != "constant"
             and not any(y.op in ("pad", "wrap") for y in x.walk())]  # fmt: skip
    if not spots:
        return None
    k, x = rng.choice(spots)
    fresh, subs = _fresh(p, "named"), tuple(sorted(free(x)))
    s = p.body[k]
    assert isinstance(s, Define)
    made = replace(s, value=rebuilt(s.value, lambda y: ref(fresh, *subs) if y == x else y))
    return replace(p, body=(*p.body[:k], Define(fresh, subs, x), made, *p.body[k + 1 :]))


def _fresh(p: Program, stem: str) -> str:
    taken = {d.name for d in p.definitions()} | {m for i in p.inputs for m in i.names} | {w.name for w in p.weights}
    return next(f"{stem}{k}" for k in range(1000) if f"{stem}{k}" not in taken)


def inline(rng: random.Random, p: Program) -> Program | None:
    """A family is written out wherever it is used."""
    outputs = {o.name for o in p.outputs}
    spots = [s for s in p.body if isinstance(s, Define) and s.name not in outputs and inlined(p, s) is not None]
    return inlined(p, rng.choice(spots)) if spots else None


def inlined(p: Program, s: Define) -> Program | None:
    """The program without this definition, its value written in place of its name; None where that cannot be."""
    alone = sum(d.name == s.name for d in p.definitions()) == 1 and all(o.name != s.name for o in p.outputs)
    nodes = [x for d in p.definitions() for x in d.value.walk() if x.name == s.name]
    if not alone or not nodes or any(x.op != "ref" for x in nodes):
        return None
    if len(set(s.subs)) != len(s.subs) or not all(isinstance(t, str) for t in s.subs):
        return None
    bound = {x.name for x in s.value.walk() if x.op in ("sum", "max", "min", "softmax", "attention")}
    if bound & {t for x in nodes for t in x.subs if isinstance(t, str)}:
        return None  # an index would be captured

    def change(x: X) -> X:
        if x.op == "ref" and x.name == s.name:
            return substituted(s.value, dict(zip(s.subs, x.subs, strict=True)))  # type: ignore[arg-type]
        return x

    try:
        made = p.mapped(change)
    except ValueError:
        return None
    return replace(made, body=tuple(t for t in made.body if not (isinstance(t, Define) and t.name == s.name)))


def dead(rng: random.Random, p: Program) -> Program | None:
    """A statement that nothing reads, with matrices of its own: good, or one that no theorem covers."""
    vectors = [i for i in p.inputs if not i.subs and i.law != "bernoulli" and i.width == "n"]
    if not vectors:
        return None
    x = call("tanh", ref(rng.choice(vectors).names[0]))
    a, b = _fresh(p, "D"), _fresh(p, "E")
    left, right = X("matmul", (x,), a), X("matmul", (x,), rng.choice([a, b]))
    unused = rng.choice([score(left, right), op("mean", left), call("exp", op("pow", left, X("num", name="2")))])
    made = replace(p, weights=(*p.weights, Weight(a), Weight(b)), body=(*p.body, Define(_fresh(p, "dead"), (), unused)))
    return made


def dead_branch(rng: random.Random, p: Program) -> Program | None:
    """x as a choice whose condition always holds."""
    one, two = X("num", name="1"), X("num", name="2")

    def change(x: X) -> X | None:
        if x.op == "call" and kind(x, p) == "vector":
            return call("where", op("cmp", one, two, name="<"), x, op("neg", x))
        return None

    return _somewhere(rng, p, change)


def reorder(rng: random.Random, p: Program) -> Program | None:
    """Two neighbouring statements change places where neither reads the other."""
    spots = []
    for k in range(len(p.body) - 1):
        s, t = p.body[k], p.body[k + 1]
        apart = isinstance(s, Define) and isinstance(t, Define) and s.name != t.name
        if apart and all(x.name != s.name for x in t.value.walk()):  # type: ignore[union-attr]
            spots.append(k)
    if not spots:
        return None
    k = rng.choice(spots)
    return replace(p, body=(*p.body[:k], p.body[k + 1], p.body[k], *p.body[k + 2 :]))


def spelled_attention(rng: random.Random, p: Program) -> Program | None:
    """The attention node as the sum that it means."""

    def change(x: X) -> X | None:
        if x.op != "attention":
            return None
        q, k, v = x.args
        return op("sum", op("mul", op("softmax", score(q, k), name=x.name, mask=x.mask), v), name=x.name)

    return _somewhere(rng, p, change, all_of_them=True)


def separate(rng: random.Random, p: Program) -> Program | None:
    """Members of independent families as inputs and weights with names of their own, sums over them written out."""
    inputs = [i for i in p.inputs if i.law in ("iid", "bernoulli") and len(i.subs) == 1]
    weights = [w for w in p.weights if len(w.subs) == 1]
    choices: list[Input | Weight] = [*inputs, *weights]
    if not choices:
        return None
    chosen = rng.choice(choices)
    names = chosen.names if isinstance(chosen, Input) else (chosen.name,)
    (index,) = chosen.subs
    cells = p.range_of(index)
    try:
        body = tuple(t for s in p.body for t in _unrolled(p, s, names))
    except (ValueError, KeyError):
        return None
    made = replace(p, body=tuple(_renamed(s, names) for s in body))
    if isinstance(chosen, Input):
        new = tuple(
            Input(tuple(_apart(m, k) for m in chosen.names), (), chosen.law, chosen.value, chosen.mean, chosen.width)
            for k in cells
        )
        return replace(made, inputs=tuple(j for i in p.inputs for j in (new if i is chosen else (i,))))

    def at(k: int) -> X:
        return substituted(chosen.variance, {index: k})  # type: ignore[union-attr]

    new_weights = tuple(replace(chosen, name=_apart(chosen.name, k), subs=(), variance=at(k)) for k in cells)
    return replace(made, weights=tuple(j for w in p.weights for j in (new_weights if w is chosen else (w,))))


def _apart(name: str, k: Sub) -> str:
    """A name of its own for one member."""
    return f"{name}_{k}".replace("-", "m")


def _renamed(s: Statement, names: tuple[str, ...]) -> Statement:
    def change(x: X) -> X:
        if x.name in names and x.op in ("ref", "matmul", "transposed"):
            return replace(x, name=_apart(x.name, x.subs[0]), subs=())
        return x

    assert isinstance(s, Define) or not any(x.name in names for d in s.body for x in d.value.walk())
    return replace(s, value=rebuilt(s.value, change)) if isinstance(s, Define) else s


def _unrolled(p: Program, s: Statement, names: tuple[str, ...]) -> Iterator[Statement]:
    """A statement that reads the families, member by member; sums over their index written out."""

    def concerned(x: X) -> bool:
        return any(y.name in names and y.op in READERS and free(replace(y, args=())) for y in x.walk())

    if isinstance(s, For) or not concerned(s.value):
        if isinstance(s, For) and any(x.name in names for d in s.body for x in d.value.walk()):
            raise ValueError("a loop reads the family")
        yield s
        return
    if any(y.op in ("pad", "wrap") and y.name in names for y in s.value.walk()):
        raise ValueError("pad and wrap need a family")

    def written_out(x: X) -> X:
        if x.op in ("sum", "max", "min") and concerned(x.args[0]):
            parts = [rebuilt(substituted(x.args[0], {x.name: k}), written_out) for k in p.range_of(x.name)]
            if len(parts) == 1:
                return parts[0]
            return op("add", *parts) if x.op == "sum" else call(x.op, *parts)
        return x

    subs = [t for t in s.subs if isinstance(t, str)]
    for values in product(*map(p.range_of, subs)):
        at = dict(zip(subs, values, strict=True))
        value = rebuilt(substituted(s.value, dict(at)), written_out)
        if concerned(value):
            raise ValueError("a softmax reads the family")
        yield Define(s.name, tuple(at[t] if isinstance(t, str) else t for t in s.subs), value)


def one_width(rng: random.Random, p: Program) -> Program | None:
    """A sum of widths is a multiple of n."""
    del rng
    if not any(w.over for w in p.weights):
        return None
    sizes = {"n": 1, **dict(p.widths)}

    def plain(w: Weight) -> Weight:
        share = Fraction(sizes[w.cols], sum(sizes[k] for k in w.over))
        return replace(w, over=(), variance=op("mul", w.variance, num(share))) if w.over else w

    return replace(p, weights=tuple(map(plain, p.weights)))


READERS = ("ref", "matmul", "transposed", "pad", "wrap")
REWRITES: dict[str, Rewrite] = {
    "commute": commute, "associate": associate, "distribute": distribute, "factor": factor, "name": name,
    "inline": inline, "dead": dead, "members": members, "dead branch": dead_branch, "reorder": reorder,
    "spelled attention": spelled_attention, "separate": separate, "one width": one_width,
}  # fmt: skip

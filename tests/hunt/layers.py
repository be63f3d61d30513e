"""Statements of layers: features, products, ties, recurrences, convolutions, jumps at atoms."""

from __future__ import annotations

from tests.hunt.expressions import anything, bounded, jump, linear
from tests.hunt.syntax import Define, For, X, call, num, op, ref
from tests.hunt.writer import Writer


def feature(w: Writer) -> None:
    subs = w.subs()
    w.define("x", subs, bounded(w.rng, lambda: w.vector(subs), w.rng.choice([1, 1, 2])), "vector", "feature")


def vector_statement(w: Writer) -> None:
    subs = w.subs()
    w.define("h", subs, anything(w.rng, lambda: w.vector(subs), w.rng.choice([1, 2])), "vector", "vector")


def jumping(w: Writer) -> None:
    subs = w.subs()
    value = jump(w.rng, lambda: w.vector(subs))
    if w.rng.random() < 0.3:
        value = op("mul", value, w.vector(subs))
    w.define("h", subs, value, "vector", "jump")


def product(w: Writer) -> None:
    subs, cols = w.subs(), w.across()
    roles = w.rng.choice([("feature",), ("feature", "vector"), ()])
    plain = w.rng.random() < 0.6
    x = w.within(cols, lambda: w.vector(subs, *roles) if plain else bounded(w.rng, lambda: w.vector(subs)))
    w.define("g", subs, w.times(w.weight(*subs, cols=cols), x), "vector", "product")


def atom_product(w: Writer) -> None:
    """A product whose variance is, or may be, 0; or a difference of products that may be equal."""
    rng, subs = w.rng, w.subs()
    kind = rng.random()
    x, y = w.vector(subs), w.vector(subs)
    if kind < 0.4 and w.positive():
        value = X("matmul", (x,), w.fresh_weight((), rng.choice(w.positive())))
    elif kind < 0.8:
        matrix = w.weight(*subs)
        value = op("sub", w.times(matrix, x), w.times(matrix, y))
    else:
        value = w.times(w.weight(*subs), op("mul", rng.choice([*w.positive(), num(1)]), x))
    w.define("g", subs, value, "vector", "product")


def sum_of_products(w: Writer) -> None:
    subs = w.rng.choice([("i",), ()])
    matrix = w.weight(*subs, "l", reuse=0.5)
    inner = op("sum", w.times(matrix, w.vector((*subs, "l"), "feature", "input")), name="l")
    if w.rng.random() < 0.5:
        w.define("x", subs, call(w.rng.choice(["tanh", "erf", "sin"]), inner), "vector", "feature")
    else:
        w.define("g", subs, inner, "vector", "product")


def tied(w: Writer) -> None:
    """One weight on several vectors, added, subtracted or multiplied."""
    subs, matrix = w.subs(), None
    matrix = w.weight(*subs)
    x, y = w.vector(subs), w.vector(subs)
    value = op(w.rng.choice(["add", "sub", "mul"]), w.times(matrix, x), w.times(matrix, y))
    w.define("g", subs, value, "vector", "vector")


def transpose(w: Writer) -> None:
    subs, matrix = w.subs(), w.weight()
    w.define("g", subs, X("transposed", (w.vector(subs),), matrix.name, matrix.subs), "vector", "product")


def pieces(w: Writer) -> None:
    """A family whose members are defined one by one."""
    name = w.fresh("x")
    for k in w.program.range_of("i"):
        value = w.rng.choice([bounded, anything, linear])(w.rng, lambda: w.vector(()))
        w.add(body=(Define(name, (k,), value),))
    w.remember(name, ("i",), "vector", "vector")


def loop(w: Writer) -> None:
    """A recurrence over three steps."""
    name, steps = w.fresh("h"), len(w.program.range_of("i"))
    matrix, v = w.weight(reuse=0), w.weight(reuse=0)
    w.add(body=(Define(name, (1,), call("tanh", w.times(v, w.vector(()))),),))  # fmt: skip
    if steps > 1:
        inner = op("add", w.times(matrix, ref(name, ("t", -1))), w.times(v, w.vector((), "input")))
        w.add(body=(For("t", 2, steps, (Define(name, ("t",), call(w.rng.choice(["tanh", "relu", "erf"]), inner)),)),))
    w.remember(name, ("i",), "vector", "feature")


def convolution(w: Writer) -> None:
    found = next((m for m in w.made if m.kind == "vector" and (m.axes, m.width) == ("t", w.width)), None)
    if found is None:
        return
    if all(i != "k" for i, _, _ in w.program.indices):
        w.add(indices=(("k", -1, 1),))
    matrix = w.fresh_weight(("k",), num("1/3"))
    x = X(w.rng.choice(["pad", "wrap"]), name=found.name, subs=(("i", "k"),))
    w.define("g", ("i",), op("sum", X("matmul", (x,), matrix, ("k",)), name="k"), "vector", "product")


def norm(w: Writer) -> None:
    subs = w.subs()
    v = w.vector(subs)
    centred = op("sub", v, op("mean", v))
    below = op("mean", op("pow", centred, num(2)))
    if w.rng.random() < 0.5:
        below = op("add", below, num(w.rng.choice(["0.1", "1"])))
    w.define("h", subs, op("div", centred, call("sqrt", below)), "vector", "vector")

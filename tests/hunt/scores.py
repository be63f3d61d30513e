"""Statements of scores and readouts, attention, and functions of them."""

from __future__ import annotations

from tests.hunt.expressions import anything, bounded
from tests.hunt.syntax import Input, Mask, X, call, num, op, ref, score
from tests.hunt.writer import Made, Writer


def sides(w: Writer, free_left: tuple[str, ...], free_right: tuple[str, ...]) -> tuple[X, X]:
    cols = w.across(), w.across()
    left, right = (w.weight(*f, reuse=0.25, cols=c) for f, c in zip((free_left, free_right), cols, strict=True))
    x, y = (w.within(c, lambda f=f: side_feature(w, f)) for f, c in zip((free_left, free_right), cols, strict=True))
    if w.rng.random() < 0.5:
        return w.times(left, x), w.times(right, y)
    q = w.define("q", free_left, w.times(left, x), "vector", "side")
    k = w.define("q", free_right, w.times(right, y), "vector", "side")
    return exact(w, q, free_left), exact(w, k, free_right)


def exact(w: Writer, family: Made, subs: tuple[str, ...]) -> X:
    return ref(family.name, *subs)


def side_feature(w: Writer, free: tuple[str, ...]) -> X:
    if w.rng.random() < 0.7:
        return w.vector(free, "feature")
    return bounded(w.rng, lambda: w.vector(free, "input"))


def scores(w: Writer) -> None:
    subs = w.rng.choice([("i", "j"), ("i", "j"), ("i",), ()])
    left, right = w.rng.choice([(subs, subs), (subs[:1], subs[1:])]) if len(subs) == 2 else (subs, subs)
    q, k = sides(w, left, right)
    value = score(q, k, w.width) if w.rng.random() < 0.9 else op("div", op("dot", q, k), X("width", name=w.width))
    if w.rng.random() < 0.12:  # two dots with constants, as positions are often put in
        more = score(*sides(w, left, right), w.width)
        value = op("add", op("mul", num(w.rng.choice(["0.8", "-1"])), value), op("mul", num("0.6"), more))
    w.define("p", subs, value, "scalar", "score")


def mask(w: Writer, over: str) -> Mask:
    one: Mask = w.rng.choice([(), (), ((">=", "i", over),), (("<=", "i", over),), (("!=", over, "i"),)])
    return () if len(w.program.range_of("i")) == 1 else one


def weighted(w: Writer) -> None:
    """An attention: softmax of scores on products, on vectors, or inside a product."""
    rng = w.rng
    found = [m for m in w.made if m.role in ("score", "readout") and m.axes in ("tt", "t")]
    if not found:
        scores(w)
        found = [m for m in w.made if m.role == "score" and m.axes in ("tt", "t")]
        if not found:
            return
    p = rng.choice(found)
    subs = ("i",) if p.axes == "tt" else ()
    weight = X("softmax", (ref(p.name, *subs, "j"),), "j", (), mask(w, "j") if subs else ())
    if rng.random() < 0.15:
        weight = call(rng.choice(["tanh", "sigmoid"]), ref(p.name, *subs, "j"))
    elif rng.random() < 0.2:  # a softmax by hand, perhaps one that may attend to nothing
        below = op("sum", call("exp", ref(p.name, *subs, "l")), name="l")
        below = op("add", num(1), below) if rng.random() < 0.5 else below
        weight = op("div", call("exp", ref(p.name, *subs, "j")), below)
    v = w.vector(("j",), "feature", "input")
    kind = rng.random()
    if kind < 0.5:
        value = op("sum", op("mul", weight, w.times(w.weight("j", reuse=0.2), v)), name="j")
    elif kind < 0.75:
        value = w.times(w.weight(reuse=0.1), op("sum", op("mul", weight, v), name="j"))
    else:
        value = op("sum", op("mul", weight, w.vector(("j",))), name="j")
    w.define("y", subs, value, "vector", "attended")


def heads(w: Writer) -> None:
    """Multi-head attention by the node."""
    if w.width != "n":  # the node's scale is 1/sqrt(n)
        return
    matrices = [w.fresh_weight(("a",), num(1)) for _ in range(3)]
    sides = (side_feature(w, ("i",)), side_feature(w, ("j",)), w.vector(("j",), "feature"))
    q, k, v = (X("matmul", (x,), name, ("a",)) for name, x in zip(matrices, sides, strict=True))
    node = op("attention", q, k, v, name="j", mask=mask(w, "j"))
    w.define("y", ("i",), op("sum", node, name="a"), "vector", "attended")


def function_of_scores(w: Writer) -> None:
    p = w.scalar((), "score") or w.scalar((), "readout")
    if p is None:
        return
    f = w.rng.choice(["tanh", "sin", "sigmoid", "cos", "erf"])
    value = op("mul", call(f, p), w.vector((), "feature", "input", "product"))
    if w.rng.random() < 0.4:
        value = op("mul", value, bounded(w.rng, lambda: w.vector((), "input")))
    if w.rng.random() < 0.6:
        value = w.times(w.weight(reuse=0.1), value)
    w.define("y", (), value, "vector", "attended")


def absorbing(w: Writer) -> None:
    """A value made by a score's weight, and an unused score of it with a fresh matrix."""
    sides = [matrix for matrix in w.program.weights if not matrix.subs and matrix.rows == matrix.cols == w.width]
    p = w.scalar((), "score")
    if not sides or p is None:
        return
    matrix = w.rng.choice(sides)
    x = side_feature(w, ())
    v = w.define("v", (), X("matmul", (x,), matrix.name), "vector", "value")
    if w.rng.random() < 0.7:
        w.define("s", (), score(ref(v.name), w.times(w.weight(reuse=0), x), w.width), "scalar", "unused")
    w.define("y", (), op("mul", call("tanh", p), ref(v.name)), "vector", "attended")


def readout(w: Writer) -> None:
    """A product with an input vector that is used for nothing else, or a member of a family of such."""
    rng = w.rng
    old = [m for m in w.made if m.role == "reader" and m.width == w.width]
    if old and rng.random() < 0.5:
        reader = rng.choice(old)
    else:
        subs = rng.choice([(), ("j",), ("j",)])
        given = Input((w.fresh("v"),), subs, width=w.width)
        w.add(inputs=(given,))
        reader = Made(given.names[0], "t" * len(subs), "reader", "reader", w.width)
        w.made.append(reader)
    free = rng.choice([("i",), ("j",), (), ("i", "j")]) if reader.axes else rng.choice([("i",), ()])
    both = [w.at(reader, free), w.vector(free, "feature", "input", "product")]
    if rng.random() < 0.3:
        both[1] = anything(rng, lambda: w.vector(free, "input"), 1)
    rng.shuffle(both)
    w.define("f", free, score(*both, w.width), "scalar", "readout")


def combined_scalars(w: Writer) -> None:
    s, t = w.scalar((), "readout", "score"), w.scalar((), "readout", "score")
    if s is not None and t is not None:
        value = op(w.rng.choice(["add", "sub", "mul"]), s, t)
        w.define("s", (), value, "scalar", "combined")


def function_of_readouts(w: Writer) -> None:
    s = w.scalar((), "readout", "combined")
    if s is not None:
        f = call(w.rng.choice(["tanh", "erf", "sigmoid", "relu"]), s)
        if w.rng.random() < 0.5:
            w.define("s", (), f, "scalar", "function")
        else:
            w.define("y", (), op("mul", f, w.vector(())), "vector", "attended")

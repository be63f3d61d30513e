"""Short programs, each about one question that a judge of programs may ask wrongly: many inputs of each kind."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.hunt.expressions import RELATIONS
from tests.hunt.syntax import Define, Input, Program, Weight, X, call, num, op, ref, score

Sketch = Callable[[random.Random], Program]
SMOOTH = ("tanh", "sin", "erf", "atan")
U, V, W = ref("u"), ref("v"), ref("w")


def feature(rng: random.Random, x: X) -> X:
    """A bounded smooth odd function."""
    return call(rng.choice(SMOOTH), x)


def product(name: str, x: X, *subs: int | str) -> X:
    return X("matmul", (x,), name, subs)


def weights(*names: str, subs: tuple[str, ...] = ()) -> tuple[Weight, ...]:
    return tuple(Weight(k, subs) for k in names)


def swapped(rng: random.Random, a: X, b: X, width: str = "n") -> X:
    return score(*((a, b) if rng.random() < 0.5 else (b, a)), width)


def total(terms: X, index: str) -> X:
    return op("sum", terms, name=index)


# -- scalars at their limits


def centred(rng: random.Random) -> X:
    """An average, perhaps less a number, whose limit is 0: on both sides of it at every width."""
    return rng.choice([
        op("mean", U), op("mean", call(rng.choice(SMOOTH), U)), op("mean", op("mul", U, V)),
        op("mean", product("A", call("tanh", U))), op("sub", op("mean", op("pow", U, num(2))), num(1)),
        op("mean", op("sub", U, V)), op("mean", op("mul", product("A", U), U)),
        op("sub", op("mean", call("abs", U)), op("mean", call("abs", V))), op("mean", op("pow", U, num(3))),
    ])  # fmt: skip


def lively(rng: random.Random) -> X:
    """An average whose limit is positive."""
    return rng.choice([
        op("mean", op("pow", U, num(2))), op("mean", call("abs", U)), op("mean", call("cos", U)),
        op("mean", op("pow", product("A", call("tanh", U)), num(2))), op("mean", call("relu", V)),
        op("mean", op("mul", U, call("tanh", U))),
    ])  # fmt: skip


def jumping(rng: random.Random, s: X) -> X:
    """A function with a jump, or a pole, at 0."""
    return rng.choice([
        lambda: call(rng.choice(["step", "sign"]), s), lambda: op("div", num(1), s),
        lambda: call("where", op("cmp", s, num(0), name=rng.choice(RELATIONS)), num(10), num(rng.choice([-10, 0, 1]))),
        lambda: call("where", op("cmp", num(0), s, name=rng.choice(RELATIONS)), num(1), num(0)),
        lambda: call("step", op("mul", num(2), s)), lambda: op("div", s, call("abs", s)),
    ])()  # fmt: skip


def fine(rng: random.Random, s: X) -> X:
    """A function that is continuous at positive numbers."""
    return rng.choice([
        lambda: op("div", num(1), call("sqrt", s)), lambda: call("sqrt", s), lambda: op("div", num(1), s),
        lambda: call("where", op("cmp", s, num(0), name=">"), s, num(5)), lambda: call("log", s),
        lambda: call("relu", s), lambda: call("step", s), lambda: op("div", call("tanh", s), s),
    ])()  # fmt: skip


def _scalars(rng: random.Random, body: tuple[Define, ...], out: X) -> Program:
    return Program(indices=(("i", 1, 2),), inputs=(Input(("u", "v")),), weights=weights("A", "B"), body=body,
                   outputs=(out,))  # fmt: skip


def coin(rng: random.Random) -> Program:
    """A function of an average, as an output or as a factor: with a jump at its limit, or continuous there."""
    inner, f = rng.choice([(centred(rng), jumping), (centred(rng), jumping), (lively(rng), fine)])
    named = rng.random() < 0.6
    body = [Define("m", (), inner)] if named else []
    body.append(Define("s", (), f(rng, ref("m") if named else inner)))
    if rng.random() < 0.35:
        body.append(Define("h", (), op("mul", ref("s"), rng.choice([V, product("B", call("tanh", V))]))))
    return _scalars(rng, tuple(body), ref(body[-1].name))


def mixed(rng: random.Random) -> Program:
    """A family of averages in pieces, some of them centred, and one function of all members, or of one."""
    made = [centred(rng), lively(rng)]
    rng.shuffle(made)
    body = [Define("m", (k + 1,), x) for k, x in enumerate(made)]
    one = rng.random() < 0.4
    m = ref("m", rng.choice([1, 2]) if one else "i")
    body.append(Define("y", () if one else ("i",), op("mul", rng.choice([jumping, fine])(rng, m), V)))
    return _scalars(rng, tuple(body), ref("y"))


def nearly_one(rng: random.Random) -> Program:
    """Constant factors 1 + c/n of averages."""
    c = op("div", rng.choice([num(1), num(2), num("1/2"), num(-1)]), X("width", name="n"))
    factor = op(rng.choice(["add", "sub"]), num(1), c)
    m = rng.choice([centred, lively])(rng)
    value = op("mul", m, factor) if rng.random() < 0.7 else op("mul", factor, m)
    body = [Define("m", (), value)]
    if rng.random() < 0.5:
        body.append(Define("h", (), op("mul", call("tanh", ref("m")), V)))
    return _scalars(rng, tuple(body), ref(body[-1].name))


# -- scores


def readers(rng: random.Random) -> Program:
    """Readouts: arguments of dot in both orders, families of which some members are read and some are not."""
    family = rng.random() < 0.5
    v: tuple[X, X] = (ref("v", 1), ref("v", 2)) if family else (V, ref("w"))
    inputs = (Input(("u",)), Input(("v",), ("i",))) if family else (Input(("u", "v", "w")),)
    x = rng.choice([U, feature(rng, U), feature(rng, product("A", feature(rng, v[1]))), product("A", U), v[1]])
    y = rng.choice([op("pow", U, num(2)), call("cos", U), call("relu", product("A", U))])
    body = [Define("f", (), swapped(rng, v[0], x))]
    last = rng.choice(["f", "s", "t", "y"])
    if last == "s":
        more = rng.choice([swapped(rng, v[0], y), swapped(rng, v[0], op("sub", y, x))])
        body.append(Define("s", (), op(rng.choice(["add", "sub"]), ref("f"), more)))
    elif last == "t":
        body.append(Define("s", (), feature(rng, ref("f"))))
    elif last == "y":
        body.append(Define("s", (), op("mul", call("tanh", ref("f")), U)))
    return Program(indices=(("i", 1, 2),), inputs=inputs, weights=weights("A"), body=tuple(body),
                   outputs=(ref(body[-1].name),))  # fmt: skip


def softmaxed(p: X, *mask: tuple[str, str, str]) -> X:
    return op("softmax", p, name="j", mask=mask)


def values(rng: random.Random, x: X) -> X:
    """What is attended to: a vector, or a product."""
    return rng.choice([x, feature(rng, x), product("V", feature(rng, x))])


def diagonal(rng: random.Random) -> Program:
    """Attention under a mask, where a matrix on both sides makes scores of members with themselves."""
    size, both = rng.choice([2, 3, 3]), rng.random() < 0.7
    given = rng.random() < 0.5
    u = ref("u", "i") if given else U
    body = [Define("q", ("i",), product("A", feature(rng, u), "i"))]
    right = ref("q", "j") if both else product("B", feature(rng, ref("u", "j") if given else U), "j")
    body.append(Define("p", ("i", "j"), swapped(rng, ref("q", "i"), right)))
    mask = ("!=", "j", "i") if both or rng.random() < 0.5 else (">=", "i", "j")
    weighted = op("mul", softmaxed(ref("p", "i", "j"), mask), values(rng, ref("u", "j") if given else U))
    body.append(Define("y", ("i",), total(weighted, "j")))
    return Program(indices=(("i", 1, size), ("j", 1, size)), inputs=(Input(("u",), ("i",) if given else ()),),
                   weights=(*weights("A", "B", subs=("i",)), *weights("V")), body=tuple(body),
                   outputs=(ref("y"),))  # fmt: skip


def patches(rng: random.Random) -> Program:
    """Scores of features that read several members of a family, or several matrices of one."""
    size = rng.choice([2, 2, 3])
    inner = rng.choice([
        lambda: total(product("P", ref("e", "i", "l"), "l"), "l"), lambda: total(ref("e", "i", "l"), "l"),
        lambda: op("sub", ref("e", "i", 1), ref("e", "i", 2)),
        lambda: op("add", product("P", ref("e", "i", 1), 1), op("mul", num("1/2"), product("P", ref("e", "i", 2), 2))),
        lambda: op("sub", product("P", ref("e", "i", 1), 1), product("P", ref("e", "i", 1), 2)),
        lambda: op("mul", num("1/2"), total(product("P", ref("e", "i", "l"), "i"), "l")),
    ])()  # fmt: skip
    body = [Define("x", ("i",), feature(rng, inner))]
    if rng.random() < 0.5:
        body.append(Define("p", ("i", "j"), score(product("Q", ref("x", "i")), product("K", ref("x", "j")))))
        weighted = op("mul", softmaxed(ref("p", "i", "j")), values(rng, ref("x", "j")))
        body.append(Define("y", ("i",), total(weighted, "j")))
    else:
        body.append(Define("p", (), score(product("Q", ref("x", 1)), product("K", ref("x", rng.choice([1, 2]))))))
        body.append(Define("y", (), op("mul", call("tanh", ref("p")), rng.choice([ref("e", 1, 1), ref("x", 2)]))))
    return Program(indices=(("i", 1, size), ("j", 1, size), ("l", 1, size)), inputs=(Input(("e",), ("i", "l")),),
                   weights=(*weights("P", subs=("l",)), *weights("Q", "K", "V")), body=tuple(body),
                   outputs=(ref("y"),))  # fmt: skip


def inline(rng: random.Random) -> Program:
    """Layers written in one line: products, factors and features without names of their own."""
    size = rng.choice([2, 3])
    f = rng.choice(SMOOTH)
    x, y = call(f, ref("u", 1)), call(f, ref("u", "j"))
    p = score(product("A", x), product("B", y))
    named = rng.random() < 0.5
    body = [Define("p", ("j",), p)] if named else []
    inner = total(op("mul", softmaxed(ref("p", "j") if named else p), y), "j")
    if rng.random() < 0.4:
        one = score(product("A", x), product("B", x))
        inner = op("mul", op("mul", call("sin", one), x), call("cos", ref("u", 1)))
    body.append(Define("y", (), product("V", inner) if rng.random() < 0.8 else inner))
    return Program(indices=(("j", 1, size),), inputs=(Input(("u",), ("j",)),), weights=weights("A", "B", "V"),
                   body=tuple(body), outputs=(ref("y"),))  # fmt: skip


def shared(rng: random.Random) -> Program:
    """A score's matrix on a combination of vectors that it meets in scores, too; further scores that nothing reads."""
    x = feature(rng, ref("u", "i"))
    body = [
        Define("x", ("i",), x),
        Define("p", ("i",), score(product("A", ref("x", "i")), product("B", ref("x", "i")))),
    ]
    both = op(rng.choice(["add", "sub"]), ref("x", 1), ref("x", 2))
    arguments = [both, op("mul", num(2), ref("x", 1)), call("cos", ref("u", 1)), ref("x", 1)]
    v = product("A", rng.choice(arguments))
    named = rng.random() < 0.7
    if named:
        body.append(Define("v", (), v))
    for k in range(rng.choice([0, 1, 1, 2])):
        left = rng.choice([ref("v"), product("C", ref("x", 1))]) if named else product("C", ref("x", 1))
        right = product(rng.choice(["C", "D", "D"]), rng.choice([ref("x", 1), call("cos", ref("u", 1))]))
        body.append(Define(f"s{k}", (), score(left, right)))
    inside = rng.choice([ref("p", 1), op("add", ref("p", 1), ref("p", 2))])
    body.append(Define("y", (), op("mul", call("tanh", inside), ref("v") if named else v)))
    return Program(indices=(("i", 1, 2),), inputs=(Input(("u",), ("i",)),), weights=weights("A", "B", "C", "D"),
                   body=tuple(body), outputs=(ref("y"),))  # fmt: skip


def nested(rng: random.Random) -> Program:
    """Two layers of attention, perhaps with a residual connection."""
    x = op("mul", num("1.5"), feature(rng, ref("u", "i")))
    residual = rng.random() < 0.6
    body, last = [Define("x", ("i",), x)], "x"
    for k in (1, 2):
        p = score(product("Q", ref(last, "i"), k), product("K", ref(last, "j"), k))
        attended = total(op("mul", softmaxed(p), product("V", ref(last, "j"), k)), "j")
        body.append(Define(f"y{k}", ("i",), attended))
        if k == 1:
            inner = op("add", ref("y1", "i"), ref("x", "i")) if residual else ref("y1", "i")
            body.append(Define("z", ("i",), call("tanh", inner)))
            last = "z"
    return Program(indices=(("i", 1, 2), ("j", 1, 2), ("l", 1, 2)), inputs=(Input(("u",), ("i",)),),
                   weights=weights("Q", "K", "V", subs=("l",)), body=tuple(body), outputs=(ref("y2"),))  # fmt: skip


# -- layers


def sums_of_widths(rng: random.Random) -> Program:
    """Variances over sums of widths, as in one common initialisation."""
    k = rng.choice([2, 3])
    first = Weight("A", (), rng.choice([num(1), num(2)]), "m", "n", over=("n", "m"))
    second = Weight("B", (), num(1), "n", "m", over=rng.choice([("m", "n"), ("m",)]))
    body = (Define("g", (), product("A", feature(rng, U))), Define("y", (), product("B", call("relu", ref("g")))))
    return Program(widths=(("m", k),), inputs=(Input(("u",)),), weights=(first, second), body=body,
                   outputs=(rng.choice([ref("g"), ref("y")]),))  # fmt: skip


def ties(rng: random.Random) -> Program:
    """Jumps of differences of products of equal vectors: 0 at every width, and not only in the limit."""
    kind = rng.choice(["joint", "matrix", "zero", "function"])
    u: tuple[X, X] = (ref("u"), ref("w")) if kind == "joint" else (ref("u", 1), ref("u", 2))
    match kind:
        case "joint":
            given, matrices = Input(("u", "w"), (), "joint", (num(1),) * 4), ()
        case "matrix":
            given, matrices = Input(("u",), ("i",), "matrix", (ref("M"),)), (("M", (("1", "1"), ("1", "1"))),)
        case "zero":
            given, matrices = Input(("u",), ("i",), value=(num(0),)), ()
        case _:
            given, matrices = Input(("u",), ("i",)), ()
            u = (op("mul", num(2), ref("u", 1)), op("add", ref("u", 1), ref("u", 1)))
    difference = op("sub", product("A", u[0]), product("A", u[1]))
    if rng.random() < 0.3:
        difference = op("sub", *u)
    jump = rng.choice([
        call("sign", difference), call("step", difference),
        call("where", op("cmp", difference, num(0), name=rng.choice(RELATIONS)), num(1), num(rng.choice([0, -1]))),
    ])  # fmt: skip
    body = [Define("d", (), jump)]
    if rng.random() < 0.5:
        body.append(Define("y", (), product("B", ref("d"))))
    return Program(indices=(("i", 1, 2),), matrices=matrices, inputs=(given,), weights=weights("A", "B"),
                   body=tuple(body), outputs=tuple(ref(d.name) for d in body))  # fmt: skip


def pooling(rng: random.Random) -> Program:
    """The largest of neighbours, two wide, of correlated products."""
    size = rng.choice([2, 4, 4])
    given = Input(("u",), ("i",), "decay", (num(1), num(rng.choice(["0.5", "0.3"]))))
    head = rng.choice(["relu", "abs", "tanh", ""])
    g = [call(head, ref("g", k)) if head else ref("g", k) for k in range(1, size + 1)]
    body = [Define("g", ("i",), product("A", ref("u", "i")))]
    body += [Define("h", (k + 1,), call("max", g[2 * k], g[2 * k + 1])) for k in range(size // 2)]
    if rng.random() < 0.4:
        body.append(Define("y", (), product("B", ref("h", 1))))
    out = ref(body[-1].name)
    return Program(indices=(("i", 1, size),), inputs=(given,), weights=weights("A", "B"), body=tuple(body),
                   outputs=(out,))  # fmt: skip


SKETCHES: dict[str, Sketch] = {
    "coin": coin, "mixed": mixed, "nearly one": nearly_one, "readers": readers, "diagonal": diagonal,
    "patches": patches, "inline": inline, "shared": shared, "nested": nested, "sums of widths": sums_of_widths,
    "ties": ties, "pooling": pooling,
}  # fmt: skip

"""Statements of averages over coordinates, functions of them, and vectors that they enter."""

from __future__ import annotations

from tests.hunt.expressions import RELATIONS, bounded, jump, number
from tests.hunt.syntax import Define, X, call, num, op
from tests.hunt.writer import Writer


def moment_body(w: Writer, subs: tuple[str, ...]) -> X:
    x = w.vector(subs)
    y = w.rng.choice([x, op("pow", x, num(2)), op("mul", x, w.vector(subs)), bounded(w.rng, lambda: x)])
    if w.rng.random() < 0.2:
        y = w.times(w.weight(*subs), bounded(w.rng, lambda: x))
    return op("mean", y)


def moment(w: Writer) -> None:
    subs = w.subs()
    w.define("m", subs, moment_body(w, subs), "scalar", "moment")


def moment_pieces(w: Writer) -> None:
    name = w.fresh("m")
    for k in w.program.range_of("i"):
        w.add(body=(Define(name, (k,), moment_body(w, ())),))
    w.remember(name, ("i",), "scalar", "moment")


def function_of_scalars(w: Writer) -> None:
    subs = w.subs()
    roles = ("moment", "function")
    if w.pick("scalar", *roles) is None:
        moment(w)

    def leaf() -> X:
        found = w.scalar(subs, *roles)
        assert found is not None
        return found

    rng, x = w.rng, leaf()
    made = rng.choice([
        jump(rng, leaf), jump(rng, leaf), call("sqrt", x), op("div", num(1), x), op("div", num(1), call("sqrt", x)),
        call(rng.choice(["tanh", "abs", "exp", "relu"]), x), op("mul", x, leaf()), op("sub", x, leaf()),
        op("div", leaf(), op("add", number(rng), x)), call("log", x),
    ])  # fmt: skip
    w.define("s", subs, made, "scalar", "function")


def scaled(w: Writer) -> None:
    """A vector with a scalar inside: a factor, a threshold, a parameter of a function."""
    subs = w.subs()
    s, v, rng = w.scalar(subs, "moment", "function"), w.vector(subs), w.rng
    if s is None:
        return
    value = rng.choice([
        op("mul", s, v), call("tanh", op("mul", s, v)), op("sub", v, s),
        op("div", v, op("add", num(1), op("pow", s, num(2)))),
        op("mul", call("where", op("cmp", s, num(0), name=rng.choice(RELATIONS)), num(1), num(rng.choice([0, 2]))), v),
        call(rng.choice(["relu", "sign", "abs"]), op("mul", s, v)), op("div", v, s),
    ])  # fmt: skip
    w.define("h", subs, value, "vector", "vector")

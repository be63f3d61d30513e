"""Programs of the kinds that can mislead a kernel: averages over a second width, products of averages, steep functions,
members beside the outputs, params at the ends of their ranges or with a name that the kernel may use itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from tests.hunt import layers, moments, scores
from tests.hunt.expressions import bounded
from tests.hunt.shrink import pruned
from tests.hunt.syntax import Program, X, call, num, op, rebuilt, ref
from tests.hunt.writer import Writer

OWN = ("z1", "z2", "K11", "K12", "K22", "t")


def average_of_product(w: Writer) -> None:
    """dot(u, v)/n of vectors of any width."""
    subs = w.subs()
    widths = ["n", *(m for m, _ in w.program.widths)]
    x = w.vector(subs)
    y = w.rng.choice([x, w.vector(subs), bounded(w.rng, lambda: x)])
    value = op("div", op("dot", x, y), X("width", name=w.rng.choice(widths)))
    w.define("m", subs, value, "scalar", "moment")


def weighted(w: Writer) -> None:
    """A vector times an average, or two of them."""
    subs = w.subs()
    terms = [op("mul", s, w.vector(subs)) for _ in range(2) if (s := w.scalar(subs, "moment")) is not None]
    if terms:
        w.define("h", subs, op("add", *terms) if terms[1:] else terms[0], "vector", "vector")


def steep(w: Writer) -> None:
    """A function whose poles lie near the real axis."""
    subs = w.subs()
    slope = num(w.rng.choice([2, 3, 4]))
    inner = op("mul", slope, call(w.rng.choice(["tanh", "sin"]), w.vector(subs)))
    value = call("tanh", w.rng.choice([call("exp", inner), op("mul", slope, inner)]))
    w.define("h", subs, value, "vector", "vector")


KINDS: dict[Callable[[Writer], object], int] = {
    average_of_product: 4, weighted: 4, moments.moment: 2, moments.function_of_scalars: 2, steep: 2,
    layers.product: 4, layers.vector_statement: 2, layers.pieces: 2, layers.tied: 1, layers.jumping: 1,
    layers.feature: 2, scores.scores: 1, scores.weighted: 2,
}  # fmt: skip


def program(rng: random.Random) -> Program:
    """A random program; what an output is not computed from stays, too."""
    w = Writer(rng)
    w.declarations(rng.random() < 0.2)
    if not w.program.widths and rng.random() < 0.4:
        w.add(widths=(("m", rng.choice([2, 3])),))
        w.width = "m"
        w.input(1, False)
    kinds = [k for k, odds in KINDS.items() for _ in range(odds)]
    for _ in range(rng.randint(2, 4)):
        w.width = rng.choice(["n", *(m for m, _ in w.program.widths)])
        rng.choice(kinds)(w)
    made = [m for m in w.made if m.role not in ("input", "reader", "unused")]
    if not made:
        layers.feature(w)
        made = w.made[-1:]
    last = made[-1]
    subs = tuple(w.program.range_of("i")[0] for _ in last.axes) if rng.random() < 0.3 else ()
    w.add(outputs=(ref(last.name, *subs),))
    return renamed(pruned(w.program, keep={m.name for m in made if rng.random() < 0.5}), rng)


def renamed(program: Program, rng: random.Random) -> Program:
    """Sometimes a param has a name that the kernel might use for a variable of its own."""
    if not program.params or rng.random() > 0.4:
        return program
    old, new = rng.choice(program.params).name, rng.choice(OWN)

    def change(x: X) -> X:
        return replace(x, name=new) if x.op == "ref" and x.name == old and not x.subs else x

    out = program.mapped(change)
    return replace(
        out,
        params=tuple(replace(p, name=new) if p.name == old else p for p in out.params),
        inputs=tuple(replace(i, value=tuple(rebuilt(v, change) for v in i.value)) for i in out.inputs),
        weights=tuple(replace(w, variance=rebuilt(w.variance, change)) for w in out.weights),
    )

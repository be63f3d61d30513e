"""Writes random expressions: functions at all scales, jumps, kinks, products."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.hunt.functions import BOUNDED, JUMPS, TAME
from tests.hunt.syntax import X, call, num, op

Leaf = Callable[[], X]
NUMBERS = ("1", "2", "1/2", "0.3", "-1", "3", "-0.7", "1/3", "0.1", "1.5")
SCALES = ("0.001", "0.1", "1/2", "2", "10", "1000")
RELATIONS = ("<", "<=", ">", ">=")


def number(rng: random.Random) -> X:
    return num(rng.choice(NUMBERS))


def bounded(rng: random.Random, leaf: Leaf, depth: int = 1) -> X:
    """A bounded function, mostly smooth or kinked."""
    x = linear(rng, leaf) if depth <= 1 or rng.random() < 0.4 else anything(rng, leaf, depth - 1)
    made: list[Callable[[], X]] = [
        *[lambda: call(rng.choice(BOUNDED), x)] * 5,
        lambda: call("clip", x, num(rng.choice(["-1", "-2", "0"])), num(rng.choice(["1", "2", "1/2"]))),
        lambda: call("exp", op("neg", op("pow", x, num(2)))),
        lambda: op("div", num(1), op("add", num(1), op("pow", x, num(2)))),
        lambda: op("div", x, op("add", num(1), op("pow", x, num(2)))),
        lambda: op("mul", call(rng.choice(BOUNDED), x), call(rng.choice(BOUNDED), leaf())),
    ]
    return rng.choice(made)()


def linear(rng: random.Random, leaf: Leaf) -> X:
    """A leaf, or a short combination of leaves with constants."""
    kind = rng.random()
    if kind < 0.6:
        return leaf()
    if kind < 0.75:
        return op("mul", number(rng), leaf())
    if kind < 0.9:
        return op(rng.choice(["add", "sub"]), leaf(), leaf())
    return op("add", op("mul", number(rng), leaf()), leaf())


def jump(rng: random.Random, leaf: Leaf, depth: int = 1) -> X:
    """A function with a jump, at 0 or elsewhere."""
    x = linear(rng, leaf)
    made: list[Callable[[], X]] = [
        *[lambda: call(rng.choice(JUMPS), x)] * 2,
        lambda: call("where", op("cmp", x, num(rng.choice(["0", "0", "1/2", "-1"])), name=rng.choice(RELATIONS)),
                     number(rng), number(rng)),
        lambda: call("where", op("cmp", x, num(0), name=rng.choice(RELATIONS)), leaf(), number(rng)),
    ]  # fmt: skip
    return rng.choice(made)()


def anything(rng: random.Random, leaf: Leaf, depth: int = 2, jumps: float = 0.15) -> X:
    """A function whose moments under Gaussians of moderate variance settle."""
    if depth <= 0:
        return linear(rng, leaf)

    def part() -> X:
        return anything(rng, leaf, depth - 1, jumps)

    if rng.random() < jumps:
        return jump(rng, leaf)
    made: list[Callable[[], X]] = [
        *[lambda: call(rng.choice(TAME), part())] * 3,
        lambda: op(rng.choice(["add", "sub"]), part(), part()),
        lambda: op("mul", bounded(rng, leaf), part()),
        lambda: op("mul", number(rng), part()),
        lambda: op("pow", linear(rng, leaf), num(rng.choice([2, 2, 3]))),
        lambda: call(rng.choice(["max", "min"]), part(), rng.choice([number(rng), part()])),
        lambda: call("hermite", num(rng.choice([1, 2, 3])), leaf()),
        lambda: call("leaky_relu", part(), num("0.1")),
        lambda: bounded(rng, leaf, depth),
    ]
    return rng.choice(made)()

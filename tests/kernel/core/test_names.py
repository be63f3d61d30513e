"""One substitution, which no binder catches; the kernel's own variables; names and text."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from tensorprog.kernel.core.names import LEMMA, READ, Own, T, owned, valued
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.substitution import substituted
from tensorprog.kernel.ground.term import shift_subs
from tensorprog.kernel.limits.members import reference
from tensorprog.terms import App, Bind, Num, Term, Var, from_json, read, to_json, to_text

SIZE = 3
NAMES = ("i", "j", "j~")


def number(t: Term, at: dict[str, int], values: dict[tuple[object, ...], Fraction]) -> Fraction:
    """A term of sums, maxima, products and members of families at numbers: every binder written out."""
    match t:
        case Num(x):
            return x
        case Var(name, subs):
            return values[name, *(at[s] if isinstance(s, str) else s for s in subs)]
        case App("add", (a, b)):
            return number(a, at, values) + number(b, at, values)
        case App("mul", (a, b)):
            return number(a, at, values) * number(b, at, values)
        case Bind(head, (a,), (j,), None):
            parts = [number(a, {**at, j: k}, values) for k in range(1, SIZE + 1)]
            return sum(parts, Fraction(0)) if head == "sum" else max(parts) if head == "max" else min(parts)
    raise AssertionError(t)


def term(rng: random.Random, depth: int) -> Term:
    if depth == 0 or rng.random() < 0.2:
        return Var(rng.choice("xy"), (rng.choice((*NAMES, 1)), rng.choice(NAMES)))
    if rng.random() < 0.5:
        return Bind(rng.choice(("sum", "max", "min")), (term(rng, depth - 1),), (rng.choice(NAMES),))
    return App(rng.choice(("add", "mul")), (term(rng, depth - 1), term(rng, depth - 1)))


def table(rng: random.Random) -> dict[tuple[object, ...], Fraction]:
    places = [(k, m) for k in range(1, SIZE + 1) for m in range(1, SIZE + 1)]
    return {(name, *p): Fraction(rng.randint(-5, 5)) for name in "xy" for p in places}


def test_what_is_substituted_has_the_value_of_what_takes_its_place() -> None:
    """Where x[i,j] is replaced, it gets a value of its own; where that is not so, it is refused."""
    rng, seen = random.Random(3), {"replaced": 0, "refused": 0}
    for _ in range(4500):
        t, new = term(rng, 4), term(rng, 1)
        key = Var("x", (rng.choice(NAMES), rng.choice(NAMES)))
        at, values = {j: rng.randint(1, SIZE) for j in NAMES}, table(rng)
        free = number(new, at, values)
        try:
            out = substituted(t, {key: new})
        except Refused:
            seen["refused"] += 1
            continue
        if out == t:
            continue
        seen["replaced"] += 1
        mark = substituted(t, {key: Var("fresh")})
        assert number(out, at, values) == number(mark, at, {**values, ("fresh",): free})
    assert min(seen.values()) > 100


@pytest.mark.parametrize("head", ["sum", "max", "min", "softmax"])
def test_every_binder_refuses_capture_both_ways(head: str) -> None:
    x, y = Var("x", ("j",)), Var("y")
    for t, swap in ((Bind(head, (x,), ("j",)), {x: y}), (Bind(head, (y,), ("j",)), {y: x})):
        with pytest.raises(Refused):
            substituted(t, swap)
    masked = Bind("softmax", (y,), ("j",), read("j <= 1"))
    with pytest.raises(Refused):
        substituted(masked, {Var("j"): Num(2)})
    entry = Bind("softmax", (y, Var("i")), ("j",))  # the entry stands outside
    assert substituted(entry, {Var("i"): Num(2)}) == Bind("softmax", (y, Num(2)), ("j",))
    with pytest.raises(Refused):
        valued(Bind(head, (x,), ("j",)), {x: Var("z", ("j",))})


def test_renaming_an_index_keeps_the_value() -> None:
    """Also under binders of the same names, and of names with a mark: by numbers."""
    rng = random.Random(5)
    for _ in range(1500):
        t, values = term(rng, 4), table(rng)
        old, new = rng.choice(NAMES), rng.choice((*NAMES, 2))
        at = {j: rng.randint(1, SIZE) for j in NAMES}
        there = {**at, old: new if isinstance(new, int) else at[new]}
        assert number(shift_subs(t, {old: new}), at, values) == number(t, there, values)


def test_variables_of_the_kernel_are_none_of_a_program() -> None:
    for own in (*LEMMA.values(), T):
        other = Var(str(own.name))
        assert own != other
        assert other != own
        assert own.name not in {str(own.name): 1}
        assert to_text(own) == to_text(other)
        assert owned(other, {str(own.name): own}) == own
    assert reference(Var("x")) != reference(Var("y"))
    masked = [Bind("sum", (Var("x"),), ("j",), m) for m in (None, read("j <= 1"))]
    assert to_text(masked[0]) == to_text(masked[1])
    assert reference(masked[0]) != reference(masked[1]), "means hold terms and not their text"
    assert Own("E(x)") != reference(Var("x"))


def written(rng: random.Random, depth: int) -> object:
    """JSON of a term, most of it well formed."""
    if depth == 0 or rng.random() < 0.2:
        return rng.choice([["num", rng.choice(("0", "1", "-1", "1/2", "-3/2", "2"))], ["var", rng.choice("xyE")],
                           ["var", "x", rng.choice((1, "j"))], ["pi"], ["var", "pi"]])  # fmt: skip
    head = rng.choice([*READ, *("add", "mul", "neg", "recip", "pow") * 6])
    if rng.random() < 0.15:
        mask = rng.choice([None, None, ["le", ["var", "j"], ["num", "1"]]])
        body = [written(rng, depth - 1)] + ([["var", "i"]] if rng.random() < 0.3 else [])
        return ["bind", rng.choice(("sum", "max", "min", "softmax")), body, ["j"], mask]
    least, most = READ[head]
    return [head, *(written(rng, depth - 1) for _ in range(rng.randint(least, min(most, least + 1))))]


def test_what_is_printed_is_plain_text() -> None:
    """It is compared with what a certificate writes, which no name of the kernel's own is equal to."""
    for own in (*LEMMA.values(), T, Own("E", Var("x"))):
        assert type(to_text(own)) is str
        assert to_text(own) == str(own.name)


def test_equal_text_is_an_equal_term() -> None:
    """Over all that a step can spell: no two terms that are read from JSON print alike, but names that it refuses."""
    rng, seen = random.Random(9), dict[str, Term]()
    count = 0
    for _ in range(20_000):
        try:
            t = from_json(written(rng, rng.randint(0, 3)), heads=READ)
        except Exception:
            continue
        if any(isinstance(v, Var) and v.name == "pi" for v in [t, *getattr(t, "args", ())]) or "pi" in str(to_json(t)):
            continue  # `pi` is no name of a program
        count += 1
        assert seen.setdefault(to_text(t), t) == t, to_text(t)
    assert count > 2_000


def test_a_name_of_the_kernels_own_is_printed_as_plain_text() -> None:
    """Its text is compared with what a certificate has: as text, and not as a name."""
    for v in (Own("K11"), reference(read("relu(x)"))):
        assert to_text(v) == str(v.name)
        assert type(to_text(v)) is str

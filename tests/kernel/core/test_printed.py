"""Statements: each kind says what it means, and no two that rules can make are printed alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from fractions import Fraction
from importlib import import_module
from itertools import product
from typing import Any

import pytest

from tensorprog.kernel.core.names import LEMMA
from tensorprog.kernel.core.rates import ANY, FLAT, LINEAR, NOTHING, ORDER, PROPERTIES, Info, Rate
from tensorprog.kernel.core.statements import Applies, Fact, Statement, Varies
from tensorprog.kernel.ground.term import mul
from tensorprog.kernel.limits.members import reference
from tensorprog.kernel.verdict.premises import REMARKS
from tensorprog.kernel.verdict.rates import settle
from tensorprog.kernel.written.statements import said, said_of, words
from tensorprog.language import loads
from tensorprog.proof import explain
from tensorprog.terms import Bind, Num, Var, read, to_text
from tests.kernel.bench import Bench

KINDS = [k for k in Statement.__subclasses__() if vars(import_module(k.__module__)).get(k.__name__) is k]
RATES = (FLAT, LINEAR, Rate(0, Fraction(1, 2)), Rate(1, Fraction(1)), Rate(1, Fraction(2)), ANY)
X, Y, S = Var("x"), Var("y"), Var("s", (1,))
SUMS = (mul(X, Y), mul(Y, X), read("x + y"), read("x - y"))
SHARES = (Bind("softmax", (X,), ("j",)), Bind("softmax", (X,), ("j",), read("j <= 2")))
TERMS = (X, Y, S, Num(1), Num(-1), *SUMS, *SHARES, reference(X), reference(mul(X, Y)))
Z1, K11, K12 = LEMMA["z1"], LEMMA["K11"], LEMMA["K12"]
NODES = (0, 1, 10)
ENDS = ("-1.0", "0.5")
ORDERS = (f"{ORDER}1", f"{ORDER}3/2")
PARAMS = ((), ("r = 1",), ("r = 1", "C = 2"), ("r = 1/2",))
CLAIMS = ("claim E(x) = 1", "claim E(x) = 1 within 1/1000000000")

FIELDS: dict[str, tuple[Any, ...]] = {
    "term": TERMS, "a": TERMS, "b": TERMS, "value": TERMS, "node": NODES, "output": NODES, "low": ENDS, "high": ENDS,
    "name": ("x",), "what": (*PROPERTIES, *ORDERS, "variance"), "text": CLAIMS, "where": PARAMS,
    "positive": (False, True), "gaussian": (False, True), "method": ("", "series", "quadrature"),
    "theorem": ("netsor", "netsor-plus", "attention"), "remarks": ((), REMARKS[:1], REMARKS[1:], REMARKS),
    "semidefinite": ((), (("x",),), (("x", "y"),), (("x",), ("y",))),
    "domain": ((), (K11,), (K12,), (K11, K12), (mul(K11, K12),)),
    "curve": ((), ((X, Num(1)),), ((X, Num(1)), (Y, Num(1))), ((Y, Num(1)), (X, Num(1))), ((X, Y),)),
    "at": ((X,), (Y,), (X, Y)), "mean": ((X,), (Num(1),), (X, Y)),
    "rows": (((X,),), ((Y,),), ((X, Y), (Y, X)), ((X,), (Y,))),
}  # fmt: skip
"""Values of each field; a field of facts has those of `infos`."""


def infos() -> Iterator[Info]:
    """What rules can say of a function: settled, and constant where the slope is zero."""
    flags = ("plus", "minus", "nonzero", "away", "below", "above")
    for level, growth, slope, local in product((1, 2, 3), RATES, (NOTHING, *RATES), ((), ("m",), ("m", "v"))):
        for chosen in product((False, True), repeat=len(flags)):
            given = dict(zip(flags, chosen, strict=True))
            yield settle(Info(level, growth, slope, **given, constant=slope == NOTHING, local=frozenset(local)))


def samples(kind: type[Statement]) -> Iterator[Statement]:
    """Statements of one kind that differ in one field, or in several."""
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    pools = {name: list(dict.fromkeys(infos())) if name == "info" else FIELDS[name] for name in names}
    if "info" in pools:
        pools |= {name: pools[name][:2] for name in names if name != "info"}
    for values in product(*pools.values()):
        yield kind(*values)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_what_it_means(kind: type[Statement]) -> None:
    assert is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert (kind.__doc__ or "").strip().endswith(".")
    assert not (kind.__doc__ or "").startswith(f"{kind.__name__}("), "the meaning and not the fields"
    one, again = (next(samples(kind)) for _ in range(2))
    assert one == again
    assert hash(one) == hash(again)
    assert words(one)
    assert said(one, one.trusts())[: len(words(one))] == list(words(one))


@pytest.mark.parametrize("kind", KINDS)
def test_statements_that_differ_are_printed_otherwise(kind: type[Statement]) -> None:
    """As a certificate writes them; and in the words of a goal, for what may be a goal beside the verdict."""
    written, goals, count = dict[str, Statement](), dict[tuple[str, ...], Statement](), 0
    for s in samples(kind):
        count += 1
        assert written.setdefault(json.dumps(said(s, s.trusts())), s) == s
        if kind.goal:
            assert goals.setdefault(words(s), s) == s
    assert len(written) == count > 2


def test_statements_of_two_kinds_are_printed_otherwise() -> None:
    """By their first word, whatever axioms and terms follow."""
    heads = [(kind, head) for kind in KINDS for head in {words(s)[0] for s in samples(kind)}]
    assert len({head for _, head in heads}) == len(heads)


def test_every_kind_is_a_sentence() -> None:
    """In the language of the reader, about the instructions of a program."""
    text = "index j in 1..3\nparam r = 1\ninput x, y, s[j] ~ N(0, 1)\nf = x + y\ng = f*x\noutput f\noutput g\n"
    reader = explain.Reader(loads(text))
    for kind in KINDS:
        first = next(s for s in samples(kind) if getattr(s, "output", 0) < 2)
        assert len(explain.said(first, reader).split()) > 2, first


def test_a_constant_is_what_has_slope_zero() -> None:
    """So what is printed of a fact is all that it says: also of branches that depend on params alone."""
    b = Bench()
    parts = [b.fact("r"), b.fact("0"), b.fact("C"), b.fact("r")]
    info = b.do("branches", *parts, head="gt").info
    assert info.constant
    assert info.slope == NOTHING
    assert (info.level, "slope zero" in said_of(info)) == (3, True)
    for text in ("x", "tanh(x)", "abs(x)*r", "r + 1", "exp(C)", "max(x, C)"):
        found = b.fact(text)
        assert isinstance(found, Fact)
        assert found.info.constant == (found.info.slope == NOTHING)


def test_the_order_of_remarks_is_none_of_the_statement() -> None:
    """A list of remarks is a set: the theorem with them is one statement, however they are written."""
    b = Bench(ATTENTION)
    one, other = (
        b.do("applies", *premises(b), theorem="attention", output=0, remarks=given)
        for given in (REMARKS, (*REMARKS[::-1], REMARKS[0]))
    )
    assert isinstance(one, Applies)
    assert one == other


ATTENTION = """
index i, j in 1..2
input u[i] ~ N(0, 1)
weight Wq, Wk, Wv ~ N(0, 1/n)
p[i,j] = dot(Wq @ u[i], Wk @ u[j]) / sqrt(n)
y[i] = sum(softmax(p[i,j] over j) * (Wv @ u[j]) for j)
output y
"""


def premises(b: Bench) -> list[Statement]:
    """What the theorem asks for, as if it were shown."""
    from tensorprog.kernel.core.statements import Instruction
    from tensorprog.kernel.verdict.premises import case_of, obligations

    wanted = obligations(case_of(b.context, 0, ()), "attention", REMARKS)
    return [Varies(k) if what == "variance" else Instruction(k, Info(3, FLAT, FLAT)) for what, k in wanted]


def test_what_is_printed_is_plain_text() -> None:
    """What a certificate writes is compared with it as text: a name of the kernel's own is printed as text, too."""
    assert type(to_text(LEMMA["K11"])) is str

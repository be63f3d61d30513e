"""What is printed reads back as the same term, as text and as JSON; the reader refuses everything else clearly."""

from __future__ import annotations

import copy
import json
import pickle
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorprog.errors import TensorProgError
from tensorprog.kernel.ground.term import (
    children,
    power,
    rebuild,
    shift_subs,
    size,
    substitute,
    transform,
    variables,
    walk,
)
from tensorprog.terms import App, Bind, Num, Term, Var, from_json, read, to_json, to_text
from tensorprog.terms.heads import HEADS
from tests.share import examples
from tests.strategies import terms

x, y = Var("x"), Var("y")


@settings(max_examples=examples(400))
@given(terms)
def test_text_reads_back(t: Term) -> None:
    assert read(to_text(t)) == t


@settings(max_examples=examples(200))
@given(terms)
def test_json_reads_back(t: Term) -> None:
    data = json.loads(json.dumps(to_json(t)))
    assert from_json(data) == t
    assert to_json(from_json(data)) == data


@settings(max_examples=examples(200))
@given(terms, terms)
def test_equality_is_structure(s: Term, t: Term) -> None:
    assert (s == t) == (to_json(s) == to_json(t)) == (to_text(s) == to_text(t))
    if s == t:
        assert hash(s) == hash(t)


@settings(max_examples=examples(100))
@given(terms)
def test_terms_are_values(t: Term) -> None:
    assert copy.deepcopy(t) is t
    assert pickle.loads(pickle.dumps(t)) == t
    with pytest.raises(AttributeError):
        t.place = None
    assert rebuild(t, children(t)) == t
    assert transform(t, lambda _: None) == t
    assert size(t) == len(list(walk(t))) == 1 + sum(map(size, children(t)))
    assert set(variables(t)) == {v for v in walk(t) if isinstance(v, Var)}


@settings(max_examples=examples(200))
@given(terms, st.sampled_from(["i", "j"]), st.integers(-2, 9))
def test_fixing_an_index_leaves_it_nowhere_free(t: Term, name: str, value: int) -> None:
    def free(s: Term, bound: frozenset[str] = frozenset()) -> set[str]:
        match s:
            case Var(k, ()):
                return {k} - bound
            case Var(_, subs):
                return {k for k in subs if isinstance(k, str)} - bound
            case Bind("softmax", args, over, mask):  # the entry index stays free
                inside = free(args[0], bound | set(over)) | (free(mask, bound | set(over)) if mask else set())
                entry = set(over) if len(args) == 1 else set().union(*(free(a) for a in args[1:]))
                return inside | (entry - bound)
            case Bind(_, _, over, _):
                return set().union(*(free(c, bound | set(over)) for c in children(s)))
            case _:
                return set().union(*(free(c, bound) for c in children(s)))

    assert name not in free(shift_subs(t, {name: value}))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("-x^2", App("neg", (power(x, Num(2)),))),
        ("x^-2", power(x, Num(-2))),
        ("x^-y^2", power(x, App("neg", (power(y, Num(2)),)))),
        ("x^y^2", power(x, power(y, Num(2)))),
        ("x**2", power(x, Num(2))),
        ("2^3", power(Num(2), Num(3))),
        ("W @ x^2", App("matmul", (Var("W"), power(x, Num(2))))),
        ("W @ V @ x", App("matmul", (Var("W"), App("matmul", (Var("V"), x))))),
        ("-W @ x", App("neg", (App("matmul", (Var("W"), x)),))),
        ("W @ -x", App("matmul", (Var("W"), App("neg", (x,))))),
        ("W @ x * y", App("mul", (App("matmul", (Var("W"), x)), y))),
        ("x / y / 2", App("mul", (x, App("recip", (y,)), Num(Fraction(1, 2))))),
        ("1 - 2 - x", App("add", (Num(1), Num(-2), App("neg", (x,))))),
        ("√x^2", power(App("sqrt", (x,)), Num(2))),
        ("0.1", Num(Fraction(1, 10))),
        ("1e-3", Num(Fraction(1, 1000))),
        ("x·y", App("mul", (x, y))),
        ("x[1,i]", Var("x", (1, "i"))),
        ("x[-1]", Var("x", (-1,))),
        ("K[i,i']", Var("K", ("i", "i'"))),
        ("x ≤ y", App("le", (x, y))),
    ],
)
def test_binding_strength(text: str, meaning: Term) -> None:
    assert read(text) == meaning


@pytest.mark.parametrize(
    "text",
    ["", " ", "x y", "x +", "* x", "x..y", "5.", "1e", "0x10", "x = y", "x; y", "x.y", "(x", "x)", "x[", "x[]",
     "[x]",
     "x''", "f'(x)", "lambda x: x", "x if y else x", "__import__(x)", "eval(x)", "x@@y", "x^^y", "x, y", "sum(x)",
     "softmax(x)", "sum(x over j)", "softmax(x for j)", "relu(x for j)", "sum(x for j, j)", "sum(x, y for j)",
     "softmax(x over j, scale = 2)", "softmax(x over j, mask = x, mask = x)", "'x'", '"x"',
     "x\x00", "x\u202e", "α\u0301",
     "x < y < 1", "not x", "x[1.5]", "x[i+1]", "x[y[1]]", "x'[1]", "1_000", "𝟙", "²", "x\\y", "x!", "x % y",
     "x // y", "~x"],
)  # fmt: skip
def test_what_is_not_an_expression(text: str) -> None:
    with pytest.raises(TensorProgError) as caught:
        read(text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code in ("TP001", "TP002", "TP004", "TP013", "TP016")
    assert str(caught.value).startswith("error[TP0")


@pytest.mark.parametrize(
    "data",
    [None, 1, "x", [], {}, ["x"], ["num"], ["num", 1], ["num", "1.5"], ["num", "2/4"], ["num", "1/0"], ["num", "-0"],
     ["num", "01"], ["num", "1\n"], ["num", "٣"], ["num", "1/1"], ["num", "1", "2"], ["var"], ["var", ""],
     ["var", "x y"],
     ["var", "x", 1.5], ["var", "x", True], ["var", "x", None], ["var", "x", ["num", "1"]], ["var", "x\n"],
     ["relu"], ["relu", ["num", "1"], ["num", "1"]], ["relu", 1], ["os", ["num", "1"]], ["__class__"], ["bind"],
     ["bind", "sum", [], ["j"], None], ["bind", "sum", [["num", "1"]], [], None],
     ["bind", "sum", [["num", "1"]], [1], None],
     ["bind", "prod", [["num", "1"]], ["j"], None], ["bind", "sum", [["num", "1"]], ["j"]],
     ["bind", "sum", [["num", "1"]], ["j", "j"], None],
     ["bind", "attention", [["num", "1"]], ["j"], None], ["bind", "sum", [["num", "1"]], ["j"], ["num"]],
     [["num", "1"]]],
)  # fmt: skip
def test_what_is_not_json_of_a_term(data: object) -> None:
    with pytest.raises(TensorProgError) as caught:
        from_json(data)
    assert caught.value.diagnostics[0].code == "TP001"


@settings(max_examples=examples(300))
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(sorted(HEADS)),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=12,
    )
)
def test_any_json_is_a_term_or_one_error(data: object) -> None:
    try:
        t = from_json(data)
    except TensorProgError:
        return
    assert to_json(t) == data


def test_depth_is_bounded_before_the_stack_is() -> None:
    deep: object = ["num", "1"]
    for _ in range(100_000):
        deep = ["relu", deep]
    with pytest.raises(TensorProgError, match="TP902"):
        from_json(deep)
    for text in ("(" * 100_000, "-" * 10_000 + "x", "x" + "^2" * 5_000, "W @ " * 4_000 + "x", "√" * 5_000 + "x"):
        with pytest.raises(TensorProgError, match=r"TP90[23]"):
            read(text)


def test_simultaneous_substitution() -> None:
    assert substitute(read("x * y"), {x: y, y: x}) == read("y * x")


def test_a_bound_index_is_renamed_where_it_would_capture() -> None:
    t = shift_subs(read("sum(p[i,j] for j)"), {"i": "j"})
    assert isinstance(t, Bind)
    assert t.args[0] == Var("p", ("j", t.over[0]))
    assert t.over[0] != "j"

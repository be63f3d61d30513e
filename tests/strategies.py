"""Hypothesis strategies: random terms, and random well-typed programs as texts in several spellings."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from tensorprog.kernel.ground.signatures import FUNCTIONS
from tensorprog.kernel.ground.term import add, call, mul, neg, power, recip
from tensorprog.language import loads
from tensorprog.program import Program
from tensorprog.terms import App, Bind, Num, Term, Var
from tensorprog.terms.reserved import UNRESERVED_FUNCTIONS
from tests.program.writer import Made, Sketch, Writer

# -- terms -----------------------------------------------------------------------------------------------------------

INDEX_NAMES = ("i", "j", "t2")
names = st.sampled_from(["x", "y1", "C", "sigma", "λ", "_u", "floor", "file", "N", "over", "within"])
subscripts = st.lists(st.integers(-3, 12) | st.sampled_from(INDEX_NAMES), max_size=3).map(tuple)
numbers = st.builds(Fraction, st.integers(-50, 10**6), st.integers(1, 60))
leaves: st.SearchStrategy[Term] = st.one_of(
    numbers.map(Num), st.integers(0, 9).map(Num), st.builds(Var, names, subscripts), st.just(App("pi"))
)
conditions = ("lt", "le", "gt", "ge", "eq", "ne")


def comparisons(values: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    one = st.builds(lambda head, a, b: App(head, (a, b)), st.sampled_from(conditions), values, values)
    return one | st.lists(one, min_size=2, max_size=3).map(lambda cs: App("and", tuple(cs)))


def _larger(values: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    some = st.lists(values, min_size=2, max_size=4)
    over = st.lists(st.sampled_from(INDEX_NAMES), min_size=1, max_size=2, unique=True).map(tuple)
    masks = st.none() | comparisons(values)

    @st.composite
    def functions(draw: Any) -> Term:
        head = draw(st.sampled_from(sorted(FUNCTIONS.keys() - UNRESERVED_FUNCTIONS - {"where"})))
        least, most = FUNCTIONS[head]
        return call(head, *draw(st.lists(values, min_size=least, max_size=min(most, 4))))

    return st.one_of(
        some.map(lambda ts: add(*ts)),
        some.map(lambda ts: mul(*ts)),
        values.map(neg),
        values.map(recip),
        st.builds(power, values, values),
        functions(),
        st.builds(lambda c, a, b: call("where", c, a, b), comparisons(values), values, values),
        st.builds(lambda w, t, x: App("matmul", (App("transpose", (w,)) if t else w, x)),
                  st.builds(Var, st.sampled_from(["W", "Wq"]), subscripts), st.booleans(), values),
        st.builds(lambda a, b: App("dot", (a, b)), values, values),
        values.map(lambda a: App("mean", (a,))),
        values.map(lambda a: App("E", (a,))),
        st.builds(lambda a, b: App("cov", (a, b)), values, values),
        st.builds(lambda h, a, o: Bind(h, (a,), o), st.sampled_from(["sum", "max", "min"]), values, over),
        st.builds(lambda a, o, m: Bind("softmax", (a,), o, m), values, over, masks),
        st.builds(lambda a, o, m: Bind("attention", tuple(a), o, m),
                  st.lists(values, min_size=4, max_size=4), over, masks),
    )  # fmt: skip


terms: st.SearchStrategy[Term] = st.recursive(leaves, _larger, max_leaves=12)
"""Terms as the reader builds them (numbers are merged where they meet, -2 is a number)."""


# -- programs --------------------------------------------------------------------------------------------------------


@st.composite
def sketches(draw: Any) -> Sketch:
    """A well-typed program whose subexpressions can be named or not."""
    writer = Writer(draw)
    writer.declarations()
    writer.inputs()
    for width in writer.widths:  # so that vectors of every width and dependence exist
        for index in {i.name: i for i in writer.indices if i.name in "ia"}.values():
            name = f"e_{width}_{index.name}"
            writer.sketch.head.append(f"input {name}[{index.name}]: {width} ~ N(0, 1)")
            writer.made.append(Made(name, ((index.low, index.high),), width))
    writer.some_weights()
    writer.definitions()
    writer.outputs_and_claims()
    return writer.sketch


texts: st.SearchStrategy[str] = sketches().map(Sketch.text)
"""Program texts, all well typed."""
programs: st.SearchStrategy[Program] = texts.map(loads)
"""The same as programs."""

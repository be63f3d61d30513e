"""A user's own functions in programs: by their form, or by declared facts that become assumptions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import tensorprog as tp
from tensorprog.functions.named.registry import registry

TEXT = """
index i, j in 1..4
input h0 ~ N(0, 1)
weight U[i], Wq, Wk, Wv ~ N(0, 1/n)
h[i] = U[i] @ h0
x[i] = {name}(h[i])
p[i,j] = dot(Wq @ x[i], Wk @ x[j]) / sqrt(n)
y[i] = sum(softmax(p[i,j] over j) * (Wv @ x[j]) for j)
output {out}
"""


@pytest.fixture(autouse=True)
def clean_registry() -> Iterator[None]:
    before = dict(registry())
    yield
    registry().clear()
    registry().update(before)


def test_a_form_is_judged_like_any_expression() -> None:
    tp.register("squashed", "tanh(2*x)")
    program = tp.loads(TEXT.format(name="squashed", out="y"))
    assert tp.check(program).verdict == "valid"
    assert "tanh(2*h[i])" in program.to_text()
    assert tp.loads(program.to_text()).hash == program.hash


def test_declared_facts_are_assumptions() -> None:
    tp.register("black_box", bounded=True, lipschitz=True)
    verdict = tp.check(tp.loads(TEXT.format(name="black_box", out="x")))
    assert verdict.verdict == "valid"
    assert {"black_box is bounded (declared)", "black_box is Lipschitz (declared)"} <= set(verdict.assumptions)


def test_unregistered_names_are_unknown() -> None:
    with pytest.raises(tp.TensorProgError) as caught:
        tp.loads(TEXT.format(name="never_registered", out="y"))
    assert caught.value.diagnostics[0].code == "TP002"

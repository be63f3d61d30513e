"""Subscripts that compute with indices: the same programs as written out by hand, and the same numbers as numpy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorprog as tp
from tensorprog.errors import TensorProgError

HEAD = """index i in {low}..{high}
index o in 1..{outputs}
index k in {first}..{last}
input u[i] ~ N(0, 1)
weight F[k] ~ N(0, 1/n)
"""


def by_hand(rule: str, low: int, high: int, taps: range, outputs: int, stride: int) -> list[str] | None:
    """The definitions, one a member, straight from what the rules say; None where a member would be 0."""
    lines = []
    for o in range(1, outputs + 1):
        parts = []
        for k in taps:
            at = stride * o + k
            if rule == "wrap":
                at = (at - low) % (high - low + 1) + low
            if low <= at <= high:
                parts.append(f"F[{k}] @ u[{at}]")
        if not parts:
            return None
        lines.append(f"h[{o}] = {' + '.join(parts)}")
    return lines


@given(st.sampled_from(["pad", "wrap"]), st.integers(-2, 2), st.integers(1, 6), st.integers(-2, 1), st.integers(1, 3),
       st.integers(1, 4), st.integers(1, 2))  # fmt: skip
def test_the_program_written_out(rule: str, low: int, length: int, first: int, taps: int, outputs: int,
                                 stride: int) -> None:  # fmt: skip
    high, last = low + length - 1, first + taps - 1
    head = HEAD.format(low=low, high=high, outputs=outputs, first=first, last=last)
    wanted = by_hand(rule, low, high, range(first, last + 1), outputs, stride)
    text = head + f"h[o] = sum(F[k] @ {rule}(u[{stride}*o+k]) for k)\noutput h"
    if wanted is None:
        with pytest.raises(TensorProgError, match="this member is 0"):
            tp.loads(text)
    else:
        assert tp.loads(text).hash == tp.loads(head + "\n".join(wanted) + "\noutput h").hash


def test_two_dimensions_with_padding_and_pooling() -> None:
    """A 2-d convolution, against sums over numpy arrays: E[h h] for independent pixels of unit variance."""
    text = """
index a, b in 1..3
index s, t in -1..1
input u[a,b] ~ N(0, 1)
weight F[s,t] ~ N(0, 1/(9*n))
h[a,b] = sum(F[s,t] @ pad(u[a+s,b+t]) for s, t)
y = sum(h[a,b] for a, b) / 9
output h, y"""
    limit = tp.derive(tp.loads(text))
    cells = list(product(range(3), range(3)))
    taps = {c: {(c[0] + s, c[1] + t): (s, t) for s in (-1, 0, 1) for t in (-1, 0, 1)
                if 0 <= c[0] + s < 3 and 0 <= c[1] + t < 3} for c in cells}  # fmt: skip
    k = np.array([[sum(taps[c][p] == taps[d].get(p) for p in taps[c]) / 9 for d in cells] for c in cells])
    np.testing.assert_allclose(limit.matrix("h").reshape(9, 9), k, atol=1e-14)
    assert float(limit.var("y")) == pytest.approx(k.sum() / 81, abs=1e-14)


def test_simulation_agrees_with_the_limit() -> None:
    program = tp.load("tests/corpus/valid/conv_offsets.tp")
    c = tp.simulate(program, n=256, samples=1500, rng=2, coordinates=16)["c"]
    limit = tp.derive(program).matrix("c")
    for i, j in ((0, 0), (0, 1), (1, 3)):
        x = (c[:, i] * c[:, j]).mean(axis=1)
        assert abs(x.mean() - limit[i, j]) < 5 * x.std() / 1500**0.5 + 2 / 256


@pytest.mark.parametrize(("body", "message"), [
    ("y[i] = F[0] @ u[i+1]", "leaves the family's range 1..5"),
    ("y[i] = exp(pad(u[i+1]))", "a 0 beyond the end is inside a function"),
    ("y[i] = max(pad(u[i+k]) for k)", "bound by max"),
    ("y[i] = pad(u[o+i])", "has no value here"),
    ("y[i] = F[0] @ pad(2*u[i+1])", "a member of a family"),
    ("y[i] = F[0] @ pad(w[i+1])", "not a family"),
    ("y[i] = F[0] @ pad(u[i+1], 2)", "a member of a family"),
    ("y[i] = pad(u[i+u])", "subscript"),
])  # fmt: skip
def test_errors_have_a_place(body: str, message: str) -> None:
    head = HEAD.format(low=1, high=5, outputs=2, first=-1, last=1)
    with pytest.raises(TensorProgError, match=message) as caught:
        tp.loads(head + body + "\noutput y")
    assert caught.value.diagnostics[0].place is not None
    assert caught.value.diagnostics[0].place.line == 6


def test_sizes_are_bounded() -> None:
    text = "index i, j, k in 1..1000\ninput u[i] ~ N(0, 1)\ny[i] = sum(wrap(u[i+j+k]) for j, k)\noutput y"
    with pytest.raises(TensorProgError, match="TP904"):
        tp.loads(text)


def test_the_words_stay_free() -> None:
    program = tp.loads("input pad, wrap ~ N(0, 1)\ny = pad - wrap\noutput y")
    assert tp.loads(program.to_text()).hash == program.hash


@pytest.mark.parametrize("rule", ["pad", "wrap"])
def test_a_family_must_not_grow_after_its_ends_were_read(rule: str) -> None:
    """h[2] is not beyond the end: it is only not there yet."""
    text = f"""input a, b ~ N(0, 1)
weight W ~ N(0, 1/n)
h[1] = a
y = W @ a + W @ {rule}(h[2])
h[2] = b
output y, h"""
    with pytest.raises(TensorProgError, match="h grows after its ends were read") as caught:
        tp.loads(text)
    assert caught.value.diagnostics[0].place is not None
    assert caught.value.diagnostics[0].place.line == 5


def test_it_must_not_grow_by_python_either() -> None:
    program = tp.Program()
    program.add("input a, b ~ N(0, 1)\nweight W ~ N(0, 1/n)\nh[1] = a\ny = W @ a + W @ pad(h[2])\n")
    with pytest.raises(TensorProgError, match="grows after its ends were read"):
        program.define("h[2]", tp.fn.relu(tp.Program().input("b ~ N(0, 1)")[0]))

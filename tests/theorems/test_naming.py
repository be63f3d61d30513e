"""Every well-typed program is judged, and naming subexpressions does not change the verdict."""

from __future__ import annotations

from hypothesis import given, settings

import tensorprog as tp
from tensorprog.program.normal.normalize import normalize
from tests.program.writer import Sketch
from tests.share import examples
from tests.strategies import sketches


@settings(max_examples=examples(100))
@given(sketches())
def test_every_program_has_a_form_in_which_it_is_judged(sketch: Sketch) -> None:
    for named in (False, True):
        program = tp.loads(sketch.text(named=named))
        normal = normalize(program)
        assert normal.outputs == program.outputs
        assert normal.families.keys() >= program.families.keys()


@settings(max_examples=examples(24))
@given(sketches())
def test_naming_a_subexpression_keeps_the_verdict(sketch: Sketch) -> None:
    in_place, named = (tp.check(tp.loads(sketch.text(named=k))) for k in (False, True))
    assert [(o.of, o.verdict, o.covered_by) for o in in_place.outputs] == [
        (o.of, o.verdict, o.covered_by) for o in named.outputs
    ]


HEAD = "index i, j in 1..2\ninput u[i] ~ N(0, 1)\ninput e ~ N(0, 1)\nweight A, B, W[i] ~ N(0, 1/n)\nx[i] = tanh(u[i])\n"


def verdict(body: str) -> tp.Verdict:
    return tp.check(tp.loads(HEAD + body))


def test_score_sides_through_families_defined_in_pieces() -> None:
    pieces = "g[1] = A @ x[1]\ng[2] = -(A @ x[2])\n"
    assert verdict(pieces + "p = dot(sum(g[i] for i), B @ x[1])/sqrt(n)\ny = tanh(p)*e\noutput y").verdict == "valid"
    assert verdict(pieces + "p[i] = dot(2*g[i], W[i] @ x[i])/sqrt(n)\ny = tanh(p[1])*e\noutput y").verdict == "valid"
    tied = verdict(pieces + "p[i] = dot(2*g[i], A @ x[i])/sqrt(n)\ny = tanh(p[2])*e\noutput y")
    assert (tied.verdict, [d.code for d in tied.diagnostics]) == ("invalid", ["TP102"])


def test_an_alias_of_a_feature_is_the_feature() -> None:
    loop = "for t in 1..2:\n  z[t] = x[t]\n"
    score = "p[i,j] = dot(A @ x[i], B @ x[j])/sqrt(n)\ny[i] = sum(softmax(p[i,j] over j)*(B @ z[j]) for j)\noutput y"
    assert verdict(loop + score).verdict == "valid"


def test_sums_that_are_no_sums_of_vectors_and_binders_that_meet() -> None:
    """Sides 1 - u and (sum over i)^2: left whole, and their bound indices kept apart from those of the score."""
    for side in ("1 - u[1] - u[2]", "2*(1 + A @ x[1])", "sum(u[i] for i)^2 + u[1]"):
        found = verdict(f"h = {side}\np[i] = dot(W[i] @ x[i], h)/sqrt(n)\ny = sum(tanh(p[i]) for i)*e\noutput y")
        assert found.verdict == "invalid"
        assert "TP103" in {d.code for d in found.diagnostics}

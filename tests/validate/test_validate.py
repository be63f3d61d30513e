"""Validation agrees with true theories at its stated rate, and catches wrong ones."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tensorprog.errors import TensorProgError
from tensorprog.language import loads
from tensorprog.validate.compare import Test
from tensorprog.validate.result import conclude
from tensorprog.validate.run import validate
from tests.validate.claims import (
    CROSSWISE,
    CROSSWISE_CLAIMS,
    GATED,
    GATED_CLAIMS,
    LAYER,
    LAYER_CLAIMS,
)

Test.__test__ = False  # type: ignore[attr-defined]

PROGRAMS = {
    "layer": (LAYER, LAYER_CLAIMS),
    "gated": (GATED, GATED_CLAIMS),
    "crosswise": (CROSSWISE, CROSSWISE_CLAIMS),
}


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_true_theories_agree(name: str) -> None:
    text, claims = PROGRAMS[name]
    found = validate(loads(text), widths=[32, 128, 512], samples=20_000, rng=1, theory=claims)
    assert found.verdict == "agrees", repr(found)
    assert found.exit_code == 0
    assert {t.of for t in found.tests} >= {"layer": {"var(y)", "law of y", "E(y^4)", "var(h)", "E(x^2)"},
                                           "gated": {"var(y)", "law of y", "E(y^4)", "var(p)"},
                                           "crosswise": {"cov(p, q)", "var(p)", "law of q"}}[name]  # fmt: skip


SABOTAGED = {
    "a covariance 5 % too large": (LAYER, LAYER_CLAIMS.but(y__y=1.05)),
    "a covariance 5 % too small": (LAYER, LAYER_CLAIMS.but(h__h=0.95)),
    "a variance of scores 5 % too large": (CROSSWISE, CROSSWISE_CLAIMS.but(p__p=1.05)),
    "the cross term dropped": (CROSSWISE, CROSSWISE_CLAIMS.with_(p__q=0.0)),
    "Gaussian instead of hierarchical": (
        GATED,
        GATED_CLAIMS.with_(y__y__y__y=3.0, laws={"y": stats.norm.cdf}),
    ),
    "Gaussian instead of hierarchical, seen in the law alone": (GATED, GATED_CLAIMS.with_(laws={"y": stats.norm.cdf})),
    "scores over n instead of sqrt(n)": (GATED, GATED_CLAIMS.but(p__p=0.0, y__y=0.0, y__y__y__y=0.0)),
}


@pytest.mark.parametrize("name", sorted(SABOTAGED))
def test_wrong_theories_are_caught(name: str) -> None:
    text, claims = SABOTAGED[name]
    found = validate(loads(text), widths=[32, 128, 512], samples=40_000, rng=2, theory=claims)
    assert found.verdict == "disagrees", repr(found)
    assert found.exit_code == 1


def test_a_wrong_rate_shows() -> None:
    """Averages over n coordinates fluctuate like n^(-1/2), not 1/n: both ends of the interval say so."""
    found = validate(loads(LAYER), widths=[32, 128, 512], samples=20_000, rng=3, theory=LAYER_CLAIMS)
    rates = {r.of: r for r in found.rates}
    assert set(rates) >= {"var(h)", "E(x^2)"}
    for r in rates.values():
        assert abs(r.slope + 0.5) < 4 * r.slope_standard_error
        assert abs(r.slope + 1.0) > 10 * r.slope_standard_error


@pytest.mark.long
@pytest.mark.parametrize(("name", "level"), [("layer", 0.05), ("crosswise", 0.05)])
def test_false_alarms_stay_at_their_level(name: str, level: float) -> None:
    """Over 200 seeds at most as many rejections of a true theory as the level allows (99.9 % of the binomial)."""
    text, claims = PROGRAMS[name]
    program = loads(text)
    alarms = sum(
        validate(program, widths=[16, 32, 64], samples=400, rng=seed, theory=claims, level=level).verdict == "disagrees"
        for seed in range(200)
    )
    assert alarms <= stats.binom.ppf(0.999, 200, level)
    assert alarms >= 1  # the level is used, not wasted: the tests are sharp enough to err now and then


def test_bias_of_order_one_over_n_is_not_taken_for_an_error() -> None:
    """E(y^4) is 3 (1 + 2/n) E(x^2)^2 ... at width n: at n = 8 alone the true theory would be rejected."""
    found = validate(loads(LAYER), widths=[8, 16, 64], samples=40_000, rng=5, theory=LAYER_CLAIMS)
    fourth = next(t for t in found.tests if t.of == "E(y^4)")
    estimate, error = fourth.by_width[0]
    assert abs(estimate - fourth.theory) > 8 * error
    assert found.verdict == "agrees", repr(found)


def test_bias_of_order_one_over_sqrt_n() -> None:
    """E[p g k] = n^(-1/2) where the sides of a score are used again: the fit has that order, and finds 0."""
    program = loads("""
input u, w ~ N(0, 1)
weight A, B ~ N(0, 1/n)
g = A @ u
k = B @ w
p = dot(g, k) / sqrt(n)
y = p * g * k
output y""")
    claims = LAYER_CLAIMS.with_(y=0.0, y__y=1.0)
    found = validate(program, widths=[16, 64, 256], samples=60_000, rng=6, theory=claims)
    mean = next(t for t in found.tests if t.of == "E(y)")
    assert mean.powers == (0.0, 0.5, 1.0)
    assert abs(mean.coefficients[1] - 1.0) < 0.3
    assert abs(mean.by_width[0][0] - 0.25) < 0.02
    assert not mean.rejected


def test_few_samples_are_inconclusive() -> None:
    found = validate(loads(LAYER), widths=[32, 64, 128], samples=20, rng=1, theory=LAYER_CLAIMS)
    assert (found.verdict, found.exit_code) == ("inconclusive", 3)
    assert "5 %" in found.because


def test_one_width_is_inconclusive() -> None:
    assert validate(loads(LAYER), widths=[512], samples=4000, theory=LAYER_CLAIMS).verdict == "inconclusive"


def test_nothing_to_compare_is_inconclusive() -> None:
    from tests.validate.claims import Claims

    found = validate(loads(LAYER), widths=[16, 32], samples=10, theory=Claims({}))
    assert found.verdict == "inconclusive"
    assert found.left_out


def test_an_error_of_the_theory_is_granted() -> None:
    """A bound is not charged to the simulation: 3 % off with a bound of 3 % is no contradiction."""
    from dataclasses import replace

    wrong = LAYER_CLAIMS.but(y__y=1.03)
    run = {"widths": [16, 32, 64], "samples": 40_000, "rng": 2}
    assert validate(loads(LAYER), theory=wrong, **run).verdict == "disagrees"
    granted = validate(loads(LAYER), theory=replace(wrong, error=0.02), **run)
    assert granted.verdict != "disagrees"


@pytest.mark.parametrize("law", ["rademacher", "uniform", "student"])
def test_other_entries_have_the_same_limit(law: str) -> None:
    found = validate(loads(LAYER), widths=[16, 32, 64], samples=1500, rng=3, theory=LAYER_CLAIMS, entries=law)
    assert found.verdict != "disagrees", repr(found)
    assert found.to_json()["entries"] == law
    assert all(abs(r.slope + 0.5) < 0.3 for r in found.rates if r.slope_standard_error < 0.1)


def test_numbers_do_not_depend_on_who_computes_them() -> None:
    run = {"widths": [16, 64], "samples": 600, "rng": 4, "theory": GATED_CLAIMS}
    alone = validate(loads(GATED), **run)
    with ThreadPoolExecutor(3) as pool:
        assert validate(loads(GATED), executor=pool, **run).to_json() == alone.to_json()


def test_json() -> None:
    data = validate(loads(LAYER), widths=[16, 32, 64], samples=200, rng=7, theory=LAYER_CLAIMS).to_json()
    assert json.loads(json.dumps(data)) == data
    assert data["schema"] == "tensorprog/validate/1"
    assert (data["seed"], data["samples"]) == (7, 200)
    assert {"of", "widths", "theory", "estimate", "standard_error", "z", "p_value"} <= set(data["tests"][0])
    assert {"of", "slope", "slope_standard_error"} <= set(data["rates"][0])


def test_repr_has_the_verdict_first() -> None:
    text = repr(validate(loads(LAYER), widths=[16, 32, 64], samples=50, theory=LAYER_CLAIMS))
    assert text.startswith("inconclusive: ")
    assert "var(y)" in text


@pytest.mark.parametrize(("widths", "samples"), [([], 10), ([16], 1)])
def test_bad_arguments(widths: list[int], samples: int) -> None:
    with pytest.raises(TensorProgError) as error:
        validate(loads(LAYER), widths=widths, samples=samples, theory=LAYER_CLAIMS)
    assert error.value.diagnostics[0].code == "TP018"


@pytest.mark.parametrize("level", [0.0, 1.0, 2.0, -0.1, float("nan")])
def test_a_level_is_a_probability(level: float) -> None:
    """A level of 0 would agree with everything, one of nan with nothing."""
    with pytest.raises(TensorProgError, match="not a probability"):
        validate(loads(LAYER), widths=[8, 16], samples=10, theory=LAYER_CLAIMS, level=level)


def made(p: float, resolved: bool = True, essential: bool = True) -> Any:
    return Test("var(y)", (1,), 1.0, 1.0, 0.01, 0.0, p, 1.0, resolved, essential)


def test_verdicts() -> None:
    assert conclude([made(0.5), made(0.5, False, False)], 0.01)[0] == "agrees"
    assert conclude([made(0.5), made(0.5, False)], 0.01)[0] == "inconclusive"
    assert conclude([made(0.5), made(1e-9, False)], 0.01)[0] == "disagrees"
    assert conclude([made(0.004)] + [made(0.5)] * 9, 0.01)[0] == "agrees"  # Holm: 0.01/10
    assert conclude([], 0.01)[0] == "inconclusive"


def test_an_output_that_is_not_tested_is_no_agreement() -> None:
    """The theory has numbers for y and none for z: whatever y says, the program is not confirmed."""
    program = loads(LAYER + "z = tanh(y)\noutput z")
    found = validate(program, widths=[32, 128, 512], samples=20_000, rng=1, theory=LAYER_CLAIMS)
    assert found.verdict == "inconclusive"
    assert "no second moment of z" in found.because


def test_the_table_marks_what_is_rejected() -> None:
    judged = conclude([made(1e-9), made(0.5)], 0.01)[2]
    assert [t.rejected for t in judged] == [True, False]
    assert np.isclose(judged[0].p_value, 1e-9)


def test_means_that_do_not_exist_at_finite_width_are_refused() -> None:
    """E exp(W exp(V u)) is infinite at every width, and finite in the limit."""
    from tensorprog.validate.quantities import quantities

    tower = loads("""
input u ~ N(0, 1)
weight V, W, A ~ N(0, 1/n)
a = exp(V @ u)
b = W @ a
c = exp(b)
y = A @ c
output b, y""")
    chosen, refused = quantities(tower)
    names = {(q.kind, q.names) for q in refused}
    assert ("average", ("y", "y")) in names
    assert ("average", ("c", "c")) in names
    assert {("average", ("b", "b")), ("average", ("a", "a")), ("law", ("y",))} <= {(q.kind, q.names) for q in chosen}
    bounded = loads("input u ~ N(0, 1)\nweight V, W ~ N(0, 1/n)\na = exp(-(V @ u)^2)\nb = exp(-(W @ a)^2)\noutput b")
    assert quantities(bounded)[1] == []


def test_curves_for_plots() -> None:
    found = validate(loads(LAYER), widths=[16, 32, 64], samples=50, theory=LAYER_CLAIMS)
    curve = found.curves()["var(y)"]
    assert curve["n"].tolist() == [16, 32, 64]
    assert curve["estimate"].shape == curve["standard_error"].shape == (3,)
    assert curve["theory"] == 0.5


@pytest.mark.parametrize(
    ("text", "seed"),
    [
        ("index i in 1..2\ninput x[i] ~ N(0.3, 2)\na[i] = x[i]^3\noutput a\n", 337),
        ("input x ~ N(0.3, 1)\nweight W ~ N(0, 2/n)\nh = W @ x\na = x^2*h\noutput a\n", 354),
        ("input x ~ N(0, 2)\nweight W ~ N(0, 2/n)\nh = W @ x\na = h^6\noutput a\n", 373),
    ],
)
def test_moments_that_rest_on_a_few_draws_refute_nothing(text: str, seed: int) -> None:
    """E x^12 of 2,000 draws: the large ones are missing, and so is the error that they would have made."""
    found = validate(loads(text), widths=[64, 256, 1024], samples=2000, rng=seed)
    assert found.verdict != "disagrees"
    heavy = [t for t in found.tests if t.heavy]
    assert heavy
    assert all(t.p_value == 1.0 and not t.resolved for t in heavy)
    assert "rests on a few large draws" in repr(found)

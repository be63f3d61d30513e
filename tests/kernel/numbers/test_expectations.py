"""Lemmas about Gaussian expectations: every pair of library functions, against quadrature, and against wrong ones."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import numpy as np
import pytest

from docs.formula_gallery import pairs
from tensorprog.errors import CertificateError, TensorProgError
from tensorprog.functions.named.library import SELU_ALPHA, SELU_SCALE
from tensorprog.kernel.core import table
from tensorprog.kernel.core.check import Theorem
from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.names import LEMMA, owned
from tensorprog.kernel.core.refused import METER, Refused
from tensorprog.kernel.ground.term import add, mul, neg
from tensorprog.kernel.limits.lemmas import gaussian_mean, price
from tensorprog.kernel.limits.statements import Lemma
from tensorprog.kernel.rules import TABLE
from tensorprog.kernel.written.statements import concluded
from tensorprog.language import loads
from tensorprog.program.normal.normalize import normalize
from tensorprog.proof import prove, verify
from tensorprog.proof.expectations import Expectations
from tensorprog.proof.writer import Writer
from tensorprog.terms import App, Num, Term, read, to_text
from tests.kernel import lemmas
from tests.kernel.bench import derived
from tests.kernel.gaussian_oracle import mean, value
from tests.kernel.lemmas import PROGRAM, at, lemma
from tests.kernel.test_kernel import replaced

PARAMS = {"a": 0.7, "b": 0.3, "C": 1.3}
POINTS = ((1.0, 0.5, 1.0), (0.6, -0.4, 1.7))
KINKS = (-1.3, -1.0, -0.5, 0.0, 1.0, 1.3)


@pytest.fixture(scope="module")
def found() -> Expectations:
    return lemmas.found()


def error(j: Lemma, cov: tuple[float, float, float], params: dict[str, float] = PARAMS) -> float | None:
    """How far a lemma is from quadrature, relative to its size; None outside of its domain."""
    names = {**params, "K11": cov[0], "K12": cov[1], "K22": cov[2]}
    if any(np.real(value(d, names)) <= 0 for d in j.domain):
        return None
    exact = mean(j.term, params, cov, KINKS)
    return float(abs(value(j.value, names) - exact) / (1 + abs(exact)))


@pytest.mark.long
def test_every_pair_of_the_gallery_is_certified() -> None:
    """Each of the 300 pairs has a lemma, and at two covariances it is what quadrature says."""
    worst = 0.0
    everything = list(pairs())
    for k, (f, g) in enumerate(everything):
        j = lemma(mul(at(f, "z1"), at(g, "z2")))
        apart = error(j, POINTS[k % 2])
        assert apart is not None, (f, g, [to_text(d) for d in j.domain])
        worst = max(worst, apart)
        assert apart < 1e-8, (f, g, apart)
    assert len(everything) == 300
    assert worst > 0


DIAGONALS = (
    "gelu(z1)^2",
    "erf(z1)^2",
    "relu(z1)*gelu(z1)",
    "clip(z1, -C, C)^2",
    "elu(z1, a)^2",
    "erf(z1 + b)^2",
    "step(z1)*erf(z1)",
    "sin(z1)^2",
    "sin(z1)*relu(z1)",
    "selu(z1)^2",
    "gelu(z1)*elu(z1)",
    "leaky_relu(z1, a)^2",
    "erf(z1)*erf(z1 + b)",
)
OTHERS = (
    "selu(z1)*selu(z2)",
    "relu(z1 - 1)*relu(z2 + 1/2)",
    "erf(a*z1)*erf(a*z2)",
    "max(z1, 0)^3*max(z2, 0)^3",
    "where(z1 < 1, z1, 2*z1 - 1)*relu(z2)",
    "relu(z1)*relu(z2) + z1*z2 - sin(z1)*z2",
    "exp(-z1^2)*gelu(z2)",
)


@pytest.mark.parametrize("h", [*DIAGONALS, *OTHERS])
def test_other_functions(h: str) -> None:
    for cov in POINTS:
        apart = error(lemma(h), cov)
        assert apart is not None
        assert apart < 1e-8


def test_intermediate_lemmas_are_true(found: Expectations) -> None:
    """Lemmas about derivatives of functions, each at one random covariance."""
    for f, g in (("relu(z)", "elu(z, a)"), ("exp(-abs(z))", "clip(z, -C, C)"), ("gelu(z)", "erf(z + b)")):
        found.lemma(mul(at(f, "z1"), at(g, "z2")))
    rng = random.Random(7)
    checked = 0
    known = [t.statement for t in found.writer.theorems if isinstance(t.statement, Lemma)]
    for j in rng.sample(known, min(40, len(known))):
        k11, k22, r = rng.uniform(0.5, 2), rng.uniform(0.5, 2), rng.uniform(-0.8, 0.8)
        apart = error(j, (k11, r * np.sqrt(k11 * k22), k22))
        assert apart is None or apart < 1e-7, to_text(j.term)
        checked += apart is not None
    assert checked > 20


def test_what_has_no_lemma_is_refused(found: Expectations) -> None:
    for h in (
        "tanh(z1)",
        "tanh(z1)*z2",
        "relu(z1*z2)",
        "erf(z1)^3",
        "exp(z1^3)",
        "relu(z1 + z2)",
        "sin(z1^2)",
        "1/z1",
        "relu(a*z1)",
    ):
        with pytest.raises(Refused):
            found.lemma(read(h))


def test_domains() -> None:
    """Finite along the whole segment: e^(-20 z1^2) e^(.6 z2^2) is finite at K12 = .95 and infinite at 0."""
    texts = {
        h: [to_text(d) for d in lemma(h).domain] for h in ("z1^2*z2^2", "exp(z1^2)", "exp(-20*z1^2)*exp(3/5*z2^2)")
    }
    assert texts["z1^2*z2^2"] == []
    assert texts["exp(z1^2)"] == ["1 + -2*K11"]
    assert "1 + -6/5*K22" in texts["exp(-20*z1^2)*exp(3/5*z2^2)"]
    assert "K11" in [to_text(d) for d in lemma("step(z1) + step(-z1)").domain], "at K11 = 0 this may be 0 or 1"
    assert "C" in [to_text(d) for d in lemma("clip(z1, -C, C)*z2").domain]


def test_the_constants_of_selu_are_those_of_the_library() -> None:
    assert table.SELU == (SELU_SCALE, SELU_ALPHA)


def run(context: Context, done: list[Theorem], step: tuple[str, Any, Any]) -> Theorem | None:
    rule, params, before = step
    try:
        return derived(context, rule, [done[k] for k in before], params)
    except (Refused, TensorProgError, TypeError, ValueError, AttributeError, IndexError, KeyError, AssertionError):
        return None


MUTATED = (
    "relu(z1)*relu(z2)",
    "gelu(z1)*gelu(z2)",
    "clip(z1, -C, C)*relu(z2)",
    "elu(z1)*elu(z2)",
    "gelu(z1)^2",
    "relu(z1)*gelu(z1)",
    "erf(z1)*erf(z2)",
    "relu(z1)*sin(z2)",
)


@pytest.mark.parametrize("h", MUTATED)
def test_no_mutant_says_something_false(h: str) -> None:
    """Forged constants, functions, weights and premises: what the kernel still accepts is true."""
    writer = Writer(loads(PROGRAM))
    Expectations(writer).lemma(read(h))
    context, rng = Context(normalize(loads(PROGRAM)), 10**9), random.Random(h)
    done = writer.theorems
    known = {json.dumps(concluded(t)) for t in done}
    refused = true = 0
    for k, (rule, params, before, _) in enumerate(writer.steps):
        for _ in range(25):
            others = [rng.choice([*range(k)]) for _ in before] if before and rng.random() < 0.3 else before
            mutant = run(context, done, (rule, params if others != before else replaced(params, rng), others))
            if mutant is None:
                refused += 1
            elif json.dumps(concluded(mutant)) not in known:
                true += 1
                assert isinstance(mutant.statement, Lemma)
                for cov in ((1.0, 0.5, 1.0), (0.6, -0.4, 0.9)):
                    try:
                        apart = error(mutant.statement, cov)
                    except (KeyError, OverflowError):
                        continue
                    assert apart is None or apart < 1e-7, (rule, params, concluded(mutant))
    assert refused > 5


def test_other_spellings_of_a_value_are_accepted(found: Expectations) -> None:
    """Commuted sums, identities scaled and added zeros."""
    steps = [s for s in found.writer.steps if s[0] == "price"][:12]
    if not steps:
        found.lemma(read("relu(z1)*relu(z2)"))
        steps = [s for s in found.writer.steps if s[0] == "price"]
    context = Context(normalize(loads(PROGRAM)), 10**9)
    for rule, params, before, _ in steps:
        book = TABLE[rule]()
        read_params = {k: book.read(context, k, v) for k, v in params.items()}
        plain = read_params["value"]
        k12 = LEMMA["K12"]
        for other in (
            add(k12, plain, neg(k12)),
            mul(Num(2), plain, App("recip", (Num(2),))),
            mul(App("exp", (k12,)), plain, App("exp", (neg(k12),))),
            App(plain.head, plain.args[::-1]) if isinstance(plain, App) and plain.head == "add" else plain,
        ):
            again = book.rules[rule](context, found.writer.says(before), **read_params | {"value": other})
            assert isinstance(again, Lemma)
            assert again.value == other


def test_lemmas_pass_through_a_certificate() -> None:
    """As JSON, read back by `verify`, among the steps of a certificate; with a value changed they are refused."""
    program = loads(PROGRAM)
    writer = Writer(program)
    for h in ("relu(z1)*relu(z2)", "clip(z1, -C, C)*erf(z2 + b)", "gelu(z1)^2", "relu(z1)*gelu(z1)"):
        Expectations(writer).lemma(read(h))
    data = prove(program).to_json()
    shift = len(writer.steps)
    lemmata = [list(s) for s in writer.steps]
    rest = [[rule, params, [k + shift for k in before], said] for rule, params, before, said in data["steps"]]
    whole = {**data, "steps": [*lemmata, *rest], "goals": [k + shift for k in data["goals"]]}
    accepted = verify(program, json.dumps(whole))
    said = [concluded(t) for t in accepted.theorems if isinstance(t.statement, Lemma)]
    assert json.loads(json.dumps(said)) == json.loads(json.dumps([s[3] for s in writer.steps]))
    for k, step in enumerate(lemmata):
        if step[0] == "price":
            value = ["add", step[1]["value"], ["num", "1"]]
            forged = [step[0], {**step[1], "value": value}, step[2], step[3]]
            with pytest.raises(CertificateError):
                verify(program, json.dumps({**whole, "steps": [*lemmata[:k], forged, *lemmata[k + 1 :], *rest]}))
            with pytest.raises(CertificateError):
                verify(program, json.dumps({**whole, "goals": [*whole["goals"], k]}))


@pytest.mark.parametrize("changed", [{}, {"steps": {}}, {"goals": []}, {"axioms": ["none"]}])
def test_the_meter_is_put_back(changed: dict[str, Any]) -> None:
    """Whatever comes of a certificate, later work is not charged to its fuel."""
    before = METER.get()
    program = loads(PROGRAM)
    with contextlib.suppress(CertificateError):
        verify(program, json.dumps({**prove(program).to_json(), **changed}))
    assert METER.get() is before


@pytest.mark.parametrize("name", ["K11", "K12", "z1", "z2", "t"])
def test_a_program_may_use_the_names_of_lemmas(name: str) -> None:
    """A param K11 is another variable than the entry of a covariance: it may be negative."""
    text = f"param {name} = 1\ninput x ~ N(0, 1)\nweight W ~ N(0, 1/n)\nh = W @ ({name}*x)\noutput h\n"
    found = prove(loads(text), ["covariances"])
    assert found.goals[1] == ("covariance", "h", "h", "=", f"{name}^2")
    assert verify(loads(text), found).goals == found.goals


def test_deep_terms_use_up_the_fuel_and_not_the_time() -> None:
    """Waves in waves, absolute values of absolute values, exponentials of exponentials: refused, or read once."""
    k12: Term = LEMMA["K12"]
    nest = dict.fromkeys(("sin", "exp"), k12)
    h: Term = LEMMA["z1"]
    for _ in range(150):
        nest = {name: App(name, (t,)) for name, t in nest.items()}
        h = App("abs", (h,))
    context = Context(normalize(loads(PROGRAM)), 300_000)
    token = METER.set(context.spend)
    try:
        for t in nest.values():
            with pytest.raises(Refused):
                price(context, (), owned(read("z1*z2"), LEMMA), t, (Num(0),))
    finally:
        METER.reset(token)
    whole = Context(normalize(loads(PROGRAM)), 300_000)
    found = gaussian_mean(whole, (), h)
    assert isinstance(found, Lemma)
    assert found.value == lemma("abs(z1)").value

"""Mutants of certificates about limits, by the thousand: a step that is changed is refused, or says something true.

Each step is changed alone, after the honest steps before it, so that thousands are tried in seconds. Whatever the rule
then concludes is compared with numbers by code that shares nothing with the kernel.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tensorprog.errors import CertificateError
from tensorprog.kernel.certificate import _agree
from tensorprog.kernel.core.check import Theorem, check
from tensorprog.kernel.core.context import Context
from tensorprog.kernel.ground.nodes import LinComb, Nonlin, Scalar
from tensorprog.kernel.ground.powers import Powers
from tensorprog.kernel.ground.term import mul, power, shift_subs, sub, substitute, variables
from tensorprog.kernel.limits.statements import Lemma, Mean
from tensorprog.kernel.numbers.statements import CovarianceNumber, Kurtosis, Number
from tensorprog.kernel.rules import TABLE
from tensorprog.kernel.written.statements import concluded
from tensorprog.language import load, loads
from tensorprog.program import Program
from tensorprog.program.normal.normalize import normalize
from tensorprog.proof import prove, verify
from tensorprog.terms import Num, Term, Var, to_json, to_text
from tests.kernel import gaussian_oracle
from tests.kernel.bench import derived, lacking
from tests.kernel.test_kernel import replaced
from tests.proof.certified_laws import EXAMPLES, INLINE, RNN, mlp
from tests.proof.certified_numbers import Means

SMALL = """
param C > 0 = 1
index i, j in 1..2
input h0 ~ N(0, 1)
weight U[i], Wq, Wk, Wv ~ N(0, 1/n)
h[i] = U[i] @ h0
x[i] = clip(h[i], -C, C)
p[i,j] = dot(Wq @ x[i], Wk @ x[j]) / sqrt(n)
y[i] = sum(softmax(p[i,j] over j) * (Wv @ x[j]) for j)
output y
claim var(p[i,j]) = E(x[i]^2) * E(x[j]^2)
"""
DEEP = """
param r in (-1, 1) = 0.3
index i, j in 1..2
matrix S = [[1, r], [r, 1]]
input x[i] ~ N(0.1, S)
weight W, V ~ N(0, 2/n)
h[i] = W @ x[i]
a[i] = tanh(h[i]) + h[i]/2
k[i] = V @ a[i]
y[i] = silu(k[i])
output y
claim cov(a[1], a[2]) = 0.8 within 0.5
"""
MADE: dict[str, tuple[Program, list[str]]] = {
    "erf": (mlp("erf", 2), ["covariances"]),
    "relu": (mlp("relu", 3), ["covariances"]),
    "tied": (loads(RNN), ["covariances:g1,g3"]),
    "layernorm": (load(EXAMPLES / "layernorm.tp"), ["covariances:y,x", "claims"]),
    "inline": (loads(INLINE), ["covariances:y[1],y[2]", "claims"]),
    "clip": (loads(SMALL), ["covariances:p[1,1],p[1,2]", "laws", "claims"]),
    "tanh": (loads(SMALL.replace("clip(h[i], -C, C)", "tanh(h[i])")), ["covariances:p[1,1],p[1,2]", "laws", "claims"]),
    "numbers": (loads(DEEP), ["numbers:a[1],a[2]", "kurtosis:a[1]", "claims"]),
    "trusted": (loads(DEEP.replace("silu", "softplus")), ["numbers:y[1]", "claims"]),
    "over n": (loads(SMALL.replace("/ sqrt(n)", "/ n").partition("claim")[0]), ["covariances"]),
}
OF_LIMITS = ("limits.means", "limits.laws", "limits.lemmas", "numbers.numbers", "extra.still", "extra.mixed")
"""The files of the kernel whose rules are about limits."""
NUMBERS = {"r": 0.3, "C": 0.9, "sw": 1.1, "sb": 0.4, "eps": 0.3}
LAW = (0.8, 0.35, 1.3)


class Truth:
    """What means really are: definitions are put in place, and the Gaussian members integrated over."""

    def __init__(self, program: Program, means: Means) -> None:
        self.program, self.means = normalize(program), means
        self.powers = Powers(self.program)

    def opened(self, t: Term) -> Term:
        """The term in inputs, products, moments and scores."""
        while True:
            known = {v: self.body(v) for v in variables(t) if v.name in self.program.families}
            new = substitute(t, {v: b for v, b in known.items() if b is not None})
            if new == t:
                return t
            t = new

    def body(self, v: Var) -> Term | None:
        (n, _), *more = self.program.resolve(v)
        if more or not isinstance(n, LinComb | Nonlin | Scalar):
            return None
        return shift_subs(n.body, {s: r for s, r in zip(n.subs, v.subs, strict=True) if isinstance(s, str)})

    def gaussian(self, v: Var) -> bool:
        """A vector or a score."""
        return self.program.families[v.name].kind == "vector" or self.powers.is_score(self.program.resolve(v)[0][0])

    def mean(self, t: Term) -> float | None:
        """E t, or None where a scalar has no certified limit."""
        t = self.opened(t)
        over = [v for v in variables(t) if v.name in self.program.families]
        if any(isinstance(s, str) for v in over for s in v.subs):
            return None
        scalars = [v for v in over if not self.gaussian(v)]
        if any(f"E({to_text(v)})" not in self.means.defined for v in scalars):
            return None
        at = {v: self.means[f"E({to_text(v)})"] for v in scalars}
        if len(over) == len(scalars):
            return float(np.real(self.means.number(t, at)))
        return self.means.quadrature(t, at)

    def covariance(self, a: Term, b: Term) -> float | None:
        both, one, other = (self.mean(t) for t in (mul(a, b), a, b))
        return None if both is None or one is None or other is None else both - one * other

    def number(self, s: Number | CovarianceNumber | Kurtosis) -> float | None:
        """What an interval is about."""
        match s:
            case Number(term):
                return self.mean(term)
            case CovarianceNumber(a, b):
                return self.covariance(a, b)
            case Kurtosis(v):
                m, var = self.mean(v), self.covariance(v, v)
                fourth = None if m is None else self.mean(power(sub(v, Num(Fraction(m))), Num(Fraction(4))))
                return None if fourth is None or not var else fourth / var**2


def false(theorem: Theorem, truth: Truth) -> str | None:
    """What numbers say against a theorem."""
    match theorem.statement:
        case Lemma(term, value, domain):
            at = {**NUMBERS, "K11": LAW[0], "K12": LAW[1], "K22": LAW[2]}
            if any(np.real(gaussian_oracle.value(d, at)) <= 0 for d in domain):
                return None
            exact = complex(gaussian_oracle.mean(term, NUMBERS, LAW, (-0.9, 0.0, 0.9)))
            y = complex(gaussian_oracle.value(value, at))
            return None if abs(exact - y) < 1e-6 * (1 + abs(exact)) else f"E {to_text(term)} = {exact}, not {y}"
        case Mean(term, value, positive):
            try:
                told, x = float(np.real(truth.means.number(value, {}))), truth.mean(term)
            except (KeyError, AssertionError):  # about what the honest certificate does not contain
                return None
            if x is not None and abs(x - told) > 2e-3 * (1 + abs(x)):
                return f"E {to_text(term)} = {x}, not {told}"
            return f"E {to_text(term)} is not positive" if positive and told <= 0 else None
        case Number() | CovarianceNumber() | Kurtosis() as s if not any(
            a.startswith("trusted") for a in theorem.axioms
        ):
            try:
                x = truth.number(s)
            except (KeyError, AssertionError):
                return None
            low, high = float(s.low), float(s.high)
            if x is not None and not low - 1e-4 * (1 + abs(x)) <= x <= high + 1e-4 * (1 + abs(x)):
                return f"{x} does not lie between {low} and {high}"
    return None


def changed(steps: list[Any], k: int, rng: random.Random) -> Iterator[tuple[str, list[Any]]]:
    rule, params, before, said = steps[k]
    alike = [s for s in steps if s[0] == rule]
    for other in rng.sample(alike, min(4, len(alike))):
        yield "params of another step", [rule, other[1], before, said]
        yield "premises of another step", [rule, params, other[2], said]
        yield "of another step", [rule, other[1], before, other[3]]
    yield "conclusion", [rule, params, before, [*said[:-1], f"{said[-1]} + 1"]]
    yield "conclusion", [rule, params, before, replaced(said, rng)]
    for _ in range(4 if params else 0):
        yield "params", [rule, replaced(params, rng), before, said]
    yield "rule", [rng.choice(sorted(TABLE)), params, before, said]
    for i in range(min(len(before), 6)):
        yield "premise dropped", [rule, params, before[:i] + before[i + 1 :], said]
        for other in (rng.randrange(k), rng.randrange(k), k - 1):
            yield "premise redirected", [rule, params, [*before[:i], other, *before[i + 1 :]], said]
    if len(before) > 1:
        yield "premises swapped", [rule, params, before[::-1], said]
        yield "premises shuffled", [rule, params, rng.sample(before, len(before)), said]


def applied_to(ctx: Context, done: list[Theorem], step: list[Any]) -> Theorem | None:
    rule, params, before, _ = step
    try:
        return derived(ctx, rule, [done[b] for b in before], params)
    except Exception:  # as `verify` does: whatever goes wrong, nothing is accepted
        return None


def accepted_as_written(ctx: Context, done: list[Theorem], step: list[Any]) -> bool:
    try:
        check(ctx, TABLE, [step], done, _agree)
    except Exception:
        return False
    return True


@pytest.fixture(autouse=True)
def coarse_grids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers with few digits, which are re-checked often."""
    monkeypatch.setattr("tensorprog.proof.numbers.ACCURACY", dict.fromkeys(range(1, 5), 1e-5))
    monkeypatch.setattr("tensorprog.proof.numbers.WIDE", 1e-2)


@pytest.mark.long
@pytest.mark.parametrize("name", MADE)
def test_a_changed_step_is_refused_or_true(name: str) -> None:
    program, goals = MADE[name]
    found = prove(program, goals)
    data, accepted, rng = found.to_json(), verify(program, found), random.Random(name)
    params = {p: x for p, x in NUMBERS.items() if p in program.params}
    truth, done = Truth(program, Means(normalize(program), accepted, **params)), list(accepted.theorems)
    known = {json.dumps(s[3]) for s in data["steps"]}
    ctx, count = Context(normalize(program), 10**12), Counter[str]()
    for k, step in enumerate(data["steps"]):
        assert false(done[k], truth) is None, step
        if TABLE[step[0]]().file not in OF_LIMITS:
            continue
        for kind, mutant in changed(data["steps"], k, rng):
            if mutant == step or max(mutant[2], default=0) >= k:
                continue
            count["tried"] += 1
            forged = applied_to(ctx, done[:k], mutant)
            if forged is not None and accepted_as_written(ctx, done[:k], mutant):
                count["kept"] += 1
                assert json.dumps(concluded(forged)) in known, (kind, mutant)
            if forged is not None and kind != "conclusion" and concluded(forged) != step[3]:
                count["forged"] += 1
                assert false(forged, truth) is None, (kind, mutant)
    assert count["tried"] > 300
    assert count["kept"] < count["tried"] / 5, "premises that do not matter or stand in another order"
    assert count["forged"] > 0


@pytest.mark.long
@pytest.mark.parametrize("name", MADE)
def test_whole_certificates_are_held_together(name: str) -> None:
    """Steps deleted, doubled and exchanged, goals, axioms and hashes changed; and the same proof written otherwise."""
    program, goals = MADE[name]
    found = prove(program, goals)
    data, rng = found.to_json(), random.Random(name)
    steps, whole = data["steps"], [json.dumps(g) for g in found.goals]
    mutants: list[dict[str, Any]] = []
    for k in rng.sample(range(len(steps)), 6):
        mutants.append({**data, "steps": steps[:k] + steps[k + 1 :]})
        other = list(steps)
        j = rng.randrange(len(steps))
        other[k], other[j] = other[j], other[k]
        mutants.append({**data, "steps": other})
        mutants.append({**data, "goals": [*data["goals"], k]})
        mutants.append({**data, "goals": [k if g == data["goals"][-1] else g for g in data["goals"]]})
    mutants += [{**data, "program": "0" * 64}, {**data, "axioms": data["axioms"][1:]}, {**data, "goals": [0]}]
    for mutant in mutants:
        if mutant == data:
            continue
        try:
            accepted = verify(program, json.dumps(mutant))
        except CertificateError:
            continue
        assert [json.dumps(g) for g in accepted.goals] == whole
    unused = ["initial", {"term": to_json(Num(1))}, [], ["mean", "positive", "1", "1"]]
    shifted = [[s[0], s[1], [p + 1 for p in s[2]], s[3]] for s in steps]
    for same in (
        {**data, "steps": [*steps, *steps]},
        {**data, "steps": [unused, *shifted], "goals": [g + 1 for g in data["goals"]]},
    ):
        assert [json.dumps(g) for g in verify(program, json.dumps(same)).goals] == whole


@pytest.mark.long
@pytest.mark.parametrize("condition", ["the lemma is about the term", "the term is the combination"])
def test_the_numbers_catch_a_kernel_without_a_condition(condition: str) -> None:
    program, goals = MADE["relu"]
    found = prove(program, goals)
    data, accepted, rng = found.to_json(), verify(program, found), random.Random(1)
    truth = Truth(program, Means(normalize(program), accepted, r=NUMBERS["r"]))
    ctx, caught = Context(normalize(program), 10**12), 0
    with lacking(condition):
        for k, step in enumerate(data["steps"]):
            for _, mutant in changed(data["steps"], k, rng) if TABLE[step[0]]().file == "limits.means" else ():
                forged = applied_to(ctx, list(accepted.theorems[:k]), mutant)
                caught += forged is not None and false(forged, truth) is not None
    assert caught > 3

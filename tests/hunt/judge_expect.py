"""`expect` against integrals by fine panels and known answers: independent blocks, orthants, equal variables."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from tests.hunt.ask import Answer, ask, command_line
from tests.hunt.expectations import Factor, Gaussian, bound, factor, gaussian, product, variance
from tests.hunt.finding import Finding, Report
from tests.hunt.integrals import Integral, double, single
from tests.hunt.judge_verdicts import broken
from tests.hunt.scalars import values
from tests.hunt.syntax import X, call, num, op, ref

SAMPLED = -1.0
"""The size of an integral that is known from samples."""


def places(factors: list[Factor], name: str) -> list[float]:
    return [(p - f.shift) / f.form[name] for f in factors for p in f.places if name in f.form]


def integral(factors: list[Factor], text: X, given: Gaussian) -> Integral:
    """The expectation of `text`, made of these factors, in one or two variables."""
    if len(given.names) == 1:
        (a,) = given.names
        return single(lambda t: values(text, {a: t}), given.mean[0], given.cov[0][0], places(factors, a))
    a, b = given.names
    lines = [(f.form.get(a, 0.0), f.form.get(b, 0.0), p - f.shift) for f in factors for p in f.places]
    return double(lambda t, u: values(text, {a: t, b: u}), given.mean, given.cov, lines)


def small(rng: random.Random) -> tuple[X, Gaussian, Integral, float | None]:
    """One or two variables, one to three factors."""
    names = rng.choice([("a",), ("a", "b"), ("a", "b")])
    given = gaussian(rng, names)
    factors = [factor(rng, names) for _ in range(rng.choice([1, 2, 2, 3]))]
    for k in names:  # each name is used
        if not any(k in f.form for f in factors):
            factors.append(factor(rng, (k,)))
    text = product(factors)
    return text, given, integral(factors, text, given), bound(factors)


def pooled(rng: random.Random, names: tuple[str, ...]) -> tuple[list[Factor], X]:
    """The larger of two kinked functions, with the lines where they are equal."""
    a, b = names
    head = rng.choice(["relu", "abs", ""])
    c, d = rng.choice([1.0, 2.0, -1.0]), rng.choice([0.0, 0.0, 0.5])
    x, y = op("add", op("mul", num(f"{c:g}"), ref(a)), num(f"{d:g}")), ref(b)
    inner = call(rng.choice(["max", "min"]), *((call(head, x), call(head, y)) if head else (x, y)))
    lines = [({a: c}, d), ({b: 1.0}, 0.0), ({a: c, b: -1.0}, d), ({a: c, b: 1.0}, d)]
    return [Factor(inner, form, shift, (0.0,), None) for form, shift in lines], inner


def block(rng: random.Random, names: tuple[str, ...]) -> tuple[list[Factor], X]:
    """A function of one or two variables, with what its integral needs to know."""
    if len(names) == 2 and rng.random() < 0.4:
        return pooled(rng, names)
    factors = [factor(rng, (k,)) for k in names]
    return factors, product(factors)


def blocks(rng: random.Random) -> tuple[X, Gaussian, Integral, float | None]:
    """A product over independent blocks of one or two variables."""
    names = iter("abcde")
    whole, given = Integral(1.0, 0.0, 1.0), Gaussian((), (), ())
    texts, factors = [], list[Factor]()
    for size in rng.choice([(1, 1), (1, 1, 1), (2, 1), (2, 2), (2, 2), (2, 2, 1)]):
        own = tuple(next(names) for _ in range(size))
        law = gaussian(rng, own)
        made, text = block(rng, own)
        one = integral(made, text, law)
        whole = Integral(
            whole.value * one.value, whole.error * one.size + one.error * whole.size, whole.size * one.size
        )
        given = joined(given, law)
        texts.append(text)
        factors += made
    text = texts[0]
    for t in texts[1:]:
        text = op("mul", text, t)
    return text, given, whole, bound(factors)


def joined(p: Gaussian, q: Gaussian) -> Gaussian:
    """Two independent groups of variables as one."""
    above = tuple(r + (0.0,) * len(q.names) for r in p.cov)
    return Gaussian(p.names + q.names, p.mean + q.mean, above + tuple((0.0,) * len(p.names) + r for r in q.cov))


def orthant(rng: random.Random) -> tuple[X, Gaussian, Integral, float | None]:
    """Three centred signs or steps: the trivariate orthant probability is elementary."""
    names = ("a", "b", "c")
    s = [variance(rng) ** 0.5 for _ in names]
    r = {pair: rng.uniform(-0.45, 0.9) for pair in combinations(range(3), 2)}
    cov = [
        [float(f"{(1 if i == j else r[min(i, j), max(i, j)]) * s[i] * s[j]:.6g}") for j in range(3)] for i in range(3)
    ]
    det = 1 + 2 * math.prod(r.values()) - sum(x * x for x in r.values())
    if det < 0.01:
        return small(rng)
    rho = {(i, j): cov[i][j] / math.sqrt(cov[i][i] * cov[j][j]) for i, j in r}
    angles = sum(math.asin(x) for x in rho.values())
    text = op("mul", op("mul", call("step", ref("a")), call("step", ref("b"))), call("step", ref("c")))
    value = 1 / 8 + angles / (4 * math.pi)
    return text, Gaussian(names, (0.0,) * 3, tuple(map(tuple, cov))), Integral(value, 1e-15, 1.0), 1.0


def equal(rng: random.Random) -> tuple[X, Gaussian, Integral, float | None]:
    """f(a) g(b) where b is a multiple of a: one variable in truth."""
    f, g = factor(rng, ("a",)), factor(rng, ("b",))
    k, v = rng.choice([1.0, -1.0, 2.0, 0.5]), float(2 ** rng.randint(-6, 20))
    given = Gaussian(("a", "b"), (0.0, 0.0), ((v, k * v), (k * v, k * k * v)))
    text = op("mul", f.text, g.text)
    spots = [*places([f], "a"), *(p / k for p in places([g], "b"))]
    found = single(lambda t: values(text, {"a": t, "b": k * t}), 0.0, v, spots)
    return text, given, found, bound([f, g])


def pooling(rng: random.Random) -> tuple[X, Gaussian, Integral, float | None]:
    """A product of two largest of two, of four dependent variables: against samples, for want of another road."""
    names, r, q = ("a", "b", "c", "d"), rng.choice([0.3, 0.5, -0.4]), rng.choice([0.3, 0.6, 0.0])
    v = float(2 ** rng.randint(-3, 3))
    cov = np.kron(np.array([[1, q], [q, 1]]), np.array([[v, r * v], [r * v, v]])).round(6)
    head = rng.choice(["relu", "relu", "abs", "tanh", "erf"])
    top = rng.choice(["max", "max", "min"])
    left, right = (call(top, *(call(head, ref(k)) for k in pair)) for pair in ("ab", "cd"))
    text = op("mul", left, right)
    z = np.random.default_rng(rng.randrange(10**6)).multivariate_normal(np.zeros(4), cov, 400_000, method="eigh")
    y = values(text, dict(zip(names, z.T, strict=True)))
    error = 6 * float(y.std()) / len(y) ** 0.5
    given = Gaussian(names, (0.0,) * 4, tuple(tuple(map(float, row)) for row in cov))
    return text, given, Integral(float(y.mean()), error, SAMPLED), None


def judged(rng: random.Random, folder: Path, report: Report, which: str = "plain") -> Finding | None:
    """One expectation of a random kind."""
    del folder
    kind = rng.choice(KINDS[which])
    text, given, truth, top = kind(rng)
    words = ["expect", str(text), *given.words()]
    if rng.random() < 0.15:
        words.append("--certified")
    answer = ask(*words)
    report.count(f"expect: {kind.__name__}")
    shown = f"# {command_line(words)}\n"
    found = broken(answer, shown)
    if found is not None:
        return found
    return compared(answer, truth, top, shown, report)


def compared(answer: Answer, truth: Integral, top: float | None, shown: str, report: Report) -> Finding | None:
    """The answer's error covers the truth, if that is known well enough to say."""
    line = command_line(answer.words)
    told = f"{truth.value!r} ({'samples' if truth.size == SAMPLED else 'fine panels'}, ± {truth.error:.1g})"
    sampled = truth.size == SAMPLED
    known = sampled or (
        math.isfinite(truth.value) and truth.error <= 1e-9 * (truth.size + 1e-300) and truth.size < 1e30
    )
    data: dict[str, Any] = answer.data
    if answer.refused or answer.code == 1:
        if top is not None and (answer.code == 1 or "TP501" in answer.diagnostics):
            return Finding("expect", "TP501 of a bounded function", shown, answer.error[:300], told, line)
        return None
    value, error = data.get("value"), data.get("error")
    sort = data.get("error_kind") or ("sampling" if data.get("method") == "sampling" else "bound")
    report.count(f"expect: {sort if value is not None else 'no value'}")
    if value is None or error is None:
        if answer.code == 0:
            return Finding("expect", "exit 0 without a number or an error", shown, str(data)[:300], told, line)
        return None
    if top is not None and error > 2 * top:
        return Finding("expect", "an error beyond the range", shown, str(data)[:300], f"|f| <= {top}", line)
    if not known:
        return None
    slack = truth.error if sampled else 10 * truth.error + 1e-12 * abs(truth.value) + 2e-14 * truth.size
    allowed = {"exact": error, "bound": error, "estimate": 3 * error, "sampling": 1.3 * error}.get(sort, error)
    if abs(value - truth.value) > allowed + slack:
        return Finding("expect", f"off: {sort} {data.get('method')}", shown, str(data)[:400], told, line)
    return None


KINDS: dict[str, list[Callable[[random.Random], tuple[X, Gaussian, Integral, float | None]]]] = {
    "plain": [small, small, small, blocks, blocks, orthant, equal], "pooling": [pooling, blocks],
}  # fmt: skip

"""Certificates of facts and refutations: mutants, consistent forgeries against numbers, benign rewrites."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.rates import ORDER, PROPERTIES
from tensorprog.kernel.core.statements import Fact, Property, Refuted
from tensorprog.kernel.ground.composed import CannotCompose, Composer
from tensorprog.kernel.written.statements import concluded, said_of
from tensorprog.language import loads
from tensorprog.program.normal.normalize import normalize
from tensorprog.proof import prove
from tensorprog.terms import Num, Term, Var, read, to_text
from tests.kernel.bench import derived
from tests.kernel.oracle import Curve, disagreement
from tests.kernel.test_kernel import accepted, meaning, mutants, renumbered, replaced, resigned

TEXT = """
param C > 0 = 1
input x, y ~ N(0, 1)
weight W ~ N(0, 1/n)
f1 = x*exp(-C*x^2) + sign(y)
f2 = x*sin(x)
f3 = exp(x^2)
f5 = where(x > 0, x, x + 1)
f6 = floor(x) + x/(1 + x^2)
f7 = 1/x
f8 = sqrt(x^2 + y^2)
h = W @ (f1 + f2 + f3 + f5 + f6 + f7 + f8)
output x
"""
PROGRAM = loads(TEXT)
WHOLE: dict[str, Any] = prove(PROGRAM, ["facts"]).to_json()
JUDGED = normalize(PROGRAM)


def names() -> dict[str, int]:
    return {n.name: k for k, n in enumerate(JUDGED.nodes)}


def test_every_property_of_every_function_is_certified() -> None:
    whole = accepted(PROGRAM, WHOLE)
    assert whole is not None
    said = {(g[1], g[2]) for g in whole.goals if g[0] in ("property", "refuted")}
    functions = [k for name, k in names().items() if name.startswith("f")]
    assert len(functions) == 7
    assert {(str(k), what) for k in functions for what in PROPERTIES} <= said


def contradiction(refuted: Refuted, composer: Composer) -> str | None:
    """What numbers say against a refutation; the curve as it is printed."""
    body = JUDGED.nodes[refuted.node].body  # type: ignore[union-attr]
    curve: dict[Var, Term] = {read(to_text(v)): read(to_text(x)) for v, x in refuted.curve}  # type: ignore[misc]
    return Curve(JUDGED, composer.of_term(body), curve).disagreement(refuted.what)


def test_no_mutant_changes_what_is_said() -> None:
    whole = accepted(PROGRAM, WHOLE)
    assert whole is not None
    found = mutants(WHOLE, random.Random(7))
    truth = {json.dumps(s[3]) for s in WHOLE["steps"]}
    kept = 0
    for kind, mutant in random.Random(8).sample(found, 220):
        a = accepted(PROGRAM, mutant)
        if a is not None:
            kept += 1
            assert (set(a.goals), a.axioms) == (set(whole.goals), whole.axioms), (kind, mutant)  # in whatever order
            assert {json.dumps(concluded(t)) for t in a.theorems} <= truth, kind
    assert kept < 15, "only reordered independent steps and premises that do not matter survive"


def test_forged_steps_say_only_what_is_true() -> None:
    """A step with another function, curve, premise: what the kernel concludes then is true as well."""
    whole = accepted(PROGRAM, WHOLE)
    assert whole is not None
    rng, composer, done = random.Random(11), Composer(JUDGED), whole.theorems
    known = {json.dumps(s[3]) for s in WHOLE["steps"]}
    proved = {g[1:3] for g in whole.goals if g[0] == "property"}
    refuted = {g[1:3] for g in whole.goals if g[0] == "refuted"}
    new = 0
    for k, (rule, params, before, _) in enumerate(WHOLE["steps"]):
        for _ in range(80 if rule in ("refuted", "tails", "norm", "has") else 12):
            others = [rng.randrange(k) for _ in before] if before and rng.random() < 0.3 else before
            changed = replaced(params, rng) if params else params
            try:
                context = Context(JUDGED, 10**6)
                made = derived(context, rule, [done[p] for p in others], changed)
            except Exception:
                continue
            if json.dumps(concluded(made)) in known:
                continue
            new += 1
            match made.statement:
                case Refuted(node, what):
                    assert (str(node), what) not in proved, made.statement
                    assert contradiction(made.statement, composer) is None, made.statement
                case Property(node, what):
                    assert (str(node), what.split(ORDER)[0]) not in refuted, made.statement
                case Fact(term, info):
                    with contextlib.suppress(CannotCompose):
                        t = composer.of_term(term)
                        assert disagreement(JUDGED, t, list(map(str, said_of(info))), draws=4) is None, made.statement
    assert new > 120


def test_benign_rewrites_are_accepted() -> None:
    whole = accepted(PROGRAM, WHOLE)
    assert whole is not None
    rng = random.Random(5)
    steps = WHOLE["steps"]
    same = [{**WHOLE, "steps": [*steps, *steps[:9]]}, *(renumbered(WHOLE, rng) for _ in range(3))]
    for one in same:
        a = accepted(PROGRAM, json.dumps(one, indent=2))
        assert a is not None
        assert meaning(a) == meaning(whole)
    k = next(i for i, s in enumerate(steps) if s[0] == "refuted" and s[1]["what"] == "bounded")
    for pair in steps[k][1]["curve"]:  # the same curve, written otherwise, is another witness of the same fact
        pair[1] = ["add", pair[1], ["num", "0"]] if pair[1][0] != "num" else pair[1]
    forged = accepted(PROGRAM, resigned(PROGRAM, {**WHOLE, "steps": steps}))
    assert forged is not None
    assert {g[:3] for g in forged.goals} == {g[:3] for g in whole.goals}
    assert Num(0) == read("0")

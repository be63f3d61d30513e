"""The certificate as an object: mutants, benign rewrites, goals, malformed JSON, and a machine without libraries."""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tensorprog.errors import CertificateError
from tensorprog.kernel import certificate as kernel
from tensorprog.kernel.certificate import Accepted
from tensorprog.kernel.core.check import Theorem
from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.statements import Fact
from tensorprog.kernel.ground.composed import CannotCompose, Composer
from tensorprog.kernel.rules import TABLE
from tensorprog.kernel.written.statements import concluded, said_of
from tensorprog.language import loads
from tensorprog.program import Program
from tensorprog.program.normal.normalize import normalize
from tensorprog.proof import prove, verify
from tests.kernel.bench import derived
from tests.kernel.certified import CORPUS, FILES, OTHERS, UNPROVED, certificate, program
from tests.kernel.oracle import disagreement

NAMES = (
    "attention_tanh",
    "layernorm_eps",
    "crosswise_matrices",
    "rnn_tied",
    "where_continuous_features",
    "multi_query_attention",
)
CHOSEN = [CORPUS / "valid" / f"{name}.tp" for name in NAMES]
WORDS = {
    "tanh": "relu",
    "relu": "exp",
    "exp": "tanh",
    "erf": "abs",
    "add": "mul",
    "mul": "add",
    "max": "min",
    "min": "max",
}


def data(path: Path) -> dict[str, Any]:
    found = certificate(path)
    assert found is not None
    out: dict[str, Any] = found.to_json()
    return out


def accepted(p: Program, d: Any) -> Accepted | None:
    try:
        return verify(p, d if isinstance(d, str | bytes) else json.dumps(d))
    except CertificateError:
        return None


def meaning(a: Accepted) -> tuple[Any, ...]:
    return (a.goals, a.axioms)


def replaced(x: Any, rng: random.Random) -> Any:
    """A JSON value with one leaf changed."""
    if isinstance(x, list) and x:
        k = rng.randrange(len(x))
        return [replaced(v, rng) if i == k else v for i, v in enumerate(x)]
    if isinstance(x, dict) and x:
        k2 = rng.choice(sorted(x))
        return {k: replaced(v, rng) if k == k2 else v for k, v in x.items()}
    if isinstance(x, str):
        if x in WORDS:
            return WORDS[x]
        return (
            rng.choice(["1", "-1", "2", "0", "1/2", "7/3"]) if x[-1:].isdigit() else rng.choice([x + "0", "x", "relu"])
        )
    return rng.choice([0, 1, 2, 3])


def mutants(d: dict[str, Any], rng: random.Random) -> list[tuple[str, dict[str, Any]]]:
    out: list[tuple[str, dict[str, Any]]] = []
    steps = d["steps"]

    def add(kind: str, changed: dict[str, Any]) -> None:
        if changed != d:
            out.append((kind, changed))

    def with_step(k: int, step: Any) -> dict[str, Any]:
        return {**d, "steps": [*steps[:k], step, *steps[k + 1 :]]}

    for k, (rule, params, before, said) in enumerate(steps):
        for _ in range(3):
            add("params", with_step(k, [rule, replaced(params, rng), before, said]))
            add("conclusion", with_step(k, [rule, params, before, replaced(said, rng)]))
            add("rule", with_step(k, [rng.choice(sorted(TABLE)), params, before, said]))
        for i in range(len(before)):
            add("dropped premise", with_step(k, [rule, params, before[:i] + before[i + 1 :], said]))
            for other in {0, k - 1, k, k + 1, -1, len(steps) - 1, rng.randrange(len(steps))}:
                add("redirected premise", with_step(k, [rule, params, [*before[:i], other, *before[i + 1 :]], said]))
        if len(before) > 1:
            add("swapped premises", with_step(k, [rule, params, before[::-1], said]))
        add("weaker conclusion", with_step(k, [rule, params, before, said[:-1]]))
        add("deleted step", {**d, "steps": steps[:k] + steps[k + 1 :]})
        j = rng.randrange(len(steps))
        swapped = list(steps)
        swapped[k], swapped[j] = swapped[j], swapped[k]
        add("reordered steps", {**d, "steps": swapped})
    add("hash", {**d, "program": "0" * 64})
    add("axioms", {**d, "axioms": []})
    add("axioms", {**d, "axioms": [*d["axioms"], "theorem netsor-plus"]})
    for goals in ([], [0], [len(steps)], [-1], [True], [*d["goals"], 0], d["goals"] * 2, [str(g) for g in d["goals"]]):
        add("goals", {**d, "goals": goals})
    return out


@pytest.mark.parametrize("path", CHOSEN, ids=lambda p: p.stem)
def test_no_mutant_changes_what_is_said(path: Path) -> None:
    d, p = data(path), program(path)
    whole = accepted(p, d)
    assert whole is not None
    found = mutants(d, random.Random(7))
    truth = {json.dumps(s[3]) for s in d["steps"]}
    kept = 0
    for kind, mutant in found:
        a = accepted(p, mutant)
        if a is None:
            continue
        kept += 1
        assert meaning(a) == meaning(whole), (kind, mutant)
        assert {json.dumps(concluded(t)) for t in a.theorems} <= truth, kind
    assert len(found) > 200
    assert kept < len(found) / 20, "only reordered independent steps and premises that do not matter survive"


def resigned(p: Program, d: dict[str, Any]) -> dict[str, Any]:
    """The certificate with every conclusion written anew, as far as the rules apply: a consistent forgery."""
    context = Context(normalize(p), 10**6)
    done: list[Theorem] = []
    steps = []
    for rule, params, before, _ in d["steps"]:
        done.append(derived(context, rule, [done[k] for k in before], params))
        steps.append([rule, params, before, concluded(done[-1])])
    axioms = sorted({a for k in d["goals"] for a in done[k].axioms})
    return {**d, "steps": steps, "program": p.hash, "axioms": axioms}


@pytest.mark.parametrize("path", CHOSEN, ids=lambda p: p.stem)
def test_consistent_forgeries_say_only_what_is_true(path: Path) -> None:
    d, p = data(path), program(path)
    rng, composer = random.Random(11), Composer(normalize(p))
    tried = survived = 0
    for k, (rule, params, before, said) in enumerate(d["steps"]):
        for _ in range(6):
            mutant = copy.deepcopy(d)
            mutant["steps"][k] = [rule, replaced(params, rng) if params else params, before, said]
            if before and rng.random() < 0.4:
                mutant["steps"][k][2] = [rng.randrange(k) for _ in before]
            tried += 1
            try:
                forged = resigned(p, mutant)
            except Exception:
                continue
            a = accepted(p, forged)
            if a is None:
                continue
            survived += 1
            for theorem in a.theorems:
                told = concluded(theorem)
                if isinstance(theorem.statement, Fact) and told not in [s[3] for s in d["steps"]]:
                    try:
                        t = composer.of_term(theorem.statement.term)
                    except CannotCompose:
                        continue
                    words = list(map(str, said_of(theorem.statement.info)))
                    assert disagreement(normalize(p), t, words, draws=4) is None, told
    assert tried > 60


def test_no_certificate_fits_a_program_that_is_not_covered() -> None:
    rng = random.Random(3)
    pairs = [(rng.choice(CHOSEN), other) for other in OTHERS for _ in range(3)]
    for path, other in pairs:
        d = {**data(path), "program": program(other).hash}
        assert accepted(program(other), d) is None
        try:
            forged = resigned(program(other), d)
        except Exception:
            continue
        assert accepted(program(other), forged) is None, (path, other)


@pytest.mark.parametrize("path", CHOSEN, ids=lambda p: p.stem)
def test_benign_rewrites_are_accepted(path: Path) -> None:
    d, p = data(path), program(path)
    whole = accepted(p, d)
    assert whole is not None
    steps = d["steps"]
    same = [
        {**d, "steps": [*steps, steps[0]]},  # an unused step
        {**d, "steps": [*steps, *([r, q, b, s] for r, q, b, s in steps)]},  # everything once more
        {k: d[k] for k in reversed(d)},
    ]
    rng = random.Random(5)
    for _ in range(5):
        same.append(renumbered(d, rng))
    for one in same:
        a = accepted(p, json.dumps(one, indent=rng.choice([None, 1, 4])))
        assert a is not None
        assert meaning(a) == meaning(whole)


def renumbered(d: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The same proof in another order that keeps premises first."""
    left = set(range(len(d["steps"])))
    order: list[int] = []
    while left:
        ready = sorted(k for k in left if not any(b in left for b in d["steps"][k][2]))
        k = rng.choice(ready)
        left.remove(k)
        order.append(k)
    number = {k: i for i, k in enumerate(order)}
    steps = [
        [d["steps"][k][0], d["steps"][k][1], [number[b] for b in d["steps"][k][2]], d["steps"][k][3]] for k in order
    ]
    return {**d, "steps": steps, "goals": [number[k] for k in d["goals"]]}


BODIES = ["relu(x) + tanh(y)", "tanh(y) + relu(x)", "(relu(x) + 0) + tanh(y)", "2*relu(x)/2 + tanh(y)"]


@pytest.mark.parametrize("body", BODIES)
def test_commuted_and_scaled_sums_are_proved_alike(body: str) -> None:
    p = loads(f"input x, y ~ N(0, 1)\nweight W ~ N(0, 1/n)\ng = W @ ({body})\noutput g\n")
    assert prove(p).axioms == ("theorem netsor",)


# -- goals -------------------------------------------------------------------------------------------------------------

TWO = "input x ~ N(0, 1)\nweight W ~ N(0, 1/n)\nf = W @ relu(x)\ng = W @ tanh(x)\noutput f\noutput g\n"


def test_goals_are_what_the_kernel_asks_for() -> None:
    p = loads(TWO)
    d = prove(p, ["f"]).to_json()
    assert accepted(p, d) is not None
    first, second, *_ = d["goals"]
    for goals in ([], [first], [second], [second, first], [first, first], [first, second, 0], [0]):
        assert accepted(p, {**d, "goals": goals}) is None
    assert accepted(p, {**d, "steps": [], "goals": []}) is None
    irrelevant = next(k for k, s in enumerate(d["steps"]) if s[3][0] == "instruction")
    assert accepted(p, {**d, "goals": [first, second, irrelevant]}) is None


def test_an_axiom_cannot_be_hidden() -> None:
    p = loads("input x ~ N(0, 1)\nweight W ~ N(0, 1/n)\ng = W @ exp(x^2)\noutput g\n")
    k = next(i for i, n in enumerate(p.nodes) if "exp" in str(getattr(n, "body", "")))
    context = Context(normalize(p), 10**6)
    first, second = {"node": str(k), "what": "controlled"}, {"theorem": "netsor", "output": "0"}
    assumed = derived(context, "assumed", [], first)
    goal = derived(context, "applies", [assumed], second)
    steps = [["assumed", first, [], concluded(assumed)], ["applies", second, [0], concluded(goal)]]
    d = {"schema": "tensorprog/certificate/2", "program": p.hash, "normal": None, "axioms": sorted(goal.axioms),
         "steps": steps, "goals": [1]}  # fmt: skip
    whole = accepted(p, d)
    assert whole is not None
    assert any(a.startswith("unproved") for a in whole.axioms)
    assert accepted(p, {**d, "axioms": ["theorem netsor"]}) is None


# -- format ------------------------------------------------------------------------------------------------------------


def test_malformed_certificates_are_refused() -> None:
    path = CHOSEN[0]
    d, p = data(path), program(path)
    text = json.dumps(d)
    swaps = [('"goals"', '"aims"'), ('"schema"', '"schema":"x","schema"'), ("[0]", "[0.0]"), ("[0]", "[NaN]"),
             ("[0]", "[false]"), ("[0]", '["0"]'), ("certificate/2", "certificate/1")]  # fmt: skip
    steps: list[Any] = [
        {}, [[]], [["apply"]], [["__init__", {}, [], []]], [["constant", {"term": ["num", "1/0"]}, [], []]],
        [["constant", {"term": ["num", "0x1"]}, [], []]], [["constant", {}, [], []]],
        [["constant", {"term": ["num", "1"], "x": "1"}, [], []]], [["instruction", {"node": "-1"}, [], []]],
        [["variance", {"node": "99"}, [], []]], [["variable", {"var": ["var", "K12"]}, [], []]],
        [["apply", {"head": "w" * 50}, [], []]], [["family", {"head": "sum", "over": "j"}, [], []]],
    ]  # fmt: skip
    broken: list[Any] = ["", "{", "null", "[]", "{}", "3", b"\xff\xfe", "[" * 100_000, text[:-1], text + "x"]
    broken += [text.replace(a, b, 1) for a, b in swaps] + [{**d, "steps": one} for one in steps]
    broken += [{**d, "goals": {}}, {**d, "more": 1}]
    for one in broken:
        assert accepted(p, one) is None, str(one)[:100]
    with pytest.raises(Refused, match="the fuel lasts"):
        kernel.verify(p, text, fuel=50)


def test_random_json_always_gets_a_verdict() -> None:
    rng = random.Random(2)
    path = CHOSEN[1]
    d, p = data(path), program(path)
    text = json.dumps(d)
    for _ in range(300):
        changed = d
        for _ in range(rng.randint(1, 4)):
            changed = replaced(changed, rng)
        accepted(p, changed)
        cut, at = rng.randrange(len(text)), rng.randrange(len(text))
        accepted(p, text[:cut] + rng.choice(["", '"', "[", "}", "1e9", "null", "\\u0000"]) + text[at:])
    deep: Any = ["num", "1"]
    for _ in range(390):
        deep = ["exp", deep]
    for term in (
        deep,
        ["mul", *[["add", ["var", "h"], ["num", str(k)]] for k in range(300)]],
        ["pow", ["num", "9"], ["num", "9999"]],
    ):
        accepted(p, {**d, "steps": [["constant", {"term": term}, [], []]]})


@pytest.mark.parametrize(
    ("name", "goals"),
    [("attention_example1", ["facts"]), ("attention_tanh", ["laws", "covariances:p"]), ("mlp_deep_loop", ["numbers"])],
)
def test_verification_needs_no_library(name: str, goals: list[str], tmp_path: Path) -> None:
    """Numbers, symbols and graphs are forbidden to this interpreter; only the reader of programs has its parser."""
    path = CORPUS / "valid" / f"{name}.tp"
    found = prove(program(path), goals)
    (tmp_path / "cert.json").write_text(found.text, encoding="utf-8")
    code = (
        "import sys\n"
        "for name in ('sympy', 'numpy', 'scipy', 'mpmath', 'flint', 'networkx', 'rich'): sys.modules[name] = None\n"
        "from tensorprog.cli import main\n"
        f"for option in ('--json', '--explain', '--latex'):\n"
        f"    code = main(['verify', {str(path)!r}, {str(tmp_path / 'cert.json')!r}, option])\n"
        "    if code: sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.split("\n")[0])["accepted"] is True


def test_the_corpus_is_certified() -> None:
    """Every program that a theorem covers has a certificate without an unproved fact, but for those that say so."""
    without = [p.stem for p in FILES if certificate(p) is None]
    assert without == []
    assert {p.stem for p in FILES if "unproved" in str(certificate(p))} == UNPROVED.keys()
    for path in FILES:
        found = certificate(path)
        if found is not None:
            assert verify(program(path), found.text).axioms == found.axioms
            assert prove(program(path)).text == found.text, "the same bytes each time"

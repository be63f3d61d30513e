"""A program is analysed once: whoever judges it, derives, claims, proves, validates or reports asks for the same."""

from __future__ import annotations

import copy
import pickle
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import tensorprog as tp
from tensorprog.display.report import report_of
from tensorprog.display.subject import Options
from tensorprog.kernel.ground.powers import Powers
from tensorprog.program.normal.normalize import normalize
from tensorprog.terms import Var
from tensorprog.theorems.conditions.ancestors import Shared

ATTENTION = """
param r > 0 = 1
index i, j in 1..2
input x[i] ~ N(0, r)
weight Q, K, V ~ N(0, 1/n)
q[i] = Q @ x[i]
k[i] = K @ x[i]
v[i] = V @ x[i]
y[i] = attention(2*q[i], k[j], v[j] over j, scale = 1/sqrt(n))
m = mean(relu(v[1]))
output y, m
claim E(y[1]) = 0
claim E(v[1]^2) = r
claim valid
"""
CONTENT = {"normalize": normalize.__code__, "Powers": Powers.__init__.__code__}


def counted(ask: Callable[[tp.Program], Any], text: str = ATTENTION) -> Counter[str]:
    """How often a request makes a normal form and collects powers of n: the kernel's own apart."""
    program, seen = tp.loads(text), Counter[str]()
    names = {code: name for name, code in CONTENT.items()}

    def hook(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in names and frame.f_back is not None:
            caller = frame.f_back.f_globals["__name__"]
            name = names[frame.f_code]
            seen[f"kernel {name}" if caller.startswith("tensorprog.kernel") else f"{caller} {name}"] += 1

    before = sys.getprofile()
    sys.setprofile(hook)
    try:
        ask(program)
    finally:
        sys.setprofile(before)
    return seen


def derived(program: tp.Program) -> None:
    limit = tp.derive(program)
    assert limit.cov("v[1]", "v[1]").number.value == 1.0
    assert limit.law("v[1]", "v[2]").kind == "gaussian"


REQUESTS: dict[str, Callable[[tp.Program], Any]] = {
    "check": tp.check,
    "derive": derived,
    "claims": tp.claims,
    "prove": tp.prove,
    "explain": lambda p: tp.prove(p, ["covariances:v[1],v[2]"]),
    "validate": lambda p: tp.validate(p, widths=(8, 16), samples=4),
    "report": lambda p: report_of(p, Options(samples=0)),
    "check, then derive": lambda p: (tp.check(p), derived(p), tp.claims(p)),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_analyses_the_program_once(name: str) -> None:
    found = counted(REQUESTS[name])
    own = {key: n for key, n in found.items() if not key.startswith(("kernel", "tensorprog.program.normal.normalize"))}
    by = "tensorprog.program.normal.analysis"
    assert own in ({f"{by} normalize": 1}, {f"{by} normalize": 1, f"{by} Powers": 1})


def test_the_kernel_makes_no_normal_form() -> None:
    """It is shown one in the certificate, and shows that it is the same program."""
    assert not any(key.startswith("kernel") and key.endswith("normalize") for key in counted(tp.prove))


def test_an_analysis_is_kept_until_the_program_grows() -> None:
    program = tp.Program("growing")
    u, w = program.input("u, w ~ N(0, 1)")
    program.output(u)
    first = program.analysis
    assert program.analysis is first
    program.output(w)
    second = program.analysis
    assert second is not first
    assert len(first.outputs) == 1, "what was analysed before is not changed by what came later"
    assert [o.ref for o in second.outputs] == [Var("u"), Var("w")]
    assert tp.check(program).verdict == "valid"


def test_a_param_that_is_replaced_is_seen() -> None:
    program = tp.loads("param r > 0 = 1\ninput u ~ N(0, r)\noutput u")
    assert tp.derive(program).cov("u", "u").number.value == 1.0
    program.params["r"] = tp.loads("param r > 0 = 4\ninput u ~ N(0, r)\noutput u").params["r"]
    assert tp.derive(program).cov("u", "u").number.value == 4.0


def test_a_family_that_gains_a_piece_is_not_the_analysed_one() -> None:
    program = tp.Program("pieces")
    (u,) = program.input("u ~ N(0, 1)")
    program.define("x[1]", u)
    program.output("x[1]")
    first = program.analysis
    program.define("x[2]", 2 * u)
    assert len(first.families["x"].pieces) == 1
    assert len(program.analysis.families["x"].pieces) == 2


@pytest.mark.parametrize("name", ["append", "add_output", "add_param", "add_input", "add_weight", "add_index"])
def test_an_analysis_cannot_be_changed(name: str) -> None:
    analysis = tp.loads(ATTENTION).analysis
    with pytest.raises(TypeError, match="is not changed"):
        getattr(analysis, name)(None)
    assert analysis.analysis is analysis


def test_what_is_sent_elsewhere_carries_no_analysis() -> None:
    program = tp.loads(ATTENTION)
    light = len(pickle.dumps(program))
    assert tp.check(program).verdict == "valid-by-remark"
    assert len(pickle.dumps(program)) == light
    again = copy.deepcopy(program)
    assert again == program
    assert tp.check(again).verdict == "valid-by-remark"
    assert again.analysis is not program.analysis


def test_what_theorems_share_is_made_once() -> None:
    program = tp.loads(ATTENTION)
    assert Shared.of(program.analysis) is Shared.of(program.analysis)
    assert tp.check(program).verdict == tp.check(tp.loads(ATTENTION)).verdict


def test_a_program_that_is_judged_while_it_is_written_ends_as_one_that_was_not() -> None:
    growing, seen = tp.Program("program"), []
    for line in ATTENTION.strip().splitlines():
        growing.add(f"{line}\n")
        seen.append(growing.analysis)
        if growing.outputs:
            tp.check(growing)
    assert len({id(a) for a in seen}) == len(seen), "each statement makes another program"
    whole = tp.loads(ATTENTION)
    assert [o.to_json() for o in tp.check(growing).outputs] == [o.to_json() for o in tp.check(whole).outputs]
    assert [d.status for d in tp.claims(growing)] == [d.status for d in tp.claims(whole)]

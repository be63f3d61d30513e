"""False statements whose certificates the kernel once took: each is refused, by the condition that it breaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tensorprog.errors import CertificateError
from tensorprog.kernel.ground.nodes import Input
from tensorprog.language import Program, load
from tensorprog.proof import verify
from tensorprog.proof.writer import written

HOME = Path(__file__).parent / "certificates"
REFUSED = {
    "clamp_verdict": "no index is caught by a binder",
    "honest_cover_names": "members below one output",
    "honest_ratio": "step 10 is rejected: the conclusion is what the rule concludes",
    "masked_number": "sum has no mask",
    "moment_square": "step 12 is rejected: an instruction of another kind",
    "moment_vector": "step 12 is rejected: an instruction of another kind",
    "param_z1": "a number that is computed here",
    "score_infinite": "a scalar that tends to a constant",
    "tanh_poles": "no pole in the strip",
}


def test_every_certificate_has_its_condition() -> None:
    assert {p.stem for p in HOME.glob("*.json")} == REFUSED.keys()


def translated(name: str) -> tuple[Program, dict[str, Any]]:
    """A program with its certificate of schema 1 in the words of schema 2, which carries the normal form."""
    program = load(HOME / f"{name}.tp")
    data = json.loads((HOME / f"{name}.json").read_text(encoding="utf-8"))
    normal = program.analysis
    instructions = [written(n) for n in normal.nodes if not isinstance(n, Input)]
    same = normal.nodes == program.nodes
    return program, {**data, "schema": "tensorprog/certificate/2", "normal": None if same else instructions}


def test_a_certificate_of_schema_1_is_refused_by_one_message() -> None:
    with pytest.raises(CertificateError, match="certificate/2: of another one, prove it anew"):
        verify(load(HOME / "param_z1.tp"), (HOME / "param_z1.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", REFUSED)
def test_a_false_certificate_is_refused_by_its_condition(name: str) -> None:
    program, data = translated(name)
    with pytest.raises(CertificateError) as refused:
        verify(program, json.dumps(data))
    assert REFUSED[name] in str(refused.value)


def test_a_wrong_conclusion_is_the_only_thing_wrong_with_the_ratio() -> None:
    """With the mean of a moment in a second width as the rule computes it, the claim that rests on it is refused."""
    program, data = translated("honest_ratio")
    data["steps"][10][3][3] = "1"
    data["steps"][11][3][3] = "2"
    data["steps"][14][3][3] = "5"
    data["steps"][18][3][4:] = ["5"]
    with pytest.raises(CertificateError) as refused:
        verify(program, json.dumps(data))
    assert "step 19 is rejected: the sides of the claim are equal" in str(refused.value)

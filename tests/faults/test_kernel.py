"""False statements whose certificates the kernel once took: each is refused, by the condition that it breaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tensorprog.errors import CertificateError
from tensorprog.language import load
from tensorprog.proof import verify

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


@pytest.mark.parametrize("name", REFUSED)
def test_a_false_certificate_is_refused_by_its_condition(name: str) -> None:
    with pytest.raises(CertificateError) as refused:
        verify(load(HOME / f"{name}.tp"), (HOME / f"{name}.json").read_text(encoding="utf-8"))
    assert REFUSED[name] in str(refused.value)


def test_a_wrong_conclusion_is_the_only_thing_wrong_with_the_ratio() -> None:
    """With the mean of a moment in a second width as the rule computes it, the claim that rests on it is refused."""
    data = json.loads((HOME / "honest_ratio.json").read_text(encoding="utf-8"))
    data["steps"][10][3][3] = "1"
    data["steps"][11][3][3] = "2"
    data["steps"][14][3][3] = "5"
    data["steps"][18][3][4:] = ["5"]
    with pytest.raises(CertificateError) as refused:
        verify(load(HOME / "honest_ratio.tp"), json.dumps(data))
    assert "step 19 is rejected: the sides of the claim are equal" in str(refused.value)

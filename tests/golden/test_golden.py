"""The answers of every command are those of the files, or differ for a reason that the change log gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden.answers import answers, programs

PROGRAMS = {(kind, name): text for kind, texts in programs().items() for name, text in texts.items()}


def _differences(was: Any, now: Any, where: str = "") -> list[str]:
    """Numbers may differ by both errors; an answer that was cut short by the clock may be a number now, and back."""
    if isinstance(was, dict) and "value" in was and was["value"] is not None and now["value"] is not None:
        error = (was["error"] or 0) + (now["error"] or 0) + 1e-13 * abs(was["value"])
        gap = abs(was["value"] - now["value"])
        rest = [k for k in was if k not in ("value", "error") and "sampling" not in (was.get("kind"), now.get("kind"))]
        out = [f"{where}: {was['value']!r} is {now['value']!r}"] if gap > (5 if "kind" in was else 1) * error else []
        return out + [d for k in rest for d in _differences(was[k], now[k], f"{where}.{k}")]
    if isinstance(was, dict) and isinstance(now, dict) and was.keys() == now.keys():
        return [d for k in was for d in _differences(was[k], now[k], f"{where}.{k}")]
    return [] if was == now else [f"{where}: {was!r} is {now!r}"]


@pytest.mark.long
@pytest.mark.parametrize(("kind", "name"), PROGRAMS)
def test_answers_are_those_of_before(kind: str, name: str) -> None:
    kept = json.loads((Path(__file__).parent / f"{kind}.json").read_text(encoding="utf-8"))
    assert _differences(kept[name], json.loads(json.dumps(answers(PROGRAMS[kind, name])))) == []


def test_a_difference_is_seen() -> None:
    one = {"x": {"expr": "1", "value": 1.0, "error": 1e-12, "kind": "bound"}}
    assert _differences(one, {"x": one["x"] | {"value": 1 + 3e-11}}) == [".x: 1.0 is 1.00000000003"]
    assert _differences(one, {"x": one["x"] | {"kind": "estimate"}}) == [".x.kind: 'bound' is 'estimate'"]

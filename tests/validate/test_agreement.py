"""`prove` certifies no verdict that `check` does not give, on every program of corpus, examples and faults."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import tensorprog as tp
from tests.share import examples

ROOT = Path(__file__).parents[2]
FOLDERS = ("tests/corpus", "tests/faults/programs", "examples")
FILES = sorted(p.relative_to(ROOT) for folder in FOLDERS for p in (ROOT / folder).rglob("*.tp"))


@pytest.mark.parametrize("path", random.Random(3).sample(FILES, examples(len(FILES))), ids=str)
def test_what_is_proved_is_what_check_says(path: Path) -> None:
    try:
        verdict = tp.check(tp.load(ROOT / path)).verdict
    except tp.TensorProgError:
        pytest.skip("the program is refused")
    try:
        tp.prove(tp.load(ROOT / path))
    except tp.TensorProgError as error:  # what the calculus has no rule for yet is said, and proves nothing
        no_rule = any("no rule yet" in (d.help or "") for d in error.diagnostics)
        assert no_rule or verdict not in ("valid", "valid-by-remark")
    else:
        assert verdict in ("valid", "valid-by-remark")

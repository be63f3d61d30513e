"""Lowering keeps the meaning: the program's elements are those of the text, read without any lowering."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from tensorprog.language import load, loads
from tests.language.source_meaning import Source
from tests.program.expansion import Expansion, Meaning
from tests.share import examples
from tests.strategies import sketches

CORPUS = Path(__file__).parent.parent / "corpus"
SMALL = [p for p in sorted(CORPUS.glob("*/*.tp")) if p.parent.name != "error" and "1000" not in p.stem]


@settings(max_examples=examples(150))
@given(sketches())
def test_random_programs_keep_their_meaning(sketch) -> None:  # type: ignore[no-untyped-def]
    for named in (False, True):
        text = sketch.text(named=named)
        meaning = Meaning()
        assert Expansion(loads(text), meaning).outputs() == Source(text, meaning).outputs()


@pytest.mark.parametrize("path", SMALL, ids=lambda p: p.stem)
def test_programs_of_the_corpus_keep_their_meaning(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if "include" in text:
        pytest.skip("an include is another text")
    if "bernoulli" in text:
        pytest.skip("a coin is lowered to a function of a Gaussian input, which the text does not name")
    meaning = Meaning()
    assert Expansion(load(path), meaning).outputs() == Source(text, meaning).outputs()

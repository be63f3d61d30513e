"""The certificates of the corpus, each proved once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tensorprog.errors import TensorProgError
from tensorprog.language import load
from tensorprog.program import Program
from tensorprog.proof import Certificate, prove

CORPUS = Path(__file__).parents[1] / "corpus"
WITHOUT_RULE = {"readout_scores_of_some_members"}
"""One family has readout vectors and others: the kernel knows readout vectors by the names of their families."""

UNPROVED = {"n_collected_through_names": "its average is a dot product whose 1/n stands in other instructions"}
"""Certificates with an axiom: steps cannot speak of the width, which is no constant of a limit."""


FILES = sorted(p for d in ("valid", "by-remark") for p in (CORPUS / d).glob("*.tp") if p.stem not in WITHOUT_RULE)
OTHERS = sorted(p for d in ("invalid", "undecided") for p in (CORPUS / d).glob("*.tp"))


@cache
def program(path: Path) -> Program:
    return load(path)


@cache
def certificate(path: Path) -> Certificate | None:
    try:
        return prove(program(path))
    except TensorProgError as error:
        if [d.code for d in error.diagnostics] != ["TP602"]:
            raise
        return None

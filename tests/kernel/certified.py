"""The certificates of the corpus, each proved once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tensorprog.errors import TensorProgError
from tensorprog.language import load
from tensorprog.program import Program
from tensorprog.proof import Certificate, prove

CORPUS = Path(__file__).parents[1] / "corpus"
WITHOUT_RULE = {
    "additive_attention", "learned_query_pooling", "readout_reenters", "router_mixture_of_experts",
    "score_with_query_bias", "softmax_of_outputs",
}  # fmt: skip
"""Programs that rest on `readout-scores`: the calculus of certificates has no rule for it yet. So readout_scores_*."""

UNPROVED = {"n_collected_through_names": "its average is a dot product whose 1/n stands in other instructions"}
"""Certificates with an axiom: steps cannot speak of the width, which is no constant of a limit."""


def _has_rule(path: Path) -> bool:
    return path.stem not in WITHOUT_RULE and not path.stem.startswith("readout_scores_")


FILES = sorted(p for d in ("valid", "by-remark") for p in (CORPUS / d).glob("*.tp") if _has_rule(p))
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

"""The certified limits of the programs of the corpus."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tensorprog.errors import TensorProgError
from tensorprog.language import load
from tensorprog.proof import Certificate, prove
from tensorprog.proof.goals import members_named
from tensorprog.terms import to_text

WITHOUT = {
    "attention_1000_tokens", "latent_queries", "n_collected_through_names", "relu_after_projection",
    "softmax_of_outputs",
}  # fmt: skip
"""Functions of scores and of an attention's output, a scaling by a named power of n, too many summands."""


@cache
def limit_of(path: Path) -> tuple[str, Certificate] | None:
    """The covariances of two members of the first output, or what is certified of them given the scores."""
    program, two = load(path), members(path)
    for kind in ("covariances", "laws"):
        try:
            return kind, prove(program, [f"{kind}:{','.join(two)}"])
        except TensorProgError:
            continue
    return None


@cache
def numbers_of(path: Path) -> Certificate | None:
    """The covariances of the same members as numbers."""
    try:
        return prove(load(path), [f"numbers:{','.join(members(path))}"])
    except TensorProgError:
        return None


def members(path: Path) -> list[str]:
    """Two members of the first output."""
    program = load(path)
    name = program.outputs[0].ref.name
    if path.stem == "family_of_1000":
        return [f"{name}[1,1]", f"{name}[2,1]"]
    return list(map(to_text, members_named(program, name)))[:2]

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
    "attention_1000_tokens", "attention_on_residual_stream", "latent_queries", "matrix_from_file",
    "n_collected_through_names", "parallel_block", "relu_after_projection", "sigmoid_gated_output", "unbounded_values",
}  # fmt: skip
"""Outputs that are not Gaussian given the scores, entries that are floats, and certificates that are too large."""


@cache
def limit_of(path: Path) -> tuple[str, Certificate] | None:
    """The covariances of two members of the first output, or their law given the scores."""
    program = load(path)
    name = program.outputs[0].ref.name
    two = [f"{name}[1,1]", f"{name}[2,1]"]
    if path.stem != "family_of_1000":
        two = list(map(to_text, members_named(program, name)))[:2]
    for kind in ("covariances", "laws"):
        try:
            return kind, prove(program, [f"{kind}:{','.join(two)}"])
        except TensorProgError:
            continue
    return None

"""Writes random programs: a theme says what statements they are made of."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.hunt import layers, moments, scores
from tests.hunt.shrink import pruned
from tests.hunt.syntax import Program, ref
from tests.hunt.writer import Writer

STATEMENTS: dict[str, Callable[[Writer], object]] = {
    "feature": layers.feature, "vector": layers.vector_statement, "jump": layers.jumping, "product": layers.product,
    "atom": layers.atom_product, "sum of products": layers.sum_of_products, "tied": layers.tied,
    "transpose": layers.transpose, "pieces": layers.pieces, "loop": layers.loop, "convolution": layers.convolution,
    "norm": layers.norm, "moment": moments.moment, "moments in pieces": moments.moment_pieces,
    "of scalars": moments.function_of_scalars, "scaled": moments.scaled, "score": scores.scores,
    "weighted": scores.weighted, "heads": scores.heads, "of scores": scores.function_of_scores,
    "absorbing": scores.absorbing, "readout": scores.readout, "combined": scores.combined_scalars,
    "of readouts": scores.function_of_readouts,
}  # fmt: skip
THEMES: dict[str, dict[str, int]] = {
    "moments": {"moment": 4, "moments in pieces": 3, "of scalars": 6, "scaled": 3, "product": 2, "vector": 2,
                "norm": 1},
    "attention": {"feature": 3, "product": 2, "score": 3, "weighted": 4, "of scores": 3, "absorbing": 2,
                  "sum of products": 2},
    "readout": {"feature": 2, "product": 1, "readout": 6, "of readouts": 3, "combined": 2},
    "layers": {"product": 5, "vector": 5, "loop": 1, "convolution": 1, "norm": 1, "tied": 2, "pieces": 2,
               "transpose": 1, "jump": 2, "moment": 1},
    "atoms": {"atom": 4, "jump": 4, "vector": 2, "product": 3, "moment": 1, "tied": 2},
    "any": dict.fromkeys(STATEMENTS, 1),
}  # fmt: skip
"""The kinds of statements that a program of a theme is made of, with their odds."""


def program(rng: random.Random, theme: str | None = None) -> Program:
    """A random program of a theme: the last families are its outputs, and only their ancestors stay."""
    theme = theme or rng.choice([*THEMES, "atoms", "attention"])
    writer = Writer(rng)
    writer.declarations(theme == "atoms")
    kinds = [k for k, odds in THEMES[theme].items() for _ in range(odds)]
    for _ in range(rng.randint(2, 6)):
        writer.width = rng.choice(["n", "n", *(m for m, _ in writer.program.widths)])
        STATEMENTS[rng.choice(kinds)](writer)
    made = [m for m in writer.made if m.role not in ("input", "reader", "unused")]
    if not made:
        layers.feature(writer)
        made = writer.made[-1:]
    wanted = [made[-1]] + ([rng.choice(made)] if rng.random() < 0.4 else [])
    writer.add(outputs=tuple(ref(m.name) for m in dict.fromkeys(wanted)))
    return pruned(writer.program, keep={m.name for m in writer.made if m.role == "unused"})

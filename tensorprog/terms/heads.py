"""The words that only programs and claims have, beside those of terms in general."""

from __future__ import annotations

from tensorprog.kernel.ground.signatures import ARITHMETIC, CONDITIONS, FUNCTIONS

VECTOR: dict[str, tuple[int, int]] = {"matmul": (2, 2), "transpose": (1, 1), "dot": (2, 2), "mean": (1, 1)}

LIMIT: dict[str, tuple[int, int]] = {"E": (1, 1), "cov": (2, 2), "var": (1, 1)}

HEADS: dict[str, tuple[int, int]] = {**FUNCTIONS, **ARITHMETIC, **CONDITIONS, **VECTOR, **LIMIT}

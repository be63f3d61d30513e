"""How many examples a random test tries: all of them with `--long`, a share of them otherwise."""

from __future__ import annotations

import os

SHARE = 8
LONG = "TENSORPROG_LONG_TESTS"


def examples(n: int) -> int:
    """n with `--long`; n/8 without, but a few."""
    return n if os.environ.get(LONG) else max(4, n // SHARE)

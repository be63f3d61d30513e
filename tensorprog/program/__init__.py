"""The representation: a program is a DAG of families, append-only, hashed by its lowered form."""

from __future__ import annotations

from tensorprog.program.limits import DEFAULT_LIMITS as DEFAULT_LIMITS
from tensorprog.program.limits import Limits as Limits
from tensorprog.program.program import Program as Program

__all__ = ["DEFAULT_LIMITS", "Limits", "Program"]

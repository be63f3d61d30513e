"""The representation: a program is a DAG of families, append-only, hashed by its lowered form."""

from __future__ import annotations

from tensorprog.program.api import Program as Program
from tensorprog.program.graph.limits import DEFAULT_LIMITS as DEFAULT_LIMITS
from tensorprog.program.graph.limits import Limits as Limits

__all__ = ["DEFAULT_LIMITS", "Limits", "Program"]

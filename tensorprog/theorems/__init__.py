"""Theorems as statements: premises in the papers' words, and one engine that judges them all."""

from __future__ import annotations

from tensorprog.theorems.check import check as check
from tensorprog.theorems.verdict import THEOREMS as THEOREMS
from tensorprog.theorems.verdict import Verdict as Verdict

__all__ = ["THEOREMS", "Verdict", "check"]

"""Theorems as statements: premises in the papers' words, and one engine that judges them all."""

from __future__ import annotations

from tensorprog.theorems.check import THEOREMS as THEOREMS
from tensorprog.theorems.check import Verdict as Verdict
from tensorprog.theorems.check import check as check

__all__ = ["THEOREMS", "Verdict", "check"]

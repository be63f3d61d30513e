"""TRUSTED: re-checks certificates by the rules of docs/calculus.md; only here is what they establish constructed."""

from __future__ import annotations

from tensorprog.kernel.certificate import Accepted as Accepted
from tensorprog.kernel.certificate import verify as verify

__all__ = ["Accepted", "verify"]

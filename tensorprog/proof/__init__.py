"""Certificates: written from what the provers find, re-checked by the kernel, explained to a person.

The provers are imported when `prove` is first used: who only verifies does without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorprog.proof.certificate import Certificate as Certificate
from tensorprog.proof.certificate import verify as verify

if TYPE_CHECKING:
    from tensorprog.proof.prover import prove as prove

__all__ = ["Certificate", "prove", "verify"]


def __getattr__(name: str) -> Any:
    if name != "prove":
        raise AttributeError(f"module 'tensorprog.proof' has no attribute {name!r}")
    from tensorprog.proof.prover import prove

    globals()[name] = prove
    return prove

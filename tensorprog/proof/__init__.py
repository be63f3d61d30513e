"""Certificates: written from what the provers find, re-checked by the kernel, explained to a person."""

from __future__ import annotations

from tensorprog.proof.prove import prove as prove
from tensorprog.proof.prove import verify as verify
from tensorprog.proof.writer import Certificate as Certificate

__all__ = ["Certificate", "prove", "verify"]

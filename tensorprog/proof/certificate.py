"""A certificate as a value, and its re-check by the kernel alone: nothing here knows how a proof is found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tensorprog.errors import CertificateError, Diagnostic
from tensorprog.kernel.certificate import Accepted
from tensorprog.kernel.certificate import verify as kernel_verify
from tensorprog.kernel.core.refused import Refused
from tensorprog.program import Program


@dataclass(frozen=True)
class Certificate:
    """A proof that the kernel re-checks: `text` is the certificate as JSON, the same bytes for the same program."""

    program: str
    text: str
    steps: int
    axioms: tuple[str, ...]
    goals: tuple[tuple[str, ...], ...]
    without: tuple[str, ...] = ()
    """What was asked for and has no derivation, with the reason: not in the text."""
    statements: tuple[str, ...] = ()
    """The goals as sentences about the program: not in the text."""

    def to_json(self) -> Any:
        """Return the certificate as JSON data."""
        return json.loads(self.text)

    def __repr__(self) -> str:
        lines = [f"certificate for {self.program}: {self.steps} steps, {len(self.text)} bytes"]
        lines += [f"  goal: {said}" for said in self.statements or map(" ".join, self.goals)]
        lines += [f"  axiom: {a}" for a in self.axioms]
        return "\n".join([*lines, *(f"  not proved: {w}" for w in self.without)])

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"

    @staticmethod
    def read(text: str) -> Certificate:
        """Return a certificate from its text, not yet believed."""
        try:
            data = json.loads(text)
            goals = tuple(tuple(map(str, data["steps"][k][3])) for k in data["goals"])
            return Certificate(str(data["program"]), text, len(data["steps"]), tuple(map(str, data["axioms"])), goals)
        except (ValueError, LookupError, TypeError, RecursionError):
            raise CertificateError((Diagnostic("TP601", "the file is not a certificate"),)) from None


def verify(program: Program, certificate: Certificate | str | bytes) -> Accepted:
    """Re-check a certificate with the kernel alone; raises CertificateError if it is wrong."""
    try:
        return kernel_verify(program, certificate.text if isinstance(certificate, Certificate) else certificate)
    except Refused as refused:
        raise CertificateError((Diagnostic("TP601", str(refused)),)) from None

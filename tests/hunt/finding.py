"""A finding: an input on which two roads disagree, and what each of them says."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """`signature` is the same for inputs that fail in the same way; `text` is a program, or a command without one."""

    kind: str
    signature: str
    text: str
    said: str
    right: str
    command: str = ""

    def page(self) -> str:
        """The finding as a file that `tensorprog` reads, if it is a program."""
        told = [f"{self.kind}: {self.signature}", f"command: {self.command}", *_lines("said", self.said),
                *_lines("other road", self.right)]  # fmt: skip
        return "\n".join(f"# {line}" for line in told) + "\n" + self.text


def _lines(head: str, text: str) -> list[str]:
    first, *rest = text.splitlines() or [""]
    return [f"{head}: {first}", *(f"    {line}" for line in rest)]


@dataclass
class Report:
    """What one case compared, and what it found."""

    compared: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def count(self, kind: str) -> None:
        self.compared[kind] = self.compared.get(kind, 0) + 1

    def found(self, finding: Finding | None) -> None:
        if finding is not None:
            self.findings.append(finding)

"""Where something stands in a text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a program text: 1-based line and column, how many characters, and the included file, if any."""

    line: int
    column: int
    length: int = 1
    file: str | None = None

    def to_json(self) -> list[int]:
        return [self.line, self.column]

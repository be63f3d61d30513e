"""One derived limit: its formula, its number with a bound, how it was found, and the theorem that supports it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

FORMAL = "formal"
"""What supports a result that no theorem here covers: the rules of the limit, applied beyond what is proved."""


@dataclass(frozen=True)
class Result:
    """`formula`: a sympy expression or None; `value`: None where a param has none; `error` bounds |value - truth|."""

    of: str
    formula: Any
    value: float | None
    error: float | None
    method: str
    support: Callable[[], str] = field(repr=False, compare=False)
    because: str = ""

    @cached_property
    def supported_by(self) -> str:
        """The weakest theorem that covers what this speaks of, or `formal`; judged when it is asked for."""
        return self.support()

    @property
    def expr(self) -> str | None:
        """The formula as plain text that sympy reads back."""
        return None if self.formula is None else str(self.formula)

    @property
    def latex(self) -> str | None:
        from tensorprog.limit.typeset import formula

        return None if self.formula is None else formula(self.formula)

    def to_json(self) -> dict[str, Any]:
        """One entry of `results` in the schema tensorprog/derive/1."""
        return {
            "of": self.of,
            "expr": self.expr,
            "latex": self.latex,
            "value": _finite(self.value),
            "error": _finite(self.error),
            "method": self.method,
            "supported_by": self.supported_by,
        }

    def __float__(self) -> float:
        if self.value is None:
            raise TypeError(f"{self.of} has no number: {self.because or 'a param has no value'}")
        return self.value

    def __repr__(self) -> str:
        lines = [f"{self.of} = {self.expr}" if self.formula is not None else self.of]
        if self.value is not None and not (self.formula is not None and self.formula.is_Rational):
            lines.append(f"  = {self.value!r}  (error {self.error or 0:.1e}, {self.method})")
        if self.formula is None and self.because:
            lines.append(f"  no formula: {self.because}")
        lines.append(f"  supported by {self.supported_by}")
        return "\n".join(lines)

    def _repr_latex_(self) -> str:
        right = self.latex if self.formula is not None else f"{self.value:.12g}" if self.value is not None else "?"
        return rf"$\text{{{self.of.replace('_', chr(92) + '_')}}} = {right}$"


def _finite(x: float | None) -> float | None:
    return x if x is not None and math.isfinite(x) else None

"""One derived limit: its formula, its number with a bound, how it was found, and the theorem that supports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

from tensorprog.functions.evaluate.sympy_bridge import formula
from tensorprog.numbers.drawing import table
from tensorprog.numbers.estimate import UNKNOWN, ErrorKind, Estimate, Method, is_rigorous, shown
from tensorprog.terms.formula import Notation
from tensorprog.terms.latex import LATEX

FORMAL = "formal"
"""What supports a result that no theorem here covers: the rules of the limit, applied beyond what is proved."""


@dataclass(frozen=True)
class Result:
    """`formula`: a sympy expression or None; `number`: None where there is none, and then `because` says why."""

    of: str
    formula: Any
    number: Estimate | None
    method: Method
    support: Callable[[], str] = field(repr=False, compare=False)
    because: str = ""
    assumed: tuple[Any, ...] = ()
    """What the formula assumes of params beyond what the program does; the number needs none of it."""

    @cached_property
    def supported_by(self) -> str:
        """The weakest theorem that covers what this speaks of, or `formal`; judged when it is asked for."""
        return self.support()

    @property
    def value(self) -> float | None:
        return None if self.number is None else float(self.number.value)

    @property
    def error(self) -> float | None:
        return None if self.number is None else float(self.number.error)

    @property
    def error_kind(self) -> ErrorKind | None:
        return None if self.number is None else self.number.error_kind

    @property
    def settled(self) -> bool:
        """Whether there is a formula, or a number with a proved bound."""
        return self.formula is not None or is_rigorous(self.error_kind)

    @property
    def expr(self) -> str | None:
        """The formula as plain text that sympy reads back."""
        return None if self.formula is None else str(self.formula)

    @property
    def latex(self) -> str | None:
        """The formula in LaTeX."""
        return self.written(LATEX)

    def written(self, notation: Notation) -> str | None:
        """Write the formula in a notation."""
        return None if self.formula is None else formula(self.formula, notation)

    def to_json(self) -> dict[str, Any]:
        """Return one entry of `results` in the schema tensorprog/derive/1."""
        return {
            "of": self.of,
            "expr": self.expr,
            "latex": self.latex,
            **(UNKNOWN if self.number is None else self.number).to_json(),
            "method": self.method,
            "because": self.because,
            "note": self.number.note if self.number is not None else "",
            "supported_by": self.supported_by,
            **({"where": [str(c) for c in self.assumed]} if self.assumed else {}),
        }

    def __float__(self) -> float:
        if self.value is None:
            raise TypeError(f"{self.of} has no number: {self.because or 'a param has no value'}")
        return self.value

    def __repr__(self) -> str:
        lines = [f"{self.of} = {self.expr}" if self.formula is not None else self.of]
        lines += [f"  where {c}" for c in self.assumed]
        if self.value is not None and not (self.formula is not None and self.formula.is_Rational and not self.assumed):
            lines.append(f"  = {self.value!r}  ({shown(self.error, self.error_kind)}, {self.method})")
            if self.number is not None and self.number.note:
                lines.append(f"  {self.number.note}")
        if self.because and (self.formula is None or self.value is None):
            lines.append(f"  no {'formula' if self.formula is None else 'number'}: {self.because}")
        lines.append(f"  supported by {self.supported_by}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return table(HEAD, [cells(self)])

    def _repr_latex_(self) -> str:
        right = self.latex if self.formula is not None else f"{self.value:.12g}" if self.value is not None else "?"
        return rf"$\text{{{self.of.replace('_', chr(92) + '_')}}} = {right}$"


HEAD = ("of", "formula", "value", "error", "method", "supported by")


def cells(r: Result) -> list[str]:
    """Return the cells of one result; a formula is LaTeX between dollars, which notebooks typeset."""
    formula = f"${escape(r.latex)}$" if r.latex is not None else escape(r.because)
    value = "" if r.value is None else f"{r.value:.10g}"
    error = "" if r.value is None else "exact" if r.error == 0 else escape(shown(r.error, r.error_kind))
    return [f"<code>{escape(r.of)}</code>", formula, value, error, escape(r.method), escape(r.supported_by)]

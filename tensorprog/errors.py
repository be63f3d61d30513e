"""Diagnostics: what went wrong, where, why in the papers' terms, what follows, and what to do.

Every message the program can print carries a stable code; `CODES` is the one table of them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Literal, TypeVar, cast

from tensorprog.kernel.ground.place import Place

Severity = Literal["error", "warning", "note"]

CODES: dict[str, str] = {
    "TP001": "the text is not a program",
    "TP002": "unknown name",
    "TP003": "wrong kind of expression",
    "TP004": "indices do not fit",
    "TP005": "name defined twice, or reserved",
    "TP006": "used before it is defined",
    "TP007": "no output",
    "TP008": "not a covariance",
    "TP009": "widths do not fit",
    "TP010": "a file cannot be read",
    "TP011": "a width is not an integer",
    "TP012": "the width n where it is not allowed",
    "TP013": "a character that is refused",
    "TP014": "a fully masked softmax row",
    "TP015": "a family with a hole",
    "TP016": "wrong arguments of a function",
    "TP017": "contradictory assumption on a param",
    "TP018": "bad usage of the command line",
    "TP019": "not a probability",
    "TP101": "a score weight is used elsewhere",
    "TP102": "both sides of a dot product through one matrix",
    "TP103": "a side of a score that no MatMul made",
    "TP104": "wrong variance scaling of a weight",
    "TP105": "weight entries that are not Gaussian",
    "TP106": "a transposed weight",
    "TP107": "a readout vector used elsewhere",
    "TP108": "scores that depend on scores",
    "TP201": "a feature that is not bounded",
    "TP202": "a nonlinearity that is not pseudo-Lipschitz",
    "TP203": "a property that could not be decided",
    "TP204": "a discontinuous nonlinearity",
    "TP205": "a nonlinearity that is not controlled",
    "TP301": "a score that degenerates",
    "TP302": "a score that diverges",
    "TP401": "a claim is refuted",
    "TP402": "a claim is undecided",
    "TP501": "a divergent moment",
    "TP502": "an entry of a covariance could not be computed",
    "TP601": "a certificate is rejected",
    "TP602": "nothing to certify",
    "TP901": "file too large",
    "TP902": "nesting too deep",
    "TP903": "statement too long",
    "TP904": "too many statements",
    "TP905": "family too large",
    "TP906": "number too large",
    "TP907": "expression too large",
}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message: what is wrong (`message`), why (`because`), what follows (`consequence`), what to do (`help`)."""

    code: str
    message: str
    place: Place | None = None
    because: str = ""
    consequence: str = ""
    help: str = ""
    severity: Severity = "error"
    related: tuple[tuple[Place, str], ...] = ()

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code} is not in the table of codes")

    @property
    def line(self) -> int | None:
        return self.place.line if self.place else None

    @property
    def column(self) -> int | None:
        return self.place.column if self.place else None

    def worded(self, said: Callable[[str], str]) -> Diagnostic:
        """Return the same message with every sentence put through `said`."""
        return replace(self, message=said(self.message), because=said(self.because), help=said(self.help),
                       consequence=said(self.consequence),
                       related=tuple((place, said(label)) for place, label in self.related))  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "line": self.line,
            "column": self.column,
            "because": self.because,
            "consequence": self.consequence,
            "help": self.help,
        }
        if self.place is not None and self.place.file is not None:
            out["file"] = self.place.file
        out["related"] = [{"at": p.to_json(), "label": label} for p, label in self.related]
        return out

    def render(self, sources: dict[str | None, Sequence[str]], name: str = "<text>") -> str:
        """The message as rustc would print it: code, arrow to the place, the line with a caret, notes and help."""
        head = f"{self.severity}[{self.code}]: {self.message}"
        spots = [(self.place, "")] if self.place else []
        spots += [(p, label) for p, label in self.related]
        gutter = max((len(str(p.line)) for p, _ in spots), default=1)
        out = [head]
        for k, (p, label) in enumerate(spots):
            arrow = "-->" if k == 0 else ":::"
            out.append(f"{' ' * gutter}{arrow} {p.file or name}:{p.line}:{p.column}")
            lines = sources.get(p.file, ())
            if 0 < p.line <= len(lines):
                text, at = _window(lines[p.line - 1], p.column)
                mark = ("^" if k == 0 else "-") * max(1, min(p.length, len(text) - at + 1))
                out.append(f"{' ' * gutter} |")
                out.append(f"{p.line:>{gutter}} | {text}")
                out.append(f"{' ' * gutter} | {' ' * (at - 1)}{mark} {label}".rstrip())
        for word, text in (("because", self.because), ("then", self.consequence), ("help", self.help)):
            if text:
                out.append(f"{' ' * gutter} = {word}: {text}")
        return "\n".join(out)

    def to_html(self, sources: dict[str | None, Sequence[str]], name: str = "<text>") -> str:
        """The same for a notebook: heading, caret and help in colours that are read on light and dark."""
        from html import escape

        out = []
        for k, line in enumerate(self.render(sources, name).split("\n")):
            text, word = escape(line), line.lstrip().partition(":")[0]
            colour = _COLOURS.get(self.severity if k == 0 else "mark" if _MARK.match(line) else word)
            weight = ";font-weight:bold" if k == 0 else ""
            out.append(text if colour is None else f'<span style="color:{colour}{weight}">{text}</span>')
        return f'<pre style="margin:0.5em 0">{chr(10).join(out)}</pre>'


_COLOURS = {"error": "#d73a49", "warning": "#b08800", "note": "#2188ff", "mark": "#d73a49", "= help": "#22863a"}
_MARK = re.compile(r" *\| +[\^-]")


def _window(line: str, column: int, width: int = 100) -> tuple[str, int]:
    """Return the part of a long line around `column`, and the column inside that part."""
    clean = "".join(c if c.isprintable() else " " for c in line.rstrip("\n"))
    if len(clean) <= width:
        return clean, column
    start = max(0, column - 1 - width // 2)
    return clean[start : start + width], column - start


@dataclass(eq=False)
class TensorProgError(Exception):
    """Bad input: carries the diagnostics; its text is the first of them."""

    diagnostics: tuple[Diagnostic, ...]
    sources: dict[str | None, Sequence[str]] = field(default_factory=dict)
    name: str = "<text>"

    def __post_init__(self) -> None:
        super().__init__(str(self))

    def __str__(self) -> str:
        return "\n\n".join(d.render(self.sources, self.name) for d in self.diagnostics)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.diagnostics, self.sources, self.name))


class DivergentError(TensorProgError):
    """A moment asked for does not exist (TP501)."""


class CertificateError(TensorProgError):
    """A certificate that the kernel rejects."""


def fail(
    code: str,
    message: str,
    place: Place | None = None,
    because: str = "",
    help: str = "",
    related: Iterable[tuple[Place, str]] = (),
) -> TensorProgError:
    """Return the exception for one error; `raise fail(...)`."""
    return TensorProgError((Diagnostic(code, message, place, because, "", help, "error", tuple(related)),))


def did_you_mean(name: str, names: Iterable[str], otherwise: str = "") -> str:
    """Return a question with the nearest of some names, if one is near; else the other text.

    >>> did_you_mean("tahn", ["tan", "tanh", "atan"])
    'did you mean tanh?'
    >>> did_you_mean("x", ["tanh", "xs"], "define it first")
    'define it first'
    """
    from difflib import get_close_matches

    folded = {n.lower(): n for n in names}
    near = get_close_matches(name.lower(), folded, 5, 0.74)
    near.sort(key=lambda n: sorted(n) != sorted(name.lower()))  # the same letters in another order first
    return f"did you mean {folded[near[0]]}?" if near else otherwise


F = TypeVar("F", bound=Callable[..., Any])


def renamed(**old: str) -> Callable[[F], F]:
    """Accept old names of arguments, `renamed(params="values")`, with a DeprecationWarning that says the new one."""

    def accept(function: F) -> F:
        @wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            for before, now in old.items():
                if before in given:
                    if now in given:
                        raise TypeError(f"{function.__name__} was given {now} twice: as {before} too")
                    message = f"{before} is now called {now}: {function.__name__}({now}=...)"
                    warnings.warn(message, DeprecationWarning, stacklevel=2)
                    given[now] = given.pop(before)
            return function(*args, **given)

        return cast(F, call)

    return accept

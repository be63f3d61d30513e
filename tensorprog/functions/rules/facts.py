"""What is known of a function: judgements, each proved, refuted or unknown, with a derivation or a witness."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from html import escape
from typing import Any, Literal

from tensorprog.terms import Term, to_json, to_text

Status = Literal["proved", "refuted", "unknown"]
Value = str | bool | None | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One small step of a derivation: `rule` applied to the conclusions of `premises` (step numbers) about `subject`.

    `conclusion` holds exact statements as (name, value) pairs; numbers are rational strings.
    """

    rule: str
    subject: Term
    premises: tuple[int, ...] = ()
    conclusion: tuple[tuple[str, Value], ...] = ()
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "rule": self.rule,
            "subject": to_json(self.subject),
            "premises": list(self.premises),
            "conclusion": {k: list(v) if isinstance(v, tuple) else v for k, v in self.conclusion},
        }
        if self.note:
            out["note"] = self.note
        return out

    def says(self) -> str:
        said = ", ".join(
            k if v is True else f"not {k}" if v is False else f"{k} {_show(v)}" for k, v in self.conclusion
        )
        return f"{to_text(self.subject)}: {said or self.note}  [{self.rule}]"


def _show(v: Value) -> str:
    return "unknown" if v is None else f"[{', '.join(v)}]" if isinstance(v, tuple) else str(v)


def outline(derivation: tuple[Step, ...]) -> str:
    """Return the derivation as an indented proof: the last step first, its premises below it, each step once."""
    if not derivation:
        return ""
    lines: list[str] = []
    seen: set[int] = set()
    stack = [(len(derivation) - 1, 0)]
    while stack:
        at, depth = stack.pop()
        step = derivation[at]
        again = at in seen and bool(step.premises)
        lines.append("  " * depth + step.says() + (" (above)" if again else ""))
        if not again:
            seen.add(at)
            stack.extend((p, depth + 1) for p in reversed(step.premises))
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Fact:
    """A judgement: its status, the reason in one line, the derivation, and a refutation's witness."""

    status: Status = "unknown"
    because: str = ""
    derivation: tuple[Step, ...] = ()
    witness: tuple[tuple[str, str], ...] = ()

    @property
    def proved(self) -> bool:
        return self.status == "proved"

    @property
    def refuted(self) -> bool:
        return self.status == "refuted"

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {"status": self.status, "because": self.because}
        if self.derivation:
            out["derivation"] = [s.to_json() for s in self.derivation]
        if self.witness:
            out["witness"] = dict(self.witness)
        return out

    def outline(self) -> str:
        return outline(self.derivation)


@dataclass(frozen=True, slots=True)
class Bounded(Fact):
    """sup |f| < infinity; `inf`, `sup` where known (-inf, inf where infinite, None where not known)."""

    inf: float | None = None
    sup: float | None = None

    def to_json(self) -> dict[str, Any]:
        out = Fact.to_json(self)
        for name, value in (("inf", self.inf), ("sup", self.sup)):
            if value is not None:
                out[name] = value if math.isfinite(value) else None
        return out


@dataclass(frozen=True, slots=True)
class PseudoLipschitz(Fact):
    """|f(x)-f(y)| <= L (1+|x|^(d-1)+|y|^(d-1)) |x-y|: the smallest order d proved.

    `attained`: PL(d) itself holds (else PL(d') for every d' > d). `least`: no smaller order is possible.
    `order` None where the order depends on a param without bound.
    """

    order: Fraction | None = None
    attained: bool | None = None
    least: bool | None = None

    def to_json(self) -> dict[str, Any]:
        out = Fact.to_json(self)
        whole = self.order is not None and self.order.denominator == 1
        out["order"] = None if self.order is None else int(self.order) if whole else float(self.order)
        out["attained"] = self.attained
        return out


_NAMES = {
    "bounded": "bounded",
    "pseudo_lipschitz": "pseudo-Lipschitz",
    "polynomially_bounded": "polynomially bounded",
    "controlled": "controlled",
    "continuous": "continuous",
    "locally_lipschitz": "locally Lipschitz",
    "total": "defined everywhere",
}


@dataclass(frozen=True, slots=True, repr=False)
class Facts:
    """Everything known of one function of `vars`, for all params that fit the assumptions."""

    expr: Term
    vars: tuple[str, ...]
    bounded: Bounded = field(default_factory=Bounded)
    pseudo_lipschitz: PseudoLipschitz = field(default_factory=PseudoLipschitz)
    polynomially_bounded: Fact = field(default_factory=Fact)
    controlled: Fact = field(default_factory=Fact)
    continuous: Fact = field(default_factory=Fact)
    locally_lipschitz: Fact = field(default_factory=Fact)
    total: Fact = field(default_factory=Fact)
    assumptions: tuple[str, ...] = ()

    def named(self) -> list[tuple[str, Fact]]:
        """Return the judgements, each under its name in JSON."""
        return [(name, getattr(self, name)) for name in _NAMES]

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "schema": "tensorprog/function/1",
            "expr": to_text(self.expr),
            "vars": list(self.vars),
            "facts": {name: fact.to_json() for name, fact in self.named()},
        }
        if self.assumptions:
            out["assumptions"] = list(self.assumptions)
        return out

    def rows(self) -> list[tuple[str, str, str]]:
        """Return one row a judgement: name, status, what is known and why."""
        return [(_NAMES[name], fact.status, _detail(fact)) for name, fact in self.named()]

    def __repr__(self) -> str:
        head = f"{to_text(self.expr)}, a function of {', '.join(self.vars) or 'nothing'}"
        if self.assumptions:
            head += f", assuming {', '.join(self.assumptions)}"
        return "\n".join([head, *(f"  {name:21}{status:8} {detail}".rstrip() for name, status, detail in self.rows())])

    def plot(self, ax: Any = None, values: Mapping[str, float] | None = None) -> Any:
        """Draw a function of one variable on [-5, 5], params at `values` or 1; needs matplotlib."""
        from importlib import import_module  # summaries are a floor above the facts

        return import_module("tensorprog.functions.summary").drawn(self, ax, values)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(n)}</td><td><b>{escape(s)}</b></td><td>{escape(d)}</td></tr>" for n, s, d in self.rows()
        )
        return f"<table><caption><code>{escape(to_text(self.expr))}</code></caption>{rows}</table>"


def _number(x: float) -> str:
    return f"{x:.12g}" if math.isfinite(x) else "-oo" if x < 0 else "oo"


def _detail(fact: Fact) -> str:
    known: list[str] = []
    if isinstance(fact, Bounded):
        known += [f"{n} = {_number(v)}" for n, v in (("inf", fact.inf), ("sup", fact.sup)) if v is not None]
    if isinstance(fact, PseudoLipschitz) and fact.proved:
        if fact.order is None:
            known.append("of an order that depends on the params")
        else:
            known.append(f"order {fact.order}" if fact.attained is not False else f"every order > {fact.order}")
            known += ["the least possible"] if fact.least else []
    return ", ".join(known) + (": " if known and fact.because else "") + fact.because

"""A proof as a person reads it: what is proved, each step with its reason and what it rests on, the axioms."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tensorprog.errors import TensorProgError
from tensorprog.kernel import Accepted
from tensorprog.kernel.certificate import RULES, rule
from tensorprog.kernel.functions import REGULARITY, Info, Rate
from tensorprog.kernel.rules import Judgement
from tensorprog.program import Program
from tensorprog.program.forms.text import instruction_term
from tensorprog.program.graph.nodes import Input
from tensorprog.terms import Term, Var, read, to_text
from tensorprog.terms.term import shift_subs, variables

SOURCES = {
    "theorem netsor": "Yang 2019, Theorem 5.4",
    "theorem netsor-plus": "Yang 2019, Tensor Programs I, Theorem C.4; Tensor Programs III, Theorems E.11 and E.15",
    "theorem attention": "Sakai, Karakida & Imaizumi 2025, Theorem 1 and Corollary 2",
    "remark A1.bounded": "Sakai, Karakida & Imaizumi 2025, remark after Assumption 1: boundedness is inessential",
    "remark A1.widths": "Sakai, Karakida & Imaizumi 2025, remark after Assumption 1: equal widths are inessential",
}
HEADS = {"add": "a sum", "mul": "a product", "neg": "a negative", "recip": "a reciprocal", "max": "a maximum",
         "min": "a minimum", "sum": "a sum over indices", "softmax": "a softmax"}  # fmt: skip
FLAGS = {"u >= 0": "never negative", "u <= 0": "never positive", "near the limits": "all near the limits of scalars"}
REASONS = {
    "constant": "a constant",
    "instruction": "its right-hand side",
    "has": "read off",
    "applies": "every premise holds",
    "refuted": "the tail of the function along the curve",
    "definition": "what the function stands for",
    "equal": "two terms that are equal",
    "share": "an entry of a softmax, written out",
    "norm": "a root of a sum of squares",
    "tails": "its tails",
    "clamped": "its pieces agree on their boundary",
    "branches": "both branches",
}
"""Why a step follows, by its rule; of other rules, the first line of what they say of themselves."""


class Reader:
    """The program's own names for what the steps number; `show` writes a term."""

    def __init__(self, program: Program, show: Callable[[Term], str] = to_text) -> None:
        self.user, self.program, self.show = program, program.analysis, show
        self._shown: dict[str, str] = {}
        self._words = set(re.findall(r"\w+", " ".join(line for lines in program.sources.values() for line in lines)))

    def instruction(self, k: str) -> str:
        """An instruction as `name = right-hand side`: the program's own, and the normal form where that is another."""
        n = self.program.nodes[int(k)]
        left = self.show(Var(n.name, n.subs))
        if isinstance(n, Input):
            return left
        found = [m for m, _ in self.user.resolve(Var(n.name, n.subs))] if n.name in self.user.families else []
        right = instruction_term(n)
        if len(found) != 1:
            return f"{left} = {self.show(right)} (named in the normal form)"
        at = {s: r for s, r in zip(found[0].subs, n.subs, strict=True) if isinstance(s, str) and s != r}
        own = shift_subs(instruction_term(found[0]), at)
        normal = "" if own == right else f" (in normal form {self.show(right)})"
        return f"{left} = {self.show(own)}{normal}{self._where(own)}"

    def _where(self, t: Term) -> str:
        """What stands behind names that the program's text does not have: parts of its expressions."""
        parts = [v for v in variables(t) if v.name in self.user.families and self._words and v.name not in self._words]
        said = []
        for v in parts:
            found = [m for m, _ in self.user.resolve(v)]
            at = {s: r for s, r in zip(found[0].subs, v.subs, strict=True) if isinstance(s, str) and s != r}
            said.append(f"{self.show(v)} = {self.show(shift_subs(instruction_term(found[0]), at))}")
        return f", where {', '.join(said)}," if said else ""

    def axiom(self, text: str) -> str:
        """An axiom, with the instruction that it is about."""
        about = re.match(r"unproved: instruction (\d+) \(.*\): (.*)", text)
        return f"unproved: {self.instruction(about[1])}: {about[2]}" if about else text

    def written(self, text: str) -> str:
        """A term that a conclusion has as text."""
        if text not in self._shown:
            try:
                self._shown[text] = self.show(read(text))
            except TensorProgError:
                self._shown[text] = text
        return self._shown[text]

    def output(self, k: str) -> str:
        return self.show(self.program.outputs[int(k)].ref)


def bound(rate: Rate) -> str:
    """A rate as a bound, with r the norm of the variables."""
    match rate:
        case Rate(-1):
            return "0"
        case Rate(0, p):
            return "A" if p == 0 else "A(1 + r)" if p == 1 else f"A(1 + r)^{_shown(p)}"
        case Rate(1, p):
            return f"exp(C r^{_shown(p)} + K)"
    return "..."


def _shown(p: object) -> str:
    return str(p) if "/" not in str(p) else f"({p})"


def fact(info: Info) -> str:
    """What a fact says of a function: its regularity, its size, its slope, its sign."""
    parts = [REGULARITY[info.level]]
    parts += [f"at most {bound(info.growth)} in size"] if info.growth.level < 2 else []
    parts += [f"with slope at most {bound(info.slope)}"] if info.slope.level < 2 else []
    idle = ("bounded below", "bounded above") if info.growth <= Rate(0) else ()
    parts += [FLAGS.get(w, w) for w in map(str, info.says()[3:]) if w not in idle]
    return ", ".join(parts)


def said(j: Judgement, reader: Reader) -> str:
    """The conclusion of a step as a sentence."""
    match j.words:
        case ("fact",) if j.term is not None and j.info is not None:
            return f"{reader.show(j.term)} is {fact(j.info)}"
        case ("instruction", k) if j.info is not None:
            return f"the instruction {reader.instruction(k)} is {fact(j.info)}"
        case ("applies", theorem, output):
            return f"the theorem {theorem} covers the output {reader.output(output)}"
        case ("variance", k, _):
            return f"the limit of {reader.instruction(k)} has positive variance"
        case ("nonzero",) if j.term is not None:
            return f"{reader.show(j.term)} is different from 0 with positive probability"
        case ("sign", k, word):
            return f"the limit of {reader.instruction(k)} is {word}"
        case ("property", k, what):
            return f"{reader.instruction(k)} is {what}"
        case ("refuted", k, what, *curve):
            path = ", ".join(" = ".join(map(reader.written, c.split(" = "))) for c in curve)
            return f"{reader.instruction(k)} is not {what}: along {path or 'any curve'}"
        case ("assumed", k, what):
            return f"ASSUMED: {reader.instruction(k)}: {what}"
        case ("mean", *sign) if j.term is not None and j.value is not None:
            return f"E[{reader.show(j.term)}] = {reader.show(j.value)}{', which is positive' if sign else ''}"
        case ("expectation", *_) if j.term is not None and j.value is not None:
            where = "".join(f", where {reader.show(d)} > 0" for d in j.domain)
            return f"E[{reader.show(j.term)}] = {reader.show(j.value)}{where}"
        case ("covariance", a, b, _, value):
            return f"the limit covariance of {reader.written(a)} and {reader.written(b)} is {reader.written(value)}"
        case ("law given the scores", a, b, _, value):
            pair = f"{reader.written(a)} and {reader.written(b)}"
            return f"given the scores, {pair} are Gaussian, centred, with covariance {reader.written(value)}"
        case ("covariance given the scores", a, b, _, value):
            pair = f"{reader.written(a)} and {reader.written(b)}"
            return f"given the scores, the limit covariance of {pair} is {reader.written(value)}"
        case ("number", low, high) if j.term is not None:
            return f"E[{reader.show(j.term)}] lies between {low} and {high}"
        case ("covariance number", a, b, low, high, *at):
            pair = f"{reader.written(a)} and {reader.written(b)}"
            return f"the limit covariance of {pair} lies between {low} and {high}{_at(at, reader)}"
        case ("claim", _, text):
            return f"{text} holds"
        case ("claim confirmed", _, text, *at):
            return f"{text} holds{_at(at, reader)}"
    return " ".join(map(str, j.says()))


def _at(values: Sequence[str], reader: Reader) -> str:
    """The params' values, of which a number is a statement."""
    shown = ", ".join(" = ".join(map(reader.written, v.split(" = "))) for v in values)
    return f" for {shown}" if shown else ""


def reason(step: Sequence[Any]) -> str:
    """Why a step follows: of a function its name, else the first line of what the rule says of itself."""
    name, params = step[0], step[1]
    if name in ("apply", "family"):
        head = params.get("head", "")
        return f"the power {params['exponent']}" if head == "pow" else HEADS.get(head, f"the function {head}")
    if name == "variable":
        return "by its definition" if step[2] else "nothing defines it"
    if name in REASONS:
        return REASONS[name]
    return (rule(name).__doc__ or "").split("\n")[0].rstrip(".") if name in RULES else str(name)


def explain(program: Program, data: dict[str, Any], accepted: Accepted) -> str:
    """The proof as text: what is proved, the steps in order with their reasons, the axioms with their sources."""
    reader = Reader(program)
    lines = ["Proved"]
    lines += [f"  ({k})  {said(accepted.judgements[k], reader)}" for k in data["goals"]]
    lines += ["", "Proof  (r is the norm of the variables; A, C, K depend on params only)"]
    width = len(str(len(data["steps"]) - 1)) + 2
    for k, step in enumerate(data["steps"]):
        rests = f", from {', '.join(f'({p})' for p in step[2])}" if step[2] else ""
        lines.append(f"  {f'({k})':>{width}}  {said(accepted.judgements[k], reader)}")
        lines.append(f"  {'':{width}}    {step[0].replace('_', ' ')}: {reason(step)}{rests}")
    lines += ["", "Rests on"]
    lines += [f"  {reader.axiom(a)}" + (f" ({SOURCES[a]})" if a in SOURCES else "") for a in accepted.axioms]
    return "\n".join([*lines, ""])

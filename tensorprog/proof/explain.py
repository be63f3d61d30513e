"""A proof as a person reads it: what is proved, each step with its reason and what it rests on, the axioms."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tensorprog.errors import TensorProgError
from tensorprog.kernel.certificate import Accepted
from tensorprog.kernel.core.rates import REGULARITY, Info, Rate
from tensorprog.kernel.core.statements import (
    Applies,
    Assumed,
    Fact,
    Instruction,
    Nonzero,
    Property,
    Refuted,
    Sign,
    Statement,
    Varies,
)
from tensorprog.kernel.ground.nodes import Input
from tensorprog.kernel.ground.term import ZERO, shift_subs, variables
from tensorprog.kernel.limits.statements import Claimed, Covariance, Expectation, GaussianLaw, GivenScores, Lemma, Mean
from tensorprog.kernel.numbers.statements import Confirmed, CovarianceNumber, ExpectationNumber, Kurtosis, Number
from tensorprog.kernel.rules import TABLE
from tensorprog.kernel.written.canonical import instruction_term
from tensorprog.kernel.written.statements import said_of
from tensorprog.program import Program
from tensorprog.terms import Num, Term, Var, read, to_text

Terms = Sequence[Term]

SOURCES = {
    "theorem netsor": "Yang 2019, Theorem 5.4",
    "theorem netsor-plus": "Yang 2019, Tensor Programs I, Theorem C.4; Tensor Programs III, Theorems E.11 and E.15",
    "theorem attention": "Sakai, Karakida & Imaizumi 2025, Theorem 1 and Corollary 2",
    "theorem readout-scores": "a lemma of this project, with its proof: docs/theory.md",
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
    "readout_scores": "every premise holds",
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

    def instruction(self, k: int) -> str:
        """An instruction as `name = right-hand side`: the program's own, and the normal form where that is another."""
        n = self.program.nodes[k]
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
        """Return what the names mean that the program's text does not have: parts of its expressions."""
        parts = [v for v in variables(t) if v.name in self.user.families and self._words and v.name not in self._words]
        said = []
        for v in parts:
            found = [m for m, _ in self.user.resolve(v)]
            at = {s: r for s, r in zip(found[0].subs, v.subs, strict=True) if isinstance(s, str) and s != r}
            said.append(f"{self.show(v)} = {self.show(shift_subs(instruction_term(found[0]), at))}")
        return f", where {', '.join(said)}," if said else ""

    def axiom(self, text: str) -> str:
        """Return an axiom, with the instruction that it is about."""
        about = re.match(r"unproved: instruction (\d+) \(.*\): (.*)", text)
        return f"unproved: {self.instruction(int(about[1]))}: {about[2]}" if about else text

    def written(self, text: str) -> str:
        """Return a term that a conclusion has as text."""
        if text not in self._shown:
            try:
                self._shown[text] = self.show(_read(text))
            except TensorProgError:
                self._shown[text] = text
        return self._shown[text]

    def output(self, k: int) -> str:
        return self.show(self.program.outputs[k].ref)


def _read(text: str) -> Term:
    """Return a term from its text; a name or a whole number without the grammar, which takes long to load."""
    return Var(text) if text.isidentifier() else Num(int(text)) if text.isdecimal() else read(text)


def bound(rate: Rate) -> str:
    """Return a rate as a bound, with r the norm of the variables."""
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
    """Return what a fact says of a function: its regularity, its size, its slope, its sign."""
    parts = [REGULARITY[info.level]]
    parts += [f"at most {bound(info.growth)} in size"] if info.growth.level < 2 else []
    parts += [f"with slope at most {bound(info.slope)}"] if info.slope.level < 2 else []
    idle = ("bounded below", "bounded above") if info.growth <= Rate(0) else ()
    parts += [FLAGS.get(w, w) for w in map(str, said_of(info)[3:]) if w not in idle]
    return ", ".join(parts)


def said(s: Statement, reader: Reader) -> str:
    """Return a statement as a sentence."""
    show, instruction = reader.show, reader.instruction
    match s:
        case Fact(term, info):
            return f"{show(term)} is {fact(info)}"
        case Instruction(k, info):
            return f"the instruction {instruction(k)} is {fact(info)}"
        case Applies(theorem, output):
            return f"the theorem {theorem} covers the output {reader.output(output)}"
        case Varies(k):
            return f"the limit of {instruction(k)} has positive variance"
        case Nonzero(term):
            return f"{show(term)} is different from 0 with positive probability"
        case Sign(k, positive):
            return f"the limit of {instruction(k)} is {'positive' if positive else 'nonnegative'}"
        case Property(k, what):
            return f"{instruction(k)} is {what}"
        case Refuted(k, what, curve):
            path = ", ".join(f"{show(v)} = {show(x)}" for v, x in curve)
            return f"{instruction(k)} is not {what}: along {path or 'any curve'}"
        case Assumed(k, _, what):
            return f"ASSUMED: {instruction(k)}: {what}"
        case Mean(term, value, positive):
            return f"E[{show(term)}] = {show(value)}{', which is positive' if positive else ''}"
        case Lemma(term, value, domain):
            return f"E[{show(term)}] = {show(value)}{''.join(f', where {show(d)} > 0' for d in domain)}"
        case Covariance(a, b, value):
            return f"the limit covariance of {show(a)} and {show(b)} is {show(value)}"
        case Expectation(term, value):
            return f"in the limit E[{show(term)}] = {show(value)}"
        case ExpectationNumber(term, low, high, at):
            return f"in the limit E[{show(term)}] lies between {low} and {high}{_at(at, reader)}"
        case GaussianLaw(members, mean, rows):
            return _law(members, mean, rows, show)
        case GivenScores(a, b, value, True):
            return f"given the scores, {show(a)} and {show(b)} are Gaussian, centred, with covariance {show(value)}"
        case GivenScores(a, b, value):
            return f"given the scores, the limit covariance of {show(a)} and {show(b)} is {show(value)}"
        case Number(term, low, high):
            return f"E[{show(term)}] lies between {low} and {high}"
        case CovarianceNumber(a, b, low, high, at):
            return f"the limit covariance of {show(a)} and {show(b)} lies between {low} and {high}{_at(at, reader)}"
        case Kurtosis(v, low, high, at):
            return f"in the limit the kurtosis of {show(v)} lies between {low} and {high}{_at(at, reader)}"
        case Claimed(_, text):
            return f"{text} holds"
        case Confirmed(_, text, at):
            return f"{text} holds{_at(at, reader)}"
    raise AssertionError(s)


def _law(members: Terms, mean: Terms, rows: Sequence[Terms], show: Callable[[Term], str]) -> str:
    """Members are jointly Gaussian: with which means, and the covariance of each with itself and those before."""
    names = list(map(show, members))
    centre = [f"E[{v}] = {show(m)}" for v, m in zip(names, mean, strict=True) if m != ZERO] or ["mean 0"]
    pairs = [f"cov({names[j]}, {v}) = {show(x)}" for k, v in enumerate(names) for j, x in enumerate(rows[k][: k + 1])]
    verb = "are jointly" if names[1:] else "is"
    return f"in the limit {', '.join(names)} {verb} Gaussian with {', '.join([*centre, *pairs])}"


def _at(values: Sequence[str], reader: Reader) -> str:
    """Return the params' values, of which a number is a statement."""
    shown = ", ".join(" = ".join(map(reader.written, v.split(" = "))) for v in values)
    return f" for {shown}" if shown else ""


def reason(step: Sequence[Any]) -> str:
    """Return why a step follows: of a function its name, else the first line of what the rule says of itself."""
    name, params = step[0], step[1]
    if name in ("apply", "family"):
        head = params.get("head", "")
        return f"the power {params['exponent']}" if head == "pow" else HEADS.get(head, f"the function {head}")
    if name == "variable":
        return "by its definition" if step[2] else "nothing defines it"
    if name in REASONS:
        return REASONS[name]
    return (TABLE[name]().rules[name].__doc__ or "").split("\n")[0].rstrip(".") if name in TABLE else str(name)


def explain(program: Program, data: dict[str, Any], accepted: Accepted) -> str:
    """The proof as text: what is proved, the steps in order with their reasons, the axioms with their sources."""
    reader = Reader(program)
    lines = ["Proved"]
    lines += [f"  ({k})  {said(accepted.theorems[k].statement, reader)}" for k in data["goals"]]
    lines += ["", "Proof  (r is the norm of the variables; A, C, K depend on params only)"]
    width = len(str(len(data["steps"]) - 1)) + 2
    for k, step in enumerate(data["steps"]):
        rests = f", from {', '.join(f'({p})' for p in step[2])}" if step[2] else ""
        lines.append(f"  {f'({k})':>{width}}  {said(accepted.theorems[k].statement, reader)}")
        lines.append(f"  {'':{width}}    {step[0].replace('_', ' ')}: {reason(step)}{rests}")
    lines += ["", "Rests on"]
    lines += [f"  {reader.axiom(a)}" + (f" ({SOURCES[a]})" if a in SOURCES else "") for a in accepted.axioms]
    return "\n".join([*lines, ""])

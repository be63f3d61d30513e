"""Statements in words, as certificates and goals have them."""

from __future__ import annotations

from tensorprog.kernel.core.check import Theorem
from tensorprog.kernel.core.rates import REGULARITY, Info
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
from tensorprog.kernel.ground.text import to_text
from tensorprog.kernel.limits.statements import Claimed, Covariance, Expectation, GaussianLaw, GivenScores, Lemma, Mean
from tensorprog.kernel.numbers.statements import Confirmed, CovarianceNumber, ExpectationNumber, Kurtosis, Number


def words(s: Statement) -> tuple[str, ...]:
    """The kind of a statement, and what it is about that is no function: the words of a goal."""
    match s:
        case Fact():
            return ("fact",)
        case Instruction(node):
            return ("instruction", str(node))
        case Property(node, what):
            return ("property", str(node), what)
        case Refuted(node, what, curve):
            return ("refuted", str(node), what, *(f"{to_text(v)} = {to_text(x)}" for v, x in curve))
        case Varies(node):
            return ("variance", str(node), "positive")
        case Nonzero():
            return ("nonzero",)
        case Sign(node, positive):
            return ("sign", str(node), "positive" if positive else "nonnegative")
        case Assumed(node, _, what):
            return ("assumed", str(node), what)
        case Applies(theorem, output):
            return ("applies", theorem, str(output))
        case Lemma():
            return ("expectation",)
        case Mean(positive=positive):
            return ("mean", "positive") if positive else ("mean",)
        case Number(_, low, high):
            return ("number", low, high)
        case Covariance(a, b, value):
            return ("covariance", to_text(a), to_text(b), "=", to_text(value))
        case Expectation(term, value):
            return ("expectation of", to_text(term), "=", to_text(value))
        case ExpectationNumber(term, low, high, where):
            return ("expectation number", to_text(term), low, high, *where)
        case GaussianLaw(at, mean, rows):
            return (
                *("law", *map(to_text, at), "Gaussian, mean", *map(to_text, mean)),
                *(word for row in rows for word in ("covariance", *map(to_text, row))),
            )
        case GivenScores(a, b, value, gaussian):
            kind = ("law", "Gaussian, centred, covariance") if gaussian else ("covariance", "=")
            return (f"{kind[0]} given the scores", to_text(a), to_text(b), kind[1], to_text(value))
        case CovarianceNumber(a, b, low, high, where):
            return ("covariance number", to_text(a), to_text(b), low, high, *where)
        case Kurtosis(term, low, high, where):
            return ("kurtosis", to_text(term), low, high, *where)
        case Claimed(node, text):
            return ("claim", str(node), text)
        case Confirmed(node, text, where):
            return ("claim confirmed", str(node), text, *where)
    raise AssertionError(s)


def concluded(theorem: Theorem) -> list[str]:
    """How a certificate writes the conclusion of a step."""
    return said(theorem.statement, theorem.axioms)


def said(s: Statement, axioms: tuple[str, ...]) -> list[str]:
    """How a certificate writes a conclusion: words, axioms, terms, and what an info says."""
    out = [*words(s), *axioms]
    match s:
        case Fact(term, info):
            return [*out, to_text(term), *said_of(info)]
        case Instruction(_, info):
            return [*out, *said_of(info)]
        case Nonzero(term) | Number(term):
            return [*out, to_text(term)]
        case Lemma(term, value, domain):
            return [*out, to_text(term), to_text(value), *(f"{to_text(d)} > 0" for d in domain)]
        case Mean(term, value):
            return [*out, to_text(term), to_text(value)]
    return out


def said_of(u: Info) -> list[str]:
    """What holds of a function, in words."""
    flags = {
        "u >= 0": u.plus,
        "u <= 0": u.minus,
        "nowhere 0": u.nonzero,
        "away from 0": u.away,
        "bounded below": u.below,
        "bounded above": u.above,
    }
    out = [REGULARITY[u.level], f"growth {u.growth}", f"slope {u.slope}"]
    out += [word for word, holds in flags.items() if holds]
    return [*out, f"near the limits of {', '.join(sorted(u.local))}"] if u.local else out

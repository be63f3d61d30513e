"""The words of the language, taken from its grammar and its tables: for highlighting, completion and hovers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tensorprog.functions.named.library import library
from tensorprog.functions.named.registry import words as registered
from tensorprog.language.offsets import BOUNDARIES
from tensorprog.terms import to_text
from tensorprog.terms.heads import LIMIT, VECTOR
from tensorprog.terms.reader import grammar_text
from tensorprog.terms.reserved import RESERVED

STATEMENTS = {
    "program": ("program NAME", "Names the program; optional, and the first statement."),
    "width": ("width m = 2*n", "Another width, in fixed proportion to the base width n."),
    "const": ("const s = 8", "A compile-time integer."),
    "index": ("index i, j in 1..s", "Index names over one range, both ends included."),
    "param": ("param C > 0 = 1.0", "A real symbol, with an assumption and a default for numbers."),
    "matrix": ("matrix K = [[1, r], [r, 1]]", "A constant array, written out or read from a file beside the program."),
    "input": ("input u[i] ~ N(0, K)", "Initial vectors, Gaussian, with iid coordinates."),
    "weight": ("weight W ~ N(0, 1/n)", "Matrices with iid entries, variance over the input width; without an index "
               "one matrix for all."),
    "for": ("for t in 2..T:", "An indented block, written out for every value of t."),
    "output": ("output y", "What the limit is wanted of."),
    "claim": ("claim cov(x[1], x[2]) = 0", "A statement about the limit, to be proved or refuted."),
    "include": ('include "other.tp"', "The statements of another file beside this one."),
}  # fmt: skip
"""Each statement: its form, and what it says."""

BUILT_IN = {
    "dot": ("dot(x, y)", "The sum over the n coordinates of x*y; divide it by sqrt(n) for a score, by n for a moment."),
    "mean": ("mean(x)", "The average over the coordinates of a vector; a constant in the limit."),
    "sum": ("sum(x[j] for j)", "The sum over all values of an index."),
    "softmax": ("softmax(p[i,j] over j)", "exp(p)/sum(exp(p)) over an index; an option mask = CONDITION."),
    "attention": ("attention(q[i], k[j], v[j] over j)", "Scores, softmax and the sum over values in one."),
    "E": ("E(f)", "The expectation in the limit; in claims."),
    "cov": ("cov(x, y)", "The covariance in the limit; in claims."),
    "var": ("var(x)", "The variance in the limit; in claims."),
    "gaussian": ("gaussian(y[1])", "Is the limit Gaussian? In claims, also with `not`."),
    "transpose": ("transpose(W)", "The transpose; the same as W'."),
    "pad": ("pad(u[i+k])", "A member, or 0 beyond the ends of the family."),
    "wrap": ("wrap(u[i+k])", "A member, counted round at the ends of the family."),
}

LAW_FORMS = {
    "N": ("N(mean, variance)", "Gaussian: for a weight N(0, s^2/n), for inputs a number or a covariance matrix."),
    "iid": ("iid(rademacher, 1/n)", "Entries of another law with this variance."),
    "bernoulli": ("bernoulli(p)", "Coordinates that are 1 with probability p, else 0."),
}


@dataclass(frozen=True, slots=True)
class Grammar:
    """The grammar's terminals as regular expressions, and the words in its rules."""

    name: str
    number: str
    statements: tuple[str, ...]
    connectives: tuple[str, ...]
    contextual: tuple[str, ...]

    def name_free(self, statement: str, position: int, before: str, after: str, operand: bool) -> frozenset[str]:
        """Return the words that are no names here: in a `statement`, at a `position`, after an `operand` or not."""
        out = set(self.connectives)
        if position == 0:
            out |= {*self.statements}
        if operand:  # two operands are never side by side
            out |= {*self.contextual}
        if before == "~":
            out |= {*LAW_FORMS}
        if statement == "matrix" and before == "=" and after == "(":
            out.add("file")
        if statement == "claim" and position == 1 and after == "":
            out |= {"valid", "invalid"}
        if after == "=" and before == ",":
            out |= {"mask", "scale"}
        return frozenset(out)


@cache
def grammar() -> Grammar:
    """Read the words from the two grammar files; no word is listed a second time.

    >>> grammar().connectives
    ('and', 'for', 'in', 'not')
    """
    text = files("tensorprog.language").joinpath("grammar.lark").read_text("utf-8") + grammar_text()
    lines = [line.split("//")[0] for line in text.split("\n")]
    first = re.findall(r'(?:^\?statement:|^\s+\|)\s+"([a-z]+)"', "\n".join(lines), re.MULTILINE)
    quoted = {w for line in lines for w in re.findall(r'"([A-Za-z]+)"', line)}
    pattern = dict(re.findall(r"^([A-Z]+): /(.*)/$", text, re.MULTILINE))
    plain = quoted - set(first)
    kept = {"for", *(plain & RESERVED)}
    return Grammar(
        pattern["NAME"],
        pattern["NUMBER"],
        tuple(dict.fromkeys(first)),
        tuple(sorted(kept)),
        tuple(sorted(plain - kept)),
    )


@cache
def functions() -> dict[str, tuple[str, str]]:
    """Return every function that a program may call: its signature, and what it is."""
    out = {}
    for name, f in library().items():
        signature = f"{name}({', '.join(f.args)})"
        out[name] = signature, "" if f.definition is None else f"{signature} = {to_text(f.definition)}"
    known = {*VECTOR, *LIMIT, *BOUNDARIES, "sum", "softmax", "attention", "gaussian"}
    return out | {name: BUILT_IN[name] for name in BUILT_IN if name in known} | {
        name: (f"{name}(x)", "registered in this session") for name in registered()
    }  # fmt: skip

"""From text to statements, with the place of everything; sizes and characters are checked before parsing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from tensorprog.errors import TensorProgError, did_you_mean, fail
from tensorprog.functions.named.registry import expand
from tensorprog.kernel.ground.place import Place
from tensorprog.language import syntax as s
from tensorprog.program.graph.limits import Limits
from tensorprog.terms import Term
from tensorprog.terms.reader import ExpressionBuilder, check_size, grammar_text, place_of, syntax_error
from tensorprog.terms.reserved import STATEMENT_WORDS

if TYPE_CHECKING:
    from lark import Lark, Token

LOOK_ALIKES = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True))
_SUSPECT = re.compile(
    f"[{''.join(LOOK_ALIKES)}]|[\\x00-\\x08\\x0b\\x0e-\\x1f\\x7f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]"
)


class StatementBuilder(ExpressionBuilder):
    """The grammar's statement rules as constructors; functions that are read as their definitions are opened."""

    def call(self, c: list[Any]) -> Term:
        return expand(super().call(c))

    def start(self, c: list[Any]) -> tuple[s.Statement, ...]:
        return tuple(c)

    def program(self, c: list[Any]) -> s.Statement:
        return s.ProgramName(place_of(c[0]), str(c[0]))

    def width(self, c: list[Any]) -> s.Statement:
        return s.WidthDef(place_of(c[0]), str(c[0]), c[1])

    def const(self, c: list[Any]) -> s.Statement:
        return s.ConstDef(place_of(c[0]), str(c[0]), c[1])

    def index(self, c: list[Any]) -> s.Statement:
        names = tuple((str(t), place_of(t)) for t in c[:-2])
        return s.IndexDef(names[0][1], names, c[-2], c[-1])

    def param(self, c: list[Any]) -> s.Statement:
        name, first, *rest, default = c
        if isinstance(first, str):
            return s.ParamDef(place_of(name), str(name), str(first), (rest[0],), default)
        bounds = () if first is None else (first, rest[0])
        return s.ParamDef(place_of(name), str(name), "in" if bounds else None, bounds, default)

    def matrix(self, c: list[Any]) -> s.Statement:
        name, *rest = c
        if len(rest) == 2:
            return s.MatrixDef(place_of(name), str(name), None, str(rest[1])[1:-1])
        return s.MatrixDef(place_of(name), str(name), rest[0], None)

    def array(self, c: list[Any]) -> tuple[Any, ...]:
        return tuple(c)

    def _input(self, c: list[Any], joint: bool) -> s.Statement:
        *refs, width, _, _, mean, cov = c
        return s.InputDef(refs[0].place, tuple(refs), joint, None if width is None else str(width), mean, cov)

    def input(self, c: list[Any]) -> s.Statement:
        return self._input(c, False)

    def joint(self, c: list[Any]) -> s.Statement:
        return self._input(c, True)

    def coins(self, c: list[Any]) -> s.Statement:
        *refs, width, _, _, probability = c
        return s.BernoulliDef(refs[0].place, tuple(refs), None if width is None else str(width), probability)

    def weight(self, c: list[Any]) -> s.Statement:
        *refs, rows, _, cols, _, (law, freedom, mean, variance) = c
        shape = None if rows is None else (str(rows), str(cols))
        return s.WeightDef(refs[0].place, tuple(refs), shape, law, freedom, mean, variance)

    def gaussian_law(self, c: list[Any]) -> tuple[Any, ...]:
        return ("gaussian", None, c[1], c[2])

    def other_law(self, c: list[Any]) -> tuple[Any, ...]:
        return (str(c[1]), c[2], None, c[3])

    def define(self, c: list[Any]) -> s.Statement:
        return s.Definition(c[0].place, c[0], c[1])

    def loop(self, c: list[Any]) -> s.Statement:
        name, low, high, *body = c
        return s.Loop(place_of(name), str(name), low, high, tuple(body))

    def output(self, c: list[Any]) -> s.Statement:
        return s.OutputDef(c[0].place, tuple(c))

    def claim(self, c: list[Any]) -> s.Statement:
        negated, left, right, _, tolerance, condition = c
        return s.ClaimDef(left.place, negated is not None, left, right, tolerance, condition)

    def include(self, c: list[Any]) -> s.Statement:
        return s.Include(place_of(c[0]), str(c[0])[1:-1])


@cache
def _parser(extra: frozenset[str], own: frozenset[str] = frozenset()) -> Lark:
    from lark import Lark
    from lark.indenter import DedentError, Indenter

    class Blocks(Indenter):
        NL_type = "_NL"
        OPEN_PAREN_types = ["LPAR", "LSQB"]  # noqa: RUF012 - lark's own protocol
        CLOSE_PAREN_types = ["RPAR", "RSQB"]  # noqa: RUF012
        INDENT_type = "_INDENT"
        DEDENT_type = "_DEDENT"
        tab_len = 8

        def handle_NL(self, token: Any) -> Any:
            try:
                yield from super().handle_NL(token)
            except DedentError:
                raise fail("TP001", "the indentation does not match", Place(token.end_line, 1),
                           help="indent the body of a `for` alike") from None  # fmt: skip

    grammar = files("tensorprog.language").joinpath("grammar.lark").read_text("utf-8") + grammar_text()
    return Lark(
        grammar,
        parser="lalr",
        maybe_placeholders=True,
        postlex=Blocks(),
        transformer=StatementBuilder(extra - own, own),
    )


def parse(
    text: str, limits: Limits, extra_functions: frozenset[str] = frozenset(), own: frozenset[str] = frozenset()
) -> tuple[s.Statement, ...]:
    """Return the statements of a text; a TensorProgError for anything that is not one.

    `extra_functions` may be called beside the words of the language, unless the file has the name for its `own`.
    """
    from lark.exceptions import LarkError, VisitError

    _check_characters(text)
    _check_statements(text, limits)
    try:
        out: Any = _parser(extra_functions, own).parse(text + "\n")
    except VisitError as error:
        raise error.orig_exc from None
    except LarkError as error:
        raise _explain(error, text) from None
    except AssertionError:
        raise fail("TP001", "a bracket is closed that was never opened") from None
    statements: tuple[s.Statement, ...] = out
    return statements


def _explain(error: Any, text: str) -> TensorProgError:
    token = getattr(error, "token", None)
    if token is not None and token.type == "_INDENT":
        return fail(
            "TP001",
            "this line is indented, but there is no `for` above it",
            Place(token.end_line, 1),
        )
    if token is not None and "NORMAL" in (getattr(error, "expected", None) or ()):
        return fail(
            "TP001",
            f"{str(token)!r} is no law" if str(token).strip() else "a law is expected here",
            Place(token.line, token.column, max(1, len(str(token).strip()))),
            because="an input is N(mean, covariance) or bernoulli(p), a weight N(0, s/n) or iid(rademacher, s/n)",
            help="a function of a Gaussian input has any other law: u ~ N(0, 1), then Phi(u) is uniform on (0, 1)",
        )
    found = syntax_error(error, text)
    if token is None or (help := _misspelt(token, getattr(error, "expected", None) or (), text)) is None:
        return found
    return TensorProgError(tuple(replace(d, help=help) for d in found.diagnostics))


_STATEMENT = re.compile(r"\s*([^\W\d]\w*)\s+[^\W\d]")
"""A word and a name after it: the beginning of a statement, and of no expression."""

OTHER_STATEMENTS = {"let": "", "var": "", "def": "", "return": "output", "parameter": "param", "constant": "const"}


def _misspelt(token: Token, expected: Collection[str], text: str) -> str | None:
    """A help for a statement that begins with no word of the language, or has = for ~."""
    if token.type == "EQUAL" and "TILDE" in expected:
        return "a law is written with ~, as in u ~ N(0, 1)"
    if token.type == "TILDE":
        return "a definition is written with =; laws are those of `input u ~ N(0, 1)` and `weight W ~ N(0, 1/n)`"
    lines = text.split("\n")
    begun = _STATEMENT.match(lines[(token.line or 1) - 1]) if (token.line or 1) <= len(lines) else None
    if begun is None or begun[1] in STATEMENT_WORDS or token.column is None or token.column > begun.end():
        return None
    if (other := OTHER_STATEMENTS.get(begun[1].lower())) is not None:
        return f"write {other}" if other else "a definition begins with its name: h = W @ x"
    return did_you_mean(
        begun[1],
        STATEMENT_WORDS,
        f"a statement begins with one of {' '.join(STATEMENT_WORDS[:12])}, or with the name that it defines",
    )


def _check_characters(text: str) -> None:
    for k, line in enumerate(text.split("\n"), 1):
        if line.isascii() and not _SUSPECT.search(line):
            continue
        if not unicodedata.is_normalized("NFC", line):
            raise fail("TP013", "this line is not in Unicode normal form C", Place(k, 1), help="save the file as NFC")
        code = line.split("#", 1)[0]
        for m in _SUSPECT.finditer(line):
            c = m.group()
            if c in LOOK_ALIKES and m.start() < len(code):
                raise fail(
                    "TP013",
                    f"the Greek letter {c!r} (U+{ord(c):04X}) looks like the Latin {LOOK_ALIKES[c]!r}",
                    Place(k, m.start() + 1),
                    because="two names that look alike would be two different variables",
                    help=f"write the Latin letter {LOOK_ALIKES[c]}, or another Greek letter",
                )
            if c not in LOOK_ALIKES:
                raise fail("TP013", f"the invisible character U+{ord(c):04X} is refused", Place(k, m.start() + 1))


_BRACKETS = re.compile(r"[()\[\]]")


def _check_statements(text: str, limits: Limits) -> None:
    """Length and depth of each statement (a line, or the lines that an open bracket joins)."""
    start, depth, buffer = 1, 0, ""
    for k, line in enumerate(text.split("\n"), 1):
        code = line.split("#", 1)[0]
        if not buffer:
            start = k
        if len(line) > limits.statement_chars or len(buffer) + len(code) > limits.statement_chars:
            found = max(len(line), len(buffer) + len(code))
            raise limits.exceeded("TP903", "statement_chars", found, "the statement is too long", Place(k, 1))
        buffer = f"{buffer}\n{code}" if buffer else code
        if "(" in code or "[" in code or depth:
            for m in _BRACKETS.finditer(code):
                depth += 1 if m.group() in "([" else -1
        if depth <= 0:
            if len(buffer) > limits.nesting:
                check_size(buffer, start, limits.nesting, limits.statement_chars)
            buffer, depth = "", 0
    if buffer:
        check_size(buffer, start, limits.nesting, limits.statement_chars)

"""From a file or a text to a program: statements in order, loops unrolled, includes merged."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from tensorprog.errors import Diagnostic, TensorProgError, fail
from tensorprog.functions.named.registry import words
from tensorprog.kernel.ground.nodes import Claim, Matrix, Param
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.scaling import rational, width_power
from tensorprog.kernel.ground.term import transform, walk
from tensorprog.language import syntax as s
from tensorprog.language.files import read_text
from tensorprog.language.offsets import BOUNDARIES, Ended, elements
from tensorprog.language.parser import parse
from tensorprog.program.api import Program
from tensorprog.program.graph.limits import DEFAULT_LIMITS, Limits
from tensorprog.program.graph.npy import read_npy
from tensorprog.program.lowering.bernoulli import declare_bernoulli
from tensorprog.program.lowering.claims import add_claim
from tensorprog.program.lowering.declare import declare_input, declare_matrix, declare_param, declare_weight
from tensorprog.program.lowering.lowering import Lowering
from tensorprog.terms import App, Num, Sub, Term, Var


def load(path: str | Path, limits: Limits = DEFAULT_LIMITS) -> Program:
    """Read a program from a `.tp` file.

    Errors: TP0xx for the text, TP018 for a file that cannot be read, TP9xx for a limit.
    """
    path = Path(path)
    text = read_text(path, limits)
    return Loader(limits, path.resolve().parent, str(path)).run(text)


def loads(
    text: str, limits: Limits = DEFAULT_LIMITS, folder: str | Path | None = None, name: str = "<text>"
) -> Program:
    """Read a program from text; `folder` is where its includes and matrix files lie (none are read without it).

    >>> loads("input u ~ N(0, 1)\\nweight W ~ N(0, 1/n)\\nh = W @ u\\noutput h").nodes[-1].weight
    Var('W')
    """
    if len(text) > limits.file_bytes:
        raise limits.exceeded("TP901", "file_bytes", len(text), "the text is too large")
    return Loader(limits, None if folder is None else Path(folder).resolve(), name).run(text)


class Loader:
    """Carries statements, one after another, into a program."""

    def __init__(self, limits: Limits, folder: Path | None, name: str, program: Program | None = None) -> None:
        self.limits = limits
        self.root = folder
        self.program = program if program is not None else Program(limits=limits)
        self.program.path = name
        self.lowering = Lowering(self.program, (), words())
        self.env: dict[str, int] = {}
        self.ended = Ended()
        self.file: str | None = None
        self.open_files: list[Path] = []
        self.count = 0
        self.files = 0

    def run(self, text: str) -> Program:
        with _deep_recursion():
            try:
                self.read(text, self.root)
                return self.program.finish()
            except TensorProgError as error:
                raise TensorProgError(
                    tuple(self._in_file(d) for d in error.diagnostics), dict(self.program.sources), self.program.path
                ) from None
            except RecursionError:
                raise fail("TP902", "the program is nested too deep", help="name subexpressions") from None

    def _in_file(self, d: Diagnostic) -> Diagnostic:
        return (
            d
            if d.place is None or self.file is None or d.place.file
            else replace(d, place=replace(d.place, file=self.file))
        )

    def read(self, text: str, folder: Path | None) -> tuple[s.Statement, ...]:
        """Carry a text into the program; return its statements."""
        self.program.sources[self.file] = text.split("\n")
        statements = parse(text, self.limits, BOUNDARIES.union(words()))
        later = {*self.lowering.names.later, *s.defined_names(statements)}
        if own := frozenset(name for name in words() if name in later or self.program.role(name) is not None):
            statements = parse(text, self.limits, BOUNDARIES.union(words()), own)
        self.lowering.names.later = later
        for k, statement in enumerate(statements):
            if isinstance(statement, s.ProgramName):
                if k or self.file is not None:
                    raise fail("TP001", "`program` is the first statement", statement.place)
                self.program.name = statement.name
            elif isinstance(statement, s.Include):
                self.include(statement, folder)
            else:
                self.statement(statement)
        return statements

    # -- statements ----------------------------------------------------------------------------------------------

    def statement(self, st: s.Statement) -> None:
        self.count += 1
        if self.count > self.limits.statements:
            raise self.limits.exceeded("TP904", "statements", self.count, "too many statements", st.place)
        self.lowering.names.env = self.env
        p = self.program
        match st:
            case s.Definition(place, ref, value):
                self.define(ref, value, place)
            case s.Loop():
                self.loop(st)
            case s.WidthDef(place, name, value):
                self.free(name, place)
                scaled = width_power(self.lowering.constant(value, "a width", scaled=True), p.widths)
                ratio = rational(scaled[0]) if scaled is not None and scaled[1] == 1 else None
                if ratio is None:
                    raise fail(
                        "TP012", "a width is a fixed multiple of n", place, help="width m = 2*n, or width d = n/4"
                    )
                p.add_width(name, ratio, place)
            case s.ConstDef(place, name, value):
                self.free(name, place)
                p.check_free(name, place)
                self.env[name] = self.integer(value, "a const")
            case s.IndexDef(_, names, low, high):
                bounds = self.integer(low, "a range"), self.integer(high, "a range")
                for name, place in names:
                    self.free(name, place)
                    p.add_index(name, *bounds, place)
            case s.ParamDef(place, name):
                self.free(name, place)
                declare_param(p, self.param(st))
            case s.MatrixDef(place, name):
                self.free(name, place)
                declare_matrix(p, self.matrix(st))
            case s.InputDef():
                self.input(st)
            case s.BernoulliDef(_, refs, width, probability):
                for ref in refs:
                    name, subs = self.left_side(ref)
                    p_term = self.anonymous(probability, f"{name}_p", ref.place)
                    declare_bernoulli(self.lowering, name, _index_names(subs, ref), width or "n", p_term, ref.place)
            case s.WeightDef():
                self.weight(st)
            case s.OutputDef(_, refs):
                for ref in refs:
                    self.lowering.output(ref, ref.place)
            case s.ClaimDef():
                add_claim(self.lowering, self.claim(st))
            case s.ProgramName(place) | s.Include(place):
                raise fail("TP001", "this statement belongs at the top of a file, not in a block", place)

    def define(self, ref: Term, value: Term, place: Place | None) -> None:
        """Append what `ref = value` means, element by element where it computes with indices."""
        for left, right in elements(ref, value, self.program, self.env, self.integer, self.ended, self.fresh):
            name, subs = self.left_side(left)
            self.lowering.define(name, subs, right, place)
            self.ended.check(name, self.program, place)

    def fresh(self, name: str) -> str:
        """Return a name that is not taken."""
        name += "_of"
        while self.program.role(name) is not None or name in self.lowering.names.later or name in self.env:
            name += "_"
        self.lowering.names.later = {*self.lowering.names.later, name}
        self.program.made[name] = None
        return name

    def free(self, name: str, place: Place | None) -> None:
        if name in self.env:
            raise fail("TP005", f"{name} is already a const or a loop variable", place)

    def integer(self, t: Term, what: str) -> int:
        """Return a compile-time integer: arithmetic of numbers, consts and loop variables."""
        folded = transform(t, lambda v: Num(self.env[v.name]) if isinstance(v, Var) and v.name in self.env else None)
        for v in walk(folded):
            if isinstance(v, Var) and v.name in self.program.widths:
                raise fail(
                    "TP012", f"{what} is an integer, and the width {v.name} has no value yet", v.place or t.place
                )
            if isinstance(v, Var):
                raise fail("TP004", f"{what} is an integer, and {v.name} is not a const", v.place or t.place)
        value = rational(folded)
        if value is None and any(isinstance(v, App) and v.head == "pow" for v in walk(folded)):
            raise fail("TP906", f"{what} is a power that is too large, or not an integer", t.place)
        if value is None or value.denominator != 1:
            raise fail("TP003", f"{what} is an integer, and this is not", t.place)
        if abs(value) > self.limits.index_value:
            raise self.limits.exceeded("TP905", "index_value", _short(value), f"{what} is too large", t.place)
        return int(value)

    def left_side(self, ref: Term) -> tuple[str, tuple[Sub, ...]]:
        match ref:
            case Var(name, ()):
                subs: tuple[Sub, ...] = ()
            case App("ref", (Var(name), *raw)):
                subs = self.lowering.names.subscripts(tuple(raw))
            case _:
                raise fail("TP001", "a definition's left side is a name with subscripts", ref.place)
        self.free(name, ref.place)
        return name, subs

    def loop(self, st: s.Loop) -> None:
        self.free(st.name, st.place)
        if (role := self.program.role(st.name)) is not None and role != "index":
            raise fail("TP005", f"{st.name} is already defined ({role})", st.place)
        low, high = self.integer(st.low, "a loop"), self.integer(st.high, "a loop")
        unrolled = self.count + max(0, high - low + 1) * len(st.body)
        if unrolled > self.limits.statements:
            raise self.limits.exceeded("TP904", "statements", unrolled, "the loop is too long", st.place)
        for t in range(low, high + 1):
            self.env[st.name] = t
            for inner in st.body:
                self.statement(inner)
        self.env.pop(st.name, None)

    def param(self, st: s.ParamDef) -> Param:
        values = []
        for b in st.bounds:
            value = rational(self.lowering.constant(b, "a bound"))
            if value is None:
                raise fail("TP017", "the bounds of a param are rational numbers", b.place or st.place)
            values.append(value)
        low: Fraction | None = None
        high: Fraction | None = None
        match st.compare:
            case "in":
                low, high = values
            case ">" | ">=" | "≥":
                low = values[0]
            case "<" | "<=" | "≤":
                high = values[0]
            case None:
                pass
            case _:
                raise fail("TP017", "a param's assumption is one of > >= < <= or in (a, b)", st.place)
        closed = st.compare in (">=", "<=", "≥", "≤")
        return Param(st.name, low, high, not closed, not closed, st.default, st.place)

    def matrix(self, st: s.MatrixDef) -> Matrix:
        if st.file is not None:
            path = self.beside(st.file, st.place)
            shape, data = read_npy(path, st.place, self.limits)
            return Matrix(st.name, shape, None, st.file, "", data, st.place)
        assert st.literal is not None
        return _literal(st.name, st.literal, st.place)

    def input(self, st: s.InputDef) -> None:
        sides = [self.left_side(r) for r in st.refs]
        width = st.width or "n"
        place = st.refs[0].place
        if not st.joint:
            for ref, (name, subs) in zip(st.refs, sides, strict=True):
                mean = self.anonymous(st.mean, f"{name}_mean", ref.place)
                cov = self.anonymous(st.cov, f"{name}_cov", ref.place)
                declare_input(self.lowering, (name,), _index_names(subs, ref), width, [mean], [[cov]], ref.place)
            return
        subs = sides[0][1]
        if any(other != subs for _, other in sides):
            raise fail("TP004", "jointly Gaussian inputs have the same indices", place)
        mean_rows, cov_rows = st.mean, st.cov
        if not isinstance(mean_rows, tuple) or not isinstance(cov_rows, tuple):
            raise fail("TP008", "jointly Gaussian inputs need a list of means and a matrix", place,
                       help="input (u, w) ~ N([0, 0], [[1, r], [r, 1]])")  # fmt: skip
        if any(not isinstance(row, tuple) for row in cov_rows) or any(isinstance(t, tuple) for t in mean_rows):
            raise fail("TP008", "jointly Gaussian inputs need a list of means and a matrix", place)
        matrix_rows: list[tuple[s.Entry, ...]] = [row for row in cov_rows if isinstance(row, tuple)]
        names = tuple(name for name, _ in sides)
        mean_terms = [_single(t, place) for t in mean_rows]
        cov_terms = [[_single(t, place) for t in row] for row in matrix_rows]
        declare_input(self.lowering, names, _index_names(subs, st.refs[0]), width, mean_terms, cov_terms, place)

    def anonymous(self, entry: s.Entry, name: str, place: Place | None) -> Term:
        """Turn an array literal in an input into a named matrix."""
        if not isinstance(entry, tuple):
            return entry
        while self.program.role(name) is not None or name in self.lowering.names.later:
            name += "_"
        declare_matrix(self.program, _literal(name, entry, place))
        return Var(name, (), place)

    def weight(self, st: s.WeightDef) -> None:
        if st.mean is not None and rational(self.lowering.constant(st.mean, "a mean")) != 0:
            raise fail("TP003", "the entries of a weight have mean 0", st.mean.place or st.place)
        for ref in st.refs:
            name, subs = self.left_side(ref)
            declare_weight(
                self.lowering,
                name,
                _index_names(subs, ref),
                st.shape or ("n", "n"),
                st.variance,
                st.law,
                st.freedom,
                ref.place,
            )

    def claim(self, st: s.ClaimDef) -> Claim:
        text = self.program.sources[self.file][st.place.line - 1].split("#")[0].strip()
        match st.left:
            case Var("valid" | "invalid" as word, ()) if st.right is None and not st.negated:
                return Claim("valid" if word == "valid" else "invalid", text=text, place=st.place)
            case App("gaussian", (t,)) if st.right is None:
                return Claim("not gaussian" if st.negated else "gaussian", t, text=text, place=st.place)
        if st.right is None or st.negated:
            raise fail(
                "TP001", "a claim is LEFT = RIGHT, valid, invalid, gaussian(y[1]) or not gaussian(y[1])", st.place
            )
        return Claim("equal", st.left, st.right, st.tolerance, st.condition, text, st.place)

    # -- files ---------------------------------------------------------------------------------------------------

    def beside(self, name: str, place: Place) -> Path:
        """Return a file named in the text, which must lie in the program's folder or below."""
        if self.root is None:
            raise fail("TP010", "files cannot be read here, since the program has no folder", place,
                       help="load the program from a file")  # fmt: skip
        here = self.open_files[-1].parent if self.open_files else self.root
        path = (here / name).resolve()
        if not path.is_relative_to(self.root) or not name or "\x00" in name:
            raise fail("TP010", f"{name!r} lies outside the program's folder", place,
                       because="a program reads files beside it only", help="copy the file there")  # fmt: skip
        return path

    def include(self, st: s.Include, folder: Path | None) -> None:
        path = self.beside(st.path, st.place)
        self.files += 1
        if path in self.open_files or self.files > self.limits.includes:
            raise fail("TP010", f"{st.path!r} is included in a circle, or too many files are included", st.place)
        try:
            text = read_text(path, self.limits)
        except TensorProgError as error:
            raise fail("TP010", error.diagnostics[0].message.replace(str(path), repr(st.path)), st.place) from None
        before = self.file
        self.file = st.path
        self.open_files.append(path)
        self.read(text, folder)
        self.open_files.pop()
        self.file = before


class _deep_recursion:
    """Room on the stack for terms as deep as the limits allow."""

    def __enter__(self) -> None:
        self.before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(self.before, 10_000))

    def __exit__(self, *_: object) -> None:
        sys.setrecursionlimit(self.before)


def _index_names(subs: tuple[Sub, ...], ref: Term) -> tuple[str, ...]:
    if any(isinstance(x, int) for x in subs):
        raise fail(
            "TP004", "a declaration ranges over whole indices", ref.place, help="subscripts here are index names"
        )
    return tuple(str(x) for x in subs)


def _single(t: Any, place: Place | None) -> Term:
    if isinstance(t, tuple):
        raise fail("TP008", "an array is given where a number belongs", place)
    out: Term = t
    return out


def _short(value: Fraction) -> int | str:
    return int(value) if abs(value) < 10**15 else f"a number of about {abs(int(value)).bit_length() * 3 // 10} digits"


def _literal(name: str, literal: s.Entry, place: Place | None) -> Matrix:
    if not isinstance(literal, tuple):
        raise fail("TP001", "a matrix is written [[1, 0], [0, 1]]", place)
    if not any(isinstance(row, tuple) for row in literal):
        return Matrix(name, (len(literal),), tuple(_single(t, place) for t in literal), place=place)
    rows = [row for row in literal if isinstance(row, tuple)]
    if len(rows) != len(literal) or len({len(row) for row in rows}) != 1:
        raise fail("TP001", f"the rows of {name} have different lengths", place)
    return Matrix(name, (len(rows), len(rows[0])), tuple(_single(t, place) for row in rows for t in row), place=place)

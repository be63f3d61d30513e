"""A workbench for the kernel's rules: a program, honest steps, and a kernel that lacks one side condition."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tensorprog.kernel
from tensorprog.kernel.core.check import Theorem, apply
from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.names import LEMMA, Own, T, owned
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.rules import TABLE, of_curve, of_lemma, of_program
from tensorprog.language import loads
from tensorprog.program.normal.normalize import normalize
from tensorprog.terms import App, Bind, Num, Term, Var, read

HOME = Path(str(tensorprog.kernel.__file__)).parent
ROOMS = ("core", ".", "verdict", "limits", "numbers", "extra")
"""The kernel in its reading order."""


def named(path: Path) -> str:
    """The name of a file inside the kernel: `verdict.facts`."""
    return ".".join(path.relative_to(HOME).with_suffix("").parts)


FILES = [named(path) for room in ROOMS for path in sorted((HOME / room).glob("*.py")) if path.stem != "__init__"]
MODULES: dict[str, ModuleType] = {file: import_module(f"tensorprog.kernel.{file}") for file in FILES}
CORPUS = Path(__file__).parents[1] / "corpus"
OWN = {of_program: {}, of_lemma: LEMMA, of_curve: {"t": T}}
"""The names that are a rule's own, by how its book reads them."""

PROGRAM = """
index j in 1..3
param C > 0 = 1
param r = 1
input x, y ~ N(0, 1)
input s[j] ~ N(0, 1)
input z ~ N(0, 0)
input one ~ N(1, 0)
input (u, w) ~ N([0, 0], [[1, -1], [-1, 1]])
weight W, V ~ N(0, 1/n)
weight S ~ N(0, 1/n^2)
g = W @ x
k = W @ z
late = S @ x
f = relu(x)
t = tanh(x)
m1 = mean(x)
m2 = mean(x^2)
m3 = mean(z^2)
p[j] = mean(s[j])
nothing = f + t + m1*x + m2*x + m3*x + p[1]*y + z + one + u + w + k
output x
"""


def derived(ctx: Context, rule: str, before: Sequence[Theorem], params: dict[str, Any]) -> Theorem:
    """What a step of a certificate makes of earlier ones."""
    return apply(ctx, TABLE[rule](), rule, before, params)


def concluded(ctx: Context, rule: str, before: Sequence[Statement], params: Mapping[str, Any]) -> Statement:
    """What a rule says of statements, honest or forged, with params as a certificate writes them."""
    book = TABLE[rule]()
    return book.rules[rule](ctx, tuple(before), **{k: book.read(ctx, k, v) for k, v in params.items()})


def _meant(x: Any, own: Mapping[str, Own]) -> Any:
    """Terms with the names of a lemma, or of a curve, read as the kernel's own."""
    if isinstance(x, tuple):
        return tuple(_meant(y, own) for y in x)
    return owned(x, own) if isinstance(x, Num | Var | App | Bind) else x


class Bench:
    """Steps on one program; terms are written as text in names without subscripts."""

    def __init__(self, text: str = PROGRAM) -> None:
        self.program = normalize(loads(text))
        self.context = Context(self.program, 10**6)

    def node(self, name: str) -> int:
        return next(k for k, n in enumerate(self.program.nodes) if n.name == name)

    def do(self, rule: str, *before: Statement, **params: Any) -> Any:
        """What a rule says of statements, honest or forged: the statement, of whatever kind."""
        book = TABLE[rule]()
        values = {k: _meant(v, OWN[book.read]) for k, v in params.items()}
        return book.rules[rule](self.context, before, **values)

    def fact(self, text: str | Term) -> Statement:
        """An honest fact of a term: apply, constant and variable, as it is built."""
        t = read(text) if isinstance(text, str) else text
        if self.context.basic(t):
            return self.do("constant", term=t)
        if isinstance(t, Var):
            return self.do("variable", var=t)
        assert isinstance(t, App)
        if t.head == "pow":
            assert isinstance(t.args[1], Num)
            return self.do("apply", self.fact(t.args[0]), head="pow", exponent=t.args[1].value)
        return self.do("apply", *map(self.fact, t.args), head=t.head)

    def varies(self, name: str) -> Statement:
        return self.do("variance", node=self.node(name))

    def nonzero(self, text: str, atom: str, *points: int) -> Statement:
        return self.do("nonzero", self.fact(text), self.varies(atom), term=read(text), atom=Var(atom),
                       points=tuple(map(Fraction, points or (1,))))  # fmt: skip


@contextlib.contextmanager
def lacking(condition: str) -> Iterator[None]:
    """The kernel without one side condition (a text that ends in * stands for all that begin so)."""

    def weaker(holds: object, what: str) -> None:
        same = what.startswith(condition[:-1]) if condition.endswith("*") else what == condition
        if not holds and not same:
            raise Refused(what)

    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES.values():
            if hasattr(module, "require"):
                patch.setattr(module, "require", weaker)
        yield


def checks(file: str) -> Iterator[tuple[str, str, int]]:
    """The side conditions in a file of the kernel, each with the function that checks it and the line.

    Of a formatted text, what stands before the first value. `asked` names the condition that a premise is of a kind.
    """
    for f in ast.walk(ast.parse(Path(str(MODULES[file].__file__)).read_text(encoding="utf-8"))):
        for n in ast.walk(f) if isinstance(f, ast.FunctionDef) else ():
            match n:
                case ast.Call(ast.Name("require"), [_, what]) | ast.Call(ast.Name("asked"), [_, _, what]):
                    pass
                case _:
                    continue
            match what:
                case ast.Constant(str() as text):
                    yield text, f.name, n.lineno
                case ast.JoinedStr([ast.Constant(str() as start), *_]):
                    yield f"{start}*", f.name, n.lineno
                case _:
                    assert f.name == "asked", f"{file}.{f.name}: a condition without a name"


def conditions() -> set[str]:
    """Every side condition in the kernel's source."""
    return {what for file in FILES for what, _, _ in checks(file)}

"""A workbench for the kernel's rules: a program, honest steps, and a kernel that lacks one side condition."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tensorprog.kernel import (
    algebra,
    certificate,
    expectations,
    functions,
    gaussian,
    intervals,
    laws,
    means,
    members,
    numbers,
    premises,
    refutations,
    rewriting,
    rules,
    spelling,
)
from tensorprog.kernel.certificate import RULES
from tensorprog.kernel.certificate import rule as rule_of
from tensorprog.kernel.rules import Context, Judgement
from tensorprog.kernel.spelling import LEMMA, Own, T, owned
from tensorprog.language import loads
from tensorprog.program.normal.normalize import normalize
from tensorprog.terms import App, Bind, Num, Term, Var, read

MODULES = (algebra, certificate, expectations, functions, gaussian, intervals, laws, means, members, numbers, premises,
           refutations, rewriting, rules, spelling)  # fmt: skip
CORPUS = Path(__file__).parents[1] / "corpus"

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

    def do(self, rule: str, *before: Judgement, **params: Any) -> Judgement:
        own = LEMMA if RULES[rule] == "expectations" else {"t": T} if rule == "refuted" else {}
        return rule_of(rule)(self.context, list(before), **{k: _meant(v, own) for k, v in params.items()})

    def fact(self, text: str | Term) -> Judgement:
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

    def varies(self, name: str) -> Judgement:
        return self.do("variance", node=self.node(name))

    def nonzero(self, text: str, atom: str, *points: int) -> Judgement:
        return self.do("nonzero", self.fact(text), self.varies(atom), term=read(text), atom=Var(atom),
                       points=tuple(map(Fraction, points or (1,))))  # fmt: skip


@contextlib.contextmanager
def lacking(condition: str) -> Iterator[None]:
    """The kernel without one side condition (a text that ends in * stands for all that begin so)."""

    def weaker(holds: object, what: str) -> None:
        same = what.startswith(condition[:-1]) if condition.endswith("*") else what == condition
        if not holds and not same:
            raise functions.Refused(what)

    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES:
            if hasattr(module, "require"):
                patch.setattr(module, "require", weaker)
        yield


def conditions() -> set[str]:
    """Every side condition in the kernel's source; of a formatted text, what stands before the first value."""
    found = set()
    for module in MODULES:
        for n in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "require":
                match n.args[1]:
                    case ast.Constant(str() as text):
                        found.add(text)
                    case ast.JoinedStr([ast.Constant(str() as start), *_]):
                        found.add(f"{start}*")
    return found

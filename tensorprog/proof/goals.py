"""What a certificate should prove beside validity: `--goals KIND`, or `KIND:NAME,NAME`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations_with_replacement

from tensorprog.errors import TensorProgError, fail
from tensorprog.kernel.functions import F1, ORDER, PROPERTIES, Refused
from tensorprog.kernel.rules import MAPS
from tensorprog.program import Program
from tensorprog.program.compose import CannotCompose
from tensorprog.proof.covariances import Means
from tensorprog.proof.functions import Functions
from tensorprog.proof.refutations import Refutations
from tensorprog.proof.writer import Writer
from tensorprog.terms import Var, read, to_text


@dataclass(frozen=True, slots=True)
class Goal:
    """One kind of goal and what it is about; without names it is about all that there is of the kind."""

    kind: str
    about: tuple[str, ...] = ()


def facts(writer: Writer, functions: Functions, about: tuple[str, ...]) -> list[int]:
    """Properties of instructions as functions of inputs, products and moments: proved, or refuted by a witness."""
    out: list[int] = []
    sharp = Functions(writer, sharp=True)
    refutations = Refutations(writer)
    for k, n in enumerate(writer.context.program.nodes):
        for what in PROPERTIES if isinstance(n, MAPS) and (n.name in about or not about) else ():
            try:
                out.append(writer.step("has", [sharp.instruction(k, what, False)], node=str(k), what=what))
            except (Refused, CannotCompose):
                with suppress(Refused, CannotCompose):
                    out.append(refutations.refuted(k, what))
                continue
            if what == "pseudo-Lipschitz":
                step = sharp.instruction(k, what, False)
                order = max(F1, F1 + sharp.info(step).slope.power)
                out.append(writer.step("has", [step], node=str(k), what=f"{ORDER}{order}"))
    return out


def covariances(writer: Writer, functions: Functions, about: tuple[str, ...]) -> list[int]:
    """Covariances of members, of each with each, in the limit."""
    return _pairs(writer, about, Means(writer, functions).covariance)


def laws(writer: Writer, functions: Functions, about: tuple[str, ...]) -> list[int]:
    """Laws of members given the scores: Gaussian, with which covariances."""
    return _pairs(writer, about, Means(writer, functions).law)


def _pairs(writer: Writer, about: tuple[str, ...], prove: Callable[[Var, Var], int]) -> list[int]:
    out = []
    for a, b in combinations_with_replacement([_member(writer.program, name) for name in about], 2):
        try:
            out.append(prove(a, b))
        except (Refused, CannotCompose) as refused:
            because = f"the calculus has no derivation: {refused}"
            what, try_this = f"{to_text(a)}, {to_text(b)}", "`tensorprog derive` may know it"
            raise fail("TP602", f"no certificate about {what}", because=because, help=try_this) from None
    return out


def _member(program: Program, name: str) -> Var:
    """A single member of a vector or scalar: x, x[1], p[1,2]."""
    try:
        v = read(name)
    except (TensorProgError, ValueError):
        v = None
    known = isinstance(v, Var) and v.name in program.families and len(v.subs) == program.families[v.name].arity
    if not known or not isinstance(v, Var) or any(not isinstance(s, int) for s in v.subs) or program.missing(v):
        raise fail("TP018", f"--goals: not a member of the program: {name}", help="x, or x[1] with whole numbers")
    return v


def claims(writer: Writer, functions: Functions, about: tuple[str, ...]) -> list[int]:
    """Claims of the program, by their number or all: those that the calculus proves."""
    means, out = Means(writer, functions), []
    for k in range(len(writer.program.claims)):
        if not about or str(k + 1) in about:
            with suppress(Refused):
                out.append(means.claim(k))
    return out


Prover = Callable[[Writer, Functions, tuple[str, ...]], list[int]]
KINDS: dict[str, Prover] = {"facts": facts, "covariances": covariances, "laws": laws, "claims": claims}
"""How the goals of each kind are proved; each gives the steps that conclude them."""


def parse(texts: Sequence[str], program: Program) -> list[Goal]:
    """The goals that are named: `validity` (always proved), a kind, a kind with names, or a vector (its facts)."""
    goals = []
    for text in texts:
        kind, _, names = text.partition(":")
        about = tuple(name.strip() for name in _split(names)) if names else ()
        if kind not in KINDS and program.role(kind) in ("vector", "scalar") and not names:
            kind, about = "facts", (text,)
        if kind == "validity" and not names:
            continue
        if kind not in KINDS:
            known = ", ".join(f"`{k}`" for k in ("validity", *KINDS))
            raise fail("TP018", f"--goals {text}: no such goal", help=f"{known}, `KIND:NAME,NAME`, or a vector's name")
        for name in about if kind == "facts" else ():
            if program.role(name) not in ("vector", "scalar"):
                raise fail("TP018", f"--goals {text}: not a vector or scalar of the program: {name}")
        goals.append(Goal(kind, about))
    return list(dict.fromkeys(goals))


def _split(names: str) -> list[str]:
    """At commas outside of brackets: `y[1,2],x` has two parts."""
    parts, depth = [""], 0
    for c in names:
        depth += (c == "[") - (c == "]")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return parts


def proved(writer: Writer, functions: Functions, goals: Sequence[Goal]) -> list[int]:
    """The steps that conclude the goals."""
    return [k for goal in goals for k in KINDS[goal.kind](writer, functions, goal.about)]

"""Lemmas about the functions of the formula gallery, each found once."""

from __future__ import annotations

from functools import cache

from docs.formula_gallery import FUNCTIONS, WITHOUT
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.ground.term import mul, substitute
from tensorprog.kernel.limits.statements import Lemma
from tensorprog.language import loads
from tensorprog.proof.expectations import Expectations
from tensorprog.proof.writer import Writer
from tensorprog.terms import Term, Var, read

PROGRAM = "param a = 1\nparam b = 1\nparam C > 0 = 1\ninput x ~ N(0, 1)\noutput x\n"
LIBRARY = (*FUNCTIONS, "selu(z)", "where(z < 1, z, 2*z - 1)")


@cache
def found() -> Expectations:
    return Expectations(Writer(loads(PROGRAM)))


def at(f: str, name: str) -> Term:
    return substitute(read(f), {Var("z"): Var(name)})


def lemma(h: Term | str) -> Lemma:
    return found().writer.stated(found().lemma(read(h) if isinstance(h, str) else h), Lemma)


def rule(h: Term) -> str:
    """The rule that concludes a lemma about h, or "none"."""
    try:
        return found().writer.steps[found().lemma(h)][0]
    except Refused:
        return "none"


def table() -> tuple[list[str], int, int]:
    """A row for each function: the rules for its mean and its square, its products with those before it that have none.

    And how many products have a lemma, of how many.
    """
    rows, done, asked = [], 0, 0
    for k, f in enumerate(LIBRARY):
        z = at(f, "z1")
        missing = [g for g in LIBRARY[: k + 1] if rule(mul(at(g, "z1"), at(f, "z2"))) == "none"]
        done, asked = done + k + 1 - len(missing), asked + k + 1
        rows.append(f"| `{f}` | {rule(z)} | {rule(mul(z, z))} | {', '.join(missing) or 'all'} |")
    for f in WITHOUT:
        with_z = rule(mul(at(f, "z1"), Var("z2")))
        assert (rule(at(f, "z1")), with_z) == ("none", "none"), "a lemma that the page does not know of"
    return rows, done, asked

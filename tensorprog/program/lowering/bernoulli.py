"""Inputs of independent zeros and ones: `input m[i] ~ bernoulli(p)`, made from a Gaussian vector.

Φ(u) of a standard normal u is uniform on (0, 1), so where(Phi(u) < p, 1, 0) is 1 with probability p.
"""

from __future__ import annotations

from itertools import islice

from tensorprog.errors import fail
from tensorprog.kernel.ground.indices import assignments
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.term import variables
from tensorprog.program.graph.constants import NoNumber, default_values, evaluate
from tensorprog.program.graph.graph import Graph
from tensorprog.program.lowering.declare import by_position, check_axes, declare_input
from tensorprog.program.lowering.lowered import CONST, KIND_NAMES
from tensorprog.program.lowering.lowering import Lowering
from tensorprog.terms import App, Num, Term, Var

MAX_PROBABILITIES = 10_000


def declare_bernoulli(
    lowering: Lowering, name: str, subs: tuple[str, ...], width: str, probability: Term, place: Place | None
) -> None:
    """The input `name_u[subs] ~ N(0, 1)` and the vectors `name[subs] = where(Phi(name_u[subs]) < probability, 1, 0)`.

    Errors: TP019 a probability outside [0, 1] at the defaults of the params; TP003 one that is no constant.
    """
    program = lowering.program
    program.check_free(name, place)
    check_axes(program, subs, place)
    raw = by_position(probability, subs, program, 1, place)
    lowering.bound = subs
    low = lowering.expression(raw)
    if low.kind > CONST or low.condition:
        raise fail("TP003", f"a probability is a constant, and this is {KIND_NAMES[low.kind]}", raw.place)
    if low.scaled:
        raise lowering.misplaced_n(raw.place)
    if stray := [i for i in low.free if i not in subs]:
        raise fail("TP004", f"index {stray[0]} is not an index of what is declared here", raw.place)
    _check_probability(name, low.term, subs, program, raw.place or place)
    hidden = f"{name}_u"
    while program.role(hidden) is not None or hidden in lowering.names.later:
        hidden += "_"
    declare_input(lowering, (hidden,), subs, width, [Num(0)], [[Num(1)]], place)
    u = Var(hidden, subs, place)
    lowering.define(name, subs, App("where", (App("lt", (App("Phi", (u,)), raw)), Num(1), Num(0)), place), place)


def _check_probability(name: str, p: Term, subs: tuple[str, ...], program: Graph, place: Place | None) -> None:
    """Refuse a value outside [0, 1]; of large families, only the first members are looked at."""
    used = [s for s in subs if any(s in v.subs for v in variables(p))]
    try:
        values = default_values(program)
        for at in islice(assignments(program.ranges(used)), MAX_PROBABILITIES):
            value = evaluate(p, {**values, **at}, program)
            if not 0 <= value <= 1:
                where = f" at {', '.join(f'{s} = {k}' for s, k in at.items())}" if used else ""
                raise fail("TP019", f"the probability {value:g} of {name}{where} is not between 0 and 1", place,
                           because=f"each coordinate of {name} is 1 with this probability, and else 0",
                           help="bernoulli(4/5) keeps four coordinates in five; "
                                "write 80 % as 0.8, and a drop rate r as 1 - r")  # fmt: skip
    except NoNumber:
        return

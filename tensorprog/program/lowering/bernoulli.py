"""Inputs of independent zeros and ones: `input m[i] ~ bernoulli(p)`, made from a Gaussian vector.

Φ(u) of a standard normal u is uniform on (0, 1), so where(Phi(u) < p, 1, 0) is 1 with probability p.
"""

from __future__ import annotations

from tensorprog.errors import fail
from tensorprog.kernel.ground.place import Place
from tensorprog.program.graph.constants import default_values, values_over
from tensorprog.program.lowering.declare import by_position, check_axes, declare_input
from tensorprog.program.lowering.lowering import Lowering
from tensorprog.terms import App, Num, Term, Var


def declare_bernoulli(
    lowering: Lowering, name: str, subs: tuple[str, ...], width: str, probability: Term, place: Place | None
) -> None:
    """Declare the input `name_u[subs] ~ N(0, 1)`, and `name[subs] = where(Phi(name_u[subs]) < probability, 1, 0)`.

    Errors: TP019 a probability outside [0, 1] at the defaults of the params; TP003 one that is no constant.
    """
    program = lowering.program
    program.check_free(name, place)
    check_axes(program, subs, place)
    raw = by_position(probability, subs, program, 1, place)
    p = lowering.constant(raw, "a probability", subs)
    for at, value in values_over(p, subs, default_values(program), program):
        if not 0 <= value <= 1:
            where = f" at {', '.join(f'{s} = {k}' for s, k in at.items())}" if at else ""
            raise fail("TP019", f"the probability {value:g} of {name}{where} is not between 0 and 1",
                       raw.place or place, because=f"each coordinate of {name} is 1 with this probability, and else 0",
                       help="bernoulli(4/5) keeps four coordinates in five; "
                            "write 80 % as 0.8, and a drop rate r as 1 - r")  # fmt: skip
    hidden = f"{name}_u"
    while program.role(hidden) is not None or hidden in lowering.names.later:
        hidden += "_"
    declare_input(lowering, (hidden,), subs, width, [Num(0)], [[Num(1)]], place)
    u = Var(hidden, subs, place)
    lowering.define(name, subs, App("where", (App("lt", (App("Phi", (u,)), raw)), Num(1), Num(0)), place), place)

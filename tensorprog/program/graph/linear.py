"""Which expressions are linear in their vectors, with coefficients that are scalars or constants."""

from __future__ import annotations

from dataclasses import dataclass

from tensorprog.kernel.ground.term import ONE, mul
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import App, Bind, Num, Term, Var


@dataclass(frozen=True, slots=True)
class Part:
    """The sum over `bound` of coefficient times vector."""

    coefficient: Term
    vector: Var
    bound: tuple[str, ...] = ()


def linear_parts(t: Term, program: Graph) -> tuple[Part, ...] | None:
    """t as a sum of parts, or None if t is not of that form.

    >>> from tensorprog.language import loads
    >>> p = loads("input u, v ~ N(0, 1)\\ns = mean(u^2)\\ny = s*(u - 2*v)\\noutput y")
    >>> [str(part.coefficient) for part in linear_parts(p.nodes[-1].body, p)]
    ["Var('s')", "App('mul', (Var('s'), Num(-2)))"]
    """
    match t:
        case Var(name) if program.role(name) == "vector":
            return (Part(ONE, t),)
        case App("neg", (a,)):
            parts = linear_parts(a, program)
            return parts and tuple(Part(mul(Num(-1), p.coefficient), p.vector, p.bound) for p in parts)
        case App("add", args):
            out: list[Part] = []
            for a in args:
                parts = linear_parts(a, program)
                if parts is None:
                    return None
                out += parts
            return tuple(out)
        case App("mul", args):
            with_vectors = [k for k, a in enumerate(args) if program.vectors_in(a)]
            if len(with_vectors) != 1:
                return None
            at = with_vectors[0]
            parts = linear_parts(args[at], program)
            return parts and tuple(
                Part(mul(*args[:at], p.coefficient, *args[at + 1 :]), p.vector, p.bound) for p in parts
            )
        case Bind("sum", (body,), over):
            parts = linear_parts(body, program)
            return parts and tuple(Part(p.coefficient, p.vector, (*p.bound, *over)) for p in parts)
        case _:
            return None

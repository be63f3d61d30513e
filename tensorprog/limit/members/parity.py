"""Means that are 0 because a function is odd: under a centred Gaussian, exactly."""

from __future__ import annotations

from tensorprog.functions.named.library import library
from tensorprog.functions.rules.parity import parity
from tensorprog.kernel.ground.term import walk
from tensorprog.terms import App, Num, Term, Var

_ALSO = {"add", "mul", "neg", "hermite", "softmax", "where", "lt", "le", "gt", "ge"}


def bounded_by_powers(head: str) -> bool:
    """Defined everywhere and polynomially bounded, in arguments that are so."""
    record = library().get(head)
    return head in _ALSO or (record is not None and record.total and record.growth is not None)


def vanishes(t: Term, flipped: frozenset[Var], positive: frozenset[str] = frozenset()) -> bool:
    """Return whether E[t] = 0 because t is odd. Only where the mean exists: E[1/Z] and E[Z exp(Z^2)] do not.

    `positive` are names of constants that are not negative: clip(x, -t, t) is odd for t >= 0 only.
    """
    return parity(t, flipped, positive) == -1 and has_mean(t, flipped)


def has_mean(t: Term, variables: frozenset[Var]) -> bool:
    """Polynomially bounded and defined everywhere, by its heads; what does not hold the variables is a constant."""
    match t:
        case App(head, args):
            if not any(v in variables for v in walk(t)):
                return True
            if head == "pow":
                whole = isinstance(args[1], Num) and args[1].value.denominator == 1 and args[1].value >= 0
                return whole and has_mean(args[0], variables)
            return bounded_by_powers(head) and all(has_mean(a, variables) for a in args)
        case _:
            return True

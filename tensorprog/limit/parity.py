"""Even and odd functions: under a centred Gaussian an odd function has mean 0, exactly."""

from __future__ import annotations

from tensorprog.program.scaling import rational
from tensorprog.terms import App, Num, Term, Var
from tensorprog.terms.term import neg, walk

ODD = frozenset({"tanh", "sin", "erf", "atan", "softsign", "sign", "hardtanh"})
EVEN = frozenset({"abs", "cos"})
BOUNDED_BY_POWERS = ODD | EVEN | {
    "add", "mul", "neg", "relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "softplus", "mish",
    "sigmoid", "Phi", "clip", "step", "min", "max", "hermite", "softmax", "where", "lt", "le", "gt", "ge",
}  # fmt: skip


def vanishes(t: Term, flipped: frozenset[Var]) -> bool:
    """Is E[t] = 0 because t is odd? Only where the mean exists: E[1/Z] and E[Z exp(Z^2)] do not."""
    return parity(t, flipped) == -1 and _has_mean(t, flipped)


def _has_mean(t: Term, variables: frozenset[Var]) -> bool:
    """Polynomially bounded and defined everywhere, by its heads; what does not hold the variables is a constant."""
    match t:
        case App(head, args):
            if not any(v in variables for v in walk(t)):
                return True
            if head == "pow":
                whole = isinstance(args[1], Num) and args[1].value.denominator == 1 and args[1].value >= 0
                return whole and _has_mean(args[0], variables)
            return head in BOUNDED_BY_POWERS and all(_has_mean(a, variables) for a in args)
        case _:
            return True


def parity(t: Term, flipped: frozenset[Var]) -> int | None:
    """-1 if t changes sign with the variables in `flipped`, 1 if it does not change, None if neither is seen."""
    match t:
        case Var():
            return -1 if t in flipped else 1
        case App("neg" | "recip", (a,)):
            return parity(a, flipped)
        case App("mul", args):
            signs = [parity(a, flipped) for a in args]
            return None if None in signs else (-1) ** signs.count(-1)
        case App("pow", (a, Num(k))) if k.denominator == 1:
            s = parity(a, flipped)
            return s if s is None or k % 2 else 1
        case App("clip", (a, low, high)):
            s = parity(a, flipped)
            centred = rational(low) is not None and rational(low) == -(rational(high) or 0)
            return s if s == 1 or (s == -1 and (centred or low == neg(high))) else None
        case App("hermite", (Num(k), a)):
            s = parity(a, flipped)
            return s if s is None or k % 2 else 1
        case App(head, args):
            signs = [parity(a, flipped) for a in args]
            if all(s == 1 for s in signs):
                return 1
            if head == "add" and all(s == -1 for s in signs):
                return -1
            if len(args) == 1 and signs[0] == -1:
                return -1 if head in ODD else 1 if head in EVEN else None
            return None
        case _:
            return 1

"""Forms of functions of two centred Gaussian variables: sums of products of pieces.

A piece is z^n exp(l z + q z^2) times a product of signs of one variable z: step(z - a), Phi(c z + b), or Dirac's
delta(z - a) alone. Coefficients and the numbers l, q, a, b, c are exact terms in params; l may be imaginary.
"""

from __future__ import annotations

from typing import NamedTuple

from tensorprog.kernel.core.names import LEMMA
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.core.table import unfolded
from tensorprog.kernel.ground.term import ZERO, App, Num, Term, mul, walk
from tensorprog.kernel.limits.algebra import NIL, Element, as_term, normal, plus, times, together

Z1, Z2 = LEMMA["z1"], LEMMA["z2"]

Sign = tuple[str, Term, Term]


class Piece(NamedTuple):
    """One factor of a summand, in one variable."""

    n: int = 0
    l: Term = ZERO  # noqa: E741 - the name in the formula
    q: Term = ZERO
    signs: tuple[Sign, ...] = ()

    @property
    def delta(self) -> Term | None:
        return self.signs[0][1] if self.signs and self.signs[0][0] == "delta" else None


UNIT = Piece()

SMOOTH = ("pi", "add", "mul", "neg", "exp", "sin", "cos", "erf", "Phi", "tanh", "sigmoid", "softplus")

Form = dict[tuple[Piece, Piece], Element]

TWO_PI = normal(mul(Num(2), App("pi")))


def clean(t: Term) -> Term:
    return as_term(together(normal(t)))


def total(*forms: Form) -> Form:
    out: Form = {}
    for key, c in (kc for f in forms for kc in f.items()):
        out[key] = plus(out.get(key, NIL), c)
    return {key: c for key, c in out.items() if c}


def scale(f: Form, c: Element) -> Form:
    return total(*({key: times(x, c)} for key, x in f.items()))


def plain(t: Term) -> Term:
    """erf, sin and cos of a constant by Phi and exp."""
    match t:
        case App(head, args):
            inner = App(head, tuple(map(plain, args)))
            if head in ("sin", "cos"):
                inside = (s.head for a in args for s in walk(a) if isinstance(s, App))
                require(not {"sin", "cos"}.intersection(inside), "no wave in a wave")
            return unfolded(inner) if head in ("erf", "sin", "cos") else inner
    return t

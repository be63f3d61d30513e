"""Covariances of initial vectors and of products in the limit, one step down.

    Cov(Z^u, Z^v)     is declared                                               (members of one group of inputs)
    Cov(Z^Wx, Z^Wx')  = σ² E[Z^x Z^x'],  0 for different matrices               (Yang 2019; the MatMul rule)

Both hold where certain subscripts are equal, and the covariance is 0 elsewhere: an answer names these pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tensorprog.kernel.ground.indices import Range
from tensorprog.kernel.ground.nodes import Dot, Input, Weight, primed_indices
from tensorprog.kernel.ground.scaling import width_power
from tensorprog.kernel.ground.term import ZERO, mul, shift_subs
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import Num, Sub, Term

Pairs = tuple[tuple[Sub, Sub], ...]
RangeOf = Callable[[str], Range]


def equalities(pairs: Iterable[tuple[Sub, Sub]], range_of: RangeOf) -> Pairs | None:
    """Return the pairs whose equality is not certain; None where some pair is certainly unequal.

    >>> ranges = {"i": (1, 2), "j": (2, 3), "k": (3, 4)}
    >>> equalities([("i", "i"), ("i", "j")], ranges.__getitem__), equalities([("i", "k")], ranges.__getitem__)
    ((('i', 'j'),), None)
    """
    out: list[tuple[Sub, Sub]] = []
    for s, t in pairs:
        if s == t:
            continue
        (low, high), (least, most) = ((x, x) if isinstance(x, int) else range_of(x) for x in (s, t))
        if high < least or low > most or (isinstance(s, int) and isinstance(t, int)):
            return None
        out.append((s, t))
    return tuple(out)


def declared(
    one: Input, at: Sequence[Sub], two: Input, bt: Sequence[Sub], range_of: RangeOf
) -> tuple[Term, Pairs] | None:
    """Return the declared covariance of two members, where they agree in every index that no primed form couples."""
    group = one.group
    if two.group is not group:
        return None
    coupled = primed_indices(group)
    equal = equalities([(s, t) for i, s, t in zip(group.subs, at, bt, strict=True) if i not in coupled], range_of)
    if equal is None:
        return None
    names = dict(zip(group.subs, at, strict=True)) | {f"{i}'": t for i, t in zip(group.subs, bt, strict=True)}
    return shift_subs(group.cov[one.position][two.position], names), equal


def weight_scale(program: Graph, weight: Weight, subs: Sequence[Sub]) -> Term | None:
    """Return the σ² of a matrix whose entries have variance σ²/(input width); None where they have another.

    A variance c/n is c r over an input width r n.
    """
    variance = shift_subs(weight.variance, dict(zip(weight.subs, subs, strict=True)))
    found = width_power(variance, program.widths)
    if variance == ZERO:
        return ZERO
    return None if found is None or found[1] != -1 else mul(found[0], Num(program.widths[weight.cols]))


def side_width(program: Graph, node: Dot) -> Num:
    """Return the width of the two sides of a dot product as a multiple of n."""
    return Num(program.widths[program.families[node.left.name].width or "n"])

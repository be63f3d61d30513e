"""Z = m + L t for independent standard normals t: floats for geometry, balls that contain the true numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from tensorprog.functions.evaluate.ball_function import Ball, exact
from tensorprog.gaussian.behaviour.arguments import affine
from tensorprog.gaussian.problem.covariance import pivoted
from tensorprog.terms import Term


@dataclass(frozen=True, slots=True)
class Form:
    """slopes·t + constant; `weights` and `size` are what the rounding of both is relative to."""

    slopes: tuple[float, ...]
    constant: float
    weights: tuple[float, ...]
    size: float


@dataclass(frozen=True)
class Law:
    """z = m + L t: floats for geometry, balls that contain the true numbers."""

    names: tuple[str, ...]
    centre: tuple[float, ...]
    slopes: tuple[tuple[float, ...], ...]
    exact_centre: tuple[Ball, ...]
    exact_slopes: tuple[tuple[Ball, ...], ...]
    _forms: dict[Term, Form | None] = field(default_factory=dict, repr=False, compare=False)

    def affine(self, u: Term) -> Form | None:
        """Return the form of an affine term; None if it is not affine in the variables, or constant."""
        if u not in self._forms:
            line = affine(u, self.names, {})
            self._forms[u] = None if line is None or not any(line[0]) else self.form(*line)
        return self._forms[u]

    @property
    def dimension(self) -> int:
        return len(self.slopes[0])

    def form(self, normal: Sequence[float], offset: float) -> Form:
        """normal·z + offset as a form in t."""
        rows = list(zip(normal, self.slopes, strict=True))
        shifts = [offset, *(n * m for n, m in zip(normal, self.centre, strict=True))]
        return Form(
            tuple(sum(n * row[k] for n, row in rows) for k in range(self.dimension)),
            sum(shifts),
            tuple(sum(abs(n * row[k]) for n, row in rows) for k in range(self.dimension)),
            sum(map(abs, shifts)),
        )

    @cached_property
    def variables(self) -> list[Form]:
        """Each z_i."""
        return [self.form([float(j == k) for j in range(len(self.names))], 0.0) for k in range(len(self.names))]


def law_of(names: Sequence[str], K: Sequence[Sequence[Fraction]], mean: Sequence[Fraction]) -> Law:
    """The law N(mean, K): pivots in exact rationals, the variable of largest variance a multiple of t_1 alone."""
    columns = [(column, exact(pivot).sqrt()) for column, pivot in pivoted(K)[0]]
    rows = [tuple(exact(c[i]) / root for c, root in columns) for i in range(len(K))]
    m = [exact(Fraction(x)) for x in mean]
    return Law(
        tuple(names),
        tuple(float(x.mid()) for x in m),
        tuple(tuple(float(x.mid()) for x in row) for row in rows),
        tuple(m),
        tuple(rows),
    )

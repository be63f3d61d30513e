"""`derive(program)`: the limit of any variable of a program, as a formula and as a number with a bound."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tensorprog.limit.show.answers import Answers
from tensorprog.numbers.budget import SECONDS, Budget, search
from tensorprog.numbers.estimate import Estimate
from tensorprog.program import Program

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Limit(Answers):
    """What a program becomes as its width goes to infinity.

    Variables are members such as `x[1]`, expressions such as `x[1]*x[2]^2`; params keep their names in formulas, and
    numbers are taken at their defaults or at `values`. Raises NoLimit where no rule here gives a limit (a score that
    diverges, a transposed matrix) and DivergentError (TP501) for a moment that is infinite.
    """

    def matrix(self, name: Any) -> Array:
        """Return the covariance of a whole family: an array with the family's indices as axes, twice.

        Indices that the name fixes, as in `h[3,i]`, are left out. Params need values. Raises TP502 if some entry could
        not be computed.
        """
        found: Array = self.matrix_number(name).value
        return found

    def matrix_number(self, name: Any) -> Estimate:
        """Return the same with its error: of each entry, or the largest of all."""
        from tensorprog.limit.matrices import matrix

        with search(self.budget):
            return matrix(self, self.lookup.family(name))

    def latex(self) -> str:
        """Return a self-contained derivation, as a LaTeX document."""
        from tensorprog.limit.show.latex import document

        return document(self)

    def explain(self) -> str:
        """Return the derivation as text: each variable's limit with the rule that gives it."""
        from tensorprog.limit.show.derivation import explanation

        return explanation(self)


def derive(
    program: Program,
    values: Mapping[str, Fraction | float] | None = None,
    *,
    tolerance: float | None = None,
    seconds: float = SECONDS,
) -> Limit:
    """Return the limit of a program; `values` are numbers for params beside their defaults.

    Numbers that have neither formula nor quadrature are sampled, each to a relative `tolerance` (1e-3 if not given) or
    until its whole search has taken `seconds`.

    >>> import tensorprog
    >>> limit = derive(tensorprog.loads("input u, w ~ N(0, 1)\\nx = relu(u)\\noutput x"))
    >>> limit.expect("x^2").expr, limit.cov("x", "x").expr
    ('1/2', '1/2 - 1/(2*pi)')
    """
    program.finish()
    return Limit(program, values, Budget(tolerance, seconds))

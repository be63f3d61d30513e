"""What premises say of means.

A value is a term in params and in references E(s), each to the mean that a premise is about: deep programs have short
certificates.
"""

from __future__ import annotations

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.names import Own
from tensorprog.kernel.core.refused import remembered, require
from tensorprog.kernel.core.statements import Premises
from tensorprog.kernel.core.substitution import substituted
from tensorprog.kernel.ground.term import ZERO, Num, Term, Var, mul, power, size, sub, variables
from tensorprog.kernel.limits.algebra import as_term, normal, positive, text
from tensorprog.kernel.limits.members import members, pair, reference, square, vectors, written
from tensorprog.kernel.limits.pieces import plain
from tensorprog.kernel.limits.reader import Reader
from tensorprog.kernel.limits.statements import Mean
from tensorprog.kernel.verdict.constants import number


@remembered(1)
def positive_params(ctx: Context) -> tuple[Var, ...]:
    return tuple(v for v in map(Var, ctx.program.params) if number(ctx, v).positive)


@remembered(1 << 12)
def shown(t: Term, value: Term) -> Term:
    """What stands for the mean of a term: its value if that is short, else its reference."""
    short = size(value) == 1 or (size(value) <= 9 and not any(isinstance(s, Own) for s in variables(value)))
    return value if short else reference(t)


class Known:
    """What premises say of means: each by its reference, or by its value if that is short."""

    def __init__(self, ctx: Context, premises: Premises) -> None:
        self.ctx, self.means = ctx, [p for p in premises if isinstance(p, Mean)]
        require(len(self.means) == len(premises), "premises about means")
        self.whole = {p.term: p.value for p in self.means}
        self.values = {t: shown(t, v) for t, v in self.whole.items()}
        self.sure: list[Term] = [reference(p.term) for p in self.means if p.positive]
        self.sure += positive_params(ctx)
        self.roots: dict[Term, Term] = {
            r: power(Own(f"root of E({text(t)})", t), Num(2))
            for t in self.whole
            if square(t) and (r := reference(t)) not in self.sure
        }

    def positive(self, t: Term) -> bool:
        """Whether t > 0 is plain, where means of squares are not negative."""
        return positive(normal(substituted(plain(t), self.roots)), self.sure)

    def mean(self, t: Term) -> Term:
        require(t in self.values, "the mean is known")
        return self.values[t]

    def covariance(self, a: Term, b: Term) -> Term:
        """E ab - E a E b."""
        both, means = self.mean(pair(a, b)), (self.mean(a), self.mean(b))
        return both if ZERO in means else sub(both, mul(*means))

    def constant(self, t: Term) -> Term:
        """A term in constants and scalars at the limits of the scalars, where it is plainly smooth."""
        t = written(self.ctx, t, True)
        found = members(self.ctx, t)
        require(not vectors(self.ctx, t) and not self.ctx.late & {v.name for v in found}, "a weight is a constant")
        out = substituted(t, {v: self.mean(v) for v in found})
        Reader(self.sure).defined(plain(substituted(out, self.roots)))
        return out

    def concluded(self, term: Term, value: Term, sure: bool = False) -> Mean:
        """E term = value; `sure`: if it is positive for another reason than its form."""
        require(
            not self.ctx.late & {v.name for v in members(self.ctx, term)} or not vectors(self.ctx, term),
            "scores stand apart from vectors",
        )
        self.ctx.spend(500 + 5 * size(value))
        found = normal(plain(value))
        return Mean(term, as_term(found), sure or (bool(found) and self.positive(value)))

    def spelled(self, t: Term) -> Term:
        """A value with references replaced by what they stand for, while it stays short."""
        for _ in range(len(self.whole)):
            used = {*variables(t)}
            new = substituted(t, {r: v for s, v in self.whole.items() if (r := reference(s)) in used})
            if size(new) > 200 or new == t:
                break
            t = new
        short = as_term(normal(plain(t)))
        return short if size(short) <= size(t) else t

"""The limit law of some variables of a program: its kind, its statement given the scores, and every number of it.

Given the scores a vector that attends is Gaussian, y | p ~ N(0, C(p)); its own law is the average of these over the
scores alone. So no number here is ever computed by drawing y.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from tensorprog.errors import fail
from tensorprog.functions.named.registry import read_term
from tensorprog.kernel.ground.term import mul, substitute
from tensorprog.limit.laws.cumulants import MOST_PAIRED, ZERO, ByMembers, Cumulants, Gaussian, Moments, exact_moments
from tensorprog.limit.laws.shown import InNotebooks
from tensorprog.limit.laws.statement import Formula
from tensorprog.limit.members.averaging import Array
from tensorprog.limit.members.parts import polynomial
from tensorprog.limit.mixtures.pieces import Sum, pieces
from tensorprog.limit.mixtures.structure import Kind, Structure
from tensorprog.limit.rules.open import TooLarge
from tensorprog.limit.values.balls import OutOfTime
from tensorprog.limit.values.formulas import NoFormula
from tensorprog.numbers.budget import Budget, search
from tensorprog.numbers.estimate import Estimate, shown, worst_kind, worst_method
from tensorprog.numbers.roots import roots_of
from tensorprog.terms import Term, Var, read, to_text
from tensorprog.terms.formula import Notation, Writer
from tensorprog.terms.latex import LATEX, term_latex


@dataclass(frozen=True)
class Law(InNotebooks):
    """The joint limit law of single variables; numbers are averages (value, error, method)."""

    structure: Structure = field(repr=False)
    supported_by: str
    aim: Budget = field(default_factory=Budget)
    seed: int = 0
    among: Callable[[Sequence[Var]], Law] | None = field(default=None, repr=False, compare=False)
    """The law of some of the variables; None: everything is averaged at once."""

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def of(self) -> tuple[str, ...]:
        return tuple(map(to_text, self.structure.members))

    @property
    def kind(self) -> Kind:
        return self.structure.kind

    @property
    def given(self) -> tuple[str, ...]:
        """The scores that the law is conditional on; none for a Gaussian."""
        if self.kind in ("none", "deterministic", "gaussian", "function-of-gaussian"):
            return ()
        return tuple(map(to_text, self.structure.scores))

    @cached_property
    def conditional_covariance(self) -> tuple[tuple[Term, ...], ...] | None:
        """Cov(y, y' | scores) as formulas, a row for each variable; None where some entry is none that reads well."""
        if self.kind != "hierarchical-gaussian":
            return None
        members, formula = self.structure.members, Formula(self.structure.engine.rules)
        try:
            return tuple(tuple(formula.covariance(a, b) for b in members) for a in members)
        except NoFormula:
            return None

    @property
    def conditional_variance(self) -> str | None:
        """Var(y | scores) as text; of several variables the rows of their conditional covariance."""
        rows = self.conditional_covariance
        if rows is None or len(rows) == 1:
            return None if rows is None else to_text(rows[0][0])
        return f"[{', '.join('[' + ', '.join(map(to_text, row)) + ']' for row in rows)}]"

    @property
    def conditional_variance_latex(self) -> str | None:
        """The same in LaTeX, of several variables as a matrix."""
        return self.written(LATEX)

    def written(self, notation: Notation) -> str | None:
        """Write Var(y | scores) in a notation for formulas."""
        rows = self.conditional_covariance
        return None if rows is None else Writer(notation).matrix(rows)

    @property
    def settled(self) -> bool:
        """Whether there is a formula given the scores, or a variance with a proved bound."""
        return self.conditional_variance is not None or self.variance.rigorous

    # -- numbers ---------------------------------------------------------------------------------------------------

    @cached_property
    def _sum(self) -> Sum:
        s = self.structure
        found = pieces(s, self.aim, self.seed)
        error = max((p.source.second.error for p in found), default=0.0)
        return Sum(found, len(s.members), self.aim, self.seed, error)

    @cached_property
    def _exact(self) -> Moments | None:
        return exact_moments(self.structure)

    @cached_property
    def _normal(self) -> tuple[float, float, float, float] | None:
        """(mean, variance, error of the mean, error of the variance) of one Gaussian or constant, where known."""
        if len(self.of) != 1 or self.kind not in ("gaussian", "deterministic") or self._exact is None:
            return None
        mean, variance = self._exact.mean.at(0), self._exact.covariance.at(0, 0)
        constant = self.kind == "deterministic"
        if not np.isfinite(mean.value + mean.error + (0.0 if constant else variance.value + variance.error)):
            return None
        return mean.value, 0.0 if constant else max(0.0, variance.value), mean.error, variance.error

    def _with_error(self, value: Array, error: Any) -> Estimate:
        kind = worst_kind(self.mean.error_kind, self.variance.error_kind, "estimate")
        method = worst_method(self.mean.method, self.variance.method)
        return Estimate(value, np.abs(error) + 1e-13 * np.abs(value), kind, method)

    @cached_property
    def cumulants(self) -> Cumulants:
        """Mean, covariance and fourth cumulants."""
        if self._exact is not None:
            return self._exact
        if self.among is None or not 1 < len(self.of) <= MOST_PAIRED:
            return self._sum
        return ByMembers(self.of, lambda at: self._among(at).cumulants, self._sum)

    def _asked(self, what: str, *shape: int) -> Estimate:
        """The mean, covariance or fourth cumulants within the time for one number; not a number if it is used up."""
        with search(self.aim):
            try:
                found: Estimate = getattr(self.cumulants, what)
            except OutOfTime as why:
                return Estimate(
                    np.full(shape, np.nan), np.full(shape, np.inf), "sampling", "sampling", why.diagnostics[0].because
                )
        return found

    def _among(self, positions: Sequence[int]) -> Law:
        """Return the law of some of the variables."""
        assert self.among is not None
        return self.among([self.structure.members[k] for k in positions])

    @property
    def mean(self) -> Estimate:
        """E[y]."""
        return self._asked("mean", len(self.of))

    @property
    def covariance(self) -> Estimate:
        """Cov(y, y') = E[C(p)] + Cov of the conditional means."""
        return self._asked("covariance", len(self.of), len(self.of))

    @property
    def variance(self) -> Estimate:
        """Var(y), one for each variable."""
        c = self.covariance
        return replace(c, value=np.maximum(np.diag(c.value), 0.0), error=np.diag(c.error))

    @property
    def excess_kurtosis(self) -> Estimate:
        """E[(y - m)^4]/Var^2 - 3; with conditional mean 0 it is 3 Var(C)/E[C]^2."""
        fourth, v = self._asked("fourth", len(self.of)), self.variance
        kind, method = worst_kind(fourth.error_kind, v.error_kind), worst_method(fourth.method, v.method)
        if self.kind == "gaussian" and fourth.error_kind == "exact":
            kind, method = fourth.error_kind, fourth.method
        with np.errstate(divide="ignore", invalid="ignore"):
            # |f/v² - g/w²| <= |f - g|/w² + |f|·|1/v² - 1/w²| with w >= v - |v - w| and its square's reciprocal convex
            square = v.value**2
            least = np.maximum(v.value - v.error, 0.0) ** 2
            value = fourth.value / square
            error = fourth.error / least + np.abs(fourth.value) * (1 / least - 1 / square)
            error += 1e-15 * np.abs(value)
        return Estimate(value, error, kind, method)

    def expectation(self, term: Term) -> Estimate:
        """E of a function of the variables: of a polynomial by its moments, of another by drawing."""
        at = {m: k for k, m in enumerate(self.structure.members)}
        try:
            monomials = polynomial(term)
        except TooLarge:
            return self.expect(term)
        if not all(a in at for m in monomials for a, _ in m):
            return self.expect(term)
        out = ZERO
        for monomial, c in monomials.items():
            powers = [0] * len(at)
            for a, e in monomial:
                powers[at[a]] = e  # type: ignore[index]
            factor = Estimate(float(c), abs(float(c)) * 2.0**-53, "bound", "closed-form")
            out = out + (factor * self.moment(*powers) if any(powers) else factor)
        return out

    def moment(self, *powers: int) -> Estimate:
        """E[y_1^k_1 ... y_m^k_m]."""
        if len(powers) != len(self.of) or any(k < 0 for k in powers):
            raise fail("TP018", f"a moment of {len(self.of)} variable(s) needs as many powers, not negative")
        if self._exact is not None and self.kind == "function-of-gaussian":
            return self._exact.moment(powers)
        used = [k for k, power_ in enumerate(powers) if power_]
        if self.among is not None and 0 < len(used) < len(powers):
            return self._among(used).moment(*(powers[k] for k in used))
        return self._sum.moment(powers)

    def density(self, y: Any) -> Estimate:
        """The density E[N(y; m, C)] at points: an array (count,) for one variable, (count, variables) for several."""
        if self._normal is not None:
            mean, variance, off, error = self._normal
            if variance == 0:
                raise fail("TP003", "this law has no density", because="the variable is a constant in the limit")
            at = np.asarray(y, dtype=float).ravel()
            value = np.exp(-((at - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
            by_mean = value * np.abs(at - mean) / variance * off
            by_variance = value * np.abs((at - mean) ** 2 / variance - 1) * error / (2 * variance)
            return self._with_error(value, by_mean + by_variance)
        # Grids hold the point where rows of equal scores make a joint covariance singular; random points avoid it.
        mixture = self._sum.joint if len(self.of) == 1 else self._sum.sampled
        return mixture.density(self._points(y))

    def cdf(self, y: Any) -> Estimate:
        """P(y <= .) of one variable."""
        self._single("a distribution function")
        if self._normal is not None:
            from scipy.special import ndtr

            mean, variance, off, error = self._normal
            at = np.atleast_1d(np.asarray(y, dtype=float))
            if variance == 0:
                return self._with_error(np.where(at >= mean, 1.0, 0.0), np.where(np.abs(at - mean) <= off, 1.0, 0.0))
            z = (at - mean) / np.sqrt(variance)
            slope = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
            moved = off / np.sqrt(variance) + np.abs(z) * error / (2 * variance)
            return self._with_error(ndtr(z), slope * moved)
        return self._sum.joint.cdf(np.atleast_1d(np.asarray(y, dtype=float)))

    def quantile(self, q: Any) -> Estimate:
        """Return the inverse of the distribution function; its error is that of the latter over the slope there."""
        self._single("quantiles")
        from scipy import optimize

        if self._normal is not None:
            from scipy.special import ndtri

            mean, variance, off, error = self._normal
            z = ndtri(_levels(q))
            stretched = np.abs(z) * error / (2 * np.sqrt(variance)) if variance > 0 else 0 * z
            return self._with_error(mean + np.sqrt(variance) * z, off + stretched)
        scale = float(np.sqrt(self.variance.value[0]))
        center = float(self.mean.value[0])
        values, errors = [], []
        for level in _levels(q):
            reach = 4.0 * scale
            while not self.cdf(center - reach).value[0] < level < self.cdf(center + reach).value[0]:
                reach *= 2
                if not 0 < reach <= 1e12 * scale:
                    raise fail("TP402", f"the quantile at {level} was not found", because="the law has an atom there")
            at = optimize.brentq(
                lambda y, p=level: float(self.cdf(y).value[0]) - p, center - reach, center + reach, xtol=1e-12
            )
            step = 1e-3 * scale
            ends = self.cdf([at - step, at + step]).value
            slope = max((ends[1] - ends[0]) / (2 * step), 1e-300)
            values.append(at)
            errors.append(float(self.cdf(at).error[0]) / slope)
        last = self.cdf(center)
        return Estimate(np.array(values), np.array(errors), worst_kind(last.error_kind, "estimate"), last.method)

    def characteristic(self, t: Any) -> Estimate:
        """E exp(i t'y) at points, as for `density`."""
        return self._sum.characteristic(self._points(t))

    def sample(self, size: int, rng: np.random.Generator | int) -> Array:
        """Independent draws (size, variables) of the limit law: scores first, then the Gaussian given them."""
        generator = np.random.default_rng(rng)
        out = []
        for start in range(0, size, 1 << 15):
            n = min(1 << 15, size - start)
            given = self._sum.draw(generator.standard_normal((n, self._sum.dimension)))
            noise = generator.standard_normal((n, len(self.of)))
            out.append(given.mean + np.einsum("nij,nj->ni", roots_of(given.cov), noise))
        return np.concatenate(out)

    def expect(self, term: Term | str) -> Estimate:
        """E of a function of the variables, such as "tanh(y[1])*y[2]", drawing them given the scores (sampling)."""
        from tensorprog.functions.decide.judge import judge
        from tensorprog.functions.evaluate.arrays import compile_numpy

        t = read_term(term) if isinstance(term, str) else term
        names = {read(name): Var(f"y{k}") for k, name in enumerate(self.of)}
        t = substitute(t, names)
        facts = judge(t, [v.name for v in names.values()], {})
        if not facts.polynomially_bounded.proved:
            raise fail(
                "TP501", f"{to_text(t)} is not known to have a finite mean", because="it is not polynomially bounded"
            )
        f = compile_numpy(t, [v.name for v in names.values()])
        with search(self.aim):
            return self._sum.expect(f)

    # -- limits of the limit -----------------------------------------------------------------------------------------

    def infinite_heads(self) -> Gaussian:
        """Many independent heads, scaled by 1/sqrt(heads): Gaussian with covariance E[C(p)] (Hron et al. 2020)."""
        if self.kind != "hierarchical-gaussian":
            raise fail(
                "TP018", f"{', '.join(self.of)} is {self.kind}: only a Gaussian given scores has a limit in the heads"
            )
        return Gaussian(self.of, self.mean.value, self.covariance.value, self.covariance.error)

    def one_over_n(self) -> Gaussian:
        """The law with scores scaled by 1/n instead of 1/sqrt(n): they converge to E[Z^q Z^k], and y is Gaussian."""
        s = self.structure
        if self.kind != "hierarchical-gaussian" or s.nested:
            raise fail("TP018", f"{', '.join(self.of)} is not Gaussian given scores of one layer")
        means = {p: s.averages.number(s.averages.expectation(mul(*s.engine.random.sides(p)))).value for p in s.scores}
        one = pieces(s, self.aim, self.seed)
        mean, cov = np.zeros(len(self.of)), np.zeros((len(self.of), len(self.of)))
        for p in one:
            given = p.source.at_scores(means)  # type: ignore[union-attr]
            mean, cov = mean + p.count * given.mean[0], cov + p.count * given.cov[0]
        return Gaussian(self.of, mean, cov, 8 * self._sum.error * np.abs(cov) + 1e-13)

    # -- showing -----------------------------------------------------------------------------------------------------

    def to_json(self) -> list[dict[str, Any]]:
        """Return one object for each variable, as `derive --json` lists them under `laws`."""
        with search(self.aim):
            mean, variance, kurtosis = self.mean, self.variance, self.excess_kurtosis
        out = []
        for k, (name, kind) in enumerate(zip(self.of, self.structure.kinds, strict=True)):
            single = self if len(self.of) == 1 else None
            out.append(
                {
                    "of": name,
                    "kind": kind,
                    "given": list(self.given) if kind in ("hierarchical-gaussian", "function-of-hierarchical") else [],
                    "conditional_variance": single.conditional_variance if single else None,
                    "supported_by": self.supported_by,
                    **mean.at(k).entries("mean"),
                    **variance.at(k).entries("variance"),
                    **kurtosis.at(k).entries("excess_kurtosis"),
                }
            )
        return out

    def __repr__(self) -> str:
        lines = [f"law of {', '.join(self.of)}: {self.kind} ({self.supported_by})"]
        if self.given:
            lines.append(f"  given {', '.join(self.given[:8])}{', ...' if len(self.given) > 8 else ''}")
        if self.conditional_variance is not None:
            lines.append(f"  Var = {self.conditional_variance}")
        if len(self.of) == 1:
            for word, a in (
                ("mean", self.mean),
                ("variance", self.variance),
                ("excess kurtosis", self.excess_kurtosis),
            ):
                known = np.isfinite(a.value[0])
                number = f"{float(a.value[0]):.10g}  ({shown(float(a.error[0]), a.error_kind)}, {a.method})"
                lines.append(f"  {word} {number if known else 'unknown'}")
        return "\n".join(lines)

    def _repr_latex_(self) -> str:
        name, variance = ",".join(map(term_latex, self.structure.members)), self.written(LATEX)
        said = rf"\mid p \sim \mathcal N\left(0, {variance}\right)"
        return rf"${name}$: {self.kind}" if variance is None else f"${name} {said}$"

    def _points(self, y: Any) -> Array:
        points = np.asarray(y, dtype=float)
        return points.reshape(-1, len(self.of)) if len(self.of) > 1 else points.reshape(-1, 1)

    def _single(self, what: str) -> None:
        if len(self.of) != 1:
            raise fail("TP018", f"{what} is asked of one variable, not of {len(self.of)}")


def _levels(q: Any) -> Array:
    levels = np.atleast_1d(np.asarray(q, dtype=float))
    if not ((levels > 0) & (levels < 1)).all():
        raise fail("TP018", f"a quantile is asked for between 0 and 1, not at {q}")
    return levels

"""The sections of a report that compare simulation with theory: laws over histograms, covariances, the validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorprog.display.page.html import status, table
from tensorprog.display.page.markup import Markup, join, math, tag
from tensorprog.display.page.plots import Plot, Series, draw, heat_map
from tensorprog.display.sections import number, support
from tensorprog.display.subject import Failed, Subject, attempt, failure
from tensorprog.terms import Var, to_text
from tensorprog.terms.formula import Writer
from tensorprog.terms.mathml import MATHML

if TYPE_CHECKING:
    from tensorprog.limit.derive import Limit
    from tensorprog.limit.laws.law import Law
    from tensorprog.validate.result import Validation

MAX_LAWS = 4
MAX_HEAT = 16
BINS = 60
LIMIT_DRAWS = 200_000


def laws(s: Subject) -> Markup:
    """Show the law of each output, with its density over a histogram of finite networks."""
    members = _members(s)
    draws = attempt(lambda: _draws(s, members))
    parts = []
    for m in members:
        law = _law(s, m)
        # A failed draw, or a failed law, is said beside whatever of the two there is.
        drawn = draws if isinstance(draws, Failed) else draws.get(to_text(m))
        name = tag("h3", "Law of ", tag("code", to_text(m)))
        parts.append(tag("div", name, _facts(law), _picture(s, m, law, drawn)))
    if isinstance(draws, Failed):
        parts.append(failure(draws))
    return join(tag("div", *parts, class_="laws"), tag("div", *_heat_maps(s), class_="plots"))


def _members(s: Subject) -> list[Var]:
    """Return the first members of the outputs; without a limit, those that the program names."""
    limit = s.limit
    if not isinstance(limit, Failed):
        return list(limit.outputs[0][:MAX_LAWS])
    return [m for o in s.program.outputs for m in s.program.members(o.ref, MAX_LAWS)][:MAX_LAWS]


def _draws(s: Subject, members: list[Var]) -> dict[str, Any]:
    from tensorprog.simulate.run import simulate

    if not s.options.samples:
        return {}
    names = [to_text(m) for m in members]
    values = {k: float(v) for k, v in s.options.values.items()}
    return dict(simulate(s.program, s.options.width, s.options.samples, s.options.seed, outputs=names, values=values))


def _law(s: Subject, m: Var) -> Law | Failed | None:
    limit = s.limit
    if isinstance(limit, Failed):
        return limit
    if limit.engine.program.families[m.name].kind == "scalar" and not limit.engine.scores([m]):
        return None  # a constant, listed among the limits
    return attempt(lambda: limit.law(m))


def _facts(law: Law | Failed | None) -> Markup:
    if law is None:
        return tag("p", "A constant in the limit.")
    if isinstance(law, Failed):
        return failure(law)
    facts = attempt(lambda: law.to_json()[0])
    if isinstance(facts, Failed):
        return failure(facts)
    rows = [tag("p", tag("strong", facts["kind"]), "; supported by ", support(law.supported_by))]
    variance = law.written(MATHML)
    if variance is not None:
        formula = math(Writer(MATHML).equation(MATHML.function("Var"), variance), block=True)
        rows.append(tag("div", tag("p", "Given the scores it is Gaussian, with"), formula, class_="scroll"))
    line = f"mean {number(facts['mean'])}, variance {number(facts['variance'])}"
    if facts["excess_kurtosis"] is not None:
        line += f", excess kurtosis {number(facts['excess_kurtosis'])}"
    return join(*rows, tag("p", line))


def _picture(s: Subject, m: Var, law: Law | Failed | None, draws: Any) -> Markup:
    import numpy as np

    series: list[Series] = []
    name = to_text(m)
    low, high = _window(law, draws)
    if high <= low:
        return Markup("")
    if draws is not None and not isinstance(draws, Failed):
        data = np.asarray(draws, dtype=float).reshape(len(draws), -1)[:, 0]
        heights, edges = np.histogram(data[np.isfinite(data)], bins=BINS, range=(low, high))
        density = heights / (len(data) * (edges[1] - edges[0]))
        label = f"{len(data)} draws at n = {s.options.width}"
        series.append(Series(label, edges.tolist(), density.tolist(), "bars", colour=0))
    if law is not None and not isinstance(law, Failed) and law.kind != "deterministic":
        series += _limit_curve(law, low, high, s.options.seed)
    if not series:
        return Markup("")
    said = "histogram of finite networks" + (" under the density of the limit" if len(series) > 1 else "")
    return draw(Plot(f"Law of {name}", f"{name}: {said}", name, "density", tuple(series)))


def _window(law: Law | Failed | None, draws: Any) -> tuple[float, float]:
    """Find an interval with most of the limit and nearly all draws."""
    import numpy as np

    spots: list[float] = []
    if law is not None and not isinstance(law, Failed):
        facts = attempt(lambda: law.to_json()[0])
        if not isinstance(facts, Failed) and facts["mean"] is not None and (facts["variance"] or 0) > 0:
            reach = 4 * facts["variance"] ** 0.5
            spots += [facts["mean"] - reach, facts["mean"] + reach]
    if draws is not None and not isinstance(draws, Failed):
        data = np.asarray(draws, dtype=float).ravel()
        data = data[np.isfinite(data)]
        if len(data):
            spots += np.quantile(data, [0.002, 0.998]).tolist()
    return (min(spots), max(spots)) if spots else (0.0, 0.0)


def _limit_curve(law: Law, low: float, high: float, seed: int) -> list[Series]:
    """Draw the density where there is one, else a histogram of draws of the limit law."""
    import numpy as np

    grid = np.linspace(low, high, 161)
    if law.kind in ("gaussian", "hierarchical-gaussian"):
        found = attempt(lambda: law.density(grid).value)
        if not isinstance(found, Failed) and np.isfinite(found).all():
            return [Series("density of the limit", grid.tolist(), found.tolist(), "line", colour=1)]
    drawn = attempt(lambda: law.sample(LIMIT_DRAWS, seed)[:, 0])
    if isinstance(drawn, Failed):
        return []
    heights, edges = np.histogram(drawn, bins=BINS, range=(low, high))
    middle, y = (edges[1:] + edges[:-1]) / 2, heights / (LIMIT_DRAWS * (edges[1] - edges[0]))
    return [Series("the limit, drawn", middle.tolist(), y.tolist(), "line", colour=1)]


def _heat_maps(s: Subject) -> list[Markup]:
    """Draw the covariances of output families that fit a picture."""
    limit = s.limit
    if isinstance(limit, Failed):
        return []
    out = []
    for o in s.program.outputs:
        drawn = attempt(lambda o=o: _heat_map(limit, o.ref))  # type: ignore[misc]
        if isinstance(drawn, Markup):
            out.append(tag("figure", drawn))
    return out


def _heat_map(limit: Limit, ref: Var) -> Markup | None:
    members = limit.lookup.members(ref, MAX_HEAT + 1)
    scalar = limit.engine.program.families[ref.name].kind == "scalar"
    if not 2 <= len(members) <= MAX_HEAT or scalar:
        return None
    k = limit.matrix(ref).reshape(len(members), len(members))
    return heat_map(f"Limit covariance of {to_text(ref)}", [to_text(m) for m in members], k.tolist())


def validation(s: Subject) -> Markup:
    """Compare theory with simulation: every test, the rates, and the distance from the limit over the width."""
    from tensorprog.validate.run import validate

    o = s.options
    found = validate(
        s.program, o.widths, o.samples, o.seed, values=dict(o.values), tolerance=o.tolerance, seconds=o.seconds
    )
    rows = [[tag("code", t.of), number(t.theory), f"{t.estimate:.5g}", f"{t.standard_error:.1g}", f"{t.z:.2f}",
             f"{t.p_value:.3g}", status("rejected") if t.rejected else "" if t.resolved else "a 5 % error would pass"]
            for t in found.tests]  # fmt: skip
    head = ["quantity", "theory", "simulation, n → ∞", "error", "z", "p", ""]
    parts = [tag("p", status(found.verdict), f": {found.because}. Widths {', '.join(map(str, found.widths))}; "
                 f"{found.samples} draws at each; seed {found.seed}."),
             table(head, rows, "Tests of the limit", numbers=(1, 2, 3, 4, 5))]  # fmt: skip
    if found.rates:
        slopes = [[tag("code", r.of), f"{r.slope:+.3f} ± {r.slope_standard_error:.3f}", f"{r.expected:+.2f}"]
                  for r in found.rates]  # fmt: skip
        parts.append(
            table(["quantity", "fitted slope", "expected"], slopes, "Distance of one draw from the limit ~ n^slope")
        )
    if found.left_out:
        parts.append(tag("details", tag("summary", "not tested"), tag("ul", *(tag("li", t) for t in found.left_out))))
    return join(*parts, _errors(found))


def _errors(found: Validation) -> Markup:
    """Draw the bias of each second moment over the width, on log-log axes."""
    series: list[Series] = []
    for t in found.tests:
        if t.essential and len(t.by_width) == len(t.widths) > 1 and len(series) < 4:
            gaps = [abs(e - t.theory) for e, _ in t.by_width]
            errors = [e for _, e in t.by_width]
            series.append(Series(t.of, list(t.widths), gaps, "points", errors, len(series)))
    if not series:
        return Markup("")
    about = "distance of the estimate at each width from the theory, with standard errors of the simulation"
    ticks = tuple(float(n) for n in found.widths)
    return draw(Plot("Error against width", about, "width n", "|estimate − limit|", tuple(series), True, True, ticks))

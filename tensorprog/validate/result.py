"""What a validation found: a verdict, a table, JSON, and arrays for plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tensorprog.validate.compare import MARGIN, Rate, Test
from tensorprog.validate.statistics import holm

Verdict = Literal["agrees", "disagrees", "inconclusive"]
EXIT = {"agrees": 0, "disagrees": 1, "inconclusive": 3}


@dataclass(frozen=True, repr=False)
class Validation:
    """Theory against simulation: every test, whether the theory is rejected, and whether it could have been."""

    program: str
    verdict: Verdict
    because: str
    seed: int
    samples: int
    widths: tuple[int, ...]
    level: float
    tests: tuple[Test, ...]
    rates: tuple[Rate, ...]
    left_out: tuple[str, ...] = ()
    entries: str = "gaussian"

    @property
    def exit_code(self) -> int:
        return EXIT[self.verdict]

    def curves(self) -> dict[str, dict[str, Any]]:
        """For plots: every test's arrays of widths, estimates and standard errors, its theory and its limit."""
        import numpy as np

        return {
            t.of: {
                "n": np.array(t.widths),
                "estimate": np.array([e for e, _ in t.by_width]),
                "standard_error": np.array([s for _, s in t.by_width]),
                "theory": t.theory,
                "limit": t.estimate,
                "limit_error": t.standard_error,
            }
            for t in self.tests
            if t.by_width
        }

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": "tensorprog/validate/1",
            "program": self.program,
            "verdict": self.verdict,
            "because": self.because,
            "seed": self.seed,
            "samples": self.samples,
            "entries": self.entries,
            "level": self.level,
            "tests": [t.to_json() for t in self.tests],
            "rates": [r.to_json() for r in self.rates],
            "left_out": list(self.left_out),
        }

    def __repr__(self) -> str:
        lines = [f"{self.verdict}: {self.because}", ""]
        width = max((len(t.of) for t in self.tests), default=8)
        if self.tests:
            lines.append(f"  {'':<{width}} {'theory':>10} {'n = oo':>10} {'error':>9} {'z':>6} {'p':>8}")
        for t in self.tests:
            mark = "rejected" if t.rejected else "" if t.resolved else "a 5 % error would be missed"
            mark = "rests on a few large draws" if t.heavy else mark
            lines.append(
                f"  {t.of:<{width}} {t.theory:>10.5f} {t.estimate:>10.5f} {t.standard_error:>9.5f} {t.z:>6.2f} "
                f"{t.p_value:>8.3g}  {mark}".rstrip()
            )
        if self.rates:
            lines += ["", "  distance of one draw from the limit ~ n^slope:"]
            for r in self.rates:
                lines.append(
                    f"  {r.of:<{width}} slope {r.slope:+.3f} ± {r.slope_standard_error:.3f} ({r.expected:+.2f})"
                )
        lines += [f"  not tested: {text}" for text in self.left_out]
        lines += ["", f"  widths {', '.join(map(str, self.widths))}; {self.samples} draws at each; seed {self.seed}; "
                      f"family-wise level {self.level:g}"]  # fmt: skip
        return "\n".join(lines)

    def to_frame(self) -> Any:
        """Return the tests as a pandas DataFrame, a row for each; needs pandas."""
        from tensorprog.numbers.drawing import frame

        columns = ("of", "theory", "estimate", "standard_error", "z", "p_value", "rejected", "resolved")
        return frame([{c: t.to_json()[c] for c in columns} for t in self.tests])

    def plot(self, ax: Any = None) -> Any:
        """Draw every test: the estimates at each width, in standard deviations of the quantity, from the theory.

        The point at 1/n = 0 is the fitted limit. Needs matplotlib (`tensorprog[plot]`).
        """
        from tensorprog.numbers.drawing import axes

        drawn = axes(ax, 6.0, 3.6)
        drawn.axhline(0, color="0.6", linewidth=0.8)
        for t in self.tests:
            if not t.by_width:
                continue
            scale = t.scale or 1.0
            at = [*(1 / n for n in t.widths), 0.0]
            values = [*((e - t.theory) / scale for e, _ in t.by_width), (t.estimate - t.theory) / scale]
            errors = [*(s / scale for _, s in t.by_width), t.standard_error / scale]
            drawn.errorbar(at, values, yerr=errors, marker="o", markersize=3, linewidth=0.8, capsize=2, label=t.of)
        drawn.set_xlabel("1/n")
        drawn.set_ylabel("(estimate - theory) / scale")
        drawn.set_title(f"{self.program}: {self.verdict}")
        if 0 < len(self.tests) <= 12:
            drawn.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize="small")
        return drawn.figure

    def _repr_html_(self) -> str:
        from html import escape

        head = "".join(f"<th>{h}</th>" for h in ("quantity", "theory", "n → ∞", "± error", "z", "p", ""))
        rows = "".join(
            f"<tr><td>{escape(t.of)}</td><td>{t.theory:.5g}</td><td>{t.estimate:.5g}</td><td>{t.standard_error:.2g}</td>"
            f"<td>{t.z:.2f}</td><td>{t.p_value:.3g}</td><td>{'rejected' if t.rejected else ''}</td></tr>"
            for t in self.tests
        )
        return f"<p><b>{self.verdict}</b>: {escape(self.because)}</p><table><tr>{head}</tr>{rows}</table>"


def _enough(test: Test, samples: int) -> int:
    """Samples that would resolve a test: the standard error falls like their square root."""
    factor = (2.0 * test.standard_error / (MARGIN * test.scale)) ** 2
    digits = 10 ** max(0, len(str(int(samples * factor))) - 2)
    return int(-(-samples * factor // digits) * digits)


def conclude(
    tests: Sequence[Test], level: float, samples: int = 1, untested: Sequence[str] = ()
) -> tuple[Verdict, str, tuple[Test, ...]]:
    """disagrees if Holm rejects any test; else inconclusive if an essential one could not tell a 5 % error, or if an
    output is untested; else agrees."""
    if not tests:
        return "inconclusive", "no quantity of this program has a limit that could be compared", ()
    judged = tuple(replace(t, rejected=r) for t, r in zip(tests, holm([t.p_value for t in tests], level), strict=True))
    rejected = [t for t in judged if t.rejected]
    if rejected:
        worst = min(rejected, key=lambda t: t.p_value)
        return "disagrees", (
            f"{len(rejected)} of {len(tests)} tests reject the theory at the family-wise level {level:g}; "
            f"most clearly {worst.of}: {worst.theory:.5g} in theory, {worst.estimate:.5g} ± {worst.standard_error:.2g} "
            "in the limit of the simulation"
        ), judged  # fmt: skip
    essential = [t for t in judged if t.essential]
    blind = [t for t in essential if not t.resolved]
    if blind or not essential:
        worst_blind = max(blind, key=lambda t: t.standard_error / t.scale, default=None)
        why = "no second moment of an output could be tested"
        if worst_blind and worst_blind.heavy:
            why = f"{worst_blind.of} rests on a few large draws: its error is not known; take more samples"
        elif worst_blind:
            why = (
                f"{len(blind)} of {len(essential)} second moments could not be told from a 5 % change, such as "
                f"{worst_blind.of} (error {worst_blind.standard_error:.2g} on a scale of {worst_blind.scale:.3g}); "
                f"about {_enough(worst_blind, samples)} samples would do"
            )
        return "inconclusive", why, judged
    if untested:
        names = ", ".join(untested[:4]) + (", ..." if len(untested) > 4 else "")
        return "inconclusive", f"no second moment of {names} could be tested; nothing else is rejected", judged
    return "agrees", f"{len(tests)} tests, none rejected at the family-wise level {level:g}", judged

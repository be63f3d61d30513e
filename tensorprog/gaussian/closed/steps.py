"""How a closed form came about: every use of a rule, as data, in the order in which they were made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RULES = {
    "tilt": "an exponential of a quadratic form changes the Gaussian law: K' = K(I - 2QK)^-1",
    "condition": "a Dirac factor is the density of its argument at 0 times the expectation given that it is 0",
    "Stein": "E[z_i F] = mean_i E[F] + sum_k K_ik E[dF/dz_k]",
    "parity": "an odd function of a centred Gaussian has expectation 0",
    "base case": "the expectation of a product of signs",
    "factorise": "independent blocks: the expectation of the product is the product of the expectations",
    "reduce": "linearly dependent variables are written in terms of independent ones",
    "collapse": "affine arguments become new Gaussian variables",
    "powers": "absolute moments of a Gaussian pair, by the Mehler expansion of |z|^p",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One rule used once: what it was applied to and what it gave (sympy expressions, or text)."""

    rule: str
    what: str
    result: Any

    def __str__(self) -> str:
        return f"{self.rule}: {self.what} = {self.result}"


def explain(steps: tuple[Step, ...]) -> str:
    """Return the derivation as numbered lines, each rule explained where it is first used."""
    seen: set[str] = set()
    lines = []
    for number, step in enumerate(steps, 1):
        lines.append(f"{number:3d}. {step}")
        if step.rule not in seen:
            lines.append(f"     ({RULES[step.rule]})")
            seen.add(step.rule)
    return "\n".join(lines)

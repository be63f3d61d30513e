"""A dense simulation of programs built from a small list of steps: real matrices, nothing shared with the package."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FUNCTIONS: dict[str, Any] = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "erf": None,
    "abs": np.abs,
    "sin": np.sin,
    "gelu": None,
}


def evaluate(name: str, x: Array) -> Array:
    from scipy.special import erf

    if name == "erf":
        return np.asarray(erf(x))
    if name == "gelu":
        return x * 0.5 * (1 + np.asarray(erf(x / np.sqrt(2))))
    return np.asarray(FUNCTIONS[name](x))


@dataclass
class RandomProgram:
    """A program as text and as steps for the simulation; vectors are v0, v1, ..., each with two members."""

    rng: np.random.Generator
    lines: list[str] = field(default_factory=list)
    steps: list[tuple[Any, ...]] = field(default_factory=list)
    vectors: list[str] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)

    def build(self, length: int) -> RandomProgram:
        r = float(np.round(self.rng.uniform(-0.9, 0.9), 2))
        self.lines = ["index i in 1..2", f"matrix K = [[1, {r}], [{r}, 1]]",
                      "input a[i] ~ N(0, K)", "input b ~ N(0, 1)"]  # fmt: skip
        self.steps = [("inputs", r)]
        self.vectors = ["a[i]", "b"]
        for _ in range(length):
            kind = self.rng.choice(["matmul", "matmul", "nonlin", "lincomb", "product", "normalise"])
            getattr(self, f"_{kind}")()
        return self

    def _new(self, expression: str, step: tuple[Any, ...]) -> None:
        name = f"v{len(self.vectors)}"
        self.lines.append(f"{name}[i] = {expression}")
        self.steps.append(step)
        self.vectors.append(f"{name}[i]")

    def _pick(self) -> int:
        return int(self.rng.integers(len(self.vectors)))

    def _matmul(self) -> None:
        if not self.weights or self.rng.random() < 0.5:
            self.weights.append(f"W{len(self.weights)}")
            self.lines.append(f"weight {self.weights[-1]} ~ N(0, 1.2/n)")
        w = int(self.rng.integers(len(self.weights)))
        x = self._pick()
        self._new(f"{self.weights[w]} @ {self.vectors[x]}", ("matmul", w, x))

    def _nonlin(self) -> None:
        f = str(self.rng.choice(list(FUNCTIONS)))
        x = self._pick()
        self._new(f"{f}({self.vectors[x]})", ("nonlin", f, x))

    def _lincomb(self) -> None:
        x, y = self._pick(), self._pick()
        self._new(f"0.5*{self.vectors[x]} - {self.vectors[y]}", ("lincomb", x, y))

    def _product(self) -> None:
        x, y = self._pick(), self._pick()
        self._new(f"tanh({self.vectors[x]})*{self.vectors[y]}", ("product", x, y))

    def _normalise(self) -> None:
        x = self._pick()
        v = self.vectors[x]
        self._new(f"({v} - mean({v}))/sqrt(mean(({v} - mean({v}))^2) + 1)", ("normalise", x))

    @property
    def text(self) -> str:
        return "\n".join([*self.lines, *(f"output {v.split('[')[0]}" for v in self.vectors)])

    def simulate(self, n: int, rng: np.random.Generator) -> list[Array]:
        """One draw: each vector as an array (2, n)."""
        r = self.steps[0][1]
        chol = np.linalg.cholesky(np.array([[1, r], [r, 1]]))
        found = [chol @ rng.standard_normal((2, n)), np.tile(rng.standard_normal(n), (2, 1))]
        matrices = [rng.standard_normal((n, n)) * np.sqrt(1.2 / n) for _ in self.weights]
        for step in self.steps[1:]:
            match step:
                case ("matmul", w, x):
                    found.append(found[x] @ matrices[w].T)
                case ("nonlin", f, x):
                    found.append(evaluate(f, found[x]))
                case ("lincomb", x, y):
                    found.append(0.5 * found[x] - found[y])
                case ("product", x, y):
                    found.append(np.tanh(found[x]) * found[y])
                case ("normalise", x):
                    centred = found[x] - found[x].mean(axis=1, keepdims=True)
                    found.append(centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1))
        return found

"""What a simulation returns: one array per output, and how it came about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tensorprog.numbers.estimate import finite

if TYPE_CHECKING:
    from tensorprog.simulate.arrays import Array


@dataclass(frozen=True, repr=False)
class Samples(Mapping[str, "Array"]):
    """Draws of a program at one width: a mapping from each output to an array (samples, indices..., coordinates).

    The last axis is there for vectors, and only where coordinates were asked for; without it coordinate 1 is meant.
    """

    program: str
    n: int
    samples: int
    seed: int
    arrays: Mapping[str, Array]
    dense: bool = False
    coordinates: int | None = None
    vectors: frozenset[str] = frozenset()
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seconds: float = field(default=0.0, compare=False)

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def summary(self) -> list[dict[str, Any]]:
        """Mean, variance and excess kurtosis over draws of the first members of each output, with standard errors."""
        import numpy as np

        from tensorprog.simulate.execute.summary import Summary

        summary = Summary(list(self.labels.values()), self.samples)
        with np.errstate(all="ignore"):
            summary.add(0, [self._with_coordinates(k) for k in self.arrays])
        return summary.rows()

    def _with_coordinates(self, name: str) -> Array:
        whole = self.arrays[name]
        return whole if self.coordinates is not None and name in self.vectors else whole[..., None]

    @property
    def report(self) -> Report:
        """Shapes and summary statistics; the arrays themselves go to a file (`--out`)."""
        shapes = {k: v.shape for k, v in self.arrays.items()}
        return Report(self.program, self.n, self.samples, self.seed, self.dense, self.coordinates, shapes,
                      self.summary())  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        return self.report.to_json()

    def __repr__(self) -> str:
        return repr(self.report)

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"


@dataclass(frozen=True, repr=False)
class Report:
    """What is said of a simulation: shapes, and statistics of the first members of each output."""

    program: str
    n: int
    samples: int
    seed: int
    dense: bool
    coordinates: int | None
    shapes: Mapping[str, tuple[int, ...]]
    statistics: Sequence[Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return the schema tensorprog/simulate/1."""
        return {
            "schema": "tensorprog/simulate/1",
            "program": self.program,
            "n": self.n,
            "samples": self.samples,
            "seed": self.seed,
            "dense": self.dense,
            "coordinates": self.coordinates,
            "outputs": [{"of": k, "shape": list(v)} for k, v in self.shapes.items()],
            "statistics": [{k: v if k == "of" else finite(v) for k, v in s.items()} for s in self.statistics],
        }

    def __repr__(self) -> str:
        """Return one line for each of the first members of each output."""
        how = "real matrices" if self.dense else "exact in law"
        lines = [f"{self.samples} draws of {self.program} at n = {self.n}, seed {self.seed} ({how})"]
        label = max((len(s["of"]) for s in self.statistics), default=0)
        for s in self.statistics:
            lines.append(
                f"  {s['of']:<{label}}  mean {s['mean']:+.4f} ± {s['mean_standard_error']:.4f}   "
                f"variance {s['variance']:.4f} ± {s['variance_standard_error']:.4f}   "
                f"excess kurtosis {s['excess_kurtosis']:+.3f}"
            )
        # Of samples independent Gaussian numbers the excess kurtosis has the standard error sqrt(24/samples).
        lines.append(f"  (the excess kurtosis of as many Gaussian numbers: 0 ± {(24 / self.samples) ** 0.5:.3f})")
        return "\n".join(lines)

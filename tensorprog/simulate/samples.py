"""What a simulation returns: one array per output, and how it came about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
    seconds: float = field(default=0.0, compare=False)

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def summary(self, most: int = 12) -> list[dict[str, Any]]:
        """Mean, variance and excess kurtosis over draws of the first members of each output, with standard errors.

        For one draw a coordinate: SE(mean) = sqrt(var/N), SE(var) = var sqrt((kurtosis + 2)/N).
        """
        import numpy as np

        out = []
        for name, array in self.arrays.items():
            shape = array.shape[1:]
            flat = array.reshape(len(array), -1).astype(float)
            for column, index in enumerate(np.ndindex(*shape)):
                if column >= most:
                    break
                x = flat[:, column]
                with np.errstate(all="ignore"):
                    mean, variance = float(x.mean()), float(x.var())
                    fourth = float(((x - mean) ** 4).mean())
                    kurtosis = fourth / variance**2 - 3.0 if variance > 0 else 0.0
                    count = max(1, len(x))
                    errors = (variance / count) ** 0.5, variance * max(0.0, (kurtosis + 2.0) / count) ** 0.5
                where = ",".join(str(k + 1) for k in index)
                label = f"{name}[{where}]" if "[" not in name else f"{name} ({where})"
                out.append(
                    {
                        "of": label if index else name,
                        "mean": mean,
                        "mean_error": errors[0],
                        "variance": variance,
                        "variance_error": errors[1],
                        "excess_kurtosis": kurtosis,
                    }
                )
        return out

    def to_json(self) -> dict[str, Any]:
        """Shapes and summary statistics; the arrays themselves go to a file (`--out`)."""
        return {
            "schema": "tensorprog/simulate/1",
            "program": self.program,
            "n": self.n,
            "samples": self.samples,
            "seed": self.seed,
            "dense": self.dense,
            "coordinates": self.coordinates,
            "outputs": [{"of": k, "shape": list(v.shape)} for k, v in self.arrays.items()],
            "statistics": self.summary(),
        }

    def __repr__(self) -> str:
        how = "real matrices" if self.dense else "exact in law"
        lines = [f"{self.samples} draws of {self.program} at n = {self.n}, seed {self.seed} ({how})"]
        for s in self.summary():
            lines.append(
                f"  {s['of']:<12} mean {s['mean']:+.4f} ± {s['mean_error']:.4f}   "
                f"variance {s['variance']:.4f} ± {s['variance_error']:.4f}   "
                f"excess kurtosis {s['excess_kurtosis']:+.3f}"
            )
        return "\n".join(lines)

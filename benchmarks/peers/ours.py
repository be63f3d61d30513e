"""This library: times and values as JSON, the counterpart of `peer.py`."""

import json
import resource
import sys
import time
from typing import Any

START = time.perf_counter()
import numpy as np  # noqa: E402
from cases import CASES, DIMENSION, ROUNDS, SIGMA_B2, SIGMA_W2  # noqa: E402

from tensorprog.nngp import MLPKernel  # noqa: E402


def measure(only: str | None) -> list[dict[str, Any]]:
    data = np.random.default_rng(0).standard_normal((1000, DIMENSION))
    out = []
    for name, here, _, depth, size in CASES:
        if only and f"{name}{depth}" != only:
            continue
        kernel = MLPKernel(here, depth, SIGMA_W2, SIGMA_B2)
        first = time.perf_counter()
        value = kernel(data[:size])
        cold, times = time.perf_counter() - first, []
        for _ in range(0 if only else ROUNDS):
            start = time.perf_counter()
            kernel(data[:size])
            times.append(time.perf_counter() - start)
        quick = []
        if not only:
            compiled = MLPKernel(here, depth, SIGMA_W2, SIGMA_B2, engine="fast")
            agree = compiled(data[:size])
            assert np.allclose(agree, value, rtol=1e-13, atol=1e-14)
            for _ in range(ROUNDS):
                start = time.perf_counter()
                compiled(data[:size])
                quick.append(time.perf_counter() - start)
        out.append({"name": name, "depth": depth, "cold": cold, "times": times, "fast": quick,
                    "corner": value[:8, :8].tolist()})  # fmt: skip
    return out


def show(value: Any) -> str:
    return np.array2string(np.asarray(value), precision=6).replace("\n", "")


def attempt(make: Any) -> str:
    try:
        return show(make())
    except Exception as error:
        return str(error).splitlines()[0][:90]


def corners() -> dict[str, str]:
    """The same questions; what this library has no kernel for is asked of the program's limit."""
    import tensorprog as tp
    from tensorprog import models
    from tensorprog.limit.derive import derive

    x = np.array([[1.0, 2.0], [2.0, -1.0]])
    gram = (x @ x.T / 2).tolist()

    def branches(phi: str) -> Any:
        return derive(models.mlp(gram, 1, phi, 1, 0)).matrix("h[2,i]")

    return {
        "h + h, shared": attempt(lambda: branches("x + x")),
        "h · h, shared": attempt(lambda: branches("x*x")),
        "sign by quadrature": attempt(lambda: MLPKernel("sign", 1, 1.0, 0.0)(x)),
        "exp(x²/2), divergent": attempt(lambda: MLPKernel("exp(x^2/2)", 1, 1.0, 0.0)(x)),
        "zero vector, relu": attempt(lambda: MLPKernel("relu", 2, 2.0, 0.0)([[0.0, 0.0], [1.0, 2.0]])),
        "NaN input": attempt(lambda: MLPKernel("relu", 1, 2.0, 0.0)([[np.nan, 0.0], [1.0, 2.0]])),
        "two heads, 1/√n softmax": attempt(lambda: (_ for _ in ()).throw(ValueError(
            derive(models.attention(2, heads=2)).law("y[1]").kind))),
        "verdict on two heads": tp.check(models.attention(2, heads=2)).verdict,
    }  # fmt: skip


if __name__ == "__main__":
    only = sys.argv[1] if len(sys.argv) > 1 else None
    found: dict[str, Any] = {"cases": measure(only), "corners": {} if only else corners()}
    found["whole"] = time.perf_counter() - START
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))

"""neural-tangents: times and values as JSON. Runs in its own environment."""

import json
import resource
import sys
import time
from typing import Any

START = time.perf_counter()
import jax  # noqa: E402
import numpy as np  # noqa: E402
from cases import CASES, DIMENSION, ROUNDS, SIGMA_B2, SIGMA_W2  # noqa: E402

jax.config.update("jax_enable_x64", True)
from neural_tangents import stax  # noqa: E402

NUMPY = jax.numpy


def network(phi: Any, depth: int, w: float = SIGMA_W2, b: float = SIGMA_B2) -> Any:
    layers = []
    for _ in range(depth):
        layers += [stax.Dense(512, W_std=w**0.5, b_std=b**0.5), phi]
    return stax.serial(*layers, stax.Dense(1, W_std=w**0.5, b_std=b**0.5))[2]


def activation(name: str) -> Any:
    return stax.ElementwiseNumerical(NUMPY.tanh, deg=25) if name == "tanh" else getattr(stax, name)()


def measure(only: str | None) -> list[dict[str, Any]]:
    data = np.random.default_rng(0).standard_normal((1000, DIMENSION))
    out = []
    for name, _, there, depth, size in CASES:
        if only and f"{name}{depth}" != only:
            continue
        kernel = network(activation(there), depth)
        run = jax.jit(lambda x, kernel=kernel: kernel(x, None, "nngp"))
        first = time.perf_counter()
        value = np.asarray(run(data[:size]).block_until_ready())
        cold, times = time.perf_counter() - first, []
        for _ in range(0 if only else ROUNDS):
            start = time.perf_counter()
            run(data[:size]).block_until_ready()
            times.append(time.perf_counter() - start)
        out.append({"name": name, "depth": depth, "cold": cold, "times": times, "corner": value[:8, :8].tolist()})
    return out


def attempt(make: Any) -> str:
    try:
        return np.array2string(np.asarray(make()), precision=6).replace("\n", "")
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:70]}"


def corners() -> dict[str, str]:
    """What it answers where there is no answer, or where an assumption fails."""
    x = np.array([[1.0, 2.0], [2.0, -1.0]])
    relu, dense = stax.Relu(), stax.Dense(1, W_std=1.0, b_std=0.0)
    twice = stax.serial(dense, stax.FanOut(2), stax.FanInSum())
    product = stax.serial(dense, stax.FanOut(2), stax.FanInProd(), dense)
    sign = stax.ElementwiseNumerical(NUMPY.sign, deg=25)
    grow = stax.ElementwiseNumerical(lambda z: NUMPY.exp(z**2 / 2), deg=25)
    attend = stax.serial(
        stax.Dense(512), stax.GlobalSelfAttention(512, 64, 64, 2, attention_mechanism="SOFTMAX", linear_scaling=False)
    )
    return {
        "h + h, shared": attempt(lambda: twice[2](x, None, "nngp")),
        "h · h, shared": attempt(lambda: product[2](x, None, "nngp")),
        "sign by quadrature": attempt(lambda: network(sign, 1, 1.0, 0.0)(x, None, "nngp")),
        "exp(x²/2), divergent": attempt(lambda: network(grow, 1, 1.0, 0.0)(x, None, "nngp")),
        "zero vector, relu": attempt(
            lambda: network(relu, 2, 2.0, 0.0)(np.array([[0.0, 0.0], [1.0, 2.0]]), None, "nngp")
        ),
        "NaN input": attempt(lambda: network(relu, 1, 2.0, 0.0)(np.array([[np.nan, 0.0], [1.0, 2.0]]), None, "nngp")),
        "two heads, 1/√n softmax": attempt(lambda: attend[2](np.ones((1, 2, 2)), None, "nngp")),
    }


if __name__ == "__main__":
    only = sys.argv[1] if len(sys.argv) > 1 else None
    found = {"cases": measure(only), "corners": {} if only else corners()}
    found["whole"] = time.perf_counter() - START
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))

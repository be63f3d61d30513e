"""Random programs for the sampler: tied and transposed weights, two widths, joint inputs, scores, averages."""

from __future__ import annotations

from typing import Any

FUNCTIONS = ("tanh", "relu", "sin", "clip({}, -1, 1)", "erf", "abs")


def _of(f: str, argument: str) -> str:
    return f.format(argument) if "{}" in f else f"{f}({argument})"


def text(rng: Any, steps: int = 9) -> str:
    """A program over an index of two values whose later statements read earlier ones at random.

    The matrices A, B (n x n), T (m x n, from n to m) and D[i] are applied again and again, transposed or not.
    """
    lines = [
        "width m = 3*n/2",
        "index i, j in 1..2",
        "input u[i] ~ N(0, 1)",
        "input (v, w) ~ N([0, 0], [[1, -0.5], [-0.5, 2]])",
        "input z: m ~ N(0.3, 1)",
        "weight A, B, D[i] ~ N(0, 1/n)",
        "weight T: m x n ~ N(0, 2/n)",
    ]
    narrow, wide, scalars = ["u[i]", "v", "w"], ["z"], list[str]()

    def pick(pool: list[str]) -> str:
        return str(pool[rng.integers(len(pool))])

    def member(v: str) -> str:
        return v.replace("[i]", f"[{rng.integers(1, 3)}]") if rng.random() < 0.3 else v

    for k in range(steps):
        kind = rng.choice(["product", "product", "nonlinear", "mix", "score", "average", "softmax"])
        x, y = member(pick(narrow)), member(pick(narrow))
        free = "[i]" if "i]" in x + y else ""
        if kind == "product":
            name = pick(["A", "B", "D[i]", "A'", "B'", "T", "T'"])
            source = pick(wide) if name == "T'" else x
            free = "[i]" if "i]" in source + name else ""
            value, pool = f"{name} @ {source}", wide if name == "T" else narrow
        elif kind == "nonlinear":
            value, pool = f"{_of(pick(list(FUNCTIONS)), f'{x} - {y}/2')}", narrow
        elif kind == "mix":
            scale = pick(scalars) if scalars else "0.7"
            free = "[i]" if "i]" in x + y + scale else ""
            value, pool = f"{x} + tanh({scale})*{y}", narrow
        elif kind == "softmax":
            key = x.replace("[i]", "[j]") if "[i]" in x else "u[j]"
            value = f"sum(softmax(dot({key}, {y}) / n over j) * u[j] for j)"
            free, pool = "[i]" if "i]" in y else "", narrow
        else:
            power = "sqrt(n)" if kind == "score" else "n"
            value, pool = f"dot({x}, {y}) / {power}", scalars
            if kind == "average":
                value = f"mean({_of(pick(list(FUNCTIONS)), x)} * {y})"
        lines.append(f"a{k}{free} = {value}")
        pool.append(f"a{k}{free}")
    outputs = [s.split("[")[0] for s in (narrow + wide + scalars) if s.startswith("a")]
    return "\n".join([*lines, "output " + ", ".join(outputs)])

"""How long closed forms of pairs of library functions take to derive, each from nothing."""

import sys
import time
from itertools import combinations_with_replacement
from pathlib import Path
from runpy import run_path

import sympy

from tensorprog.gaussian.closed.engine import Problem, closed_form
from tensorprog.gaussian.exact.ground import POSITIVE
from tensorprog.kernel.ground.term import mul, substitute
from tensorprog.terms import Var, read

FUNCTIONS = run_path(str(Path(__file__).parents[1] / "docs/formula_gallery.py"))["FUNCTIONS"]
NAMES = (Var("z1"), Var("z2"))
K11, K12, K22 = sympy.symbols("K11 K12 K22", real=True)


def seconds(f: str, g: str) -> float:
    """The time of one derivation, formula written out."""
    term = mul(*(substitute(read(x), {Var("z"): v}) for x, v in zip((f, g), NAMES, strict=True)))
    start = time.perf_counter()
    closed_form(Problem(term, NAMES, ((K11, K12), (K12, K22)), (sympy.S.Zero,) * 2, {"C": POSITIVE}))
    return time.perf_counter() - start


def main(step: int = 1) -> None:
    """All pairs, or every `step`-th."""
    pairs = [*combinations_with_replacement(FUNCTIONS, 2)][::step]
    seconds("relu(z)", "relu(z)")  # imports and caches
    times = sorted((seconds(f, g), f, g) for f, g in pairs)
    print(f"{len(times)} pairs: median {times[len(times) // 2][0] * 1e3:.0f} ms, slowest:")
    for t, f, g in times[-5:]:
        print(f"  {t * 1e3:6.0f} ms  {f} x {g}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))

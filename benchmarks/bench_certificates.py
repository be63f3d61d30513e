"""Example 1, symbolic C, all 528 score pairs: prove, verify, derive side by side, in seconds of the processor.

python benchmarks/bench_certificates.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import combinations_with_replacement, product
from pathlib import Path

from tensorprog import derive, load
from tensorprog.proof import prove, verify

EXAMPLE = Path(__file__).parents[1] / "examples" / "attention.tp"
SCORES = [f"p[{a},{i},{j}]" for a, i, j in product((1, 2), range(1, 5), range(1, 5))]


def seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def derived() -> None:
    limit = derive(load(EXAMPLE))
    for a, b in combinations_with_replacement(SCORES, 2):
        limit.cov(a, b)


def main() -> None:
    goals = [f"covariances:{','.join(SCORES)}", "laws:y[1],y[2]", "claims"]
    found = prove(load(EXAMPLE), goals)
    program = load(EXAMPLE)
    times = {
        "prove": seconds(lambda: prove(load(EXAMPLE), goals)),
        "verify": seconds(lambda: verify(program, found)),
        "derive": seconds(derived),
    }
    print(f"{found.steps} steps, {len(found.text)} bytes")
    for name, t in times.items():
        print(f"{name:8} {t:6.2f} s   {t / times['verify']:6.1f} times verify")


if __name__ == "__main__":
    main()

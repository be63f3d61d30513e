"""The hunt for false certificates alone: `python -m tests.hunt.forged --first 1000 --last 1050 [--seconds 3600]`."""

from __future__ import annotations

import argparse
import math
import random
import time
import warnings

from tests.hunt import programs, suspects
from tests.hunt.finding import Report
from tests.hunt.judge_forged import forged


def main() -> int:
    parser = argparse.ArgumentParser(prog="forged", description="A dishonest prover, judged by numbers.")
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--last", type=int, default=1050)
    parser.add_argument("--seconds", type=float, default=math.inf)
    given = parser.parse_args()
    end, done = time.monotonic() + given.seconds, 0
    warnings.simplefilter("ignore")
    report, found = Report(), 0
    for case in range(given.first, given.last + 1):
        if time.monotonic() > end:
            break
        done += 1
        rng = random.Random(f"k {case}")
        made = suspects.program(rng) if case % 2 else programs.program(rng)
        finding = forged(made, report, case)
        if finding is not None:
            found += 1
            print(f"{case}: {finding.signature}\n{finding.page()}", flush=True)
    print(f"{done} programs: {', '.join(f'{k} {v}' for k, v in report.compared.items())}; {found} findings")
    return 1 if found or not report.compared else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The hunt: `python -m tests.hunt --seconds 600 --seed 1 --jobs 2 --out build/hunt [--package PATH]`."""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[2]
MINOR = ("refused", "slow")
"""Kinds of findings that are no wrong answers, and do not change the exit code."""
HANG = 1200.0
"""Wall seconds after which a worker that says nothing is ended."""


@dataclass
class Hunt:
    """What all workers share."""

    seed: int
    out: Path
    end: float
    cases: int
    next: int = 0
    done: int = 0
    compared: Counter[str] = field(default_factory=Counter)
    signatures: Counter[str] = field(default_factory=Counter)
    cpu: float = 0.0
    minor: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> int | None:
        with self.lock:
            if time.monotonic() > self.end or self.next >= self.cases:
                return None
            self.next += 1
            return self.next - 1

    def note(self, case: int, answer: dict[str, Any]) -> None:
        with self.lock:
            self.done += 1
            self.compared.update(answer["compared"])
            self.cpu += answer.get("cpu", 0.0)
            for number, found in enumerate(answer["findings"]):
                key = f"{found['kind']}: {found['signature']}"
                self.signatures[key] += 1
                self.minor += found["kind"] in MINOR
                path = self.out / f"{self.seed}_{case}_{number}.tp"
                path.write_text(found["page"], encoding="utf-8")
                print(f"finding {path.name} {key}", flush=True)


def worker(seed: int, package: str) -> int:
    """Reads numbers of cases, answers each with a line of JSON."""
    sys.path[:0] = [str(Path(package).resolve())]
    from tests.hunt.cases import Hunter
    from tests.hunt.finding import Finding

    with tempfile.TemporaryDirectory() as folder:
        hunter = Hunter(seed, Path(folder))
        for line in sys.stdin:
            before = time.process_time()
            try:
                report = hunter.case(int(line))
            except Exception as error:  # the hunt's own mistake: told, and not taken for a finding of the package
                import traceback

                text = traceback.format_exc()
                answer = {"compared": {"failures of the hunt itself": 1}, "findings": [
                    asdict(Finding("hunt", f"{type(error).__name__}: {error}"[:120], "", text, ""))
                    | {"page": "\n".join(f"# {t}" for t in text.splitlines())}]}  # fmt: skip
            else:
                answer = {
                    "compared": report.compared,
                    "findings": [asdict(f) | {"page": f.page()} for f in report.findings],
                }
            answer["cpu"] = time.process_time() - before
            print(json.dumps(answer), flush=True)
    return 0


def started(hunt: Hunt, package: str) -> subprocess.Popen[str]:
    words = [
        sys.executable,
        "-P",
        "-W",
        "ignore",
        "-m",
        "tests.hunt",
        "--worker",
        "--seed",
        str(hunt.seed),
        "--package",
        package,
    ]
    path = os.pathsep.join([str(Path(package).resolve()), str(HOME)])
    threads = {f"{k}_NUM_THREADS": "1" for k in ("OMP", "OPENBLAS", "MKL")}
    return subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | threads | {"PYTHONPATH": path}
    )


def feed(hunt: Hunt, package: str) -> None:
    """One worker, begun again where it hangs or dies."""
    process, served = started(hunt, package), 0
    while (case := hunt.take()) is not None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{case}\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], HANG)
        line = process.stdout.readline() if ready else ""
        served += 1
        if line:
            hunt.note(case, json.loads(line))
        else:
            told = f"case {case} of seed {hunt.seed}: the process {'ended' if ready else 'hung'}"
            hunt.note(
                case,
                {"compared": {}, "findings": [{"kind": "contract", "signature": "no answer", "page": f"# {told}\n"}]},
            )
        if not line or served % 100 == 0:  # caches of the package do not grow for ever
            process.kill()
            process = started(hunt, package)
    process.kill()


def main() -> int:
    parser = argparse.ArgumentParser(prog="hunt", description="Random programs, judged by independent roads.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--cases", type=int, default=10**9, help="at most so many cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/hunt"))
    parser.add_argument("--package", default=str(HOME), help="the folder that holds the package to be tested")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        return worker(given.seed, given.package)
    given.out.mkdir(parents=True, exist_ok=True)
    hunt = Hunt(given.seed, given.out, time.monotonic() + given.seconds, given.cases)
    threads = [threading.Thread(target=feed, args=(hunt, given.package)) for _ in range(given.jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for key, count in hunt.signatures.most_common():
        print(f"{count:4} {key}")
    counts = ", ".join(f"{k} {v}" for k, v in sorted(hunt.compared.items()))
    found = sum(hunt.signatures.values())
    print(f"seed {hunt.seed}: {hunt.done} cases, {hunt.cpu:.0f} s of CPU time; {counts or 'nothing compared'}; "
          f"{found} findings, of which {hunt.minor} are needless refusals or slow answers")  # fmt: skip
    return 1 if found > hunt.minor or not hunt.compared else 0


if __name__ == "__main__":
    sys.exit(main())

"""Certificates: proving and verifying, in seconds of the processor, alone or beside another revision.

python benchmarks/bench_certificates.py             Example 1 with all score pairs, 1,000 tokens, GRUs of two steps
python benchmarks/bench_certificates.py --old DIR   the same, and each program of corpus and examples, beside the
                                                    checkout DIR (with its own .venv), each the least of several runs
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCORES = ",".join(f"p[{a},{i},{j}]" for a, i, j in product((1, 2), range(1, 5), range(1, 5)))
RUNS = 4
LONG = 3.0
"""Seconds after which a job is not run again."""
ERF = {"gate": "(1 + erf(x))/2", "activation": "erf"}


def jobs(everything: bool) -> Iterator[tuple[str, str, list[str]]]:
    """A name, a file (or a model and its arguments as JSON), goals."""
    yield "Example 1, all score pairs", "examples/attention.tp", [f"covariances:{SCORES}", "laws:y[1],y[2]", "claims"]
    yield "1,000 tokens", "tests/corpus/valid/attention_1000_tokens.tp", []
    for gates in (ERF, {}):
        for goal in ("covariances:y[1],y[2]", "laws:y[1],y[2]"):
            yield f"GRU, 2 steps, {'erf' if gates else 'sigmoid'} gates, {goal}", json.dumps(["gru", gates]), [goal]
    if everything:
        for folder in ("examples", "tests/corpus/valid", "tests/corpus/by-remark"):
            for path in sorted((ROOT / folder).rglob("*.tp")):
                yield str(path.relative_to(ROOT)), str(path.relative_to(ROOT)), []


def least(run: Callable[[], Any]) -> tuple[float, Any]:
    best = float("inf")
    for _ in range(RUNS):
        start = time.process_time()
        out = run()
        best = min(best, time.process_time() - start)
        if best > LONG:
            break
    return best, out


def serve() -> None:
    """Measures what is asked on standard input; run by the interpreter of the revision that is measured."""
    import tensorprog as tp
    from tensorprog import models
    from tensorprog.proof import prove, verify

    for line in sys.stdin:
        source, goals = json.loads(line)

        def loaded(source: str = source) -> Any:
            if source.startswith("["):
                name, gates = json.loads(source)
                return getattr(models, name)(2, **gates)
            return tp.load(str(ROOT / source))

        try:
            proving, found = least(lambda goals=goals: prove(loaded(), goals))
            program = loaded()
            verifying, _ = least(lambda program=program, found=found: verify(program, found))
            answer: Any = [proving, verifying, found.steps]
        except tp.TensorProgError as error:
            answer = error.diagnostics[0].code
        print(json.dumps(answer), flush=True)


def server(folder: Path) -> subprocess.Popen[str]:
    own = folder / ".venv" / "bin" / "python"
    words = [str(own if own.exists() else sys.executable), str(Path(__file__).resolve()), "--serve"]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder)


def ask(process: subprocess.Popen[str], source: str, goals: list[str]) -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([source, goals]) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=Path, help="the checkout to measure beside this one")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
        return
    processes = [server(ROOT), *([server(given.old)] if given.old else [])]
    for process in processes:  # what is loaded once
        ask(process, "examples/mlp.tp", [])
    sums = [[0.0, 0.0] for _ in processes]
    for name, source, goals in jobs(given.old is not None):
        answers = [ask(process, source, goals) for process in processes]
        if any(isinstance(a, str) for a in answers):
            print(f"{name:60} {answers}")
            continue
        for total, a in zip(sums, answers, strict=True):
            total[0] += a[0]
            total[1] += a[1]
        print(f"{name:60} {told(answers)} {answers[0][2]:6} steps", flush=True)
    print(f"{'sum':60} {told(sums)}")


def told(answers: list[Any]) -> str:
    """Proving and verifying, with the ratio to the other revision."""
    out = []
    for k, word in enumerate(("prove", "verify")):
        ratio = f" ({answers[0][k] / answers[1][k]:4.2f} times)" if len(answers) > 1 else ""
        out.append(f"{word} {answers[0][k]:7.3f} s{ratio}")
    return "  ".join(out)


if __name__ == "__main__":
    main()

"""How long a check takes: the main example against `import sympy`, and programs of growing length.

Promises: `check` of examples/attention.tp starts and ends in about the time of `import sympy`, and the time for a
program grows in proportion to its statements (seconds of processor time there).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from networks import heads_written_out

import tensorprog as tp

EXAMPLE = Path(__file__).parent.parent / "examples" / "attention.tp"
LENGTHS = (1_000, 3_000, 10_000)


def network(statements: int) -> str:
    """A residual network, one weight for all layers of a stretch of ten, written line by line."""
    lines = ["input x0 ~ N(0, 1)", "weight V ~ N(0, 1/n)"]
    layers = (statements - len(lines) - 2) // 2
    lines += [f"weight W{k} ~ N(0, 1/n)" for k in range(layers // 10 + 1)]
    k = 0
    while len(lines) < statements - 2:
        lines.append(f"h{k + 1} = W{k // 10} @ x{k}")
        lines.append(f"x{k + 1} = x{k}/2 + tanh(h{k + 1})")
        k += 1
    return "\n".join([*lines, f"y = V @ x{k}", "output y"]) + "\n"


def recurrent(statements: int) -> str:
    """A tied recurrent network, unrolled by a loop."""
    return (
        f"index t in 1..{statements // 2}\ninput u[t] ~ N(0, 1)\nweight W, U ~ N(0, 1/n)\n"
        f"h[1] = U @ u[1]\ns[1] = erf(h[1])\nfor k in 2..{statements // 2}:\n"
        f"    h[k] = W @ s[k-1] + U @ u[k]\n    s[k] = erf(h[k])\noutput s[{statements // 2}]\n"
    )


def attention_layers(statements: int) -> str:
    """Many attention heads over one layer of features, each written out."""
    return heads_written_out((statements - 4) // 6)


def median(run: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def process(code: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def main() -> None:
    """Print each measurement on a line."""
    example = process(
        f"import tensorprog as tp; v = tp.check(tp.load({str(EXAMPLE)!r})); assert v.verdict == 'valid'; "
        "import sys; assert not {'sympy', 'scipy', 'numpy'} & sys.modules.keys()"
    )
    sympy = process("import sympy")
    example(), sympy()  # the first start of each reads files that the others find in memory
    ours, theirs = median(example, 5), median(sympy, 5)
    print(f"import and check of attention.tp: {ours:.2f} s; import sympy: {theirs:.2f} s; ratio {ours / theirs:.2f}")
    for make, verdict in ((network, "valid"), (recurrent, "valid"), (attention_layers, "valid")):
        base = 0.0
        for statements in LENGTHS:
            text = make(statements)
            start = time.process_time()
            program = tp.loads(text)
            read = time.process_time() - start
            found = tp.check(program).verdict
            checked = time.process_time() - start - read
            assert found == verdict, (make.__name__, statements, found)
            base = base or (read + checked) / statements
            each = (read + checked) / statements
            print(
                f"{make.__name__}, {statements} statements: read {read:.2f} s, checked {checked:.2f} s, "
                f"{1e6 * each:.0f} us a statement, {each / base:.2f} of the first"
            )


if __name__ == "__main__":
    main()

"""Numbers depend on the program, the width and the seed: not on who computes them, how often a run dies, or threads."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorprog.errors import TensorProgError
from tensorprog.language import loads
from tensorprog.numbers.progress import Progress, duration
from tensorprog.simulate import simulate
from tensorprog.simulate.execute.execution import memory_bytes
from tensorprog.simulate.plan.plan import make_plan
from tensorprog.simulate.run import make_job, plan

ATTENTION = """
index i, j in 1..3
index a in 1..2
input u ~ N(0, 1)
weight U[i], Q[a], K[a], V[a] ~ N(0, 1/n)
x[i] = tanh(U[i] @ u)
p[a,i,j] = dot(Q[a] @ x[i], K[a] @ x[j]) / sqrt(n)
y[i] = sum(softmax(p[a,i,j] over j) * (V[a] @ x[j]) for a, j)
output y
output p
"""


@pytest.fixture(scope="module")
def program() -> Any:
    return loads(ATTENTION)


@pytest.fixture(scope="module")
def reference(program: Any) -> Any:
    return simulate(program, n=2000, samples=700, rng=4)


def same(a: Any, b: Any) -> bool:
    return list(a) == list(b) and all(np.array_equal(a[k], b[k]) for k in a)


def test_axes(program: Any, reference: Any) -> None:
    assert {k: v.shape for k, v in reference.items()} == {"y": (700, 3), "p": (700, 2, 3, 3)}
    more = simulate(program, n=2000, samples=5, rng=4, coordinates=7)
    assert {k: v.shape for k, v in more.items()} == {"y": (5, 3, 7), "p": (5, 2, 3, 3)}


def test_a_shorter_run_is_the_start_of_a_longer_one(program: Any, reference: Any) -> None:
    short = simulate(program, n=2000, samples=123, rng=4)
    assert all(np.array_equal(short[k], reference[k][:123]) for k in short)


def test_seeds(program: Any, reference: Any) -> None:
    assert not np.array_equal(simulate(program, n=2000, samples=10, rng=5)["y"], reference["y"][:10])
    a, b = (simulate(program, n=16, samples=10, rng=np.random.default_rng(1)) for _ in range(2))
    assert same(a, b)
    assert not same(a, simulate(program, n=16, samples=10, rng=None))


def test_draws_are_different(reference: Any) -> None:
    assert len(np.unique(reference["y"][:, 0])) == 700


def test_any_executor(program: Any, reference: Any) -> None:
    with ThreadPoolExecutor(3) as pool:
        assert same(simulate(program, n=2000, samples=700, rng=4, executor=pool), reference)


def test_processes(program: Any, reference: Any) -> None:
    assert same(simulate(program, n=2000, samples=700, rng=4, workers=2), reference)


def test_checkpoints_with_damage(program: Any, reference: Any, tmp_path: Path) -> None:
    first = simulate(program, n=2000, samples=700, rng=4, checkpoint=str(tmp_path))
    files = sorted(tmp_path.glob("*.block"))
    assert same(first, reference)
    assert len(files) > 3
    files[0].write_bytes(files[0].read_bytes()[:-10])
    files[1].write_bytes(b"")
    raw = bytearray(files[2].read_bytes())
    raw[len(raw) // 2] ^= 1
    files[2].write_bytes(raw)
    (tmp_path / (files[3].name + ".part-1")).write_bytes(b"half")
    assert same(simulate(program, n=2000, samples=700, rng=4, checkpoint=str(tmp_path)), reference)
    assert not list(tmp_path.glob("*.part-*"))


def test_finished_blocks_are_not_computed_again(program: Any, tmp_path: Path, monkeypatch: Any) -> None:
    first = simulate(program, n=500, samples=50, rng=4, checkpoint=str(tmp_path))
    monkeypatch.setattr(
        import_module("tensorprog.simulate.draw.engine").Runner, "block", lambda *_: pytest.fail("computed")
    )
    assert same(simulate(program, n=500, samples=50, rng=4, checkpoint=str(tmp_path)), first)


def test_another_job_does_not_take_these_blocks(program: Any, tmp_path: Path) -> None:
    simulate(program, n=16, samples=50, rng=4, checkpoint=str(tmp_path))
    other = simulate(program, n=16, samples=50, rng=5, checkpoint=str(tmp_path))
    assert same(other, simulate(program, n=16, samples=50, rng=5))


RUN = """
import sys, hashlib
from tensorprog.language import loads
from tensorprog.simulate import simulate
if __name__ == "__main__":
    draws = simulate(loads(open(sys.argv[1]).read()), n=int(sys.argv[2]), samples=int(sys.argv[3]), rng=9,
                     checkpoint=sys.argv[4] or None, workers=int(sys.argv[5]))
    print(hashlib.sha256(b"".join(draws[k].tobytes() for k in draws)).hexdigest())
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.long
def test_killed_and_resumed(tmp_path: Path, workers: int) -> None:
    (tmp_path / "run.py").write_text(RUN)
    (tmp_path / "p.tp").write_text(ATTENTION)
    folder = tmp_path / "blocks"
    command = [
        sys.executable,
        str(tmp_path / "run.py"),
        str(tmp_path / "p.tp"),
        "60000",
        "260",
        str(folder),
        str(workers),
    ]
    kills = 0
    for _ in range(2):
        before = len(list(folder.glob("*.block"))) if folder.exists() else 0
        child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and child.poll() is None:
            if folder.exists() and len(list(folder.glob("*.block"))) >= before + 2:
                os.killpg(child.pid, signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.005)
        child.communicate()
    done = len(list(folder.glob("*.block")))
    total = -(-260 // plan(loads(ATTENTION), 60000, 9).block)
    assert kills == 2
    assert 0 < done < total
    resumed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    whole = simulate(loads(ATTENTION), n=60000, samples=260, rng=9)
    assert resumed == hashlib.sha256(b"".join(whole[k].tobytes() for k in whole)).hexdigest()


DIGEST = """
import hashlib
from tensorprog.language import loads
from tensorprog.simulate import simulate
out = simulate(loads('''
input u ~ N(0, 1)
weight W, V ~ N(0, 1/n)
a = W @ u
b = W' @ tanh(a)
c = W @ relu(V @ (a + b))
d = dot(a, c) / n
output b, c, d'''), n=40000, samples=2, rng=1)
print(hashlib.sha256(b"".join(out[k].tobytes() for k in out)).hexdigest())
"""


def test_threads_of_blas_change_nothing() -> None:
    found = set()
    for threads in ("1", "2", "5"):
        env = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        run = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True, env=env)
        found.add(run.stdout)
    assert len(found) == 1


# -- bounds, numbers and errors ----------------------------------------------------------------------------------------


def code(error: pytest.ExceptionInfo[TensorProgError]) -> str:
    return error.value.diagnostics[0].code


def test_memory_bound(program: Any) -> None:
    with pytest.raises(TensorProgError) as error:
        simulate(program, n=10**6, samples=1, memory="20MB")
    assert code(error) == "TP907"
    assert memory_bytes("1.5GB") == 1.5e9
    assert memory_bytes("200 mb") == 2e8
    assert memory_bytes(77) == 77
    for size in ("a lot", "nan", "nanGB", "0", "-1MB", "", float("inf")):
        with pytest.raises(TensorProgError):
            memory_bytes(size)


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("width m = n/4\ninput u: m ~ N(0, 1)\noutput u", {"n": 10}, "TP011"),
        ("param C > 0\ninput u ~ N(0, 1)\nx = C*u\noutput x", {}, "TP017"),
        ("param C > 0 = 1\ninput u ~ N(0, C)\noutput u", {"values": {"C": -1.0}}, "TP017"),
        ("input u ~ N(0, 1)\noutput u", {"values": {"D": 1.0}}, "TP002"),
        ("input u ~ N(0, 1)\noutput u", {"samples": 0}, "TP018"),
        ("input u ~ N(0, 1)\noutput u", {"n": 0}, "TP018"),
        ("input u ~ N(0, 1)\noutput u", {"n": 64.5}, "TP018"),
        ("input u ~ N(0, 1)\noutput u", {"samples": 2.5}, "TP018"),
        ("input u ~ N(0, 1)\noutput u", {"rng": -1}, "TP018"),
        ("input u ~ N(0, 1)\noutput u", {"rng": 1.5}, "TP018"),
        ("input u ~ N(0, 1)\noutput u", {"n": 4, "coordinates": 5}, "TP018"),
        ("input u ~ N(0, 1)\noutput u", {"coordinates": 0}, "TP018"),
        ("input u ~ N(0, 1)\noutput u", {"dtype": "float16"}, "TP018"),
        ("input u ~ N(0, 1)\noutput u", {"entries": "cauchy"}, "TP018"),
        ("input u ~ N(0, 1)\noutput u", {"workers": 0}, "TP018"),
        ("input u ~ N(0, 1)\noutput u", {"workers": 2, "dask": "tcp://127.0.0.1:1"}, "TP018"),
        ("input u ~ N(0, 1)\noutput u", {"outputs": ["w"]}, "TP002"),
        ("index i in 1..3\ninput u[i] ~ N(0, 1)\noutput u", {"outputs": ["u[4]"]}, "TP004"),
        ("param r = 0\ninput (u, w) ~ N([0, 0], [[1, r], [r, 1]])\noutput u", {"values": {"r": 2}}, "TP008"),
        (
            "param nu = 3\ninput u ~ N(0, 1)\nweight W ~ iid(student(nu), 1/n)\nx = W @ u\noutput x",
            {"values": {"nu": 2}},
            "TP018",
        ),
    ],
)
def test_errors(text: str, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(TensorProgError) as error:
        simulate(loads(text), **{"n": 16, "samples": 3, **options})
    assert code(error) == expected


def test_a_width_beyond_the_memory_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def block(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(import_module("tensorprog.simulate.draw.engine").Runner, "block", block)
    with pytest.raises(TensorProgError, match="memory is not enough") as error:
        simulate(loads("input u ~ N(0, 1)\noutput u"), n=16, samples=3)
    assert code(error) == "TP907"


def test_params_change_numbers() -> None:
    p = loads("param C > 0\ninput u ~ N(0, 1)\nx = C*u\noutput x")
    one, two = (simulate(p, n=4, samples=9, values={"C": c})["x"] for c in (1.0, 2.0))
    assert np.array_equal(2 * one, two)


def test_single_precision_stays_single(program: Any, monkeypatch: Any) -> None:
    engine = import_module("tensorprog.simulate.draw.engine")
    seen = set()
    step = engine.Block.step

    def watched(self: Any, k: int, node: Any) -> Any:
        out = step(self, k, node)
        seen.add(out.dtype)
        return out

    monkeypatch.setattr(engine.Block, "step", watched)
    single = simulate(program, n=64, samples=2000, dtype="float32")
    assert seen == {np.dtype("float32")}
    assert single["y"].dtype == np.float32
    double = simulate(program, n=64, samples=2000)
    assert abs(single["y"].var() / double["y"].var() - 1) < 0.15


def test_only_what_is_asked_for_is_computed(program: Any) -> None:
    made = make_plan(make_job(program, 64, 0, outputs=["x[1]"]))
    kept = {n.name for n, need in zip(made.uses.nodes, made.need, strict=True) if need}
    assert kept == {"u", "x_1", "x"}


def test_plan_keeps_directions_where_only_dot_products_meet(program: Any) -> None:
    made = plan(program, 4096)
    sizes = {n.name: layout and (layout.kind, layout.size)
             for n, layout in zip(made.uses.nodes, made.layouts, strict=True)}  # fmt: skip
    assert sizes["u"] == ("lazy", 1)
    assert sizes["x"] == ("full", 4096)
    assert sizes["p_1"] == sizes["p_2"] == ("lazy", 6)  # 3 queries and 3 keys, for each head on its own
    assert sizes["y"] == ("pinned", 1)
    assert plan(program, 6).layouts[made.uses.nodes.index(program.families["p_1"].pieces[0])].kind == "full"  # type: ignore[union-attr]


def test_cost_does_not_grow_with_the_width_where_all_is_linear() -> None:
    p = loads("""
index i, j in 1..4
input u[i] ~ N(0, 1)
weight A, B ~ N(0, 1/n)
p[i,j] = dot(A @ u[i], B @ u[j]) / sqrt(n)
y[i] = sum(p[i,j] * (B @ u[j]) for j)
output y""")
    assert plan(p, 2**8).bytes_per_draw == plan(p, 2**40).bytes_per_draw
    found = simulate(p, n=2**40, samples=20_000, rng=3, outputs=["p[1,2]"])["p[1,2]"]
    assert abs(found.var() - 1) < 0.06


# -- progress ----------------------------------------------------------------------------------------------------------


class Terminal:
    def __init__(self, tty: bool) -> None:
        self.text, self.tty = "", tty

    def isatty(self) -> bool:
        return self.tty

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_progress_on_a_terminal_only() -> None:
    for tty in (True, False):
        stream = Terminal(tty)
        progress = Progress.of(100, True, stream)  # type: ignore[arg-type]
        progress.start -= 10.0
        progress.add(25)
        until = time.monotonic() + 5
        while tty and "left" not in stream.text and time.monotonic() < until:
            time.sleep(0.05)
        progress.close()
        assert ("25 of 100 draws (25%), 3" in stream.text) is tty


def test_before_anything_is_done_the_time_that_is_allowed_is_told() -> None:
    bounded, free = Progress(5, None, most=40.0), Progress(0, None, unit="checking")
    assert bounded.line(10.2) == "0 of 5 draws (0%), at most 30 s left"
    bounded.add(1)
    assert bounded.line(15.0) == "1 of 5 draws (20%), 25 s left"  # 60 by its pace, but it ends before
    assert free.line(3.0) == "checking, 3 s so far"


def test_time_left_ignores_what_was_there_already() -> None:
    progress = Progress(100, None)
    progress.add(50, fresh=False)
    progress.add(10)
    assert progress.line(20.0) == "60 of 100 draws (60%), 1 min 20 s left"
    assert duration(7260) == "2 h 1 min"
    progress.add(70)  # a block holds more draws than are left
    assert progress.line(30.0) == "100 of 100 draws (100%), 0 s left"


def test_inputs_are_drawn_when_they_are_read() -> None:
    """A sequence that is read token by token is never there as a whole, and keeps its law."""
    text = """
index t in 2..41
index b, c in 1..2
input x[b,t] ~ N(0, if_b[b,b'] * t)
matrix if_b = [[1, 0.5], [0.5, 1]]
g[1,b] = x[b,2]
for s in 2..40:
    g[s,b] = 0.5 * tanh(g[s-1,b]) + x[b,s+1]
m[b,c] = dot(g[40,b], g[40,c]) / n
last = mean(x[1,41] * g[40,1])
output m, last, g[40,1]
"""
    lines = text.strip().split("\n")
    p = loads("\n".join([lines[0], lines[1], lines[3], lines[2], *lines[4:]]))
    made = plan(p, 1000)
    assert list(made.deferred) == [0]
    assert made.bytes_per_draw < 12 * 2 * 1000 * 8
    found = simulate(p, n=1000, samples=200, rng=1)
    assert found["last"].mean() == pytest.approx(41.0, rel=0.02)  # x[1,41] is the last step's own noise
    correlation = found["m"][:, 0, 1].mean() / found["m"][:, 0, 0].mean()
    assert correlation == pytest.approx(0.5, rel=0.02)


def test_a_worker_process_is_killed(program: Any, reference: Any, tmp_path: Path) -> None:
    """The pool breaks; it is started again, and the numbers are the same."""
    import multiprocessing
    import threading

    killed: list[int] = []

    def kill() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not killed:
            children = [p for p in multiprocessing.active_children() if p.pid]
            if children and list(tmp_path.glob("*.block")):
                os.kill(children[0].pid or 0, signal.SIGKILL)
                killed.append(1)
            time.sleep(0.001)

    thread = threading.Thread(target=kill)
    thread.start()
    found = simulate(program, n=2000, samples=1500, rng=4, workers=2, checkpoint=str(tmp_path))
    thread.join()
    assert killed
    assert all(np.array_equal(found[k][:700], reference[k]) for k in found)
    whole = simulate(program, n=2000, samples=1500, rng=4)
    assert same(found, whole)

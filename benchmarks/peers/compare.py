"""Kernels here and in neural-tangents, side by side; prints the tables of docs/comparison.md.

    python benchmarks/peers/compare.py --peer ../peer/bin/python

The two run in turns, twice; a case's time is the best warm one of all rounds. tanh is checked against a kernel of ours
at tolerance 1e-12.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from cases import CASES, DIMENSION, SIGMA_B2, SIGMA_W2

HERE = Path(__file__).parent


def run(python: str, script: str, *args: str) -> dict[str, Any]:
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [python, str(HERE / script), *args], capture_output=True, text=True, check=True, env=environment, cwd=HERE
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True, help="the interpreter of the environment of neural-tangents")
    peer = parser.parse_args().peer
    turns = [(run(sys.executable, "ours.py"), run(peer, "peer.py")) for _ in range(2)]
    head = ("kernel", "depth", "inputs", "here, ms", "with `fast`, ms", "neural-tangents, ms", "ratio",
            "ratio with `fast`", "largest difference")  # fmt: skip
    print("| " + " | ".join(head) + " |")
    print("| --- |" + " --- |" * 8)
    for k, (name, _, _, depth, size) in enumerate(CASES):
        ours, theirs = (1000 * min(t for turn in turns for t in turn[side]["cases"][k]["times"]) for side in (0, 1))
        a, b = (np.array(turns[0][side]["cases"][k]["corner"]) for side in (0, 1))
        fast = 1000 * min(t for turn in turns for t in turn[0]["cases"][k]["fast"])
        row = (name, depth, size, f"{ours:.1f}", f"{fast:.1f}", f"{theirs:.1f}", f"{theirs / ours:.1f}",
               f"{theirs / fast:.1f}", f"{np.abs(a - b).max():.1e}")  # fmt: skip
        print("| " + " | ".join(map(str, row)) + " |")
    print()
    cold = [(run(sys.executable, "ours.py", "relu3"), run(peer, "peer.py", "relu3")) for _ in range(2)]
    times = [min(pair[side]["whole"] for pair in cold) for side in (0, 1)]
    memory = [min(pair[side]["memory"] for pair in cold) for side in (0, 1)]
    print("| a cold process: relu, depth 3, 1000 inputs | here | neural-tangents | ratio |")
    print("| --- | --- | --- | --- |")
    print(f"| seconds | {times[0]:.2f} | {times[1]:.2f} | {times[1] / times[0]:.1f} |")
    print(f"| peak memory, MB | {memory[0]:.0f} | {memory[1]:.0f} | {memory[1] / memory[0]:.1f} |")
    print()
    from tensorprog.nngp import MLPKernel

    data = np.random.default_rng(0).standard_normal((1000, DIMENSION))[:8]
    truth = MLPKernel("tanh", 3, SIGMA_W2, SIGMA_B2, tolerance=1e-13)(data)
    for side, who in enumerate(("here", "neural-tangents")):
        found = np.array(turns[0][side]["cases"][-1]["corner"])
        print(f"tanh, error of {who}: {np.abs(found - truth).max():.1e}")
    print()
    print("| question | here | neural-tangents |")
    print("| --- | --- | --- |")
    for question, ours_says in turns[0][0]["corners"].items():
        print(f"| {question} | {ours_says} | {turns[0][1]['corners'].get(question, '')} |")


if __name__ == "__main__":
    main()

"""`.npy` files are read without numpy, as numpy reads them; nothing else is."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.errors import TensorProgError
from tensorprog.program.graph.limits import DEFAULT_LIMITS
from tensorprog.program.graph.npy import read_npy

TYPES = ("<f8", ">f8", "<f4", ">f4", "<f2", "<i4", ">i8", "|u1", "<u2", "|i1", "<u8")


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_as_numpy_reads_them(kind: str, order: str, tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "x.npy"
    for shape in ((5,), (3, 4), (1, 1), (0,), (2, 7)):
        numbers = rng.normal(size=shape) * 50 if "f" in kind else rng.integers(0, 100, shape)
        np.save(path, np.array(numbers, dtype=kind, order="C" if order == "C" else "F"))
        assert read_npy(path, None, DEFAULT_LIMITS) == (shape, np.load(path).astype("<f8").tobytes())


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version_of_the_format(version: int, tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array(file, np.eye(3), version=(version, 0))
    assert read_npy(tmp_path / "x.npy", None, DEFAULT_LIMITS) == ((3, 3), np.eye(3).tobytes())


def test_what_is_no_array_of_numbers_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    for no_numbers in (np.array(["a"]), np.array([1j]), np.zeros((2, 2, 2)), np.float64(1), np.array([None])):
        np.save(path, no_numbers, allow_pickle=True)
        with pytest.raises(TensorProgError, match="TP010"):
            read_npy(path, None, DEFAULT_LIMITS)
    np.save(path, np.eye(4))
    whole, rng, refused = path.read_bytes(), random.Random(1), 0
    for _ in range(500):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            data[at] = rng.randrange(256)
            if rng.random() < 0.3:
                data = data[: at + 1]
        path.write_bytes(bytes(data))
        try:
            read_npy(path, None, DEFAULT_LIMITS)
        except TensorProgError:
            refused += 1
    assert refused > 300


WITHOUT = """
import sys
for name in ("numpy", "sympy", "scipy", "networkx", "flint", "mpmath", "matplotlib"):
    sys.modules[name] = None
from tensorprog.cli import main
sys.exit(main(["verify", *sys.argv[1:]]))
"""


def test_a_certificate_is_verified_without_any_mathematics_library_with_entries_of_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "K.npy", np.array([[2.0, 0.5], [0.5, 1.0]]))
    path, certificate = tmp_path / "program.tp", tmp_path / "certificate.json"
    path.write_text('index i in 1..2\nmatrix K = file("K.npy")\ninput u[i] ~ N(0, 1)\n'
                    "weight W ~ N(0, 1/n)\ny[i] = K[i,1]*(W @ tanh(u[i]))\noutput y\n")  # fmt: skip
    certificate.write_text(tp.prove(tp.load(path), ["covariances", "numbers"]).text, encoding="utf-8")
    run = [sys.executable, "-c", WITHOUT, str(path), str(certificate)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "accepted" in done.stdout


@pytest.mark.parametrize("size", [3, 40])
@pytest.mark.parametrize("kind", ["<f8", "<f4", "<f2"])
def test_a_certificate_is_verified_without_any_mathematics_library_with_a_covariance_of_a_file(
    size: int, kind: str, tmp_path: Path
) -> None:
    """A Gram matrix of fewer directions than members, whose least eigenvalue is 0 up to the rounding of its type."""
    made = np.random.default_rng(size).standard_normal((size, 1 + size // 2))
    np.save(tmp_path / "K.npy", (made @ made.T / size).astype(kind))
    path, certificate = tmp_path / "program.tp", tmp_path / "certificate.json"
    path.write_text(f'index i in 1..{size}\nmatrix K = file("K.npy")\ninput u[i] ~ N(0, K[i,i\'])\n'
                    "weight W ~ N(0, 1/n)\ny[i] = W @ tanh(u[i])\noutput y\n")  # fmt: skip
    certificate.write_text(tp.prove(tp.load(path)).text, encoding="utf-8")
    run = [sys.executable, "-c", WITHOUT, str(path), str(certificate)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "accepted" in done.stdout
    made[0] = 0  # whose covariances stay as they were
    np.save(tmp_path / "K.npy", made @ made.T / size - np.eye(size) * 0.01)
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "TP008" in done.stderr
    assert "-0.01" in done.stderr

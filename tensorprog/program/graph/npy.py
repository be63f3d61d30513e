"""Arrays from `.npy` files, never pickled: the header is read as plain literals, the data as numbers."""

from __future__ import annotations

import ast
import struct
import sys
from array import array
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import BinaryIO

from tensorprog.errors import fail
from tensorprog.kernel.ground.place import Place
from tensorprog.program.graph.limits import Limits

MAGIC = b"\x93NUMPY"
CODES = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I",
         "u8": "Q"}  # fmt: skip
"""The types of numbers, with their codes in `struct`."""


def read_npy(path: Path, place: Place | None, limits: Limits) -> tuple[tuple[int, ...], bytes]:
    """(shape, little-endian float64 bytes in C order) of a one- or two-dimensional array of real numbers."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is not a file")
        with path.open("rb") as file:
            kind, by_columns, shape = _header(file)
            if kind.lstrip("<>|=") not in CODES or len(shape) not in (1, 2):
                raise fail("TP010", f"{path.name} must hold a one- or two-dimensional array of real numbers", place)
            if prod(shape) > limits.matrix_entries:
                raise limits.exceeded("TP905", "matrix_entries", prod(shape), f"{path.name} is too large", place)
            return shape, _entries(file, kind, by_columns, shape)
    except FileNotFoundError:
        raise fail("TP010", f"there is no file {path.name}", place) from None
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError, struct.error) as error:
        raise fail("TP010", f"{path.name} is not a readable .npy array: {error}", place) from None


def _header(file: BinaryIO) -> tuple[str, bool, tuple[int, ...]]:
    """Return the type of the numbers, whether columns come first, and the shape."""
    start = file.read(8)
    if start[:6] != MAGIC:  # an archive or a pickle is not opened at all
        raise ValueError("it does not start like one")
    size = struct.unpack("<H", file.read(2)) if start[6:7] == b"\x01" else struct.unpack("<I", file.read(4))
    if size[0] > 10_000:
        raise ValueError("its header is too long")
    said = ast.literal_eval(file.read(size[0]).decode("utf-8").strip())
    kind, by_columns, shape = said["descr"], said["fortran_order"], said["shape"]
    fine = isinstance(kind, str) and isinstance(by_columns, bool) and isinstance(shape, tuple)
    if not fine or not all(type(k) is int and k >= 0 for k in shape):
        raise ValueError("its header is not that of an array of numbers")
    return kind, by_columns, shape


def _entries(file: BinaryIO, kind: str, by_columns: bool, shape: tuple[int, ...]) -> bytes:
    """Return the numbers, row by row."""
    count, (code, width) = prod(shape), (CODES[kind.lstrip("<>|=")], int(kind[-1]))
    data = file.read(count * width)
    if len(data) < count * width:
        raise ValueError("it ends before its last number")
    big = kind.startswith(">") or (not kind.startswith("<") and sys.byteorder == "big")
    if not by_columns and code == "d" and not big:
        return data
    numbers: Iterable[float] = struct.unpack(f"{'>' if big else '<'}{count}{code}", data)
    found = array("d", map(float, numbers))
    if by_columns and len(shape) == 2:
        rows, columns = shape
        found = array("d", (found[k * rows + i] for i in range(rows) for k in range(columns)))
    if sys.byteorder == "big":
        found.byteswap()
    return found.tobytes()

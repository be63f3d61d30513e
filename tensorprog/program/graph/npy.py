"""Arrays from `.npy` files, never pickled: the header is read as plain literals, the data as numbers."""

from __future__ import annotations

from pathlib import Path

from tensorprog.errors import fail
from tensorprog.kernel.ground.place import Place
from tensorprog.program.graph.limits import Limits


def read_npy(path: Path, place: Place | None, limits: Limits) -> tuple[tuple[int, ...], bytes]:
    """(shape, little-endian float64 bytes in C order) of a one- or two-dimensional array of real numbers."""
    from tokenize import TokenError

    import numpy as np

    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is not a file")
        with path.open("rb") as file:
            if file.read(6) != b"\x93NUMPY":  # an archive or a pickle is not opened at all
                raise ValueError("it does not start like one")
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise fail("TP010", f"there is no file {path.name}", place) from None
    except (OSError, ValueError, EOFError, TypeError, SyntaxError, TokenError, MemoryError, RecursionError) as error:
        raise fail("TP010", f"{path.name} is not a readable .npy array: {error}", place) from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or array.ndim not in (1, 2):
        raise fail("TP010", f"{path.name} must hold a one- or two-dimensional array of real numbers", place)
    if array.size > limits.matrix_entries:
        raise limits.exceeded("TP905", "matrix_entries", array.size, f"{path.name} is too large", place)
    return tuple(int(k) for k in array.shape), np.ascontiguousarray(array, dtype="<f8").tobytes()

"""The old name of `tensorprog.nngp.scikit`; it warns, and goes away in a later version."""

from __future__ import annotations

from typing import Any
from warnings import warn

NAMES = ("KernelOf", "LimitKernel")


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import tensorprog.nngp.scikit as found

    warn("tensorprog.kernels.scikit is called tensorprog.nngp.scikit now", DeprecationWarning, stacklevel=2)
    return getattr(found, name)

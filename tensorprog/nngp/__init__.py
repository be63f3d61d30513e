"""Limit kernels at scale: from data matrices to kernel matrices, in numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorprog.nngp.mlp import MLPKernel as MLPKernel

if TYPE_CHECKING:
    from tensorprog.nngp.network import NetworkKernel as NetworkKernel

__all__ = ["MLPKernel", "NetworkKernel"]


def __getattr__(name: str) -> Any:
    """NetworkKernel is loaded when asked for: it needs the calculus of limits, MLPKernel numpy alone."""
    if name == "NetworkKernel":
        from tensorprog.nngp.network import NetworkKernel

        return NetworkKernel
    raise AttributeError(name)

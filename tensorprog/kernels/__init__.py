"""Limit kernels of fully connected networks at scale: from data matrices to kernel matrices, in numpy."""

from __future__ import annotations

from tensorprog.kernels.mlp import MLPKernel as MLPKernel

__all__ = ["MLPKernel"]

"""Exact samples of a program at finite width, in time and memory proportional to the width."""

from __future__ import annotations

from tensorprog.simulate.execute.samples import Samples as Samples
from tensorprog.simulate.run import simulate as simulate

__all__ = ["Samples", "simulate"]

"""tensorprog: what wide neural networks become as their width goes to infinity, checked, derived, validated."""

from __future__ import annotations

from tensorprog.errors import Diagnostic as Diagnostic
from tensorprog.errors import TensorProgError as TensorProgError
from tensorprog.language import load as load
from tensorprog.language import loads as loads
from tensorprog.program import Limits as Limits
from tensorprog.program import Program as Program
from tensorprog.theorems import Verdict as Verdict
from tensorprog.theorems import check as check

__version__ = "0.1.0.dev0"

__all__ = ["Diagnostic", "Limits", "Program", "TensorProgError", "Verdict", "__version__", "check", "load", "loads"]

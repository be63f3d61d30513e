"""tensorprog: what wide neural networks become as their width goes to infinity, checked, derived, validated.

Names are imported when they are first used, so that `import tensorprog` costs next to nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorprog.errors import CertificateError as CertificateError
    from tensorprog.errors import Diagnostic as Diagnostic
    from tensorprog.errors import DivergentError as DivergentError
    from tensorprog.errors import TensorProgError as TensorProgError
    from tensorprog.functions.api import facts as facts
    from tensorprog.functions.named.registry import register as register
    from tensorprog.gaussian.expect import expect as expect
    from tensorprog.language import Program as Program
    from tensorprog.language import fn as fn
    from tensorprog.language import load as load
    from tensorprog.language import loads as loads
    from tensorprog.limit.claims.decide import claims as claims
    from tensorprog.limit.derive import derive as derive
    from tensorprog.program import Limits as Limits
    from tensorprog.proof.certificate import verify as verify
    from tensorprog.proof.prover import prove as prove
    from tensorprog.simulate.run import simulate as simulate
    from tensorprog.theorems import Verdict as Verdict
    from tensorprog.theorems import check as check
    from tensorprog.validate.run import validate as validate

__version__ = "0.1.0.dev0"

_LATER = {
    "CertificateError": "tensorprog.errors",
    "Diagnostic": "tensorprog.errors",
    "DivergentError": "tensorprog.errors",
    "TensorProgError": "tensorprog.errors",
    "Limits": "tensorprog.program",
    "Program": "tensorprog.language",
    "Verdict": "tensorprog.theorems",
    "check": "tensorprog.theorems",
    "fn": "tensorprog.language",
    "load": "tensorprog.language",
    "loads": "tensorprog.language",
    "facts": "tensorprog.functions.api",
    "register": "tensorprog.functions.named.registry",
    "expect": "tensorprog.gaussian.expect",
    "claims": "tensorprog.limit.claims.decide",
    "derive": "tensorprog.limit.derive",
    "prove": "tensorprog.proof.prover",
    "verify": "tensorprog.proof.certificate",
    "simulate": "tensorprog.simulate.run",
    "validate": "tensorprog.validate.run",
}

__all__ = ["__version__", *_LATER]  # noqa: PLE0604 - all of them are strings


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'tensorprog' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LATER[name]), name)
    return value


def load_ipython_extension(shell: Any) -> None:
    """Give a notebook the cell magic `%%tp NAME`, by `%load_ext tensorprog`."""
    import_module("tensorprog.display.magic").load(shell)


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """`tensorprog.simulate` is the function, also after the package of that name was imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _LATER and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

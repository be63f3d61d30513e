"""The old names still work, and say what they are called now."""

import importlib
from types import ModuleType

import pytest

import tensorprog.nngp
import tensorprog.nngp.scikit


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("tensorprog.kernels", tensorprog.nngp, "MLPKernel"),
        ("tensorprog.kernels", tensorprog.nngp, "NetworkKernel"),
        ("tensorprog.kernels.scikit", tensorprog.nngp.scikit, "LimitKernel"),
        ("tensorprog.kernels.scikit", tensorprog.nngp.scikit, "KernelOf"),
    ],
)
def test_the_old_name_is_the_new_object_and_warns(old: str, new: ModuleType, name: str) -> None:
    module = importlib.import_module(old)
    with pytest.warns(DeprecationWarning, match=f"{old} is called {new.__name__} now"):
        assert getattr(module, name) is getattr(new, name)


def test_an_unknown_old_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        importlib.import_module("tensorprog.kernels").nothing  # noqa: B018

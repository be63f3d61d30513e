"""Rigorous integrals of special functions: what is raised within them."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("flint")

from tensorprog.gaussian.closed.special import integral


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, RecursionError, ZeroDivisionError])
def test_what_a_function_raises_ends_its_integral(error: type[BaseException]) -> None:
    from flint import acb

    calls = []

    def interrupted(x: Any, analytic: bool) -> Any:
        calls.append(x)
        if len(calls) == 3:
            raise error
        return acb(x).exp()

    with pytest.raises(error) as raised:
        integral(interrupted, 0, 1)
    assert len(calls) == 3
    assert raised.value.__cause__ is None

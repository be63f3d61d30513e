"""What a system of numbers says of itself, for terms to be computed in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

R = TypeVar("R")
HALF = Fraction(1, 2)


class NotComputed(Exception):
    """The term has a part that the system does not compute."""


@dataclass(frozen=True)
class System(Generic[R]):
    """Numbers R with +, * and -, for which these are known; `power` and `named` may raise NotComputed."""

    number: Callable[[Fraction], R]
    pi: R
    power: Callable[[R, Fraction], R]
    named: Mapping[str, Callable[[R], R]]

"""Quantities ask for one another; the asking is a stack and not a recursion, so that depth is no limit."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Generic, TypeVar

from tensorprog.limit.rules.quantities import Key

V = TypeVar("V")


class Schedule(Generic[V]):
    """Computes quantities, each once; `compute` is a generator that yields the keys it needs and returns a value."""

    def __init__(self) -> None:
        self.memo: dict[Key, V] = {}

    def compute(self, key: Key) -> Generator[Key, V, V]:
        raise NotImplementedError

    def solve(self, key: Key) -> V:
        """The value of a quantity and of all that it needs."""
        if key in self.memo:
            return self.memo[key]
        stack = [(key, self.compute(key))]
        answer: Any = None
        while stack:
            top, asking = stack[-1]
            try:
                wanted = asking.send(answer)
            except StopIteration as done:
                answer = self.memo[top] = done.value
                stack.pop()
                continue
            if wanted in self.memo:
                answer = self.memo[wanted]
            else:
                stack.append((wanted, self.compute(wanted)))
                answer = None
        return self.memo[key]

    def run(self, asking: Generator[Key, V, V]) -> V:
        """The result of a computation that asks for quantities."""
        answer: Any = None
        while True:
            try:
                answer = self.solve(asking.send(answer))
            except StopIteration as done:
                out: V = done.value
                return out

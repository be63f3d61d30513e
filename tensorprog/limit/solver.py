"""Quantities ask for one another; the asking is a stack and not a recursion, so that depth is no limit."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, Generic, TypeVar

from tensorprog.limit.rules.quantities import Core, Key, Sum, refs_of
from tensorprog.limit.values.arrays import Arrays
from tensorprog.limit.values.members import Members
from tensorprog.terms import Term

V = TypeVar("V")
C = TypeVar("C", bound=Members[Any, Any] | Arrays)


class Solver(Generic[V, C]):
    """The quantities of one calculus, each computed once.

    A computation yields the quantities that it needs, is sent their values, and returns a value.
    """

    def __init__(self, calculus: C, fixed: tuple[Solver[V, C], Callable[[Sequence[Term]], bool]] | None = None) -> None:
        """`fixed`: who knows the quantities that depend on no scores, and what tells the terms that do."""
        self.calculus = calculus
        self.fixed = fixed
        self.memo: dict[Key, V] = {}
        self._needs: dict[Key | None, list[Key]] = {}
        self._finite: dict[Key | None, set[Any]] = {}

    def value(self, key: Key) -> V:
        """Return the quantity, over the labels that it names."""
        return self._run(self.calculus.ask(key))

    def total(self, parts: Sum) -> V:
        """Return a sum of products of quantities."""
        return self._run(self.calculus.sum(parts))

    def core(self, core: Core) -> V:
        """Return one Gaussian expectation."""
        return self._run(self.calculus.core(core))

    def constant(self, t: Term) -> V:
        """Return a term in params, matrices and scalars."""
        return self._run(self.calculus.constant(t))

    def forget(self) -> None:
        """Before a question: `required` is about what is asked from here on."""
        self._needs.pop(None, None)
        self._finite.pop(None, None)

    def required(self) -> set[Any]:
        """Return what must be positive for all that was asked since `forget` to be finite, whatever cancelled."""
        out: set[Any] = set()
        seen: set[Key | None] = set()
        stack: list[Key | None] = [None]
        while stack:
            top = stack.pop()
            if top not in seen:
                seen.add(top)
                out |= self._finite.get(top, set())
                stack += self._needs.get(top, [])
        return out

    def _run(self, asking: Generator[Key, Any, Any]) -> V:
        stack: list[tuple[Key | None, Generator[Key, Any, Any]]] = [(None, asking)]
        answer: Any = None
        while stack:
            of, computation = stack[-1]
            try:
                wanted = computation.send(answer)
            except StopIteration as done:
                answer = done.value
                if of is not None:
                    self.memo[of] = answer
                stack.pop()
                continue
            finally:
                if self.calculus.noted:
                    self._finite.setdefault(of, set()).update(self.calculus.noted)
                    self.calculus.noted.clear()
            self._needs.setdefault(of, []).append(wanted)
            if self.fixed is not None and not self.fixed[1](refs_of(wanted)):
                answer = self.fixed[0].value(wanted)
            elif wanted in self.memo:
                answer = self.memo[wanted]
            else:
                stack.append((wanted, self.calculus.compute(wanted)))
                answer = None
        out: V = answer
        return out

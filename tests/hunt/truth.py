"""Whether what the kernel accepts is true: what steps say against samples at two widths, and at two values of params.

What is said holds for all admissible params, so that also the closed ends of their ranges are tried.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from tests.hunt import kernels
from tests.hunt.kernels import Said
from tests.hunt.sampler import Sampler, Unknown, aligned
from tests.hunt.statistics import differs, estimate
from tests.hunt.syntax import Program

WIDTHS = ((96, 500), (384, 400))
AGAIN = ((160, 900), (640, 500))
TINY = 1e-12
AT_VALUES = ("number", "covariance number", "kurtosis", "claim confirmed")
"""Statements at the params' own values, and at no others."""
Observed = Callable[[Sampler], Any]


class Truth:
    """One program, and what is really so of it."""

    def __init__(self, program: Program, lowered: Any, powers: Any, rng: random.Random) -> None:
        self.program, self.lowered, self.powers = program, lowered, powers
        self.seed = rng.randrange(10**6)
        self.points: list[Mapping[str, float]] = [{}, {p.name: self._admissible(p, rng) for p in program.params}]
        self.known: dict[Any, Sampler] = {}

    def _admissible(self, p: Any, rng: random.Random) -> float:
        ends = [e for e in (p.low, p.high) if e is not None] if p.closed else []
        low = -2.0 if p.low is None else p.low
        return float(rng.choice([*ends, *ends, low + 0.37 * ((p.high if p.high is not None else low + 3) - low)]))

    def at(self, point: int, size: tuple[int, int]) -> Sampler:
        if (point, size) not in self.known:
            values, seed = self.points[point], self.seed + size[0]
            self.known[point, size] = Sampler(self.program, self.lowered, *size, seed, values)
        return self.known[point, size]

    def false(self, j: Said) -> str | None:
        """What numbers say against it."""
        if any("trusted" in a or "unproved" in a for a in j.axioms):
            return None
        for point in range(1 if j.words[0] in AT_VALUES or not self.program.params else 2):
            try:
                if (why := self._false(j, point)) is not None:
                    where = ", ".join(f"{k} = {v:g}" for k, v in self.points[point].items())
                    return f"{why}{' at ' + where if where else ''}"
            except (Unknown, KeyError, TypeError, ZeroDivisionError, AssertionError):
                continue  # about what this road does not know
        return None

    def _false(self, j: Said, point: int) -> str | None:
        match j.words[0]:
            case "mean":
                return self._mean(j, point)
            case "covariance":
                a, b = map(self._read, j.words[1:3])
                return self.off(point, lambda s: centred(s.term(a), s.term(b)) - np.mean(s.term(j.value)))
            case "law given the scores" | "covariance given the scores":
                return self._conditional(j, point)
            case "number":
                middle, half = _enclosed(j.words[1:3])
                return self.off(point, lambda s: s.term(j.term) - middle, half)
            case "covariance number":
                a, b = map(self._read, j.words[1:3])
                low, high = (float(Fraction(x)) for x in j.words[3:5])
                return self.off(
                    point, lambda s: centred(s.term(a), s.term(b)) - (low + high) / 2, (high - low) / 2 + 1e-9
                )
            case "kurtosis":
                middle, half = _enclosed(j.words[2:4])
                v = self._read(j.words[1])
                return self.off(point, lambda s: standard(s.term(v)) ** 4 - middle, half)
            case "variance":
                n = self.lowered.nodes[int(j.words[1])]
                return self._all_zero(point, lambda s: s.variable(_member(self.lowered, n), {}))
            case "nonzero":
                return self._all_zero(point, lambda s: s.term(j.term))
            case "claim" | "claim confirmed":
                return self._claim(j, point)
            case "applies" if j.words[1] in ("netsor", "netsor-plus"):
                return self._converges(int(j.words[2]), point)
            case "fact" if j.info is not None and j.info.local:
                return self._near(j, point)
        return None

    def _read(self, text: str) -> Any:
        from tensorprog.terms import read

        return read(text)

    def off(self, point: int, observed: Observed, slack: float = 0.0, shown: str = "") -> str | None:
        """Whether what should be 0 in the limit is not; looked at again at other widths before it is said."""
        told = None
        for widths in (WIDTHS, AGAIN):
            narrow, wide = (estimate(_by_draw(observed(self.at(point, w)), w[1])) for w in widths)
            if not differs(0.0, slack, narrow, wide):
                return None
            told = f"{shown or 'what should be 0'} is {narrow}, {wide}"
        return told

    def _all_zero(self, point: int, observed: Observed) -> str | None:
        x = np.asarray(observed(self.at(point, WIDTHS[0])))
        return "it is 0 everywhere" if np.all(np.abs(x) < TINY) else None

    def _mean(self, j: Said, point: int) -> str | None:
        why = self.off(point, lambda s: s.term(j.term) - np.mean(s.term(j.value)))
        if why is None and "positive" in j.words:
            value = float(np.mean(self.at(point, WIDTHS[1]).term(j.value)))
            exactly = not np.any(self.at(point, WIDTHS[1]).term(j.term))
            why = f"{value} is not positive" if exactly or value < -1e-3 else None
        return why

    def _conditional(self, j: Said, point: int) -> str | None:
        a, b = map(self._read, j.words[1:3])

        def gap(s: Sampler) -> Any:
            x, y = aligned([s.term(a), s.term(b)])
            inside = (x * y).mean(axis=1, keepdims=True) - x.mean(axis=1, keepdims=True) * y.mean(axis=1, keepdims=True)
            return inside - s.term(j.value)

        def bent(s: Sampler) -> Any:
            x = s.term(a)
            x = x - x.mean(axis=1, keepdims=True)
            spread = (x**2).mean(axis=1, keepdims=True)
            return (x**4).mean(axis=1, keepdims=True) / np.where(spread > TINY, spread, 1) ** 2 - 3 * (spread > TINY)

        why = self.off(point, gap)
        if why is None and j.words[0].startswith("law"):
            why = self.off(point, bent, shown="the excess of the fourth moment")
            why = why or self.off(point, lambda s: s.term(a), shown="the mean")
        return why

    def _claim(self, j: Said, point: int) -> str | None:
        c = self.lowered.claims[int(j.words[1])]
        if c.form != "equal" or c.condition is not None:
            return None
        slack = 1e-9 if c.tolerance is None else float(c.tolerance.value)
        gaps = []
        for w in WIDTHS:
            s = self.at(point, w)
            gaps.append(float(np.mean(s.term(c.left)) - np.mean(s.term(c.right))))
        scale = 1 + abs(float(np.mean(self.at(point, WIDTHS[1]).term(c.right))))
        if abs(gaps[1]) > slack + 0.1 * scale + 1.5 * abs(gaps[1] - gaps[0]):
            return f"the sides differ by {gaps[1]}"
        return None

    # -- what tends to a constant

    def _converges(self, output: int, point: int) -> str | None:
        """A scalar that is made of averages has no spread in the limit, and so the average of a vector's square."""
        v = self.lowered.outputs[output].ref
        member = type(v)(v.name, tuple(low for low, _ in self.lowered.families[v.name].boxes[0]))
        vector = self.lowered.families[v.name].kind == "vector"
        if not vector and not self.averaged(member):
            return None

        def spread(s: Sampler) -> Any:
            x = s.term(member)
            x = (x**2).mean(axis=1, keepdims=True) if vector else x
            return (x - x.mean()) ** 2

        return self.off(point, spread, shown="the spread between draws")

    def _near(self, j: Said, point: int) -> str | None:
        """A fact near the limits of scalars is one about scalars that have limits."""
        for v in kernels.terms().variables(j.term):
            name, local = str(v.name), j.info.local
            if name not in self.lowered.families or self.lowered.families[name].kind != "scalar":
                continue
            if local is True or name in local:
                single = type(v)(name, tuple(self.lowered.range_of(s)[0] if isinstance(s, str) else s for s in v.subs))

                def spread(s: Sampler, single: Any = single) -> Any:
                    x = s.term(single)
                    return (x - x.mean()) ** 2

                if (why := self.off(point, spread, shown=f"the spread of {name}")) is not None:
                    return why
        return None

    def averaged(self, v: Any) -> bool:
        """Is a scalar made of averages alone?"""
        for n, _ in self.lowered.resolve(v):
            kind = type(n).__name__
            if kind == "Dot" and self.powers.is_score(n):
                return False
            if kind == "Scalar" and not all(self.averaged(r) for r, _ in self.lowered.references(n)):
                return False
        return True

    @cached_property
    def below(self) -> set[tuple[str, tuple[int, ...]]]:
        """The members that some output is computed from; what a mask leaves out is premised too, and counts."""
        stack = [(v.name, m) for v in (o.ref for o in self.lowered.outputs) for m in self._members(v)]
        found = set(stack)
        while stack:
            name, member = stack.pop()
            for n, _ in self.lowered.resolve(kernels.variable(name, member)):
                at = {s: k for s, k in zip(n.subs, member, strict=True) if isinstance(s, str)}
                for r, _ in self.lowered.references(n):
                    near = kernels.variable(r.name, tuple(at.get(s, s) if isinstance(s, str) else s for s in r.subs))
                    new = {(r.name, m) for m in self._members(near)} - found
                    found |= new
                    stack += new
        return found

    def _members(self, v: Any) -> list[tuple[int, ...]]:
        """The members that a reference touches, for all values of its indices."""
        if not v.subs:
            boxes = self.lowered.families[v.name].boxes
            return [m for box in boxes for m in product(*(range(low, high + 1) for low, high in box))]
        names = list(dict.fromkeys(s for s in v.subs if isinstance(s, str)))
        spans = (range(low, high + 1) for low, high in map(self.lowered.range_of, names))
        found = (dict(zip(names, at, strict=True)) for at in product(*spans))
        return [tuple(at.get(s, s) if isinstance(s, str) else s for s in v.subs) for at in found]

    def unfounded(self, words: tuple[str, ...]) -> str | None:
        """A goal about a member that no output is computed from: no theorem says anything of it."""
        from tests.hunt.judge_limits import parsed

        if not words[0].startswith(("covariance", "law", "kurtosis")):
            return None
        for text in words[1:3]:
            m = parsed(str(text))
            if m is not None and m[0] in {d.name for d in self.program.definitions()} and m not in self.below:
                return f"no output is computed from {text}"
        return None


def _member(lowered: Any, n: Any) -> Any:
    from tensorprog.terms import Var

    return Var(n.name, tuple(lowered.range_of(s)[0] if isinstance(s, str) else s for s in n.subs))


def _enclosed(ends: tuple[str, ...]) -> tuple[float, float]:
    low, high = (float(Fraction(x)) for x in ends)
    return (low + high) / 2, (high - low) / 2 + 1e-9


def centred(a: Any, b: Any) -> Any:
    one, two = aligned([a - np.mean(a), b - np.mean(b)])
    return one * two


def standard(a: Any) -> Any:
    return (a - np.mean(a)) / np.std(a)


def _by_draw(x: Any, draws: int) -> Any:
    x = np.asarray(x, dtype=float)
    x = np.broadcast_to(x, (draws, x.shape[1] if x.ndim == 2 else 1))
    return x.mean(axis=1)

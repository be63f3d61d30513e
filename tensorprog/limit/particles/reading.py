"""Expressions of leaves read as functions of Gaussian forms: what a population has to draw.

    sigmoid(Uz h + Vz x + b) * old   becomes   sigmoid(f3) * old,      f3 = [Uz h] + [Vz x] + b

A form is a largest affine combination of Gaussian leaves. Where many matrices meet in one sum, one number is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from tensorprog.kernel.ground.nodes import Input
from tensorprog.kernel.ground.term import ONE, ZERO, add, children, mul, rebuild
from tensorprog.limit.members.compiled import number
from tensorprog.limit.members.leaves import NotCovered, Unfolding
from tensorprog.limit.rules.quantities import Mean
from tensorprog.terms import App, Num, Term, Var, to_text


@dataclass(frozen=True, slots=True)
class Form:
    """Σ c_k (leaf_k - E leaf_k) + constant."""

    leaves: tuple[tuple[Var, float], ...]
    constant: float


@dataclass(frozen=True, slots=True)
class _Affine:
    coefficients: Mapping[Var, float]
    constant: float

    def times(self, c: float) -> _Affine:
        return _Affine({v: c * x for v, x in self.coefficients.items()}, c * self.constant)


def ordered(terms: Iterable[Term], known: Mapping[Term, object] | None = None) -> Iterator[Term]:
    """Every distinct subterm that is not known, after its parts."""
    seen: set[Term] = set()
    stack = [(t, False) for t in terms]
    while stack:
        t, ready = stack.pop()
        if ready:
            yield t
        elif t not in seen and (known is None or t not in known):
            seen.add(t)
            stack.append((t, True))
            stack += [(c, False) for c in reversed(children(t))]


class Reader:
    """The forms and averages of one program, as they are met; params have values."""

    def __init__(self, u: Unfolding, values: Mapping[str, Fraction]) -> None:
        self.u = u
        self.values = values
        self.floats = {n: float(x) for n, x in values.items()}
        self.forms: dict[Var, Form] = {}
        self.moments: dict[Var, Term] = {}
        self.arguments: dict[Var, Term] = {}
        """The argument of each MatMul that is part of a form."""
        self._names: dict[object, Var] = {}
        self._read: dict[Term, tuple[_Affine | None, Term]] = {}
        self._below: dict[Term, frozenset[Var]] = {}
        self._waiting: list[tuple[Var, bool]] = []

    def read(self, t: Term) -> Term:
        """The term over forms `f1, f2, ...` and averages `a1, a2, ...`; what they are made of is read too."""
        out = self._whole(t)
        while self._waiting:
            leaf, is_moment = self._waiting.pop()
            inner = self._whole(self.u.leaves[leaf].parts[0])
            if is_moment:
                self.moments[self._names[leaf]] = inner
            else:
                self.arguments[leaf] = inner
        return out

    def below(self, t: Term) -> frozenset[Var]:
        """The forms and averages in a term that was read."""
        return self._below.get(t, frozenset())

    def product(self, parts: list[Term]) -> Term:
        """The product of some factors; one factor is itself, none is 1."""
        return parts[0] if len(parts) == 1 else self._noted(mul(*parts)) if parts else ONE

    def levels(self, terms: Iterable[Term]) -> dict[Var, int]:
        """How many populations of arguments must be there before a form is drawn, or an average taken."""
        out: dict[Var, int] = {}
        stack = [(v, False) for t in terms for v in sorted(self.below(t), key=repr)]
        while stack:
            v, ready = stack.pop()
            if v in out:
                continue
            if v in self.moments:
                inner = self.below(self.moments[v])
            else:
                inner = frozenset(w for x, _ in self.forms[v].leaves if x in self.arguments
                                  for w in self.below(self.arguments[x]))  # fmt: skip
            if not ready:
                stack.append((v, True))
                stack += [(w, False) for w in sorted(inner, key=repr)]
                continue
            made = v in self.forms and any(x in self.arguments for x, _ in self.forms[v].leaves)
            out[v] = max((out[w] for w in inner), default=-1 if made else 0) + made
        return out

    def _whole(self, t: Term) -> Term:
        for part in ordered([t], self._read):
            self._read[part] = self._one(part)
        return self._written(self._read[t])

    def _one(self, t: Term) -> tuple[_Affine | None, Term]:
        """What is affine as such, everything else as a term."""
        match t:
            case Num(value):
                return _Affine({}, float(value)), t
            case Var() if t in self.u.leaves:
                return self._leaf(t)
            case Var(name, ()) if name in self.values:
                return _Affine({}, self.floats[name]), Num(self.values[name])
            case Var():
                raise NotCovered(f"{to_text(t)} has no value")
            case App("softmax", (k, *logits)):
                return None, self._made(t, (k, *(self._written(self._read[x]) for x in logits)))
        parts = [self._read[c] for c in children(t)]
        inner = [a for a, _ in parts]
        constant = all(a is not None and not a.coefficients for a in inner)
        if isinstance(t, App) and constant:
            plain = self._made(t, tuple(x for _, x in parts))
            return _Affine({}, number(plain, {})), plain
        match t:
            case App("add"):
                return self._sum(parts)
            case App("neg") if inner[0] is not None:
                return inner[0].times(-1.0), t
            case App("mul") if all(a is not None for a in inner) and sum(bool(a.coefficients) for a in inner if a) == 1:
                (main,) = (a for a in inner if a is not None and a.coefficients)
                return main.times(math.prod(a.constant for a in inner if a is not None and not a.coefficients)), t
        return None, self._made(t, tuple(self._written(p) for p in parts))

    def _leaf(self, leaf: Var) -> tuple[_Affine | None, Term]:
        here = self.u.leaves[leaf]
        if here.kind == "score":
            raise NotCovered(f"{to_text(leaf)} is a score: its law is another question")
        if here.kind == "vector":
            return _Affine({leaf: 1.0}, 0.0), leaf
        if leaf not in self._names:
            self._names[leaf] = Var(f"a{len(self.moments)}")
            self.moments[self._names[leaf]] = ZERO  # until it is read
            self._waiting.append((leaf, True))
        name = self._names[leaf]
        self._below[name] = frozenset({name})
        return None, name

    def _sum(self, parts: list[tuple[_Affine | None, Term]]) -> tuple[_Affine | None, Term]:
        """Affine terms of a sum are one form, whatever stands beside them."""
        total: dict[Var, float] = {}
        constant, others = 0.0, list[Term]()
        for affine, term in parts:
            if affine is None:
                others.append(term)
                continue
            constant += affine.constant
            for v, c in affine.coefficients.items():
                total[v] = total.get(v, 0.0) + c
        whole = _Affine({v: c for v, c in total.items() if c}, constant)
        if not others:
            return whole, ZERO
        rest = self._written((whole, ZERO))
        return None, self._noted(add(*([] if rest == ZERO else [rest]), *others))

    def _written(self, part: tuple[_Affine | None, Term]) -> Term:
        affine, term = part
        if affine is None:
            return term
        if not affine.coefficients:
            return term if not self.below(term) and term != ZERO else Num(Fraction(affine.constant))
        form = Form(tuple(affine.coefficients.items()), affine.constant + self._mean(affine.coefficients))
        if form not in self._names:
            name = self._names[form] = Var(f"f{len(self.forms)}")
            self.forms[name] = form
            self._below[name] = frozenset({name})
            for leaf in affine.coefficients:
                if self.u.leaves[leaf].parts and leaf not in self.arguments:
                    self.arguments[leaf] = ZERO  # until it is read
                    self._waiting.append((leaf, False))
        return self._names[form]

    def _mean(self, coefficients: Mapping[Var, float]) -> float:
        return sum(
            c * number(self.u.declared(Mean(v)), self.floats)
            for v, c in coefficients.items()
            if isinstance(self.u.leaves[v].node, Input)
        )

    def _made(self, t: Term, parts: tuple[Term, ...]) -> Term:
        return self._noted(rebuild(t, parts))

    def _noted(self, t: Term) -> Term:
        self._below[t] = frozenset().union(*map(self.below, children(t)))
        return t


def factors(t: Term) -> Iterator[Term]:
    """The factors of a product, products inside it opened."""
    stack = [t]
    while stack:
        match stack.pop():
            case App("mul", args):
                stack += reversed(args)
            case App("neg", (x,)):
                yield Num(-1)
                stack.append(x)
            case other:
                yield other

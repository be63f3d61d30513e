"""The means that a certificate is about as numbers, by code that shares nothing with the kernel or the prover."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from tensorprog.kernel.certificate import Accepted
from tensorprog.kernel.ground.masks import holds, index_values
from tensorprog.kernel.ground.term import shift_subs, variables
from tensorprog.kernel.limits.members import reference
from tensorprog.kernel.limits.statements import Covariance, Mean
from tensorprog.program import Program
from tensorprog.program.normal.normalize import normalize
from tensorprog.proof import Certificate, verify
from tensorprog.terms import App, Bind, Num, Term, Var, to_text
from tests.definitions import ARRAYS
from tests.kernel import gaussian_oracle

NODES = {1: 20_001, 2: 601}
DRAWS = 2**19
REAL = ("tanh", "sigmoid", "atan", "softplus", "softsign", "silu", "log", "mish", "log1p", "gelu_tanh", "erf", "max",
        "min", "le", "ge")  # fmt: skip
"""Heads whose arguments are real; the others have formulas that may pass through complex numbers."""


@cache
def _grid(axes: int) -> tuple[Any, Any]:
    """Independent normals and their weights: a fine grid in one variable or two, quasi-random in more."""
    if axes not in NODES:
        draws = qmc.Sobol(max(axes, 1), seed=1).random(DRAWS).T
        return ndtri(draws)[:axes], np.full(DRAWS, 1 / DRAWS)
    x = np.linspace(-9, 9, NODES[axes])
    chance = np.exp(-(x**2) / 2) / np.exp(-(x**2) / 2).sum()
    if axes == 1:
        return x[None], chance
    return np.stack([m.ravel() for m in np.meshgrid(x, x)]), np.outer(chance, chance).ravel()


class Means(dict[str, float]):
    """References and params as numbers, each computed when it is first asked for."""

    def __init__(self, program: Program, accepted: Accepted, **params: float) -> None:
        super().__init__(params)
        self.program = normalize(program)
        said = [t.statement for t in accepted.theorems]
        self.defined = {f"E({to_text(s.term)})": s for s in said if isinstance(s, Mean)}

    def __missing__(self, name: str) -> float:
        if type(name) is not str:  # a name of the kernel's own
            return self[str(name)]
        found = self.defined[name]
        own = found.value == reference(found.term)
        if own:
            scalars = [v for v in variables(found.term) if v.name in self.program.families and self.scalar(v)]
            self[name] = self.quadrature(found.term, {v: self[f"E({to_text(v)})"] for v in scalars})
        else:
            self[name] = float(np.real(self.number(found.value, {})))
        return self[name]

    def scalar(self, v: Var) -> bool:
        return self.program.families[v.name].kind == "scalar"

    def quadrature(self, t: Term, scalars: dict[Var, Any] | None = None) -> float:
        """E t over its members, along the axes of their covariance; `scalars` are numbers."""
        at = scalars or {}
        over = [v for v in variables(t) if v.name in self.program.families and v not in at]
        mean = np.array([self.get(f"E({to_text(v)})") or self.centre(v) for v in over])
        cov = np.array([[self.second(u, v) for v in over] for u in over]) - np.outer(mean, mean)
        sizes, axes = np.linalg.eigh(cov)
        keep = sizes > 1e-12
        grid, chance = _grid(int(keep.sum()))
        z = mean[:, None] + (axes[:, keep] * np.sqrt(sizes[keep])) @ grid
        return float(np.sum(chance * np.real(self.number(t, {**at, **dict(zip(over, z, strict=True))}))))

    def centre(self, v: Var) -> float:
        name = f"E({to_text(v)})"
        return self[name] if name in self.defined else 0.0

    def second(self, u: Var, v: Var) -> float:
        one, two = sorted(map(to_text, (u, v)))
        return self[f"E({one}*{two})"]

    def number(self, t: Term, at: dict[Var, Any]) -> Any:
        match t:
            case Var() if t in at:
                return at[t]
            case Var(name, ()) if not name.startswith("E(") and name not in self:
                return float(self.program.params[name].default.value)  # type: ignore[union-attr]
            case Var(name, (_, *_) as subs) if name in self.program.matrices:
                m = self.program.matrices[name]
                assert m.entries is not None
                return self.number(m.entries[int(np.ravel_multi_index([int(s) - 1 for s in subs], m.shape))], at)
            case Bind("softmax", (body, *entry), over, mask):
                places = [p for p in index_values(list(over), self.program) if mask is None or holds(mask, p)]
                shares = {tuple(p.values()): np.exp(self.number(shift_subs(body, dict(p)), at)) for p in places}
                return shares.get(tuple(int(e.value) for e in entry if isinstance(e, Num)), 0.0) / sum(shares.values())
            case App(head, args) if head in REAL:
                return ARRAYS[head](*np.broadcast_arrays(*(np.real(self.number(a, at)) for a in args)))
            case App("add", args):
                return sum(self.number(a, at) for a in args)
            case App("mul", args):
                return np.prod(np.broadcast_arrays(*(self.number(a, at) for a in args)), axis=0)
            case App(head, args) if args:
                return gaussian_oracle.FUNCTIONS[head](*(self.number(a, at) for a in args))
        return gaussian_oracle.value(t, self)


def covariances(program: Program, found: Certificate, **params: float) -> dict[tuple[str, str], float]:
    """The certified covariances as numbers."""
    accepted = verify(program, found)
    means = Means(program, accepted, **params)
    for name in means.defined:  # in their order, so that a chain of any length is no recursion
        means.get(name) or means[name]
    found_ones = [t.statement for t in accepted.theorems if isinstance(t.statement, Covariance)]
    return {(to_text(s.a), to_text(s.b)): float(np.real(means.number(s.value, {}))) for s in found_ones}

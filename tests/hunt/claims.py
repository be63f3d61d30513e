"""Writes claims with params, and knows their truth at any values of the params: edges of ranges included."""

from __future__ import annotations

import ast
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from tests.hunt.functions import KNOWN, TAME
from tests.hunt.integrals import REACH, Integral, double, single
from tests.hunt.scalars import values
from tests.hunt.syntax import Define, Input, Param, Program, Weight, X, call, num, op, ref

PARAMS = (
    Param("z", low=0.0, default="0.3"), Param("s", low=0.0, closed=False, default="0.5"), Param("t", default="0.2"),
    Param("r", low=-1.0, high=1.0, closed=False, default="0.25"), Param("w", high=1.0, default="0.4"),
)  # fmt: skip
Values = Mapping[str, float]


@dataclass(frozen=True)
class Setting:
    """A program with params, and the variance of each of its Gaussian vectors; b and c have covariance r."""

    program: Program
    variances: dict[str, X]

    def cov(self, names: tuple[str, ...], at: Values) -> list[list[float]]:
        v = [float(values(self.variances[k], at)) for k in names]
        off = float(at.get("r", 0.0)) if set(names) == {"b", "c"} else 0.0
        return [[v[0]]] if len(names) == 1 else [[v[0], off], [off, v[1]]]


def setting(rng: random.Random) -> Setting:
    """Inputs and products whose variances depend on params."""
    params = tuple(p for p in PARAMS if rng.random() < 0.6 or p.name in "zt")
    names = {p.name for p in params}
    scale = rng.choice(
        [ref(k) for k in sorted(names & {"z", "s"})] + [op("pow", ref("t"), num(2)), op("mul", num(2), ref("z"))]
    )
    inputs = [Input(("a",)), Input(("e",), value=(scale,))]
    variances = {"a": num(1), "e": scale, "g": ref("z")}
    if "r" in names:
        inputs.append(Input(("b", "c"), (), "joint", (num(1), ref("r"), ref("r"), num(1))))
        variances |= {"b": num(1), "c": num(1)}
    program = Program(params=params, inputs=tuple(inputs), weights=(Weight("W", (), ref("z")),),
                      body=(Define("g", (), X("matmul", (ref("a"),), "W")),), outputs=(ref("g"),))  # fmt: skip
    return Setting(program, variances)


def coefficient(rng: random.Random, s: Setting) -> X:
    names = [p.name for p in s.program.params if p.name != "r"]
    return rng.choice([num(1), num(1), num(2), ref(rng.choice(names)), ref(rng.choice(names)), op("neg", ref("t"))])


def function(rng: random.Random, s: Setting, name: str) -> X:
    """A function of one vector with params inside."""
    x = op("mul", coefficient(rng, s), ref(name)) if rng.random() < 0.4 else ref(name)
    c = coefficient(rng, s)
    return rng.choice([
        lambda: call(rng.choice(TAME), x), lambda: call(rng.choice(["relu", "abs", "sign", "step", "erf"]), x),
        lambda: op("pow", call(rng.choice(["sign", "step", "erf", "relu", "abs"]), x), num(2)),
        lambda: op("pow", x, num(rng.choice([1, 2, 3, 4]))), lambda: call("exp", x),
        lambda: call("exp", op("mul", c, op("pow", ref(name), num(2)))),
        lambda: call("where", op("cmp", x, rng.choice([num(0), num(0), c]), name=rng.choice(["<", "<=", ">", ">="])),
                     num(rng.choice([1, 2])), num(rng.choice([0, -1]))),
        lambda: call("clip", ref(name), op("neg", c), c), lambda: call("max", x, c), lambda: call("cos", x),
    ])()  # fmt: skip


def expected(rng: random.Random, s: Setting) -> X:
    """E of a function of one vector, or of two with covariance r."""
    if "b" in s.variances and rng.random() < 0.35:
        heads = ["relu", "erf", "sign", "sin", "cos", "abs", "step"]
        f, g = call(rng.choice(heads), ref("b")), call(rng.choice(heads), ref("c"))
        return call("E", op("mul", f, g))
    return call("E", function(rng, s, rng.choice(["a", "e", "e", "g"])))


def admissible(rng: random.Random, params: tuple[Param, ...]) -> list[dict[str, float]]:
    """Edges that belong to the ranges, values near those that do not, signs, and random values."""
    options = []
    for p in params:
        low, high = p.low, p.high
        if low is not None and high is not None:
            found = [low, high] if p.closed else [low + 1e-3 * (high - low), high - 1e-3 * (high - low)]
            found += [rng.uniform(low, high), (low + high) / 2]
        elif low is not None:
            found = [low if p.closed else low + 0.01, low + 0.25, low + 0.5, low + rng.choice([1.0, 3.0])]
        elif high is not None:
            found = [high if p.closed else high - 0.01, high - 0.5, 0.0, -2.0]
        else:
            found = [0.0, -1.0, 0.5, rng.uniform(-2, 2), 2.0]
        options.append([(p.name, float(f"{v:.4g}")) for v in found])
    everything = [dict(x) for x in product(*options)]
    return rng.sample(everything, min(len(everything), 10))


class Unsure(Exception):
    """Two rules differ about an integral."""


def truth(x: X, s: Setting, at: Values) -> float:
    """The value of a side at values of the params: not a number where it does not exist, infinite where unknown."""
    try:
        return _truth(x, s, at)
    except Unsure:
        return math.inf


def _truth(x: X, s: Setting, at: Values) -> float:
    if x.op == "call" and x.name == "E":
        return _mean(x.args[0], s, at)
    if not x.args or not any(y.op == "call" and y.name == "E" for y in x.walk()):
        return float(values(x, at))
    inner = tuple(num(repr(_truth(a, s, at))) for a in x.args)
    return float(values(X(x.op, inner, x.name), {}))


def _mean(f: X, s: Setting, at: Values) -> float:
    names = tuple(k for k in s.variances if any(y.op == "ref" and y.name == k for y in f.walk()))
    if not names:
        return float(values(f, at))
    cov = s.cov(names, at)
    if len(names) == 1:
        (name,), v = names, cov[0][0]
        if v == 0:
            return float(values(f, {**at, name: 0.0}))

        def one(t: Any) -> Any:
            return values(f, {**at, name: t})

        tail = abs(float(one((REACH - 1) * v**0.5))) + abs(float(one(-(REACH - 1) * v**0.5)))
        if not tail * math.exp(-((REACH - 1) ** 2) / 2) < 1e-20:
            return math.nan
        found = single(one, 0.0, v, [*_places(f, at), 0.0])
        return _sure(found)
    a, b = names
    found = double(lambda t, u: values(f, {**at, a: t, b: u}), (0.0, 0.0), cov, [(1, 0, 0.0), (0, 1, 0.0)])
    return _sure(found)


def _sure(found: Integral) -> float:
    if not found.error <= 1e-9 * (1 + found.size):
        raise Unsure
    return found.value


def _places(f: X, at: Values) -> list[float]:
    """Where a kink of a function of c*x lies, for the functions that `function` writes."""
    out = []
    for y in f.walk():
        if y.op == "call" and y.name in (*KNOWN, "clip", "max", "where"):
            inner = y.args[0].args[0] if y.name == "where" else y.args[0]
            scale = float(values(inner.args[0], at)) if inner.op == "mul" else 1.0
            thresholds = [0.0, *(KNOWN[y.name].kinks if y.name in KNOWN else ())]
            others = y.args[0].args[1:] if y.name == "where" else y.args[1:]
            thresholds += [float(values(c, at)) for c in others if y.name not in KNOWN and not _varies(c)]
            out += [k / scale for k in thresholds if scale]
    return out


def _varies(x: X) -> bool:
    return any(y.op == "ref" and y.name in "aegbc" for y in x.walk())


FUNCTIONS: dict[str, Any] = {
    "sqrt": math.sqrt, "exp": math.exp, "log": math.log, "asin": math.asin, "acos": math.acos, "atan": math.atan,
    "erf": math.erf, "erfc": math.erfc, "Abs": abs, "abs": abs, "cos": math.cos, "sin": math.sin, "gamma": math.gamma,
    "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "Max": max, "Min": min,
    "sign": lambda x: (x > 0) - (x < 0),
}  # fmt: skip


def formula(text: str, at: Values) -> float:
    """A formula as the package prints it (plain arithmetic), at values of the params; not a number where undefined.

    >>> formula("sqrt(2)*z**2/2", {"z": 2.0})
    2.8284271247461903
    """
    try:
        found = _formula(ast.parse(text, mode="eval").body, at)
    except (ValueError, ZeroDivisionError, OverflowError):
        return math.nan
    return found if isinstance(found, (int, float)) else math.nan


def _formula(x: ast.expr, at: Values) -> Any:
    match x:
        case ast.Constant(value=int() | float() as v):
            return v
        case ast.Name(id="pi"):
            return math.pi
        case ast.Name(id=name):
            return at[name]
        case ast.UnaryOp(op=ast.USub(), operand=a):
            return -_formula(a, at)
        case ast.BinOp(left=a, op=operator, right=b):
            left, right = _formula(a, at), _formula(b, at)
            match operator:
                case ast.Add():
                    return left + right
                case ast.Sub():
                    return left - right
                case ast.Mult():
                    return left * right
                case ast.Div():
                    return left / right
                case ast.Pow():
                    return left**right
        case ast.Call(func=ast.Name(id=name), args=args) if name in FUNCTIONS:
            return FUNCTIONS[name](*(_formula(a, at) for a in args))
    raise KeyError(ast.dump(x))

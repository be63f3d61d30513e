"""Symbols of sympy, through the Python interface: their assumptions are those of a param."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hunt.finding import Finding, Report

FACTS = ("bounded", "continuous", "controlled", "total")
ASSUMPTIONS = {"positive": " > 0", "nonnegative": " >= 0", "negative": " < 0"}


def functions(sympy: Any, x: Any, s: Any, sign: int) -> dict[str, Callable[[], Any]]:
    """Functions of x whose facts hang on the sign of s, in sympy and in the language."""
    t = s if sign > 0 else -s
    name = f"({'-' if sign < 0 else ''}{s})"
    return {
        f"x/sqrt({name} + x^2)": lambda: x / sympy.sqrt(t + x**2),
        f"1/({name} + x^2)": lambda: 1 / (t + x**2),
        f"exp(-{name}*x^2)": lambda: sympy.exp(-t * x**2),
        f"log({name} + x^2)": lambda: sympy.log(t + x**2),
        f"x*exp(-{name}*abs(x))": lambda: x * sympy.exp(-t * sympy.Abs(x)),
        f"sqrt({name})*tanh(x)": lambda: sympy.sqrt(t) * sympy.tanh(x),
        f"tanh(x)/{name}": lambda: sympy.tanh(x) / t,
    }


def judged(rng: random.Random, folder: Path, report: Report) -> Finding | None:
    """`facts` and `expect` of an expression of sympy say what they say of the same text with its assumption."""
    del folder
    import sympy

    import tensorprog as tp

    name, how = rng.choice(["s", "eps", "C"]), rng.choice(sorted(ASSUMPTIONS))
    s, x = sympy.Symbol(name, **{how: True}), sympy.Symbol("x", real=True)
    text, make = rng.choice(sorted(functions(sympy, x, s, -1 if how == "negative" else 1).items()))
    assume = f"{name}{ASSUMPTIONS[how]}"
    command = f"tp.facts({text}), {name} = Symbol({name!r}, {how}=True)"
    report.count("symbols of sympy")
    try:
        with_symbol, with_text = tp.facts(make()), tp.facts(text, vars=["x"], assume=assume)
    except tp.TensorProgError as error:
        return Finding("symbols", "a symbol is refused", f"# {text}\n", str(error)[:300], assume, command)
    for fact in FACTS:
        a, b = (str(getattr(f, fact).status) for f in (with_symbol, with_text))
        if a != b:
            said = f"{fact}: {a} ({getattr(with_symbol, fact).because})"
            return Finding(
                "symbols", f"{fact}: {' and '.join(sorted((a, b)))}", f"# {text}, {assume}\n", said, b, command
            )
    number = {name: -0.7 if how == "negative" else 0.7}
    try:
        e = [tp.expect(f, [[1]], vars=["x"], values=number) for f in (make(), text)]
    except tp.TensorProgError as error:
        return Finding("symbols", "expect refuses", f"# {text}, {assume}\n", str(error)[:300], "a number", command)
    (p, d), (q, c) = ((float(z.value), float(z.error or 0)) for z in e)
    if abs(p - q) > 2 * (c + d) + 1e-9:
        return Finding("symbols", "expect", f"# {text}, {assume}\n", f"{p!r} ± {d:.2g}", f"{q!r} ± {c:.2g}", command)
    return None

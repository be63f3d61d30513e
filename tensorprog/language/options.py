"""What commands are told on the command line about a program: its file, size limits, numbers of params."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import fields, replace
from fractions import Fraction

from tensorprog.errors import fail
from tensorprog.kernel.ground.scaling import rational
from tensorprog.language.load import load, loads
from tensorprog.program.api import Program
from tensorprog.program.graph.limits import DEFAULT_LIMITS, Limits
from tensorprog.program.lowering.params import param_numbers
from tensorprog.terms import read


def read_program(file: str, limits: Iterable[str] = (), values: Iterable[str] = ()) -> Program:
    """Return the program in a file, or on standard input for `-`; `values` (PARAM=NUMBER) are checked against it."""
    bounds = read_limits(limits)
    if file == "-":
        raw = sys.stdin.buffer.read(bounds.file_bytes + 1)
        try:
            program = loads(raw.decode("utf-8-sig"), bounds, name="<standard input>")
        except UnicodeDecodeError:
            raise fail("TP013", "standard input is not UTF-8 text") from None
    else:
        program = load(file, bounds)
    read_values(program, values)
    return program


def read_limits(texts: Iterable[str]) -> Limits:
    """NAME=VALUE pairs over the default limits."""
    names = {f.name for f in fields(Limits)}
    out = DEFAULT_LIMITS
    for text in texts:
        name, _, value = text.partition("=")
        if name not in names or not value.isascii() or not value.isdigit() or len(value) > 18:
            raise fail(
                "TP018", f"--limit {text!r} is not NAME=VALUE", help=f"the limits are {', '.join(sorted(names))}"
            )
        out = replace(out, **{name: int(value)})
    return out


def read_values(program: Program, texts: Iterable[str]) -> dict[str, Fraction]:
    """PARAM=NUMBER pairs, each a param of the program within its assumption."""
    out: dict[str, Fraction] = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not number.strip():
            known = ", ".join(program.params) or "it has none"
            raise fail("TP018", f"--set {text!r} is not PARAM=NUMBER", help=f"params of this program: {known}")
        value = rational(read(number.strip()))
        if value is None:
            raise fail("TP018", f"--set {text!r}: {number} is not a number")
        out[name.strip()] = value
    param_numbers(program, out)
    return out

"""What commands on a program share: its file, size limits, numbers of params, one JSON object."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from fractions import Fraction
from functools import reduce, wraps
from typing import Any

import click

from tensorprog.errors import TensorProgError, did_you_mean, fail
from tensorprog.kernel.ground.scaling import rational
from tensorprog.language.load import load, loads
from tensorprog.program.api import Program
from tensorprog.program.graph.limits import DEFAULT_LIMITS, Limits
from tensorprog.program.lowering.params import param_numbers
from tensorprog.program.normal.wording import Wording
from tensorprog.terms import read

Command = Callable[..., Any]
STANDARD_INPUT = "<standard input>"


def on_program(set_help: str | None = "The number of a param.", as_json: bool = True) -> Callable[[Command], Command]:
    """Give a command FILE, --limit, --set and --json: it is called with `program`, `values` and `as_json`.

    Without `set_help` there is no --set, and no `values`.
    """

    def with_options(command: Command) -> Command:
        @wraps(command)
        def reading(file: str, limits: tuple[str, ...], values: tuple[str, ...] = (), **others: Any) -> Any:
            program = read_program(file, limits)
            numbers = read_values(program, values)
            try:
                return command(program, **others) if set_help is None else command(program, values=numbers, **others)
            except TensorProgError as error:
                raise worded(error, program) from None

        options = [
            click.argument("file", metavar="FILE", type=click.Path(allow_dash=True)),
            click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", help="Raise a size limit."),
        ]
        if set_help is not None:
            options.append(click.option("--set", "values", multiple=True, metavar="PARAM=NUMBER", help=set_help))
        if as_json:
            options.append(
                click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
            )
        return reduce(lambda made, option: option(made), reversed(options), reading)

    return with_options


def worded(error: TensorProgError, program: Program) -> TensorProgError:
    """The error in the words of the program, which has no names for the expressions inside its statements."""
    said = Wording(program, program.analysis).said
    error.diagnostics = tuple(d.worded(said) for d in error.diagnostics)
    return error


def read_program(file: str, limits: Iterable[str] = ()) -> Program:
    """Return the program in a file, or on standard input for `-`."""
    bounds = read_limits(limits)
    if file != "-":
        return load(file, bounds)
    raw = sys.stdin.buffer.read(bounds.file_bytes + 1)
    try:
        return loads(raw.decode("utf-8-sig"), bounds, name=STANDARD_INPUT)
    except UnicodeDecodeError:
        raise fail("TP013", "standard input is not UTF-8 text") from None


def read_limits(texts: Iterable[str]) -> Limits:
    """NAME=VALUE pairs over the default limits."""
    names = {f.name for f in fields(Limits)}
    out = DEFAULT_LIMITS
    for text in texts:
        name, _, value = text.partition("=")
        if name not in names or not value.isascii() or not value.isdigit() or len(value) > 18:
            known = f"the limits are {', '.join(sorted(names))}"
            near = known if name in names else did_you_mean(name, names, known)
            raise fail("TP018", f"--limit {text!r} is not NAME=VALUE", help=near)
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

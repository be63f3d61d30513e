"""`%load_ext tensorprog`, then `%%tp NAME`: a cell that holds a program, checked as it is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tensorprog.errors import TensorProgError, fail
from tensorprog.language.load import loads
from tensorprog.theorems import check

NAME = "program"


@dataclass(frozen=True)
class Refused:
    """What is wrong with the text of a cell, as a notebook shows it."""

    error: TensorProgError

    def __repr__(self) -> str:
        return str(self.error)

    def _repr_html_(self) -> str:
        return "".join(d.to_html(self.error.sources, self.error.name) for d in self.error.diagnostics)


def run_cell(line: str, cell: str, names: dict[str, Any]) -> Any:
    """Put the program of a cell under its name (`program` if none is given), and return its verdict.

    >>> names = {}
    >>> run_cell("net", "input u ~ N(0, 1)\\nx = tanh(u)\\noutput x", names).verdict, names["net"]
    ('valid', <Program program: 2 instructions, hash ...>)
    """
    name = line.strip() or NAME
    try:
        if not name.isidentifier():
            raise fail("TP018", f"{name!r} is not a name", help="write %%tp net")
        program = loads(cell, name="<cell>")
        verdict = check(program)
    except TensorProgError as error:
        return Refused(error)
    names[name] = program
    return verdict


def load(shell: Any) -> None:
    """Give a notebook the magic `%%tp`."""
    shell.register_magic_function(lambda line, cell: run_cell(line, cell, shell.user_ns), "cell", "tp")

"""The options `--tolerance` and `--seconds` of every command that searches for numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from tensorprog.numbers.budget import SECONDS, TOLERANCE

F = TypeVar("F", bound=Callable[..., Any])


def budgeted(command: F) -> F:
    """Gives a command the two options, as the arguments `tolerance` and `seconds`."""
    tolerance = click.option(
        "--tolerance", type=float, help=f"Relative error that a sampled number aims at; {TOLERANCE:g} if not given."
    )
    seconds = click.option(
        "--seconds", type=float, default=SECONDS, show_default=True, help="Time for the search for one number."
    )
    return tolerance(seconds(command))

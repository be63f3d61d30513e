"""What every section of a report reads, and what it shows where something could not be computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tensorprog.display.page.markup import Markup, tag
from tensorprog.errors import TensorProgError
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.numbers.budget import SECONDS
from tensorprog.program.api import Program
from tensorprog.theorems.verdict import Verdict

if TYPE_CHECKING:
    from tensorprog.limit.derive import Limit


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """How much is drawn: the width and number of draws of histograms, and the widths of a validation (none: none).

    `tolerance` and `seconds` are for each number of the limit, the claims and the validation, as in `derive`.
    """

    width: int = 256
    samples: int = 2000
    seed: int = 0
    widths: tuple[int, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float | None = None
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True)
class Failed:
    """Why something could not be computed."""

    why: str


class Missing(Exception):
    """What a section needs could not be computed."""


def need(found: T | Failed) -> T:
    """Return what was computed; a section that needs it shows why there is none."""
    if isinstance(found, Failed):
        raise Missing(found.why)
    return found


def attempt(compute: Callable[[], T]) -> T | Failed:
    """Return the result, or the program's own reason why there is none."""
    try:
        return compute()
    except (TensorProgError, NotCovered, Missing) as error:
        return Failed(str(error))


@dataclass(frozen=True, slots=True)
class Subject:
    """What every section reads: the program, the verdict, its limit (or why there is none) and the options."""

    program: Program
    verdict: Verdict
    limit: Limit | Failed
    options: Options


def failure(why: Failed) -> Markup:
    """Why a section has nothing to show."""
    return tag("div", tag("p", "Not available:"), tag("pre", why.why, class_="scroll"), class_="soft")


def shown_or_why(section: Callable[[], Markup]) -> Markup:
    """Return a section, or why it has nothing to show."""
    body = attempt(section)
    return failure(body) if isinstance(body, Failed) else body

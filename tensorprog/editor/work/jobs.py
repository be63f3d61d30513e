"""What an editor asks that may take long: run in a separate process, so that it can be dropped at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tensorprog.editor.answers.analysis import analyse, program_of, refusals
from tensorprog.editor.answers.limits import limits
from tensorprog.editor.answers.pages import pages
from tensorprog.editor.fixing.fixes import fixes
from tensorprog.errors import Diagnostic, TensorProgError

WIDTHS = (64, 256, 1024)
SAMPLES = 1000


def understand(text: str, path: str | None) -> Iterator[Any]:
    """First the analysis, then the limits and claims as they are found."""
    found = analyse(text, path)
    yield found
    if found.verdict:
        yield from limits(text, path)


def mend(text: str, path: str | None, diagnostics: list[Diagnostic]) -> Iterator[Any]:
    """For each diagnostic its quick fixes."""
    for d in diagnostics:
        yield d, fixes(text, d, path)


def verdict(text: str, path: str | None) -> Iterator[str]:
    """Yield what `check` prints."""
    from tensorprog.theorems.check import check
    from tensorprog.theorems.verdict import diagnostics_text

    def said() -> str:
        found = check(program_of(text, path))
        return "\n\n".join(filter(None, [diagnostics_text(found), repr(found)]))

    yield _or_error(said)


def covariances(text: str, path: str | None) -> Iterator[str]:
    """Yield what `derive` prints."""
    from tensorprog.limit.derive import derive

    yield _or_error(lambda: repr(derive(program_of(text, path))))


def validation(text: str, path: str | None) -> Iterator[str]:
    """Yield what `validate` prints, with fewer samples."""
    from tensorprog.validate.run import validate

    yield _or_error(lambda: repr(validate(program_of(text, path), WIDTHS, SAMPLES, rng=0)))


def watched(text: str, path: str, samples: int, seconds: float) -> Iterator[tuple[str, str, str]]:
    """Yield the pages that `watch` shows."""
    yield from pages(text, path, samples, seconds)


def _or_error(say: Callable[[], str]) -> str:
    try:
        with refusals():
            return say()
    except TensorProgError as error:
        return str(error)


JOBS: dict[str, Callable[..., Iterator[Any]]] = {
    "understand": understand,
    "mend": mend,
    "verdict": verdict,
    "covariances": covariances,
    "validate": validation,
    "pages": watched,
}

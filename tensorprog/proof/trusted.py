"""What a certificate rests on, counted: the files of the kernel that were read, and all that these import.

What reads the format, compares it with what is established and prints it can refuse a certificate, and accept none: it
is counted apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HOME = Path(__file__).parents[1]
CORE, FORMAT = "tensorprog.kernel.acceptance", "tensorprog.kernel.certificate"
IMPORT = re.compile(r"^from (tensorprog[\w.]*) import (\([^)]*\)|[^(\n]*)", re.M)
"""An import in the house's formatting; a test compares what is found so with what is executed."""


def trusted(files: tuple[str, ...]) -> dict[str, int]:
    """Lines by room, those of the kernel first: the loop, the files of these rules, and all that they import.

    >>> list(trusted(("verdict.facts",)))[:3]
    ['kernel', 'kernel/core', 'kernel/ground']
    """
    out: Counter[str] = Counter()
    for path in sorted(modules(files)):
        inside = path.relative_to(HOME).parts[:-1]
        out["/".join(inside[: 2 if inside[:1] == ("kernel",) else 1]) or "the package itself"] += _lines(path)
    return dict(sorted(out.items(), key=lambda item: (not item[0].startswith("kernel"), item[0])))


def compared(files: tuple[str, ...]) -> int:
    """Lines that read the format of such a certificate, compare and print, beside those that are trusted."""
    return sum(map(_lines, modules(files, FORMAT) - modules(files)))


def modules(files: tuple[str, ...], start: str = CORE) -> set[Path]:
    """The files that are executed when a certificate is accepted that uses the rules in these files of the kernel."""
    found: set[Path] = set()
    stack = [start, *(f"tensorprog.kernel.{file}" for file in files)]
    seen = set(stack)
    while stack:
        for path in _files(stack.pop()):
            if path not in found:
                found.add(path)
                more = set(_imported(path)) - seen
                seen |= more
                stack += more
    return found


def _lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def _files(name: str) -> Iterator[Path]:
    """Yield the file of a module, and those of the packages around it."""
    place = HOME
    for k, part in enumerate(name.split(".")):
        place = place / part if k else place
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                yield path


def _imported(path: Path) -> Iterator[str]:
    """Yield what a file imports when it is executed: at its top level, where a line begins, not for types alone."""
    for module, names in IMPORT.findall(path.read_text("utf-8")):
        yield module
        if HOME.parent.joinpath(*module.split(".")).is_dir():
            yield from (f"{module}.{name.split()[0]}" for name in names.strip("() \n").rstrip(", \n").split(","))

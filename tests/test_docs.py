"""The documentation keeps its word: links lead somewhere, programs parse, tables name what the code knows.

A block that opens with ```tp complete is a whole program. Further words state its verdict and the codes that it must be
given, as in ```tp complete invalid TP102.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tensorprog
from tensorprog.errors import CODES
from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.signatures import FUNCTIONS
from tensorprog.terms.reserved import RESERVED

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page for glob in ("*.md", "docs/**/*.md", "benchmarks/*.md", "examples/*.md") for page in ROOT.glob(glob)
)
LANGUAGE = ROOT / "docs" / "language.md"
COMMANDS = ROOT / "docs" / "commands.md"

FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    info: list[str]
    body: str

    def __str__(self) -> str:
        return f"{name(self.page)}:{self.line}"


def blocks(language: str, pages: list[Path] = PAGES) -> Iterator[Block]:
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for found in FENCE.finditer(text):
            info = found["info"].split()
            if info[:1] == [language]:
                yield Block(page, text.count("\n", 0, found.start()) + 1, info, found["body"])


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings make, by the rule of common forges."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(page: Path, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    _, _, rest = page.read_text(encoding="utf-8").partition(f"\n{heading}\n")
    assert rest, f"{name(page)} has no heading {heading}"
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def words(text: str) -> set[str]:
    """The names in code spans: `clip(x, lo, hi)` counts as clip."""
    spans = re.findall(r"`([^`]+)`", text)
    return {word for span in spans for word in re.sub(r"\(.*?\)", "", span).split()}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for found in LINK.finditer(FENCE.sub("", page.read_text(encoding="utf-8"))):
        target, _, anchor = found["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            lost.append(found["target"])
    assert lost == []


WHOLE_PROGRAMS = [block for block in blocks("tp") if "complete" in block.info]


def test_there_are_whole_programs() -> None:
    assert {block.page for block in WHOLE_PROGRAMS} >= {LANGUAGE, ROOT / "README.md"}


@pytest.mark.parametrize("block", WHOLE_PROGRAMS, ids=str)
def test_whole_programs_parse(block: Block) -> None:
    tensorprog.loads(block.body)


@pytest.mark.parametrize("block", [block for block in WHOLE_PROGRAMS if block.info[2:]], ids=str)
def test_stated_verdicts_hold(block: Block) -> None:
    verdict, *codes = block.info[2:]
    judged = tensorprog.check(tensorprog.loads(block.body))
    assert judged.verdict == verdict
    assert set(codes) <= {diagnostic.code for diagnostic in judged.diagnostics}


@pytest.mark.parametrize("block", list(blocks("json")), ids=str)
def test_json_is_json(block: Block) -> None:
    assert json.loads(block.body)["schema"].startswith("tensorprog/")


def test_the_language_page_names_every_function() -> None:
    table = section(LANGUAGE, "### Named functions").partition("\n\n* ")[0]
    assert words(table) == set(library())


def test_the_language_page_names_every_reserved_word() -> None:
    assert RESERVED - set(FUNCTIONS) <= words(section(LANGUAGE, "## How a file is read"))


def test_the_commands_page_has_every_command_and_code() -> None:
    from tensorprog.cli import COMMANDS as COMMAND_TABLE

    assert set(COMMAND_TABLE) <= words(section(COMMANDS, "## Commands"))
    listed = words(section(COMMANDS, "## Diagnostic codes"))
    assert [code for code in CODES if code not in listed and f"{code[:3]}xx" not in listed] == []

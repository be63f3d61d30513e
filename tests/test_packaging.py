"""What an installed copy promises: its version, its types, its command, its data files."""

import re
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder

import tensorprog
from tensorprog.errors import CODES

ROOT = Path(__file__).parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        yield archive


def test_one_version_everywhere() -> None:
    version = PYPROJECT["project"]["version"]
    assert metadata.version("tensorprog") == tensorprog.__version__ == version
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == ("Unreleased" if "dev" in version else version)


def test_the_extras_exist() -> None:
    assert {"dev", "distributed", "plot"} <= set(metadata.metadata("tensorprog").get_all("Provides-Extra") or [])


def test_the_command_resolves() -> None:
    (command,) = metadata.entry_points(group="console_scripts", name="tensorprog")
    assert callable(command.load())


def test_the_wheel_ships_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    """Types marker, grammar and all: whatever an editable checkout finds, a wheel has too."""
    package = ROOT / "tensorprog"
    files = {p.relative_to(ROOT).as_posix() for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert "tensorprog/py.typed" in files
    assert files <= set(wheel.namelist())


def test_the_wheel_ships_the_pages_that_explain_prints(wheel: zipfile.ZipFile) -> None:
    pages = {page.name for page in (ROOT / "docs" / "errors").glob("*.md")}
    assert {f"{code}.md" for code in CODES} <= pages
    assert {f"tensorprog/docs/errors/{page}" for page in pages} <= set(wheel.namelist())


def test_the_wheel_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    (licence,) = (entry for entry in wheel.namelist() if entry.endswith("/licenses/LICENSE"))
    assert "Apache License" in wheel.read(licence).decode()

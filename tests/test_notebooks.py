"""The gallery's pages as notebooks: each holds its page's programs, commands and cells, and runs."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
GALLERY = ROOT / "docs" / "gallery"
PAGES = sorted(GALLERY / f"{p.stem}.md" for p in (ROOT / "examples" / "gallery").glob("*.tp"))
nbformat = pytest.importorskip("nbformat")


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / "docs" / "notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_page_is_a_notebook(page: Path, maker: ModuleType) -> None:
    text = page.read_text(encoding="utf-8")
    made = maker.notebook(text)
    nbformat.validate(made)
    sources = [c["source"] for c in made["cells"]]
    assert sources[0].startswith("# ")
    for body in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S):
        assert body.rstrip("\n") in sources
    for command in re.findall(r"^\$ (tensorprog .*)$", text, re.M):
        assert any(f"!{command}" in s for s in sources)
    program = (ROOT / "examples" / "gallery" / f"{page.stem}.tp").read_text(encoding="utf-8").rstrip()
    assert f"%%writefile examples/gallery/{page.stem}.tp\n{program}" in sources
    assert nbformat.writes(made) == nbformat.writes(maker.notebook(text))


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_notebook_runs(page: Path, maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a kernel of its own, in an empty folder."""
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    client = pytest.importorskip("nbclient")
    made = maker.notebook(page.read_text(encoding="utf-8"))
    done: Any = client.NotebookClient(made, timeout=300, kernel_name="python3",
                                      resources={"metadata": {"path": str(tmp_path)}}).execute()  # fmt: skip
    outputs = [o for c in done["cells"] for o in c.get("outputs", ())]
    assert not [o for o in outputs if o["output_type"] == "error"]
    assert "Traceback" not in "".join(o.get("text", "") for o in outputs)
    if "show(" in page.read_text(encoding="utf-8"):
        assert any("image/svg+xml" in o.get("data", {}) for o in outputs)

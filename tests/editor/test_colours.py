"""Colours: the grammar of the VS Code extension is the one that the words make, and colours as the parser reads."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pygments import lexers
from pygments.token import Keyword, Name

from tensorprog.editor.text.highlight import TensorprogLexer
from tensorprog.editor.text.tokens import statements

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "editors" / "vscode"
PACKAGE = json.loads((EXTENSION / "package.json").read_text("utf-8"))
GRAMMAR = json.loads((EXTENSION / "syntaxes" / "tensorprog.tmLanguage.json").read_text("utf-8"))
PROGRAMS = sorted([*ROOT.glob("examples/*.tp"), *ROOT.glob("examples/gallery/*.tp")])
SCOPES = {"keyword.control": "keyword", "keyword.other": "keyword", "support.type": "law",

          "entity.name.function": "function", "variable.other": "name", "constant.language": "name",
          "constant.numeric": "number", "string.quoted": "string"}  # fmt: skip


def test_the_grammar_is_the_one_that_the_words_make() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "editors" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.GRAMMAR.read_text("utf-8") == generate.text(), "run python editors/generate.py"


def scopes(line: str) -> list[tuple[str, int, str]]:
    """What a TextMate tokeniser makes of one line: at each place the earliest match, of several the first rule's."""
    rules = [(p["name"].removesuffix(".tensorprog"), re.compile(p["match"])) for p in GRAMMAR["patterns"]]
    out, at = [], 0
    while at < len(line):
        found = [(m.start(), k, name, m) for k, (name, rule) in enumerate(rules) if (m := rule.search(line, at))]
        if not found:
            break
        _, _, name, m = min(found, key=lambda f: f[:2])
        text = m.group()
        out.append((name, m.start() + len(text) - len(text.lstrip()) + 1, text.strip()))
        at = max(m.end(), at + 1)
    return out


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_textmate_colours_words_as_they_are_read(path: Path) -> None:
    text = path.read_text("utf-8")
    mine = {(t.line, t.column): (t.role, t.text) for s in statements(text) for t in s if t.role != "operator"}
    found = {}
    for number, line in enumerate(text.split("\n"), 1):
        for scope, column, word in scopes(line):
            role = next((r for s, r in SCOPES.items() if scope.startswith(s)), None)
            if role is not None:
                found[number, column] = role, word
    assert found == mine


@pytest.mark.parametrize(
    ("line", "word", "scope"),
    [
        ("weight A, x: m x n ~ N(0, 1/n)", "weight", "keyword.control"),
        ("weight A, x: m x n ~ N(0, 1/n)", "N", "support.type"),
        ("weight A ~ iid(rademacher, 1/n)", "rademacher", "support.type"),
        ("y = softmax(p[i] over i)", "over", "keyword.other"),
        ("claim var(x) = 1 within 1e-3", "within", "keyword.other"),
        ("y = over + 1", "over", "variable.other"),
        ("y = tanh(x)", "tanh", "entity.name.function"),
        ('matrix K = file("gram.npy")', "file", "keyword.other"),
        ("y = σ1 / sqrt(n)", "n", "constant.language"),
        ("y = σ1 / sqrt(n)", "σ1", "variable.other"),
        ("index i in 1..4", "4", "constant.numeric"),
        ("y = 1 # output", "# output", "comment.line.number-sign"),
        ("output_1 = x", "output_1", "variable.other"),
    ],
)
def test_example_lines(line: str, word: str, scope: str) -> None:
    assert (scope, word) in {(s, w) for s, _, w in scopes(line)}


def test_pygments_gives_back_the_text_and_finds_the_lexer() -> None:
    for path in PROGRAMS:
        text = path.read_text("utf-8")
        found = list(TensorprogLexer(stripnl=False, ensurenl=False).get_tokens(text))
        assert "".join(t for _, t in found) == text
        assert (Keyword, "output") in found
        assert not any(kind is Name for kind, t in found if t in ("output", "weight", "input"))
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["pygments.lexers"]
    module, _, name = entry["tensorprog"].partition(":")
    loaded = lexers.load_lexer_from_file(str(ROOT / (module.replace(".", "/") + ".py")), name)
    assert loaded.name == TensorprogLexer.name


def test_the_extension_is_whole() -> None:
    named = [PACKAGE["main"], *(x["path"] for x in PACKAGE["contributes"]["grammars"]),
             *(x["configuration"] for x in PACKAGE["contributes"]["languages"])]  # fmt: skip
    assert all((EXTENSION / name).is_file() for name in named)
    assert PACKAGE["contributes"]["grammars"][0]["scopeName"] == GRAMMAR["scopeName"]
    json.loads((EXTENSION / "language-configuration.json").read_text("utf-8"))


STUBS = """
const load = require("module")._load, seen = [];
const vscode = {
  workspace: { getConfiguration: () => ({ get: () => ["tensorprog", "lsp"] }),
               openTextDocument: async (d) => (seen.push(d.content), d) },
  window: { showTextDocument: async () => {}, withProgress: (_, f) => f(), showErrorMessage: (m) => seen.push(m) },
  ViewColumn: { Beside: 2 }, ProgressLocation: { Window: 10 },
};
class LanguageClient {
  constructor(id, name, server, options) { Object.assign(this, { server, options }); seen.push(server.command); }
  async start() {
    const run = this.options.middleware.executeCommand;
    seen.push(await run("tensorprog.covariances", ["file:///x.tp"], async () => "said"));
    if (process.argv[2] === "missing") throw new Error("ENOENT");
  }
  stop() { seen.push("stopped"); }
}
require("module")._load = (name, ...rest) =>
  name === "vscode" ? vscode : name.startsWith("vscode-languageclient") ? { LanguageClient } : load(name, ...rest);
const extension = require(process.argv[1]);
extension.activate().then(() => extension.deactivate()).then(() => console.log(JSON.stringify(seen)));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine: the extension is not run")
def test_the_extension_starts_the_server_and_shows_what_a_command_says() -> None:
    def run(*more: str) -> list[str]:
        words = ["node", "-e", STUBS, str(EXTENSION / "extension.js"), *more]
        found: list[str] = json.loads(subprocess.run(words, check=True, timeout=60, capture_output=True).stdout)
        return found

    assert run() == ["tensorprog", "said", "said", "stopped"]
    assert "pip install 'tensorprog[editor]'" in run("missing")[3]

"""Tokens, outlines and renaming, against the parser of the language."""

from __future__ import annotations

from pathlib import Path

import pytest

import tensorprog as tp
from tensorprog.editor.text.included import definitions, included
from tensorprog.editor.text.outline import Refused, outline, renaming
from tensorprog.editor.text.tokens import comments, statements
from tensorprog.editor.text.words import BUILT_IN, STATEMENTS, functions, grammar
from tensorprog.functions.named.registry import words
from tensorprog.language.offsets import BOUNDARIES
from tensorprog.language.parser import _parser

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(
    [*ROOT.glob("examples/*.tp"), *ROOT.glob("examples/gallery/*.tp"), *ROOT.glob("tests/corpus/**/*.tp")]
)
VALID = [p for p in PROGRAMS if "error" not in p.parts]
WORDS = ("mask", "scale", "valid", "invalid")
"""Names to the parser, words to a reader."""
TRICKY = """weight x, over: n x n ~ N(0, 1/n)  # x, over and N are names too
width m = 2*n
input N, iid: m ~ N(0, .5)
index i, j in 1..2
y[i] = (x @ N) * over * (2 - within) + E
"""


@pytest.mark.parametrize("path", PROGRAMS[:: max(1, len(PROGRAMS) // 40)], ids=lambda p: p.stem)
def test_names_are_the_names_of_the_parser(path: Path) -> None:
    text = path.read_text("utf-8")
    try:
        parse = _parser(BOUNDARIES.union(words())).parse_interactive(text + "\n")
        found = {(str(t), t.line, t.column) for t in parse.iter_parse() if t.type == "NAME"}
    except Exception:
        pytest.skip("no program")
    mine = {(t.text, t.line, t.column) for s in statements(text) for t in s
            if t.role in ("name", "function") or t.text in WORDS
            or (t.role == "law" and t.text not in ("N", "iid", "bernoulli"))}  # fmt: skip
    assert mine == found


def test_words_that_are_free_elsewhere_stay_names() -> None:
    roles = {(t.text, t.line): t.role for s in statements(TRICKY) for t in s}
    assert roles["x", 1] == "keyword"  # the last of the line: n x n
    assert [t.role for t in statements(TRICKY)[0] if t.text == "x"] == ["name", "keyword"]
    assert (roles["over", 1], roles["over", 5], roles["within", 5]) == ("name", "name", "name")
    assert [t.role for t in statements(TRICKY)[2] if t.text == "N"] == ["name", "law"]
    assert [c.text for c in comments(TRICKY)] == ["# x, over and N are names too"]


def test_every_statement_of_the_grammar_is_explained() -> None:
    assert set(STATEMENTS) == set(grammar().statements)
    assert set(BUILT_IN) <= set(functions())


def test_a_bracket_left_open_does_not_swallow_the_next_statement() -> None:
    assert [s[0].text for s in statements("y = f(x\noutput y\nz = (a +\n  b)")] == ["y", "output", "z"]


def test_outline_of_a_text_that_is_no_program() -> None:
    found = outline(
        "index i, j in 1..\ninput (u[i], w[i]) ~\nweight A[i], B: m x n\nfor t in 2..3:\n    h[t] = A[t] @ \n)"
    )
    kinds = [(d.name, d.kind) for d in found.declarations]
    assert kinds == [("i", "index"), ("j", "index"), ("u", "input"), ("w", "input"), ("A", "weight"), ("B", "weight"),
                     ("t", "loop"), ("h", "defined")]  # fmt: skip


@pytest.mark.parametrize("path", VALID[:: max(1, len(VALID) // 12)], ids=lambda p: p.stem)
def test_renaming_a_name_changes_nothing_else(path: Path) -> None:
    text = path.read_text("utf-8")
    if "include" in text or "file(" in text:
        pytest.skip("reads other files")
    before = tp.loads(text)
    for d in {d.name: d for d in outline(text).declarations}.values():
        tokens = renaming(text, d.token.line, d.token.column, "zz_new")
        lines = text.split("\n")
        for t in sorted(tokens, key=lambda t: (t.line, t.column), reverse=True):
            old = lines[t.line - 1]
            lines[t.line - 1] = old[: t.column - 1] + "zz_new" + old[t.column - 1 + len(t.text) :]
        after = tp.loads("\n".join(lines))
        assert len(after.nodes) == len(before.nodes)
        assert [type(n) for n in after.nodes] == [type(n) for n in before.nodes]
        back = renaming("\n".join(lines), tokens[0].line, tokens[0].column, d.name) if d.name not in text else tokens
        assert len(back) == len(tokens)


@pytest.mark.parametrize("new", ["u", "output", "tanh", "2x", "a b", "n", ""])
def test_a_renaming_that_would_change_the_program_is_refused(new: str) -> None:
    text = "input u, w ~ N(0, 1)\ny = tanh(u) + w\noutput y"
    with pytest.raises(Refused):
        renaming(text, 3, 8, new)
    for free in ("z", "x", "N", "over"):  # these are words elsewhere only
        assert [(t.line, t.column) for t in renaming(text, 3, 8, free)] == [(2, 1), (3, 8)]
    with pytest.raises(Refused, match="word of the language"):
        renaming("claim y\ny = 1", 2, 1, "valid")


def test_definitions_in_included_files(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "tokens.tp").write_text("input u ~ N(0, 1)\n")
    text = 'include "parts/tokens.tp"\ninclude "../outside.tp"\ny = tanh(u)\noutput y\n'
    path = str(tmp_path / "main.tp")
    ((file, found),) = definitions(text, path, 3, 10)
    assert file == str((tmp_path / "parts" / "tokens.tp").resolve())
    assert (found.name, found.token.line) == ("u", 1)
    assert list(included(text, path)) == [file]
    with pytest.raises(Refused, match="not declared in this file"):
        renaming(text, 3, 10, "v", included(text, path).values())

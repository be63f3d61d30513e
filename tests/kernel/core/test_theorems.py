"""Only the check loop makes theorems; the table has every rule, and nothing but rules."""

from __future__ import annotations

import ast
import copy
import pickle
from inspect import signature
from pathlib import Path

import pytest

import tensorprog
from tensorprog.kernel.core import check
from tensorprog.kernel.core.check import Rule, Theorem, _params
from tensorprog.kernel.limits.statements import Claimed
from tensorprog.kernel.rules import READERS, TABLE, of_curve, of_lemma, of_program
from tests.kernel.bench import FILES, MODULES, Bench, derived

PACKAGE = Path(tensorprog.__file__).parent
PAGE = PACKAGE.parent / "docs" / "calculus.md"
FALSE = Claimed(0, "claim 1 = 2")


def honest() -> Theorem:
    return derived(Bench().context, "variable", [], {"var": ["var", "x"]})


# -- the seal ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seal", [object(), None, True, "_SEAL"])
def test_whoever_has_no_seal_makes_no_theorem(seal: object) -> None:
    with pytest.raises(TypeError, match="only the check loop makes theorems"):
        Theorem(seal, FALSE, ())


def test_a_theorem_does_not_change_and_has_no_copies() -> None:
    theorem = honest()
    for name, value in (("statement", FALSE), ("axioms", ()), ("proof", None)):
        with pytest.raises(AttributeError):
            setattr(theorem, name, value)
    empty = Theorem.__new__(Theorem)
    with pytest.raises(AttributeError):
        empty.statement = FALSE
    for act in (copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))):
        with pytest.raises(AttributeError, match="a theorem does not change"):
            act(theorem)


SOURCES = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}


def test_no_other_file_mentions_the_seal() -> None:
    home = Path(str(check.__file__))
    assert [path for path, text in SOURCES.items() if "_SEAL" in text] == [home]
    assert SOURCES[home].count("_SEAL") == 3, "it is made, it is asked for, and `apply` shows it"


def test_one_function_makes_theorems() -> None:
    made = []
    for path, text in SOURCES.items():
        for f in ast.walk(ast.parse(text)) if "Theorem" in text else ():
            for n in ast.walk(f) if isinstance(f, ast.FunctionDef) else ():
                if isinstance(n, ast.Call) and ast.unparse(n.func).split(".")[-1] == "Theorem":
                    made.append(f"{path.name}: {f.name}")
            assert not (isinstance(f, ast.ClassDef) and any(ast.unparse(b) == "Theorem" for b in f.bases)), path
    assert made == ["check.py: apply"]


# -- the table ---------------------------------------------------------------------------------------------------------


def concludes(rule: object) -> bool:
    """Is this a rule: a function of the program and of premises, which gives a statement?"""
    if not callable(rule) or not hasattr(rule, "__code__"):
        return False
    wanted = signature(rule)
    return list(wanted.parameters)[:2] == ["ctx", "premises"] and wanted.return_annotation == "Statement"


def defined(file: str) -> set[str]:
    """The rules that a file of the kernel defines."""
    inside = vars(MODULES[file]).items()
    return {name for name, f in inside if concludes(f) and f.__module__ == MODULES[file].__name__}


@pytest.mark.parametrize("name", TABLE)
def test_each_rule_is_found_under_its_name_in_its_file(name: str) -> None:
    book = TABLE[name]()
    rule: Rule = book.rules[name]
    assert rule.__name__ == name  # type: ignore[attr-defined]
    assert rule.__module__ == f"tensorprog.kernel.{book.file}"
    assert concludes(rule)
    assert {p.name for p in _params(rule)} <= READERS.keys()
    assert book.read in (of_program, of_lemma, of_curve)


def test_the_table_is_whole() -> None:
    """No book has a rule that the table lacks or finds elsewhere, no file has a rule that is in no book."""
    books = {load().file: load for load in TABLE.values()}
    assert {(name, load) for load in books.values() for name in load().rules} == set(TABLE.items())
    assert {file: set(load().rules) for file, load in books.items()} == {f: d for f in FILES if (d := defined(f))}
    assert READERS.keys() == {p.name for name in TABLE for p in _params(TABLE[name]().rules[name])}


def test_the_page_has_a_heading_for_each_rule_and_for_nothing_else() -> None:
    found = [line[3:] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
    named = [title for title in found if title == title.lower() and " " not in title]
    assert sorted(named) == sorted(TABLE)

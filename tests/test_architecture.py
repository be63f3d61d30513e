"""The promises about the code itself that import-linter cannot express."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import tensorprog
from tensorprog.kernel.rules import TABLE
from tensorprog.proof.trusted import compared, modules, trusted

PACKAGE = Path(tensorprog.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
KERNEL = sorted((PACKAGE / "kernel").rglob("*.py"))
BOOKS = tuple(sorted({book().file for book in TABLE.values()}))
VERDICT = tuple(file for file in BOOKS if file.startswith("verdict."))
EVERY = (*BOOKS, "verdict.normal_form")
HEAVY = ("numpy", "scipy", "sympy", "networkx", "matplotlib", "dask", "distributed", "rich")

LINES_IN_A_FILE = 400
LINES_IN_THE_KERNEL = 7500
LINES_BEHIND_A_VERDICT = 3050
"""Of a certificate that a theorem covers a program as it is, where no terms are rewritten: in the kernel alone."""
LINES_TRUSTED_FOR_A_VERDICT, LINES_TRUSTED = 3100, 7300
"""With all that the kernel imports: for such a verdict, and for any certificate."""

# Each of these turns text or bytes from outside into running code.
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "sympify", "parse_expr", "lambdify"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}


def name(path: Path) -> str:
    return path.relative_to(PACKAGE.parent).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Every absolute module name that a file imports, with the line."""
    package = path.relative_to(PACKAGE.parent).parts[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:  # `from tensorprog import functions` imports tensorprog.functions
                yield f"{start}.{alias.name}" if start == "tensorprog" else start, node.lineno


def dangerous_call(node: ast.Call) -> str | None:
    """Why a call could turn outside data into code, if it could."""
    keywords = {k.arg: k.value for k in node.keywords}
    refuses_pickle = isinstance(given := keywords.get("allow_pickle"), ast.Constant) and given.value is False
    match node.func:
        case ast.Name(called) if called in FORBIDDEN_CALLS:
            return called
        case ast.Attribute(attr=called) if called in FORBIDDEN_CALLS - {"compile"}:  # re.compile is harmless
            return called
        case ast.Attribute(ast.Name("np" | "numpy"), "load") if not refuses_pickle:
            return "numpy.load without allow_pickle=False"
    return "allow_pickle" if "allow_pickle" in keywords and not refuses_pickle else None


def dangers(path: Path) -> Iterator[str]:
    """The places of a file where outside data could become code."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and (why := dangerous_call(node)):
            yield f"{name(path)}:{node.lineno}: {why}"
    for module, line in imported(path):
        if module.split(".")[0] in FORBIDDEN_MODULES:
            yield f"{name(path)}:{line}: import {module}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_file_is_one_idea_long(path: Path) -> None:
    assert length(path) <= LINES_IN_A_FILE


@pytest.mark.parametrize("path", FILES, ids=name)
def test_nothing_from_outside_is_executed(path: Path) -> None:
    assert list(dangers(path)) == []


@pytest.mark.parametrize(
    "text",
    [
        "eval(x)",
        "builtins.exec(x)",
        "compile(x, '', 'eval')",
        "import pickle",
        "from pickle import loads",
        "sympy.sympify(x)",
        "from sympy import sympify\nsympify(x)",
        "parse_expr(x)",
        "np.load(f)",
        "np.load(f, allow_pickle=True)",
        "np.load(f, allow_pickle=flag)",
    ],
)
def test_the_search_for_dangers_finds(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / "tensorprog")
    path = tmp_path / "tensorprog" / "danger.py"
    path.parent.mkdir()
    path.write_text(text)
    assert list(dangers(path))


@pytest.mark.parametrize("text", ["import re\nre.compile('x')", "np.load(f, allow_pickle=False)", "model.evaluate(x)"])
def test_the_search_for_dangers_leaves_alone(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / "tensorprog")
    path = tmp_path / "tensorprog" / "harmless.py"
    path.parent.mkdir()
    path.write_text(text)
    assert list(dangers(path)) == []


@pytest.mark.parametrize("path", FILES, ids=name)
def test_file_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree(path))


def test_kernel_imports_only_itself_and_the_standard_library() -> None:
    allowed = ("tensorprog.kernel",)
    strangers = [
        f"{name(path)}:{line}: {module}"
        for path in KERNEL
        for module, line in imported(path)
        if module.split(".")[0] not in sys.stdlib_module_names
        and not any(module == home or module.startswith(home + ".") for home in allowed)
    ]
    assert strangers == []


def test_kernel_can_be_read_in_one_sitting() -> None:
    """The pages name the limit that is enforced."""
    assert sum(map(length, KERNEL)) < LINES_IN_THE_KERNEL
    verdict, everything = trusted(VERDICT), trusted(EVERY)
    assert sum(n for room, n in verdict.items() if room.startswith("kernel")) < LINES_BEHIND_A_VERDICT
    assert sum(verdict.values()) < LINES_TRUSTED_FOR_A_VERDICT
    assert sum(everything.values()) < LINES_TRUSTED
    inside = sum(n for room, n in everything.items() if room.startswith("kernel"))
    assert inside + compared(EVERY) == sum(map(length, KERNEL))
    for page in ("README.md", "docs/calculus.md"):
        text = " ".join((PACKAGE.parent / page).read_text(encoding="utf-8").split())
        assert f"a kernel of under {LINES_IN_THE_KERNEL:,} lines" in text
        assert f"under {LINES_TRUSTED_FOR_A_VERDICT:,} lines in all, {LINES_BEHIND_A_VERDICT:,} of them" in text
        assert f"under {LINES_TRUSTED:,} in all" in text


def test_what_is_counted_is_what_is_executed() -> None:
    """A process that imports these files of the kernel executes the files that are counted, and no other of ours."""
    for books in (VERDICT, EVERY):
        code = (
            "import sys\nfrom importlib import import_module\n"
            f"for book in {('acceptance', *books)!r}:\n    import_module(f'tensorprog.kernel.{{book}}')\n"
            "print(*(m.__file__ for name, m in sys.modules.items() if name.split('.')[0] == 'tensorprog'), sep='\\n')"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert {Path(line) for line in run.stdout.splitlines()} == modules(books)


def test_import_is_light() -> None:
    """`import tensorprog` loads none of the heavy libraries: `check` starts without them."""
    code = f"import sys, tensorprog; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


ROOMS = sorted(path for path in PACKAGE.glob("*/*/__init__.py"))
MOST_FILES = 15
PAGE = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = PROJECT["tool"]["importlinter"]["contracts"]


def test_each_dependency_is_imported() -> None:
    used = {module.split(".")[0] for path in FILES for module, _ in imported(path)}
    declared = {re.split(r"[<>=]", line)[0] for line in PROJECT["project"]["dependencies"]}
    assert {d.removeprefix("python-") for d in declared} <= used


@pytest.mark.parametrize("path", ROOMS, ids=name)
def test_a_room_says_what_it_is_for_and_nothing_else(path: Path) -> None:
    (line,) = tree(path).body
    assert ast.get_docstring(tree(path)) is not None
    assert line.lineno == line.end_lineno


@pytest.mark.parametrize("path", ROOMS, ids=name)
def test_the_page_names_each_room(path: Path) -> None:
    purpose = ast.get_docstring(tree(path)) or ""
    assert f"| `{path.parent.relative_to(PACKAGE).as_posix()}` | {purpose.rstrip('.')} |" in PAGE


def test_no_room_is_crowded_and_none_bears_the_name_of_a_file() -> None:
    folders = {path.parent for path in FILES} - {PACKAGE / "kernel"}
    assert [str(f) for f in folders if len([*f.glob("*.py")]) > MOST_FILES] == []
    assert [str(f) for f in folders if f.with_suffix(".py").exists()] == []


def test_the_page_draws_the_floors_of_the_contract() -> None:
    (floors,) = (c["layers"] for c in CONTRACTS if c.get("containers") == ["tensorprog"])
    for row in floors:
        cells = ", ".join(f"`{word.strip('() ')}`" for word in row.split("|"))
        assert f"| {cells} |" in PAGE


TESTS = Path(__file__).parent
NOT_PACKAGES = {"hunt", "faults", "corpus", "reference", "golden"}  # a program that hunts, what was found, and data


@pytest.mark.parametrize("package", sorted(p.name for p in PACKAGE.iterdir() if (p / "__init__.py").is_file()))
def test_each_package_has_its_tests_where_its_name_says(package: str) -> None:
    room = TESTS / ("nngp" if package == "kernels" else package)  # kernels is the old name of nngp
    assert list(room.rglob("test_*.py"))


def test_no_folder_of_tests_is_crowded_and_each_bears_the_name_of_what_it_tests() -> None:
    for folder in (p for p in TESTS.iterdir() if p.is_dir() and p.name not in {*NOT_PACKAGES, "__pycache__"}):
        assert (PACKAGE / folder.name).is_dir()
        for room in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
            assert len(list(room.glob("*.py"))) <= 12, room


@pytest.mark.long
def test_a_claim_climbs_back_at_most_six_times() -> None:
    """Of the gallery's page of claims; it was 18 calls before the packages had rooms."""
    counter = PACKAGE.parent / "benchmarks" / "journeys.py"
    done = subprocess.run([sys.executable, str(counter)], capture_output=True, text=True, check=True)
    (calls,) = re.findall(r"(\d+) calls up", done.stdout)
    assert int(calls) <= 6, done.stdout

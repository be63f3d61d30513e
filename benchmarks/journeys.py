"""How often a claim, on its way from text to answer, is handed back from a lower module to a higher one.

The level of a module is the length of its longest chain of imports (those for types and inside functions not counted);
a climb is a call from a module to one of higher level, through libraries too, counted with the interpreter's profile
hook. Each claim of the gallery's page of claims is asked alone, in one process; the one with most calls is told.

`python benchmarks/journeys.py [FOLDER]` counts in another checkout too.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import FrameType
from typing import Any

import networkx as nx

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "examples" / "gallery" / "claims.tp"


def modules(root: Path) -> dict[str, Path]:
    """The file of each module under a folder.

    >>> modules(ROOT)["tensorprog.terms"].name
    '__init__.py'
    """
    files = sorted((root / "tensorprog").rglob("*.py"))
    return {".".join(p.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): p for p in files}


def imported(tree: ast.AST) -> Iterator[str]:
    """What a file imports when it is loaded: modules, and names of modules that may be modules themselves."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names):
                yield from (a.name for a in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield from (f"{module}.{a.name}" for a in names)
            case ast.FunctionDef():
                pass
            case ast.If(test) if "TYPE_CHECKING" in ast.unparse(test):
                pass
            case _:
                yield from imported(node)


def levels(root: Path) -> dict[str, int]:
    """The length of the longest chain of imports below each module; modules in a circle share one."""
    found = modules(root)
    graph = nx.DiGraph()
    graph.add_nodes_from(found)
    for name, path in found.items():
        for used in imported(ast.parse(path.read_text(encoding="utf-8"))):
            target = used if used in found else used.rpartition(".")[0]
            if target in found and target != name:
                graph.add_edge(name, target)
    whole = nx.condensation(graph)
    out: dict[int, int] = {}
    for part in reversed(list(nx.topological_sort(whole))):
        out[part] = 1 + max((out[p] for p in whole.successors(part)), default=-1)
    return {name: out[part] for name, part in whole.graph["mapping"].items()}


def longest(root: Path) -> tuple[str, Counter[str]]:
    """The claim with most climbs in the package under a folder, and its climbs by pairs of modules."""
    sys.path.insert(0, str(root))
    import tensorprog
    from tensorprog.language import loads

    level, of = levels(root), {str(path): name for name, path in modules(root).items()}
    climbs: Counter[str] = Counter()

    def module(frame: FrameType | None) -> str | None:
        while frame is not None and frame.f_code.co_filename not in of:
            frame = frame.f_back
        return None if frame is None else of[frame.f_code.co_filename]

    def hook(frame: FrameType, event: str, _: Any) -> None:
        called = of.get(frame.f_code.co_filename)
        if event == "call" and called is not None:
            caller = module(frame.f_back)
            if caller is not None and level[called] > level[caller]:
                climbs[f"{caller} -> {called}"] += 1

    lines = PROGRAM.read_text(encoding="utf-8").splitlines()
    claims = [k for k, line in enumerate(lines) if line.startswith("claim")]
    out: list[tuple[str, Counter[str]]] = []
    for k in claims:
        text = "\n".join(line for i, line in enumerate(lines) if i == k or i not in claims)
        climbs.clear()
        sys.setprofile(hook)
        tensorprog.claims(loads(text))
        sys.setprofile(None)
        out.append((lines[k], climbs.copy()))
    return max(out, key=lambda found: found[1].total())


if __name__ == "__main__":
    for folder in (ROOT, *(Path(word).resolve() for word in sys.argv[1:])):
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # one process for each package of this name
            claim, climbs = pool.submit(longest, folder).result()
        print(f"{folder}\n{claim}\n  {climbs.total()} calls up, {len(climbs)} pairs of modules")
        for pair, calls in climbs.most_common():
            print(f"    {calls:3}  {pair}")

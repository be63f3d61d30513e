"""How often a claim on its way from text to answer is handed from a lower module to a higher one.

The level of a module is the longest chain of imports below it (modules of one circle share a level). A call from a
module to one of a higher level is a climb: the reader who follows the claim must go back up. Counted with the
interpreter's profile hook, as distinct pairs of modules and as calls, for each claim of the gallery's page of claims.
`python benchmarks/journeys.py [FOLDER]` counts in another checkout too, and prints the ratio.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "examples" / "gallery" / "claims.tp"

COUNT = r"""
import ast, importlib, json, sys
from pathlib import Path
import networkx as nx

root, program = Path(sys.argv[1]), sys.argv[2]
sys.path.insert(0, str(root))
files = {".".join(p.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): p
         for p in (root / "tensorprog").rglob("*.py")}
graph = nx.DiGraph()
graph.add_nodes_from(files)
for name, path in files.items():
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for target in (node.module, *(f"{node.module}.{a.name}" for a in node.names)):
                if target in files and target != name:
                    graph.add_edge(name, target)
whole = nx.condensation(graph)
level = {}
for k in reversed(list(nx.topological_sort(whole))):
    below = max((level[s] for s in whole.successors(k)), default=-1)
    level[k] = below + 1
of = {str(files[m]): level[k] for k in whole for m in whole.nodes[k]["members"]}

import tensorprog
from tensorprog.language import loads
text = Path(program).read_text()
calls, pairs = 0, set()

def hook(frame, event, arg):
    global calls
    if event != "call" or frame.f_back is None:
        return
    here, there = frame.f_back.f_code.co_filename, frame.f_code.co_filename
    if here in of and there in of and of[there] > of[here]:
        calls += 1
        pairs.add((here, there))

lines = text.splitlines()
claims = [k for k, line in enumerate(lines) if line.startswith("claim")]
worst = None
for k in claims:
    one = "\n".join(line for i, line in enumerate(lines) if i == k or i not in claims)
    calls, pairs = 0, set()
    sys.setprofile(hook)
    tensorprog.claims(loads(one))
    sys.setprofile(None)
    if worst is None or len(pairs) > worst["pairs"]:
        worst = {"claim": lines[k], "pairs": len(pairs), "calls": calls,
                 "climbs": sorted(f"{Path(a).relative_to(root)} -> {Path(b).relative_to(root)}" for a, b in pairs)}
print(json.dumps(worst))
"""


def counted(root: Path) -> dict[str, object]:
    """The claim with the longest way in the package under this folder."""
    done = subprocess.run([sys.executable, "-P", "-c", COUNT, str(root), str(PROGRAM)],
                          capture_output=True, text=True, check=True)  # fmt: skip
    found: dict[str, object] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    here = counted(ROOT)
    print(f"{here['claim']}\n{here['pairs']} pairs of modules, {here['calls']} calls go up:")
    print("\n".join(f"  {c}" for c in here["climbs"]))  # type: ignore[attr-defined]
    for other in sys.argv[1:]:
        there = counted(Path(other).resolve())
        print(f"{other}: {there['pairs']} pairs, {there['calls']} calls; here {here['pairs']}/{there['pairs']}"
              f" = {int(str(here['pairs'])) / int(str(there['pairs'])):.2f}")  # fmt: skip

"""How often a claim on its way from text to answer is handed from a lower room to a higher one.

The order of the rooms is the import contract's (`pyproject.toml`): floors of packages, and the layers inside each. A
call from a room to a higher one goes up. Some of these lead back into the room that asked the lower, with a function
that it had passed or a part of its own question (a visitor of terms, a rule that asks for its parts): there the reader
is where they were, and they are counted as returns; the others are climbs. Counted with the interpreter's profile hook,
as distinct pairs of rooms and as calls, for the claim of the gallery's page of claims that has most.

`python benchmarks/journeys.py [FOLDER]` counts in another checkout too. Its files are sorted into the rooms of this
one: those that git finds to be the same, moved; others are passed through.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "examples" / "gallery" / "claims.tp"
SIMILAR = "25%"
"""How much of a file must be left for it to count as the same one, moved."""

COUNT = r"""
import json, sys
from collections import Counter
from pathlib import Path

root, text, rooms = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
sys.path.insert(0, str(root))
of = {str(root / path): (tuple(level), room) for path, (level, room) in rooms.items()}

import tensorprog
from tensorprog.language import loads
climbs, returns = Counter(), Counter()

def home(frame):
    "The nearest frame that has a room, through libraries."
    while frame is not None and frame.f_code.co_filename not in of:
        frame = frame.f_back
    return frame

def asked(frame, room):
    "Who asked the room in which this frame runs."
    while frame is not None and of[frame.f_code.co_filename][1] == room:
        frame = home(frame.f_back)
    return None if frame is None else of[frame.f_code.co_filename][1]

def hook(frame, event, arg):
    there = of.get(frame.f_code.co_filename)
    if event != "call" or there is None or (here := home(frame.f_back)) is None:
        return
    level, room = of[here.f_code.co_filename]
    if there[0] > level:
        (returns if asked(here, room) == there[1] else climbs)[f"{room} -> {there[1]}"] += 1

lines = text.splitlines()
claims = [k for k, line in enumerate(lines) if line.startswith("claim")]
worst = None
for k in claims:
    one = "\n".join(line for i, line in enumerate(lines) if i == k or i not in claims)
    climbs.clear(), returns.clear()
    sys.setprofile(hook)
    tensorprog.claims(loads(one))
    sys.setprofile(None)
    if worst is None or len(climbs) + len(returns) > len(worst["climbs"]) + len(worst["returns"]):
        worst = {"claim": lines[k], "climbs": dict(climbs), "returns": dict(returns)}
print(json.dumps(worst))
"""

Level = tuple[int, int]
Found = dict[str, Any]


def order() -> dict[str, Level]:
    """The level of each package, room and file that the contract names: its floor, and its layer on that floor."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = {c["containers"][0]: [re.findall(r"\w+", row) for row in c["layers"]] for c in contracts if "layers" in c}
    floors = {name: k for k, row in enumerate(reversed(layers["tensorprog"])) for name in row}
    out = {f"tensorprog/{name}": (k, 99) for name, k in floors.items()}  # the door of a package is its top
    for container, rows in layers.items():
        package = container.removeprefix("tensorprog.")
        if package in floors:
            for k, row in enumerate(reversed(rows)):
                out |= {f"tensorprog/{package}/{name}": (floors[package], k) for name in row}
    return out


def rooms() -> dict[str, tuple[Level, str]]:
    """The level and the room of every file of this checkout."""
    levels, out = order(), {}
    for path in (ROOT / "tensorprog").rglob("*.py"):
        name = path.relative_to(ROOT).with_suffix("")
        room = next((p for p in (name, *name.parents) if p.as_posix() in levels), None)
        if room is not None:
            out[f"{name.as_posix()}.py"] = (levels[room.as_posix()], room.as_posix().removeprefix("tensorprog/"))
    return out


def as_sorted_here(other: Path) -> dict[str, tuple[Level, str]]:
    """The files of another checkout in the rooms of this one."""
    here = rooms()
    if other == ROOT:
        return here
    commit = _git(other, "rev-parse", "HEAD").strip()
    changes = _git(ROOT, "diff", f"-M{SIMILAR}", "--diff-filter=R", "--name-status", commit, "HEAD", "--", "tensorprog")
    moved = {old: new for _, old, new in (line.split("\t") for line in changes.splitlines())}
    files = [p.relative_to(other).as_posix() for p in (other / "tensorprog").rglob("*.py")]
    return {f: here[moved.get(f, f)] for f in files if moved.get(f, f) in here}


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout


def counted(root: Path) -> Found:
    """The claim with the longest way in the package under this folder."""
    words = [sys.executable, "-P", "-c", COUNT, str(root), PROGRAM.read_text(encoding="utf-8")]
    done = subprocess.run([*words, json.dumps(as_sorted_here(root))], capture_output=True, text=True, check=True)
    found: Found = json.loads(done.stdout)
    return found


def said(found: Found) -> str:
    """The claim, then what goes up: pairs of rooms with their calls."""
    parts = [str(found["claim"])]
    for name in ("climbs", "returns"):
        seen: dict[str, int] = found[name]
        parts.append(f"  {name}: {len(seen)} pairs of rooms, {sum(seen.values())} calls")
        parts += [f"    {pair}  {n}" for pair, n in sorted(seen.items())]
    return "\n".join(parts)


if __name__ == "__main__":
    for folder in (ROOT, *(Path(word).resolve() for word in sys.argv[1:])):
        print(f"{folder}\n{said(counted(folder))}")

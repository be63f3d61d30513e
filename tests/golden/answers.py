"""What every command says of a program, cut to what must not change without a reason.

Verdicts, theorems, diagnostics, formulas and proved statements are kept as they are; numbers with their error and its
kind. `python -m tests.golden.answers` writes the files anew: look at the difference before you keep it.
"""

from __future__ import annotations

import io
import json
import random
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from tensorprog.cli import main
from tests.networks import network

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SECONDS = "6"
Answer = dict[str, Any]


def programs() -> dict[str, dict[str, str]]:
    """The texts: the examples, those of the gallery, and 60 random programs."""
    folders = {"examples": ROOT / "examples", "gallery": ROOT / "examples" / "gallery",
               "paper": ROOT / "examples" / "sakai2025"}  # fmt: skip
    texts = {
        kind: {p.stem: p.read_text(encoding="utf-8") for p in sorted(at.glob("*.tp"))} for kind, at in folders.items()
    }
    return texts | {"random": {str(seed): network(random.Random(seed)) for seed in range(60)}}


def answers(text: str) -> dict[str, Answer]:
    """The answers of check, derive, claims, prove and simulate."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.tp"
        path.write_text(text, encoding="utf-8")
        return {name: {"exit": code} | keep(out) for name, keep in KEPT.items() for code, out in [_said(name, path)]}


def _said(command: str, path: Path) -> tuple[int, Any]:
    options = {"derive": ["--seconds", SECONDS], "simulate": ["-n", "16", "--samples", "8"],
               "prove": ["--goals", "covariances"]}  # fmt: skip
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        code = main([command, str(path), "--json", *options.get(command, [])])
    return code, json.loads(out.getvalue() or "{}")


def _check(out: Any) -> Answer:
    codes = [[d["code"], d.get("line")] for d in out.get("diagnostics", [])]
    return {"verdict": out.get("verdict"), "covered_by": out.get("covered_by"), "diagnostics": codes}


def _derive(out: Any) -> Answer:
    quantities = {
        r["of"]: {"expr": r["expr"], "value": r["value"], "error": r["error"], "kind": r["error_kind"]}
        for r in out.get("results", [])
    }
    laws = {
        law["of"]: {"kind": law["kind"], "value": law.get("variance"), "error": law.get("variance_error")}
        for law in out.get("laws", [])
    }
    return {"quantities": quantities, "laws": laws}


def _claims(out: Any) -> Answer:
    return {"claims": [[c["text"], c["status"]] for c in out.get("claims", [])]}


def _prove(out: Any) -> Answer:
    return {"goals": [out["steps"][k][3] for k in out.get("goals", [])], "axioms": out.get("axioms")}


def _simulate(out: Any) -> Answer:
    return {"means": {s["of"]: {"value": s["mean"], "error": 1e-9} for s in out.get("statistics", [])}}


KEPT: dict[str, Callable[[Any], Answer]] = {
    "check": _check, "derive": _derive, "claims": _claims, "prove": _prove, "simulate": _simulate,
}  # fmt: skip


if __name__ == "__main__":
    for kind, texts in programs().items():
        found = {name: answers(text) for name, text in texts.items()}
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(a)}" for name, a in found.items())
        (HERE / f"{kind}.json").write_text("{\n" + lines + "\n}\n", encoding="utf-8")

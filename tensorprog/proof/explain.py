"""A proof as a person reads it: the goals, and below each step the steps that it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorprog.kernel.certificate import RULES

SOURCES = {
    "theorem netsor": "Yang 2019, Theorem 5.4",
    "theorem netsor-plus": "Yang 2019, Tensor Programs I, Theorem C.4; Tensor Programs III, Theorems E.11 and E.15",
    "theorem attention": "Sakai, Karakida & Imaizumi 2025, Theorem 1 and Corollary 2",
}


def said(step: Sequence[Any]) -> str:
    """The conclusion of a step as a sentence."""
    words = [str(w) for w in step[3]]
    match words:
        case ["fact", term, level, growth, slope, *rest]:
            return f"{term} is {', '.join([level, growth, slope, *rest])}"
        case ["instruction", k, level, growth, slope, *rest]:
            return f"instruction {k} is {', '.join([level, growth, slope, *rest])}"
        case ["applies", theorem, output, *axioms]:
            return f"{theorem} covers output {output} ({'; '.join(axioms)})"
        case ["variance", k, _]:
            return f"the limit of instruction {k} has positive variance"
        case ["nonzero", term]:
            return f"{term} is different from 0 with positive probability"
        case ["sign", k, word]:
            return f"the limit of instruction {k} is {word}"
        case ["property", k, what]:
            return f"instruction {k} is {what}"
        case ["assumed", k, what, *_]:
            return f"ASSUMED: instruction {k}: {what}"
    return " ".join(words)


def reason(name: str) -> str:
    """The first line of what a rule says of itself."""
    rule = RULES.get(name)
    return (rule.__doc__ or "").split("\n")[0] if rule else ""


def explain(data: dict[str, Any]) -> str:
    """The proof as text: the last step of each goal first, its premises indented below it, each step once."""
    lines: list[str] = []
    seen: set[int] = set()
    for goal in data["goals"]:
        stack = [(goal, 0)]
        while stack:
            k, depth = stack.pop()
            step = data["steps"][k]
            again = k in seen and step[2]
            why = "above" if again else f"{step[0].replace('_', ' ')}: {reason(step[0])}"
            lines.append(f"{'  ' * depth}{k}. {said(step)}  [{why}]")
            if not again:
                seen.add(k)
                stack.extend((p, depth + 1) for p in reversed(step[2]))
        lines.append("")
    lines += [f"axiom: {a}" + (f" ({SOURCES[a]})" if a in SOURCES else "") for a in data["axioms"]]
    return "\n".join(lines)


def latex(data: dict[str, Any]) -> str:
    r"""The proof as a LaTeX enumeration, each step with its rule and its premises."""
    lines = [r"\begin{enumerate}\setcounter{enumi}{-1}"]
    for step in data["steps"]:
        rests = f" from {', '.join(map(str, step[2]))}" if step[2] else ""
        lines.append(rf"\item \texttt{{{_escaped(said(step))}}} ({_escaped(step[0].replace('_', ' '))}{rests})")
    lines.append(r"\end{enumerate}")
    goals = ", ".join(map(str, data["goals"]))
    axioms = "; ".join(a + (f" ({SOURCES[a]})" if a in SOURCES else "") for a in data["axioms"])
    return "\n".join([*lines, f"Goals: {goals}. Axioms: {_escaped(axioms)}."])


def _escaped(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", "<": r"\textless{}", ">": r"\textgreater{}"}
    special |= {c: "\\" + c for c in "_%&#${}"}
    return "".join(special.get(c, c) for c in text)

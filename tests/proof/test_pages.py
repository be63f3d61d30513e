"""docs/calculus.md justifies every rule; docs/certified.md is the table of what is certified, written by this test.

With TENSORPROG_WRITE_PAGES=1 the table is written anew; otherwise it must be what the certificates say.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from docs.formula_gallery import WITHOUT
from tensorprog.kernel.rules import TABLE
from tensorprog.proof import prove
from tests.functions.reference import cases
from tests.kernel.certified import FILES, certificate
from tests.kernel.lemmas import table
from tests.proof.certified_laws import PROGRAMS
from tests.proof.certified_limits import WITHOUT as NO_LIMIT
from tests.proof.certified_limits import limit_of, numbers_of
from tests.proof.facts import PROPERTIES, certified

DOCS = Path(__file__).parents[2] / "docs"
PROGRAMS_HEAD = """## Programs

Every program of `tests/corpus` that a theorem covers; and what is certified of the limit of two members of its first
output: covariances, or given the scores the law or covariances. Means without a closed form (of tanh) keep their
names, with the covariances of the Gaussian members that they are about. The last column says how many numbers are
trusted (axioms) where the covariances are certified as numbers, at the params' values.

| program | goal | axioms besides the theorem | steps | bytes | limit | steps | bytes | numbers |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
WHY_NOT = """The others: functions of scores and of an attention's output, a scaling by a named power of n, and too many
summands."""


def test_every_rule_has_its_section() -> None:
    text = (DOCS / "calculus.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    for name in TABLE:
        assert len(sections[name].strip()) > 80, name


def _programs() -> list[str]:
    """The table of programs."""
    rows, limits, exact, numbers = [], 0, 0, 0
    for path in FILES:
        found = certificate(path)
        if found is None:
            continue
        goals = ", ".join(dict.fromkeys(g[1] for g in found.goals))
        axioms = "; ".join(a for a in found.axioms if not a.startswith("theorem"))
        cells = [f"{path.parent.name}/{path.stem}", goals, axioms or "none", found.steps, len(found.text)]
        kind, limit = limit_of(path) or ("none", None)
        said = [g[0] for g in limit.goals if "scores" in g[0]] if limit else []
        cells += [said[0] if said else kind, limit.steps if limit else "", len(limit.text) if limit else ""]
        limits += limit is not None
        number = numbers_of(path)
        trusted = sum(a.startswith("trusted-numeric") for a in number.axioms) if number else 0
        numbers, exact = numbers + (number is not None), exact + (number is not None and not trusted)
        cells.append(f"{trusted} trusted" if trusted else "certified" if number else "none")
        assert (limit is None) == (path.stem in NO_LIMIT), path.stem
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return [PROGRAMS_HEAD + "\n".join(rows), "", f"{limits} of {len(rows)} limits are certified. {WHY_NOT}", "",
            f"Numbers of {numbers} programs are certified, of {exact} without trusting any.", ""]  # fmt: skip


def _functions() -> list[str]:
    """The table of properties of functions."""
    lines = [
        "## Functions",
        "",
        "Which properties of the reference functions are certified: proved, or refuted along the curve that is named.",
        "",
        "The order is the least that is proved, and true of no smaller one unless the least is named.",
        "",
        f"| function | {' | '.join(PROPERTIES)} | order |",
        "| --- |" + " --- |" * (len(PROPERTIES) + 1),
    ]
    least = orders = 0
    count = {True: [0, 0], False: [0, 0]}
    for case in cases():
        found = certified(case)
        cells = []
        for name, key in PROPERTIES.items():
            true, said = bool(case.data[key]), found.get(name)
            count[true][0] += said is not None
            count[true][1] += 1
            assert said is None or (said == "proved") == true, (case.text, name, said)
            cells.append(said or ("true, not proved" if true else "false, not refuted"))
        if (order := case.data["min_order"]) is not None:
            exact, known = Fraction(order), found.get("order")
            assert known is None or Fraction(known) >= exact, (case.text, known)
            orders, least = orders + 1, least + (known is not None and Fraction(known) == exact)
            cells.append(f"{known}" if known == str(exact) else f"{known}, the least is {exact}")
        else:
            assert "order" not in found, case.text
            cells.append("none")
        text = case.text.replace("|", "\\|")
        lines.append(f"| `{text}` | {' | '.join(cells)} |")
    (proved, true), (refuted, false) = count[True], count[False]
    assert proved >= 0.9 * true
    assert refuted >= 0.9 * false
    return [
        *lines,
        "",
        f"{proved} of {true} true properties are proved, {refuted} of {false} false ones are refuted; of {orders}"
        f" orders, {least} are proved to the least.",
        "",
    ]


def _expectations() -> list[str]:
    """The table of Gaussian expectations."""
    rows, done, asked = table()
    return [
        "## Gaussian expectations",
        "",
        "The rule by which the mean of $f(z_1)$ and of $f(z_1)^2$ is certified, and the products $f(z_1) g(z_2)$ that"
        " have a lemma, $g$ being $f$ or a function above it: all of them, or all but those that are named.",
        "",
        "| function | mean | square | products |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        f"{done} of {asked} products are certified. No closed form and no lemma:"
        f" {', '.join(f'`{f}`' for f in WITHOUT)}.",
        "",
    ]


def _laws() -> list[str]:
    """The table of covariances, laws and claims of programs."""
    rows = []
    for name, (program, goals) in PROGRAMS.items():
        found = prove(program, goals)
        kinds = Counter(g[0] for g in found.goals if g[0] != "applies")
        said = ", ".join(f"{k} {kind}" + ("s" if k > 1 and kind[0] != "l" else "") for kind, k in kinds.items())
        axioms = "; ".join(a for a in found.axioms if not a.startswith("theorem"))
        rows.append(f"| {name} | {said} | {axioms or 'none'} | {found.steps} | {len(found.text)} |")
    return [
        "## Limit laws of programs",
        "",
        "Exact in the params.",
        "",
        "| program | certified | axioms besides the theorem | steps | bytes |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        "",
    ]


SECTIONS: dict[str, Callable[[], list[str]]] = {
    "Programs": _programs, "Functions": _functions, "Gaussian expectations": _expectations,
    "Limit laws of programs": _laws,
}  # fmt: skip

LONG = ("Programs", "Gaussian expectations")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.long) if n in LONG else n for n in SECTIONS])
def test_the_table_of_what_is_certified(name: str) -> None:
    page, text = DOCS / "certified.md", "\n".join(SECTIONS[name]())
    parts = re.split(r"^(?=## )", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (k,) = [k for k, part in enumerate(parts) if part.startswith(f"## {name}\n")]
    if os.environ.get("TENSORPROG_WRITE_PAGES"):
        parts[k] = text + ("\n" if k + 1 < len(parts) else "")
        page.write_text("".join(parts), encoding="utf-8")
    assert parts[k].strip() == text.strip()

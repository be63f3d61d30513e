"""`tensorprog derive FILE`: limits of a program on the command line."""

from __future__ import annotations

import json
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tensorprog.errors import DivergentError, TensorProgError, fail
from tensorprog.language.options import on_program
from tensorprog.numbers.budget import TOGETHER, request, said_of_cut, together
from tensorprog.numbers.estimate import finite, shown
from tensorprog.numbers.options import budgeted
from tensorprog.numbers.progress import working
from tensorprog.program.api import Program

if TYPE_CHECKING:
    from tensorprog.limit.derive import Limit
    from tensorprog.limit.show.results import Result

NO_LIMIT = ("TP1", "TP3", "TP5")
"""Families of codes that say that no limit exists, or that no rule here gives it."""
MAX_PRINTED = 400


@click.command("derive", short_help="limits as formulas and numbers")
@click.option("--cov", "covs", multiple=True, metavar="'x[1],x[2]'", help="A covariance.")
@click.option("--mean", "means", multiple=True, metavar="x[1]", help="A mean.")
@click.option("--expect", "expectations", multiple=True, metavar="'x[1]*x[2]^2'", help="The mean of a function.")
@click.option("--law", "laws", multiple=True, metavar="y[1]", help="A law; several variables jointly: 'y[1],y[2]'.")
@click.option("--matrix", "matrices", multiple=True, metavar="f", help="The covariance of a whole family.")
@click.option("--out", metavar="K.npy", type=click.Path(dir_okay=False), help="Where the array of --matrix is written.")
@click.option("--latex", "as_latex", is_flag=True, help="A self-contained LaTeX document.")
@click.option("--explain", is_flag=True, help="The derivation, instruction by instruction.")
@budgeted
@on_program()
def derive(
    program: Program,
    values: dict[str, Fraction],
    covs: tuple[str, ...],
    means: tuple[str, ...],
    expectations: tuple[str, ...],
    laws: tuple[str, ...],
    matrices: tuple[str, ...],
    out: str | None,
    as_latex: bool,
    explain: bool,
    tolerance: float | None,
    seconds: float,
    as_json: bool,
) -> int:
    """The limit of the outputs, or of what is asked for, as the width goes to infinity.

    Of the outputs: means, covariances, and laws where scores are. Exit code 0; 3 if a result is formal only, or has
    neither a formula nor a number with a proved bound (sampled, estimated or missing; an output whose law given its
    scores has a formula is settled); 1 if no limit exists; 2 for an error.
    """
    if out is not None and len(matrices) != 1:
        raise fail("TP018", "--out needs exactly one --matrix", help="write --matrix f --out K.npy")
    work = ExitStack()
    work.enter_context(working(f"limit of {program.name}", TOGETHER * seconds))
    answer: dict[str, Any] = {"schema": "tensorprog/derive/1", "program": program.name}
    try:
        from tensorprog.limit.derive import derive as derived

        limit = derived(program, values, tolerance=tolerance, seconds=seconds)
        asked = bool(covs or means or expectations or laws or matrices)
        wanted = [partial(limit.cov, *_pair(c)) for c in covs]
        wanted += [partial(limit.mean, m) for m in means] + [partial(limit.expect, e) for e in expectations]
        with work, request(limit.budget, len(wanted) + len(laws) + len(matrices)) as mine:
            results = together(limit.budget, wanted)
            found = [limit.law(*split(names)) for names in laws]
            of_laws = together(limit.budget, [law.to_json for law in found])
            arrays = [_matrix(limit, name, out) for name in matrices]
            whole = {} if asked else limit.to_json()
        known: list[Any] = [*results, *found] if asked else [*limit.results]
        open_ = not limit.settled if not asked else any(not x.settled for x in known)
        open_ |= any(x.supported_by == "formal" for x in known)
        open_ |= any(a["method"] != "closed-form" or a["supported_by"] == "formal" for a in arrays)
        if asked:
            answer |= {"results": [r.to_json() for r in results], "laws": [e for law in of_laws for e in law]}
            answer |= {"cut": mine.cut} if mine.cut else {}
        else:
            answer |= whole
        if arrays:
            answer["matrices"] = arrays
        if as_latex:
            answer["latex"] = limit.latex()
        if explain:
            answer["explanation"] = limit.explain()
        if not as_json:
            _print(limit, answer, results, found, asked)
        code = 3 if open_ else 0
    except TensorProgError as error:
        work.close()
        if not isinstance(error, DivergentError) and not _says_no_limit(error):
            raise
        for d in error.diagnostics:
            click.echo(d.render(program.sources, program.path), err=True)
        answer |= {"results": [], "laws": [], "diagnostics": [d.to_json() for d in error.diagnostics]}
        code = 1
    finally:
        work.close()
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    return code


def _says_no_limit(error: TensorProgError) -> bool:
    return any(d.code.startswith(NO_LIMIT) for d in error.diagnostics)


def _print(limit: Limit, answer: dict[str, Any], results: list[Result], laws: list[Any], asked: bool) -> None:
    documents = [answer[k] for k in ("explanation", "latex") if k in answer]
    if documents and not asked:
        click.echo("\n".join(documents))
        return
    if not asked:
        click.echo(repr(limit))
        return
    for r in (*results, *laws):
        click.echo(repr(r))
    for a in answer.get("matrices", ()):
        if a["shape"] is None:
            continue
        where = f" written to {a['out']}" if a["out"] else ""
        known = f"{shown(a['error'], a['error_kind'])}, {a['method']}, supported by {a['supported_by']}"
        click.echo(f"covariance of {a['of']}, shape {tuple(a['shape'])}{where}  ({known})")
        if not a["out"]:
            click.echo(a["text"])
    if "cut" in answer:
        click.echo(f"({said_of_cut(answer['cut'])})")
    for text in documents:
        click.echo(text)


def _matrix(limit: Limit, name: str, out: str | None) -> dict[str, Any]:
    """One entry of `matrices`; an array with a hole is written nowhere, and the entry says which one is missing."""
    import numpy as np

    answer = {"of": name, "shape": None, "value": None, "error": None, "error_kind": None, "method": None, "text": "",
              "out": None, "because": "",
              "supported_by": limit.supported_by(limit.lookup.members(limit.lookup.family(name), 8))}  # fmt: skip
    try:
        number = limit.matrix_number(name)
    except TensorProgError as error:
        (d, *_) = error.diagnostics
        if d.code != "TP502":
            raise
        click.echo(str(error), err=True)
        return {**answer, "because": f"{d.message}: {d.because}"}
    array = number.value
    if out is not None:
        try:
            np.save(Path(out), array)
        except OSError as error:
            raise fail("TP010", f"{out} cannot be written: {error.strerror}") from None
    largest = finite(np.max(number.error))
    return {
        **answer,
        "shape": list(array.shape),
        "value": array.tolist() if array.size <= MAX_PRINTED else None,
        "error": largest,
        "error_kind": None if largest is None else number.error_kind,
        "method": number.method,
        "text": np.array2string(array, threshold=MAX_PRINTED),
        "out": out,
    }


def split(names: str) -> list[str]:
    """Names separated by commas outside brackets.

    >>> split("x[1,2], y")
    ['x[1,2]', 'y']
    """
    out, depth = [""], 0
    for c in names:
        depth += (c in "[(") - (c in "])")
        if c == "," and depth == 0:
            out.append("")
        else:
            out[-1] += c
    return [n.strip() for n in out if n.strip()]


def _pair(text: str) -> tuple[str, str]:
    names = split(text)
    if len(names) == 1:
        names = [*names, *names]
    if len(names) != 2:
        raise fail("TP018", f"a covariance is of two variables, and {text!r:.60} names {len(names)}",
                   help="write --cov 'x[1],x[2]'")  # fmt: skip
    return names[0], names[1]

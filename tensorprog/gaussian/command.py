"""`tensorprog expect EXPR`: a Gaussian expectation on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import click

from tensorprog.errors import TensorProgError, fail
from tensorprog.functions.assume import assumptions_of
from tensorprog.functions.named.registry import read_term
from tensorprog.gaussian.expect import Expectation, expect
from tensorprog.gaussian.problem.inputs import names_in
from tensorprog.numbers.interval import Interval
from tensorprog.numbers.options import budgeted
from tensorprog.terms import read

MAX_ENTRIES = 400

_SETTING = re.compile(r"\s*([^\W\d]\w*)\s*=\s*(\S.*)\Z", re.DOTALL)


def read_list(text: str) -> list[Any]:
    """A list of expressions, or of lists of them: `[[1, 1/2], [1/2, C^2]]`; nothing in it is executed.

    >>> read_list("[[1, max(0, 1/2)], [1/2, 1]]")
    [['1', 'max(0, 1/2)'], ['1/2', '1']]
    """
    stack: list[list[Any]] = []
    item, depth, entries = "", 0, 0
    characters = text.strip()
    for at, c in enumerate(characters):
        if c == "[" and depth == 0 and not item.strip():
            stack.append([])
            continue
        if not stack:
            raise fail("TP008", f"{text!r:.60} is not a list", help="write [[1, 0.5], [0.5, 1]]")
        if depth == 0 and c in ",]":
            if item.strip():
                stack[-1].append(item.strip())
                entries += 1
                if entries > MAX_ENTRIES:
                    raise fail("TP905", f"more than {MAX_ENTRIES} entries in a covariance (MAX_ENTRIES)")
            item = ""
            if c == "]":
                done = stack.pop()
                if not stack:
                    if at + 1 < len(characters):
                        break
                    return done
                stack[-1].append(done)
            continue
        depth += (c == "(") - (c == ")")
        item += c
    raise fail("TP008", f"{text!r:.60} is not a list", help="write [[1, 0.5], [0.5, 1]]")


def settings_of(texts: tuple[str, ...]) -> dict[str, Fraction]:
    """`C=2.5` as {"C": 5/2}."""
    out: dict[str, Fraction] = {}
    for text in texts:
        found = _SETTING.match(text)
        if found is None:
            raise fail("TP018", f"{text!r:.60} is not a setting", help="write --set C=2.5")
        from tensorprog.functions.evaluate.sympy_bridge import to_sympy

        value = to_sympy(read(found[2]))
        if not value.is_Rational:
            raise fail("TP018", f"{found[2]!r:.60} is not a rational number")
        out[found[1]] = Fraction(int(value.p), int(value.q))
    return out


@click.command("expect", short_help="a Gaussian expectation, as a formula and a number")
@click.argument("expression", metavar="EXPR")
@click.option("--cov", metavar="MATRIX", help="Covariance, [[1, 0.5], [0.5, 1]]; variables in order of first use.")
@click.option("--mean", metavar="LIST", help="Mean, [0, 1]; 0 if not given.")
@click.option(
    "--vars", "names", metavar="NAMES", help="The Gaussian variables in order, z1,z2; other names are params."
)
@click.option("--symbolic", is_flag=True, help="The closed form in K11, K12, K22.")
@click.option(
    "--certified",
    is_flag=True,
    help="An enclosure by ball arithmetic (any function of one or two variables, bounded analytic ones of more).",
)
@click.option("--assume", multiple=True, metavar="'C>0'", help="An assumption on a param.")
@click.option("--set", "values", multiple=True, metavar="C=2.5", help="The number of a param.")
@budgeted
@click.option("--explain", is_flag=True, help="Print how the formula came about.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(
    expression: str,
    cov: str | None,
    mean: str | None,
    names: str | None,
    symbolic: bool,
    certified: bool,
    assume: tuple[str, ...],
    values: tuple[str, ...],
    tolerance: float | None,
    seconds: float,
    explain: bool,
    as_json: bool,
) -> int:
    """E[EXPR] for jointly Gaussian variables: the closed form if there is one, and a number with its error.

    Exit code 0; 1 if the expectation is infinite; 3 if there is neither a formula nor a proved bound on the error (an
    estimate, a sample, or no number); 2 for bad input.
    """
    try:
        given = assumptions_of(assume), settings_of(values)
        result = run(expression, cov, mean, names, symbolic, certified, *given, tolerance, seconds)
    except TensorProgError as error:
        click.echo(str(error), err=True)
        code = 1 if any(d.code == "TP501" for d in error.diagnostics) else 2
        if as_json:
            verdict = "error" if code == 2 else "diverges"
            click.echo(json.dumps(_empty(verdict, [d.to_json() for d in error.diagnostics])))
        raise click.exceptions.Exit(code) from None
    if as_json:
        click.echo(json.dumps(result.to_json(), ensure_ascii=False))
    else:
        click.echo(repr(result))
        if explain:
            click.echo(result.explain())
    if certified and result.value is not None and not result.certified:
        click.echo("note: no proved bound of the error was found", err=True)
        raise click.exceptions.Exit(3)
    raise click.exceptions.Exit(0 if result.settled else 3)


def _empty(verdict: str, diagnostics: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schema": "tensorprog/expect/1",
        "verdict": verdict,
        "expr": None,
        "value": None,
        "error": None,
        "error_kind": None,
        "method": None,
        "diagnostics": diagnostics,
    }


def run(
    expression: str,
    cov: str | None,
    mean: str | None,
    names: str | None,
    symbolic: bool,
    certified: bool,
    assume: Mapping[str, Interval],
    values: Mapping[str, Fraction],
    tolerance: float | None,
    seconds: float,
) -> Expectation:
    """The command without its printing."""
    chosen = None if names is None else [n.strip() for n in _split(names)]
    matrix = None if cov is None else read_list(cov)
    if chosen is None and matrix is not None:
        found = names_in(read_term(expression), None, {**assume, **values})
        if len(found) != len(matrix):
            raise fail(
                "TP008",
                f"{len(found)} names and a covariance of {len(matrix)} rows",
                help="say which names are Gaussian with --vars, or which are params with --assume or --set",
            )
    return expect(
        expression,
        matrix,
        None if mean is None else read_list(mean),
        vars=chosen,
        assume=assume,
        values=values,
        tolerance=tolerance,
        seconds=seconds,
        progress=True,
        symbolic=symbolic,
        certified=certified or None,
    )


def _split(names: str) -> list[str]:
    """Names separated by commas outside brackets."""
    return [n for n in re.split(r",(?![^\[]*\])", names) if n.strip()]

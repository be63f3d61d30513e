"""`tensorprog function EXPR`: what is known of a function, on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from tensorprog.errors import fail
from tensorprog.functions.api import facts, term_of
from tensorprog.functions.assume import assumptions_of
from tensorprog.functions.rules.facts import Facts
from tensorprog.functions.summary import one_variable, plot
from tensorprog.kernel.ground.term import variables
from tensorprog.numbers.interval import Interval

Extra = Callable[[Facts, Mapping[str, Interval]], str]


def function_command(extra: Extra | None = None) -> click.Command:
    """Make the command; `extra` may add a paragraph about a function of one variable (its dual, say)."""

    @click.command("function")
    @click.argument("expr")
    @click.option("--vars", "names", default=None, help="The names that vary, separated by commas.")
    @click.option("--assume", multiple=True, help="Assumptions on params, such as 'C > 0, a in (0, 1)'.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    @click.option("--plot", "picture", type=click.Path(dir_okay=False, path_type=Path), help="Draw it to a file.")
    @click.pass_context
    def function(
        ctx: click.Context, expr: str, names: str | None, assume: tuple[str, ...], as_json: bool, picture: Path | None
    ) -> None:
        """What is known of the function EXPR: bounded, pseudo-Lipschitz, controlled, continuous; proved or refuted."""
        chosen = None if names is None else [n.strip() for n in names.split(",") if n.strip()]
        known = assumptions_of(assume)
        if chosen is not None:
            _check_names(expr, chosen, known)
        found = facts(expr, chosen, known)
        if picture is not None:
            plot(found, picture)
        click.echo(json.dumps(found.to_json()) if as_json else _text(found, known, extra))
        ctx.exit(3 if any(f.status == "unknown" for _, f in found.named()) else 0)

    return function


def _check_names(expr: str, chosen: list[str], known: Mapping[str, Interval]) -> None:
    """Refuse a name that --vars leaves out and --assume does not name: it may be a slip (TP002)."""
    stranger = next((v for v in variables(term_of(expr)) if v.name not in (*chosen, *known)), None)
    if stranger is not None:
        error = fail(
            "TP002",
            f"{stranger.name} is not among the names of --vars, and no param of --assume",
            stranger.place,
            help=f"if any real number may stand for it: --assume '{stranger.name} in (-oo, oo)'",
        )
        error.sources = {None: [expr]}
        raise error


def _text(found: Facts, known: Mapping[str, Interval], extra: Extra | None) -> str:
    parts = [repr(found)]
    if found.pseudo_lipschitz.derivation and found.pseudo_lipschitz.proved:
        parts.append("derivation:\n" + _indent(found.pseudo_lipschitz.outline()))
    elif found.bounded.proved and found.bounded.derivation:
        parts.append("derivation:\n" + _indent(found.bounded.outline()))
    if len(found.vars) == 1:
        parts.append(one_variable(found))
        if extra is not None:
            parts.append(extra(found, known))
    return "\n\n".join(p for p in parts if p)


def _indent(text: str) -> str:
    return "\n".join("  " + line for line in text.split("\n"))


function = function_command()

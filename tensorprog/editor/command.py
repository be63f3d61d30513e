"""`tensorprog lsp`: the language server over standard input and output."""

from __future__ import annotations

import importlib.util

import click

from tensorprog.errors import fail


@click.command("lsp", short_help="the language server, for editors: over standard input and output")
@click.option("--stdio", is_flag=True, help="Accepted for editors that always say so; there is no other way.")
def lsp(stdio: bool) -> int:
    """Answer an editor over standard input and output until it says exit.

    Diagnostics with quick fixes, hovers, definitions, renaming, completion, symbols, limit variances beside the lines.
    """
    if importlib.util.find_spec("pygls") is None:
        raise fail("TP018", "the language server needs pygls, which is not installed",
                   help="pip install 'tensorprog[editor]'")  # fmt: skip
    from tensorprog.editor.server.server import make_server

    make_server().start_io()
    return 0

"""`tensorprog watch FILE`: the report on a file, in a browser, following the file."""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path

import click

from tensorprog.errors import fail
from tensorprog.numbers.budget import SECONDS


@click.command("watch", short_help="the report as a page that follows the file, for a second screen or a projector")
@click.argument("file", metavar="FILE", type=click.Path())
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help="The port on 127.0.0.1; any free one by default."
)
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
@click.option("--samples", default=500, show_default=True, type=click.IntRange(0, 1_000_000),
              help="Draws for the histograms; 0 for none.")  # fmt: skip
@click.option("--seconds", type=float, default=SECONDS, show_default=True, help="Time for the search for one number.")
def watch(file: str, port: int, opened: bool, samples: int, seconds: float) -> int:
    """Serve the report on FILE to this machine until Ctrl-C; it is built anew whenever the file is saved.

    Verdict and graph are there at once, limits and histograms as soon as they are computed; an error in the text is
    shown as the terminal shows it.
    """
    from tensorprog.editor.watch.follow import Follower
    from tensorprog.editor.watch.serve import HERE, server
    from tensorprog.numbers.budget import Budget

    path = Path(file)
    if not path.is_file():
        raise fail("TP018", f"cannot read {file}: it is not a file", help="write the program, then watch it")
    Budget(None, seconds)  # refuses what is no budget
    follower = Follower(path.resolve(), samples, seconds)
    try:
        serving = server(follower, port)
    except OSError as error:
        raise fail("TP018", f"cannot serve on port {port}: {error.strerror or error}",
                   help="choose another port, or 0 for any free one") from None  # fmt: skip
    address = f"http://{HERE}:{serving.server_port}/"
    click.echo(f"{file} is watched at {address} (Ctrl-C ends it)")
    if opened:
        webbrowser.open(address)
    threading.Thread(target=follower.follow, daemon=True).start()
    try:
        serving.serve_forever(0.1)
    finally:
        follower.end()
        serving.server_close()
    return 0

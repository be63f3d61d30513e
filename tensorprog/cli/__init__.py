"""The command line: `tensorprog COMMAND FILE [options]`; exit codes and JSON are a contract (docs/commands.md)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from tensorprog import __version__
from tensorprog.errors import TensorProgError, did_you_mean, fail

COMMANDS = (
    "check",
    "show",
    "explain",
    "derive",
    "claims",
    "simulate",
    "validate",
    "prove",
    "verify",
    "report",
    "function",
    "expect",
    "lsp",
    "watch",
)


def _command(name: str) -> click.Command | None:
    """Import a command; every import is written out, so that the linter of imports sees it."""
    match name:
        case "check":
            from tensorprog.cli.check import check as command
        case "show":
            from tensorprog.cli.check import show as command
        case "explain":
            from tensorprog.cli.check import explain as command
        case "derive":
            from tensorprog.limit.command import derive as command
        case "claims":
            from tensorprog.limit.claims.command import claims as command
        case "simulate":
            from tensorprog.simulate.command import simulate as command
        case "validate":
            from tensorprog.validate.command import validate as command
        case "prove":
            from tensorprog.proof.command import prove as command
        case "verify":
            from tensorprog.proof.command import verify as command
        case "report":
            from tensorprog.display.command import report as command
        case "function":
            from tensorprog.cli.mounts import function as command
        case "expect":
            from tensorprog.gaussian.command import command
        case "lsp":
            from tensorprog.editor.command import lsp as command
        case "watch":
            from tensorprog.editor.watch.command import watch as command
        case _:
            return None
    return command


HINT = "tensorprog --help lists the commands, and tensorprog COMMAND --help its options"


class Commands(click.Group):
    """A group whose commands are imported on demand, so that `check` starts without numpy, scipy or sympy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the names alone; the texts beside them would import every command at each press of the key."""
        names = [CompletionItem(name) for name in COMMANDS if name.startswith(incomplete)]
        return names or super().shell_complete(ctx, incomplete)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and _command(name) is None:
            raise fail("TP018", f"there is no command {name}", help=did_you_mean(name, COMMANDS, HINT))
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tensorprog")
def group() -> None:
    """What wide neural networks become as their width goes to infinity: checked, derived, simulated, validated."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error is one clear message and exit code 2."""
    words = list(sys.argv[1:] if args is None else args)
    try:
        code = group.main(args=words or ["--help"], prog_name="tensorprog", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except TensorProgError as error:
        return _report(error, words)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        return _report(_usage(error), words)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except RecursionError:
        return _report(fail("TP902", "an expression is nested too deeply for this machine's stack",
                            help="give its parts names"), words)  # fmt: skip
    except MemoryError:
        return _report(fail("TP907", "the machine's memory is not enough for this", help="use smaller families"), words)


def _usage(error: click.ClickException) -> TensorProgError:
    """What was wrong with the words of a command."""
    if isinstance(error, click.NoSuchOption):
        options = error.ctx.command.params if error.ctx is not None else []
        known = [name for option in options for name in option.opts if name.startswith("--")]
        return fail(
            "TP018", f"there is no option {error.option_name}", help=did_you_mean(error.option_name, known, HINT)
        )
    return fail("TP018", error.format_message(), help=HINT)


def _report(error: TensorProgError, words: Sequence[str]) -> int:
    click.echo(str(error), err=True)
    if "--json" in words:
        command = next((w for w in words if w in COMMANDS), "check")
        diagnostics = [d.to_json() for d in error.diagnostics]
        click.echo(json.dumps({"schema": f"tensorprog/{command}/1", "verdict": "error", "diagnostics": diagnostics}))
    return 2

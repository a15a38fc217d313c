"""The ``bakegate`` command: a table of command groups, each loaded when it is called.

Loading on demand is what lets ``bakegate lint`` start without the service: importing every command
would cost more than linting a file.
"""

import sys
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from cli.exits import Exit

#: Every command and the module that holds its ``app``, in the order of the help text.
COMMANDS: Final = {
    "lint": "cli.lint",
    "inspect": "cli.inspect",
    "explain": "cli.explain",
    "rules": "cli.rules",
    "window": "cli.window",
    "schema": "cli.schema",
    "sbom": "cli.sbom",
    "serve": "cli.serve",
    "report": "cli.report",
    "demo": "cli.demo",
}


class OnDemandGroup(TyperGroup):
    """Imports a command's module when the command is asked for.

    typer keeps its copy of click private, hence ``Any`` for its context and commands.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature of the base
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the signature of the base
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = typer.main.get_command(import_module(module).app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=OnDemandGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Lint pipeline files, gate stages, promote releases, report to leaders.",
    epilog="Start with: bakegate lint PATH, or bakegate demo.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # only this option needs package metadata

        typer.echo(f"bakegate {version('bakegate')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Lint pipeline files, gate stages, promote releases, report to leaders."""


def run() -> None:
    """The console script. A crash of Bakegate itself ends with exit 3 and one sentence."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away (`| head`); there is nobody left to tell
        sys.exit(Exit.CLEAN)
    except Exception as error:  # the last line of defence: users never see a traceback
        typer.echo(f"bakegate: internal error: {type(error).__name__}: {error}", err=True)
        typer.echo("This is a defect of Bakegate; please report it with the command.", err=True)
        sys.exit(Exit.INTERNAL)

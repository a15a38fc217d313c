"""All commands of ``bakegate``: a table of command groups, each loaded when it is called.

Loading on demand is what lets ``bakegate lint`` start without the service: importing every command
would cost more than linting a file.
"""

from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from cli.loading import for_good

#: Every command: the module that holds its ``app``, and its line in the help text, in that order.
COMMANDS: Final = {
    "lint": ("cli.lint", "Judge pipeline files before merge."),
    "baseline": ("cli.baseline", "Let the findings of today wait while lint is adopted."),
    "gate": ("cli.gate", "Ask whether a release may enter a stage."),
    "inspect": ("cli.inspect", "Say what one pipeline file does, without judging it."),
    "explain": ("cli.explain", "Say why a rule exists, or what a decision rests on."),
    "rules": ("cli.rules", "List every rule."),
    "ruleset": ("cli.ruleset", "Say what holds for an organization, and who set it."),
    "rego": ("cli.rego", "Check, test and bundle custom rules in Rego."),
    "exception": ("cli.exception", "Ask for exemptions and opt-outs, and decide about them."),
    "blocklist": ("cli.blocklist", "Block bad packages, commits, artifacts and builders."),
    "window": ("cli.window", "Say when time is open for releases."),
    "schema": ("cli.schema", "Print the JSON Schema of a file or message."),
    "sbom": ("cli.sbom", "List the packages inside a folder as CycloneDX."),
    "demo": ("cli.demo", "Promote real releases of a small web service on this machine."),
    "pipeline": ("cli.pipeline", "Give pipelines to a running service and see where each stands."),
    "release": ("cli.release", "Start, watch, approve, override, pause and roll back releases."),
    "alarm": ("cli.alarm", "Report alarms that another system judges."),
    "serve": ("cli.serve", "Run the service: pages, API, executor."),
    "worker": ("cli.worker", "Promote releases beside other processes, without pages."),
    "store": ("cli.store", "Remove artifacts and logs that nothing needs any more."),
    "adapters": ("cli.adapters", "List what deploys and what tells teams."),
    "report": ("cli.report", "Say which pipelines follow which rule."),
}


class OnDemandGroup(TyperGroup):
    """Imports a command's module when the command is asked for.

    typer keeps its copy of click private, hence ``Any`` for its context and commands.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature of the base
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the signature of the base
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        with for_good():
            command = typer.main.get_command(import_module(module).app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the signature of the base
        """List the commands from the table: the base would import every one of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, told) in COMMANDS.items()])


app = typer.Typer(
    cls=OnDemandGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="\b\nStart with:\n  bakegate lint .github/workflows\n  bakegate demo",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # only this option needs package metadata

        typer.echo(f"bakegate {version('bakegate')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Say which version."
        ),
    ] = False,
) -> None:
    """Lint pipeline files, gate stages, promote releases, report to leaders."""

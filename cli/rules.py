"""``bakegate rules``: the catalogue that this version has, and the files of a new rule."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.custom_rules import custom_rules
from cli.exits import Exit
from cli.formats import Format
from cli.problems import Unusable
from cli.rule_words import evaluated_on
from cli.ruleset_options import RulesetOption, refusing
from cli.scaffold import scaffold
from policies.rule import AnyRule
from policies.rules import CATALOGUE

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.callback(invoke_without_command=True, epilog="Then: bakegate explain RULE")
def rules(
    context: typer.Context,
    ruleset: RulesetOption = None,
    format: Annotated[Format, typer.Option(help="How to answer.")] = Format.TEXT,
) -> None:
    """List every rule: its id, where it is evaluated, its first and its target level.

    The custom rules of the ruleset, else of the nearest organization.yaml, follow the catalogue.
    """
    if context.invoked_subcommand:
        return
    with refusing("rules"):
        known = [*CATALOGUE, *custom_rules(ruleset)]
    if format is Format.JSON:
        typer.echo(json.dumps([_as_json(rule) for rule in known], indent=2))
        return
    width = max(len(rule.id) for rule in known)
    for rule in known:
        level = f"{rule.now.word} -> {rule.target.word}"
        typer.echo(f"{rule.id:<{width}}  {evaluated_on(rule):<13}  {level:<16}  {rule.title}")


@app.command(epilog="Example: bakegate rules new drills-rehearsed")
def new(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The practice that must hold.")],
) -> None:
    """Write the files of a new rule into a checkout of Bakegate, and a row into every list.

    The rule runs and passes the project's checks; it asks production stages for a bake until you
    say what it is about. Custom rules of an organization need none of this: bakegate rego.
    """
    try:
        files = scaffold(Path.cwd(), id_)
    except (Unusable, OSError) as error:
        typer.echo(f"bakegate rules new: {error}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
    for each in files:
        typer.echo(each.relative_to(Path.cwd()) if each.is_relative_to(Path.cwd()) else each)
    typer.echo("Then: say what the rule is about, write its cases, and run make docs.")


def _as_json(rule: AnyRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "family": rule.family.value,
        "severity": rule.severity.value,
        "evaluated_on": evaluated_on(rule),
        "now": rule.now.word,
        "target": rule.target.word,
    }

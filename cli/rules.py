"""``bakegate rules``: the catalogue that this version has."""

import json
from typing import Annotated, Any

import typer

from cli.custom_rules import custom_rules
from cli.formats import Format
from cli.rule_words import evaluated_on
from cli.ruleset_options import RulesetOption, refusing
from policies.rule import AnyRule
from policies.rules import CATALOGUE

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Then: bakegate explain RULE")
def rules(
    ruleset: RulesetOption = None,
    format: Annotated[Format, typer.Option(help="How to answer.")] = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """List every rule: its id, where it is evaluated, its first and its target level.

    The custom rules of the ruleset, else of the nearest organization.yaml, follow the catalogue.
    """
    with refusing("rules"):
        known = [*CATALOGUE, *custom_rules(ruleset)]
    if format is Format.JSON:
        typer.echo(json.dumps([_as_json(rule) for rule in known], indent=2))
        return
    width = max(len(rule.id) for rule in known)
    for rule in known:
        level = f"{rule.now.word} -> {rule.target.word}"
        typer.echo(f"{rule.id:<{width}}  {evaluated_on(rule):<13}  {level:<16}  {rule.title}")


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

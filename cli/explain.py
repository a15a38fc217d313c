"""``bakegate explain``: a rule's page, or a decision with everything it saw."""

import re
from typing import Annotated, Final

import typer

from cli.custom_rules import custom_rules
from cli.exits import Exit
from cli.rule_words import evaluated_on, written
from cli.ruleset_options import RulesetOption, refusing
from policies.plain import nearest
from policies.rule import AnyRule, ParamSpec, specs
from policies.rules import CATALOGUE, rule

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_DECISION: Final = re.compile(r"d-\d+")

#: What the engine itself reports, beside the catalogue.
_ENGINE_RULES: Final = {
    "readable": "A file that cannot be read cannot be judged. Templated files only warn: lint what "
    "your template renders to.",
    "internal": "A rule crashed, or a custom rule could not be evaluated; the others went on. "
    "Please report a crash with the file; of a custom rule, tell its owner.",
    "lint-budget": "A rule thought about one file for longer than it may and was stopped; the "
    "others went on. Please report it with the file.",
    "ignore-valid": "An inline ignore needs a reason and a finding that it silences: "
    "`# bakegate: ignore[rule] reason`, on the finding's line or alone on the line above.",
    "exception-stale": "An exemption or opt-out is not needed any more, because its rule passes "
    "without it, or a baseline is over or holds what nothing waits for. Remove it, so that the "
    "rule holds from now on.",
    "pipeline-name": "Two pipelines of one run have the same name, so exemptions and reports could "
    "not tell them apart. Name one of them in bakegate.yaml.",
}


@app.command(epilog="\b\nExamples:\n  bakegate explain bake-time\n  bakegate explain d-12")
def explain(
    subject: Annotated[
        str,
        typer.Argument(metavar="RULE|DECISION", help="A rule's id, or a decision's such as d-12."),
    ],
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Of the service that decided. Default: its settings'."),
    ] = None,
    ruleset: RulesetOption = None,
) -> None:
    """Say why a rule exists and how to satisfy it, or what a decision rests on."""
    if _DECISION.fullmatch(subject):
        # The service is imported only here: explaining a rule must not need it.
        from cli.explain_decision import explain_decision

        typer.echo(explain_decision(subject, database))
        return
    if subject in _ENGINE_RULES:
        typer.echo(f"{subject}\n\n{_ENGINE_RULES[subject]}")
        return
    with refusing("explain"):
        custom = {} if rule(subject) else {each.id: each for each in custom_rules(ruleset)}
    found = rule(subject) or custom.get(subject)
    if found is None:
        near = nearest(subject, [*(each.id for each in CATALOGUE), *custom])
        told = f"there is no rule {subject!r}{near or '; they are listed by: bakegate rules'}"
        typer.echo(f"bakegate explain: {told}", err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED)
    typer.echo(_page(found))


def _page(found: AnyRule) -> str:
    asked_at = evaluated_on(found)
    lines = [
        found.id,
        "",
        *_custom(found),
        f"family {found.family.value}, severity {found.severity.value}, evaluated at {asked_at}",
        f"starts at {found.now.word}, ends at {found.target.word}",
        "",
        found.docs.strip(),
    ]
    parameters = specs(found.params)
    if parameters:
        lines += ["", "## Parameters", ""]
        lines += [_parameter(each) for each in parameters]
    return "\n".join(lines)


def _custom(found: AnyRule) -> list[str]:
    """What is said of a custom rule before its page: its title, who answers for it, its fix."""
    if found.module is None:
        return []
    owner, path = found.module.owner, found.module.path
    return [found.title, "", f"custom rule of {owner}, {path}", f"fix: {found.module.fix}", ""]


def _parameter(spec: ParamSpec) -> str:
    allowed = f" (one of {', '.join(spec.allowed)})" if spec.allowed else ""
    return f"{spec.name}: {written(spec.unit, spec.default)} - {spec.help}{allowed}"

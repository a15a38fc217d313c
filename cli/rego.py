"""``bakegate rego``: custom rules, checked, tested and bundled."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.exits import Exit
from cli.files import shown
from cli.formats import Format
from cli.practice import chain_named, tree_above
from cli.problems import Unusable
from cli.rego_cases import ENDING, Outcome, outcomes
from cli.rego_engine import engine
from cli.ruleset_options import FormatOption, RulesetOption, refusing
from policies.documents import DocumentError, Issue
from policies.rego.bundle import bundle as bundled
from policies.rego.policies import PolicySet
from policies.rego.port import Rego, RegoError
from policies.rego.settings import Engine
from policies.rule import AnyRule
from policies.ruleset.custom import read_custom

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Check, test and bundle custom rules in Rego.",
    epilog="Example: bakegate rego test rules/",
)

_ENVIRONMENT: Final = """\b
The engine is chosen by the environment, for lint and the service too:
  BAKEGATE_REGO_ENGINE    auto, server, opa or embedded; auto takes a server
                          that is named, else the interpreter, else an opa
  BAKEGATE_REGO_URL       of an Open Policy Agent, such as https://opa:8181
  BAKEGATE_REGO_TOKEN     bearer token for it
  BAKEGATE_REGO_CA, _CERTIFICATE, _KEY    PEM files for TLS
  BAKEGATE_REGO_POLICIES  upload, or bundle where OPA fetches them itself
  BAKEGATE_REGO_PROGRAM   an opa program, else the one on the PATH
  BAKEGATE_REGO_TIMEOUT   seconds for one question; 2
"""
_CODES: Final = """\b
Exit codes:
  0  all is well
  1  something is not
  2  nothing could be evaluated
"""
_CHECK: Final = f"""\b
Examples:
  bakegate rego check
  bakegate rego check rules/ --engine opa

{_ENVIRONMENT}
{_CODES}"""
_TEST: Final = f"""\b
Examples:
  bakegate rego test
  bakegate rego test rules/no-late-release{ENDING} --format json

\b
A file of cases names its rule, and in each case a pipeline and what is
expected of it. All keys: bakegate schema rego-cases

{_CODES}"""
_BUNDLE: Final = """\b
Examples:
  bakegate rego bundle --output bundle.tar.gz
  bakegate rego bundle --ruleset rulesets/retail.yaml --output bundle.tar.gz
"""

EngineOption = Annotated[
    Engine | None, typer.Option(help="Instead of the one that the environment says.")
]


@app.command(epilog=_CHECK)
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Rules, or folders. Default: those built in."),
    ] = None,
    engine: EngineOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Say what is wrong with custom rules: their METADATA, what they call, how they compile."""
    with refusing("rego check"), _found(paths, ".rego") as found, _opened(engine) as rego:
        rules, issues = _read(found)
        issues += _compiled(rego, rules)
        name = rego.name()
    if format is Format.JSON:
        typer.echo(json.dumps(_checked(name, found, issues), indent=2))
    else:
        for issue in issues:
            typer.echo(str(issue))
        typer.echo(f"{len(found)} custom rules, {len(issues)} errors ({name})")
    raise typer.Exit(Exit.FINDINGS if issues else Exit.CLEAN)


@app.command(epilog=_TEST)
def test(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help=f"Files, or folders with *{ENDING}. Default: ."),
    ] = None,
    engine: EngineOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Run the cases that stand beside custom rules."""
    with refusing("rego test"), _found(paths or [Path()], ENDING) as found, _opened(engine) as rego:
        done = [each for path in found for each in outcomes(path, rego)]
        name = rego.name()
    failing = [each for each in done if each.wrong]
    if format is Format.JSON:
        typer.echo(json.dumps(_tested(name, done), indent=2))
    else:
        for outcome in failing:
            for issue in outcome.wrong:
                typer.echo(f"{_place(issue)}: {outcome.name}: {issue.message}")
        typer.echo(f"{len(done)} cases, {len(failing)} not as expected ({name})")
    raise typer.Exit(Exit.FINDINGS if failing else Exit.CLEAN)


@app.command(epilog=_BUNDLE)
def bundle(
    output: Annotated[Path, typer.Option(metavar="FILE", help="The bundle to write.")],
    ruleset: RulesetOption = None,
) -> None:
    """Write the custom rules of an organization as a bundle that an OPA can fetch.

    With BAKEGATE_REGO_POLICIES=bundle nothing is uploaded: an OPA whose bundle is older than the
    ruleset has no answer, and that is an error, never a pass.
    """
    with refusing("rego bundle"):
        sets = _sets(ruleset)
        output.write_bytes(bundled(sets))
    count = len({each.package for one in sets for each in one.rules})
    typer.echo(f"{output}: {count} custom rules in {len(sets)} sets")


@contextmanager
def _opened(engine_: Engine | None) -> Iterator[Rego]:
    """An engine for this command; what keeps it from answering ends the command with 2."""
    rego = engine(engine_)
    try:
        yield rego
    except RegoError as error:
        raise Unusable(str(error)) from error
    finally:
        rego.close()


@contextmanager
def _found(paths: Sequence[Path] | None, ending: str) -> Iterator[list[Path]]:
    """The files that were named, or those that Bakegate brings along."""
    with as_file(files("rulesets")) as builtin:
        given = paths or [builtin / "examples"]
        found: list[Path] = []
        for path in given:
            found += sorted(path.rglob(f"*{ending}")) if path.is_dir() else [path]
        if not found:
            raise Unusable(f"no *{ending} in {', '.join(map(str, given))}")
        yield found


def _read(paths: list[Path]) -> tuple[list[AnyRule], list[Issue]]:
    rules: list[AnyRule] = []
    issues: list[Issue] = []
    for path in paths:
        try:
            rules.append(read_custom(path.read_text(encoding="utf-8"), shown(path)))
        except DocumentError as error:
            issues.extend(error.issues)
        except UnicodeDecodeError as error:
            raise Unusable(f"{path}: it is not UTF-8") from error
    return rules, issues


def _compiled(rego: Rego, rules: list[AnyRule]) -> list[Issue]:
    """Each rule is compiled alone: files that are checked together may share an id."""
    return [issue for rule in rules for issue in rego.check(PolicySet.of([rule]))]


def _sets(ruleset: str | None) -> list[PolicySet]:
    """The custom rules of each ruleset that can be asked; raises Unusable where there are none."""
    if ruleset:
        chains = [chain_named(ruleset)]
    else:
        tree = tree_above(Path.cwd())
        if tree is None:
            raise Unusable("no organization.yaml here or above; use --ruleset")
        chains = [place.chain for place in tree.places.values()]
    rules = [[each.rule for each in chain.merged.values()] for chain in chains]
    sets = {each.entry.package: each for each in map(PolicySet.of, rules) if each.rules}
    if not sets:
        raise Unusable("no ruleset here has custom rules")
    return [sets[name] for name in sorted(sets)]


def _place(issue: Issue) -> str:
    return f"{issue.span.path}:{issue.span.line}:{issue.span.column}"


def _checked(name: str, paths: list[Path], issues: list[Issue]) -> dict[str, Any]:
    return {
        "type": "bakegate.rego-check/v1",
        "engine": name,
        "files": [shown(path) for path in paths],
        "errors": [{"path": each.span.path, **_told(each)} for each in issues],
    }


def _tested(name: str, done: list[Outcome]) -> dict[str, Any]:
    return {
        "type": "bakegate.rego-test/v1",
        "engine": name,
        "cases": [
            {
                "path": each.path,
                "name": each.name,
                "passed": not each.wrong,
                "wrong": [_told(issue) for issue in each.wrong],
            }
            for each in done
        ],
    }


def _told(issue: Issue) -> dict[str, Any]:
    return {"line": issue.span.line, "column": issue.span.column, "message": issue.message}

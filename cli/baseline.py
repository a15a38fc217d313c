"""``bakegate baseline``: what lint finds today waits for a while, and whatever is new counts."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.exits import Exit
from cli.files import BASELINE, repository, shown
from cli.formats import Format
from cli.instants import AT_HELP, instant
from cli.lint import Jobs
from cli.lint_files import Beside, Judge, Judged, judged
from cli.practice import practice
from cli.problems import Unusable
from policies.baseline import baseline_text
from policies.documents import DocumentError
from policies.durations import format_duration, parse_duration
from policies.engine.lint import FileReport
from policies.exception_limits import baseline_over_limit, waivable
from policies.findings import Finding, Result
from policies.plain import instant_text

app = typer.Typer(rich_markup_mode=None, add_completion=False)

#: What a rule found; ``pass`` and ``waived`` need no baseline.
_FOUND: Final = (Result.FAIL, Result.UNKNOWN)

#: Adopting lint takes weeks; what takes longer is an exemption, with somebody who approves it.
_LONGEST: Final = timedelta(days=366)

_EPILOG: Final = """\b
Examples:
  bakegate baseline . --ttl 30d
  bakegate baseline .github/workflows --ruleset strict --ttl 2w

\b
Exit codes:
  0  written
  2  nothing was written
"""


@app.command("baseline", epilog=_EPILOG)
def baseline_command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files, or folders to look through.")
    ],
    ttl: Annotated[
        str, typer.Option(metavar="DURATION", help="How long the findings wait, such as 30d.")
    ] = "30d",
    ruleset: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="As of lint: whose findings are known."),
    ] = None,
    org: Annotated[
        str | None,
        typer.Option(metavar="NODE", help="Judge as this node of organization.yaml."),
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help=AT_HELP)] = None,
    format: Annotated[Format, typer.Option(help="How to answer.")] = Format.TEXT,
    jobs: Jobs = None,
) -> None:
    """Let what lint finds today wait: it is written to bakegate-baseline.yaml, which lint reads.

    The file stands at the root of the repository. It ends by itself; until then new findings count,
    and lint tells which known ones are gone. One that exists is not written over: delete it first,
    so that a review sees that findings wait longer.
    """
    try:
        moment, lasts = instant(at).replace(microsecond=0), _length(ttl)
        file = _free(repository(paths[0]) / BASELINE)
        judge = Judge(practice(paths, ruleset, org, moment), moment)
        with judged(paths, Beside(), judge, lambda file: file, jobs) as all_found:
            found = _found(all_found, lasts)
        text = baseline_text(found.known, moment, moment + lasts)
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except (Unusable, DocumentError, OSError, OverflowError) as error:
        told = error if isinstance(error, DocumentError) else f"bakegate baseline: {error}"
        typer.echo(str(told), err=True)
        raise typer.Exit(Exit.NOTHING_EVALUATED) from error
    answer = {
        "file": shown(file),
        "until": instant_text(moment + lasts),
        "findings": len(found.known),
        "left_out": sorted(found.refused),
    }
    typer.echo(json.dumps(answer, indent=2) if format is Format.JSON else _told(answer))


def _free(file: Path) -> Path:
    if file.exists():
        told = f"{shown(file)} exists already; delete it to start again"
        raise Unusable(told)
    return file


@dataclass(frozen=True, slots=True)
class _Found:
    """What a baseline takes in, and the rules whose findings no exception reaches."""

    known: tuple[Finding, ...]
    refused: frozenset[str]


def _found(all_found: Judged[FileReport], lasts: timedelta) -> _Found:
    policies = {each.organization: each.exceptions for each in all_found.applied}
    for policy in policies.values():
        if told := baseline_over_limit(policy, lasts):
            raise Unusable(f"--ttl: a baseline does not count that {told}")
    nodes = {each.name: each for file in all_found.files for each in file.pipelines}
    known, refused = [], set()
    for file in all_found.files:
        for each in file.findings:
            node = nodes.get(each.pipeline)
            # What the engine itself reports is no practice that could be adopted later.
            if node is None or each.rule not in node.results or each.result not in _FOUND:
                continue
            if waivable(policies[node.organization], each.rule):
                known.append(each)
            else:
                refused.add(each.rule)
    # Pipelines of one name, which lint complains about, share their findings.
    return _Found(tuple({each.fingerprint: each for each in known}.values()), frozenset(refused))


def _length(text: str) -> timedelta:
    try:
        lasts = parse_duration(text).exact
    except ValueError as error:
        raise Unusable(f"--ttl {text}: {error}") from error
    if not timedelta() < lasts <= _LONGEST:
        raise Unusable(f"--ttl {text}: a baseline lasts at most {format_duration(_LONGEST)}")
    return lasts


def _told(answer: dict[str, Any]) -> str:
    lines = [f"{answer['file']}: {answer['findings']} findings wait until {answer['until']}"]
    if answer["left_out"]:
        lines.append(
            f"left out, because no exception of them is allowed: {', '.join(answer['left_out'])}"
        )
    return "\n".join(lines)

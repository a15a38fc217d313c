"""``bakegate gate``: asks whether a release, given by its record, may enter a stage."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.decision_text import told
from cli.exits import Exit
from cli.files import OVERLAY, beside, files_around, found_upwards, pipeline_files, shown
from cli.formats import Format
from cli.instants import instant
from cli.practice import Practice, practice
from cli.problems import Unusable
from cli.reading import overlay_of, read_file
from cli.ruleset_options import AtOption, FormatOption, OrgOption, RulesetOption, refusing
from policies.decision import Decision, Definition, GateInputs, to_message
from policies.documents import DocumentError, Issue, locate, read_document
from policies.engine.gate import GateError, gate
from policies.findings import Verdict
from policies.formats import File, read_pipelines
from policies.frozen import replace
from policies.pipeline import Pipeline
from policies.plain import DataError, nearest
from policies.record import release_from_json
from policies.release import Release
from policies.ruleset import Resolved

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_EXITS: Final = {
    Verdict.ALLOW: Exit.CLEAN,
    Verdict.WARN: Exit.CLEAN,
    Verdict.HOLD: Exit.HOLD,
    Verdict.BLOCK: Exit.FINDINGS,
}

_EPILOG: Final = """\b
Examples:
  bakegate gate --record shop-7.json --stage cell-1
  bakegate gate --record shop-7.json --stage cell-1 --ruleset strict --at 2026-11-24T18:00Z
  bakegate gate --record shop-7.json --stage cell-1 --pipeline shop.yaml --format json

\b
Exit codes:
  0  allow or warn
  1  block
  2  nothing was evaluated
  4  hold
"""


@app.command("gate", epilog=_EPILOG)
def gate_command(
    record: Annotated[Path, typer.Option(metavar="FILE", help="The release record, JSON or YAML.")],
    stage: Annotated[str, typer.Option(metavar="NAME", help="The stage that it wants to enter.")],
    pipeline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its pipeline file. Default: looked for below here."),
    ] = None,
    org: OrgOption = None,
    ruleset: RulesetOption = None,
    at: AtOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Ask the gate about the release in a record: what every rule says, and what would pass.

    Nothing is stored. Whoever keeps the record says what was observed; what it leaves out is
    unknown. `bakegate schema release` prints its form.
    """
    with refusing("gate"):
        moment = instant(at)
        release = _release(record)
        path = pipeline or _file_of(release.pipeline)
        asked = practice([path], ruleset, org, moment)
        found = _pipeline(path, release.pipeline)
        decision = _decided(
            GateInputs(
                definition=_definition(path),
                release=release,
                stage=stage,
                at=moment,
                resolved=asked.of(found),
                **_excepted(asked, found),
            )
        )
    message = to_message(decision, "")
    if format is Format.JSON:
        typer.echo(json.dumps(message, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(told(message)))
    raise typer.Exit(_EXITS[decision.verdict])


def _decided(inputs: GateInputs) -> Decision:
    try:
        return gate(inputs, _rego(inputs.resolved))
    except GateError as error:
        raise Unusable(str(error)) from error


def _rego(resolved: Resolved) -> Any:
    """What evaluates custom rules, loaded only where there are some."""
    if not any(each.rule.module for each in resolved.rules.values()):
        return None
    from cli.rego_engine import chosen_rego

    return chosen_rego()


def _release(path: Path) -> Release:
    """Read a record; raises DocumentError with every error in its place."""
    document = read_document(path.read_bytes(), shown(path), "release")
    try:
        return release_from_json(document.data, shown(path))
    except DataError as error:
        root = document.source.root
        issues = (Issue(locate(root, each.at), str(each)) for each in error.issues)
        raise DocumentError(tuple(issues)) from error


def _file_of(name: str) -> Path:
    """The pipeline file below the working folder that holds the pipeline; raises Unusable."""
    found: list[Path] = []
    known: list[str] = []
    for path, _ in pipeline_files([Path()]):
        names = [each.name for each in read_file(path, overlay_of(path, None)).pipelines]
        found += [path] if name in names else []
        known += names
    if len(found) == 1:
        return found[0]
    if found:
        files = ", ".join(shown(each) for each in found)
        raise Unusable(f"several files hold a pipeline {name!r}: {files}; choose with --pipeline")
    told = f"no file below here holds the pipeline {name!r}{nearest(name, known)}"
    raise Unusable(f"{told}; name its file with --pipeline")


def _pipeline(path: Path, name: str) -> Pipeline:
    read = read_file(path, overlay_of(path, None))
    found = next((each for each in read.pipelines if each.name == name), None)
    if found:
        return found
    if read.problems:
        raise DocumentError(tuple(Issue(each.span, each.message) for each in read.problems))
    names = [each.name for each in read.pipelines]
    raise Unusable(f"{shown(path)} holds no pipeline {name!r}{nearest(name, names)}")


def _definition(path: Path) -> Definition:
    """The pipeline's file with its overlay and what it names, as the gate reads it.

    Its path is as the overlay writes it: from the folder in which the overlay stands.
    """
    overlay = found_upwards(path, OVERLAY)
    key = Path(os.path.relpath(path, overlay.parent)).as_posix() if overlay else shown(path)
    load, texts = beside(path.parent), dict[str, str]()

    def calendar(name: str) -> str:
        texts[name] = load(name)
        return texts[name]

    around, files = files_around(path), dict[str, str]()

    def bring(name: str) -> File | None:
        found = around.load(name)
        if found:
            files[name] = found.text.decode("utf-8", "replace")
        return found

    beside_it = replace(around, load=bring)
    read_pipelines(path.read_bytes(), key, calendars=calendar, files=beside_it)
    return Definition(
        text=path.read_text(encoding="utf-8"),
        path=key,
        overlay_text=overlay.read_text(encoding="utf-8") if overlay else "",
        overlay_path=shown(overlay) if overlay else "",
        calendars=tuple(sorted(texts.items())),
        home=around.home if files else "",
        files=tuple(sorted(files.items())),
    )


def _excepted(asked: Practice, pipeline: Pipeline) -> dict[str, Any]:
    """The exceptions of the organization's files, and the blocklist that stands in them."""
    known = asked.exceptions(pipeline)
    return {"exceptions": known, "blocklist": known.blocklist}

"""What lint says of registered files, kept without exceptions: those are looked up when it is read.

Only what judges the exceptions themselves is kept with them, and judged anew when one changes.
"""

from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session, select

from policies.documents import DocumentError
from policies.engine.lint import FileReport, lint
from policies.engine.together import Together, said
from policies.exceptions import NO_EXCEPTIONS, Exceptions
from policies.findings import Result
from policies.formats import Read, read_pipelines
from policies.pipeline import Pipeline
from policies.rego.port import Rego
from policies.rules import exemption_valid
from service.errors import Invalid
from service.executor.definitions import organization
from service.executor.excepted import exceptions
from service.store.adoption import LintChangeRow
from service.store.snapshot import Snapshot
from service.store.tables import Blob, LintRow, PipelineRow


def linted(
    session: Session, read: Read, now: datetime, rego: Rego | None, *, excepted: bool
) -> FileReport:
    """Judge a file as the service would, with or without exceptions; raises Invalid."""
    practice = organization(session)

    def except_(pipeline: Pipeline) -> Exceptions:
        return exceptions(Snapshot(session, ()), practice, node_of(pipeline), pipeline.name)

    known: Callable[[Pipeline], Exceptions] = except_ if excepted else lambda _: NO_EXCEPTIONS
    # A registration is one file, as a lint of that file alone.
    read = Together({0: said(read)}).placed(0, read)
    try:
        source = (lambda: rego) if rego else None
        return lint(read, lambda each: practice.resolved(node_of(each), now), now, known, source)
    except DocumentError as error:
        raise Invalid(error.issues) from error


def store_lint(
    session: Session, pipeline: str, read: Read, now: datetime, rego: Rego | None
) -> None:
    """Keep what lint says of a file, in place of what it said before."""
    plain = linted(session, read, now, rego, excepted=False)
    full = linted(session, read, now, rego, excepted=True)
    before = {}
    for old in session.exec(select(LintRow).where(LintRow.pipeline == pipeline)):
        before[old.rule] = old.result
        session.delete(old)
    session.flush()
    after = {}
    for rule in plain.pipelines[0].results:
        report = full if rule == exemption_valid.RULE.id else plain
        session.add(row := _row(pipeline, rule, report))
        after[rule] = row.result
    gone = dict.fromkeys(before.keys() - after.keys(), str(Result.NOT_APPLICABLE))
    for rule, result in (after | gone).items():
        if before.get(rule) != result:
            session.add(LintChangeRow(pipeline=pipeline, rule=rule, at=now, result=result))
    session.flush()


def lint_again(session: Session, row: PipelineRow, now: datetime, rego: Rego | None) -> None:
    """Judge the registered file anew, because an exception has changed."""
    text = session.get_one(Blob, row.definition).text
    store_lint(session, row.name, read_pipelines(text.encode(), row.path), now, rego)


def _row(pipeline: str, rule: str, report: FileReport) -> LintRow:
    found = [each for each in report.findings if each.rule == rule]
    standing = [each for each in found if each.result is not Result.WAIVED]
    first = next(iter(standing or found), None)
    return LintRow(
        pipeline=pipeline,
        rule=rule,
        result=report.pipelines[0].results[rule],
        enforcement=first.enforcement.word if first else "",
        message=first.message if first else "",
        line=first.span.line if first else 0,
        fingerprints=[each.fingerprint for each in standing],
    )


def node_of(pipeline: Pipeline) -> str:
    return pipeline.organization.or_else(None) or ""

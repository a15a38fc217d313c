"""Bakegate's own pipeline format into the model; the schema and what it cannot say are one report.

The ``build`` section is a stage named ``build`` that the first stage follows; a stage without
``needs`` follows the one written before it.
"""

from collections.abc import Iterator
from typing import Final

from policies.alarm import Alarm
from policies.documents import DocumentError, Issue, issues
from policies.durations import parse_duration, parse_share
from policies.facts import Fact
from policies.fields import Calendars, Fields, windows_of
from policies.formats import bakegate_checks
from policies.formats.bakegate_stages import Stages
from policies.formats.model import Beside, Unreadable
from policies.pipeline import Origin, Owner, Pipeline, PipelineKind
from policies.source import Mapping, Scalar, Source
from policies.traits import PIPELINE, all_of

_SCHEMA: Final = "bakegate/pipeline/"


def detect(source: Source) -> bool:
    root = source.root
    schema = root.get("schema") if isinstance(root, Mapping) else None
    return isinstance(schema, Scalar) and schema.text.startswith(_SCHEMA)


def read(source: Source, beside: Beside) -> tuple[tuple[Pipeline, ...], tuple[Unreadable, ...]]:
    """Read one pipeline; raises DocumentError with everything that is wrong in the file."""
    root = source.root
    found = issues(source, "pipeline")
    if not isinstance(root, Mapping):
        raise DocumentError(found)
    named = root.entries.get("name")
    top = Fields(root, named.key.span if named else root.span)
    if found:
        # The parser of windows says more about them than the schema can.
        found = [issue for issue in found if not _in_windows(top, issue)]
    found.extend(_window_issues(top, beside.calendars))
    found.extend(bakegate_checks.issues(top))
    if found:
        raise DocumentError(found)
    return (_pipeline(top, beside.calendars, source.text.split("\n")),), ()


def _window_issues(top: Fields, calendars: Calendars) -> Iterator[Issue]:
    for place in (top, *top.listed("stages")):
        try:
            windows_of(place, calendars)
        except DocumentError as error:
            yield from error.issues


def _in_windows(top: Fields, issue: Issue) -> bool:
    nodes = (each.node.get("time_windows") for each in (top, *top.listed("stages")))
    return any(node and node.span.contains(issue.span.line, issue.span.column) for node in nodes)


def _pipeline(top: Fields, calendars: Calendars, lines: list[str]) -> Pipeline:
    name = top.required("name")
    alarms = tuple(_alarm(each) for each in top.named("alarms"))
    stages = Stages(top, tuple(alarm.name for alarm in alarms), calendars, lines)
    build = top.group("build")
    artifact: Fact[str | None] = build.word("artifact") if build else Fact(None, name.span)
    return Pipeline(
        name=name.text,
        format="bakegate",
        span=name.span,
        organization=top.word("organization"),
        kind=top.fact("kind", PipelineKind),
        tier=top.fact("tier", int),
        owner=_owner(top),
        origin=_origin(top),
        stages=stages.read(),
        alarms=Fact(alarms or None, top.place("alarms")),
        windows=Fact(windows_of(top, calendars) or None, top.place("time_windows")),
        complete=Fact(value=True, span=name.span),
        artifact=artifact,
        deployers=stages.deployers,
        environment=top.texts("environment"),
        **all_of(top, PIPELINE),
    )


def _owner(top: Fields) -> Owner:
    owner = top.group("owner") or Fields(Mapping(top.place("owner"), {}), top.span)
    return Owner(
        team=owner.word("team"),
        oncall=owner.word("oncall"),
        channel=owner.word("channel"),
        ttr=owner.fact("ttr", lambda text: parse_duration(text).exact),
    )


def _origin(top: Fields) -> Origin:
    origin = top.group("source") or Fields(Mapping(top.place("source"), {}), top.span)
    return Origin(
        repository=origin.word("repository"),
        branches=origin.fact("branch", lambda text: (text,)),
        start=origin.fact("start", lambda text: (text,)),
    )


def _alarm(fields: Fields) -> Alarm:
    over, _, of = fields.text("periods", "1 of 1").partition(" of ")
    ratio, negatives = fields.text("negative_ratio"), fields.text("negatives")
    return Alarm(
        name=fields.name,
        span=fields.span,
        negative_ratio=parse_share(ratio) if ratio else None,
        minimum=int(fields.text("minimum", "1")),
        periods=int(over),
        of=int(of),
        period=parse_duration(fields.text("period", "1m")).exact,
        missing=fields.text("missing", "unknown"),
        scope=fields.text("scope", "stage"),
        signals=fields.texts("signals"),
        negatives=int(negatives) if negatives else None,
        reported=fields.flag("reported"),
    )

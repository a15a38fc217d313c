"""Spinnaker pipelines into the model, from JSON as the API and ``spin`` write it.

A file may hold one pipeline, an array of them, a rendered dinghyfile, or stages alone. The record
of a run looks like a pipeline and is none. Child pipelines, server settings and canary
configurations are only named; a file that another tool still has to render is not readable.
"""

from collections.abc import Iterator
from typing import Any, Final

from policies.facts import UNSAID, Fact, Provenance, elsewhere, placed, unknown
from policies.findings import Span
from policies.formats.kubernetes import listed, on, place, word
from policies.formats.model import Beside, Unreadable
from policies.formats.naming import slug
from policies.formats.spinnaker_stages import Graph, nodes_of
from policies.guards import Mutex, Queue
from policies.pipeline import Origin, Owner, Pipeline
from policies.source import Mapping, Node, Scalar, Sequence, Source

#: Kinds of triggers in our words; every other one is an event of another system.
_STARTS: Final = {"cron": "schedule", "manual": "manual"}
#: Types that take a version from where it runs already.
_FINDS: Final = frozenset(
    {"findami", "findimage", "findimagefromcluster", "findartifactfromexecution"}
)
_OF_TEMPLATE: Final = frozenset({"template", "config"})


def detect(source: Source) -> bool:
    return any(True for _ in _pipelines(source.root))


def _pipelines(root: Node) -> Iterator[tuple[Mapping, Sequence]]:
    """The pipelines of a document, each with its stages."""
    match root:
        case Mapping():
            inner = root.get("pipelines")
            if isinstance(inner, Sequence) and "application" in root.entries:
                yield from _pipelines(inner)
            else:
                yield from _one(root)
        case Sequence(items=items) if items:
            if all(_is_stage(item) for item in items):
                yield Mapping(root.span, {}), root
                return
            for item in items:
                if isinstance(item, Mapping):
                    yield from _one(item)
        case _:
            return


def _one(node: Mapping) -> Iterator[tuple[Mapping, Sequence]]:
    """A pipeline, the pipeline inside of a template, or one whose template has the stages.

    The record of a run has stages as well, and times.
    """
    if {"startTime", "buildTime", "execution"} & set(node.entries):
        return
    template = node.get("pipeline")
    wraps = word(node, "schema") == "v2" or "appConfig" in node.entries
    if isinstance(template, Mapping) and wraps:
        yield from _one(_named(template, node.get("metadata")))
        return
    stages = node.get("stages")
    if stages is None and "application" in node.entries and "template" in node.entries:
        yield node, Sequence(node.entries["template"].key.span, ())
    if not isinstance(stages, Sequence):
        return
    marks = {"application", "triggers", "keepWaitingPipelines", "limitConcurrent"}
    if marks & set(node.entries) or (stages.items and all(_is_stage(s) for s in stages.items)):
        yield node, stages


def _named(template: Mapping, metadata: Node | None) -> Mapping:
    """The pipeline of a template under the name of that template."""
    entry = metadata.entries.get("name") if isinstance(metadata, Mapping) else None
    return template._replace(entries={**template.entries, "name": entry}) if entry else template


def _is_stage(node: Node) -> bool:
    if not isinstance(node, Mapping) or "type" not in node.entries:
        return False
    return "refId" in node.entries or "requisiteStageRefIds" in node.entries


def read(source: Source, _beside: Beside) -> tuple[tuple[Pipeline, ...], tuple[Unreadable, ...]]:
    found = list(_pipelines(source.root))
    template = next((place for node, stages in found for place in _rendered(node, stages)), None)
    if template:
        message = "this is a template (Jinja, dinghy); check the pipeline that it renders to"
        return (), (Unreadable(template, message, templated=True),)
    read_here: list[Pipeline] = []
    names: set[str] = set()
    for number, (node, stages) in enumerate(found, start=1):
        name = word(node, "name") or slug(source.path) + (f"-{number}" if len(found) > 1 else "")
        if name in names and word(node, "application"):
            # An export of several applications, in each of which a name is its own.
            name = f"{word(node, 'application')}/{name}"
        names.add(name)
        read_here.append(_pipeline(node, stages, name))
    return tuple(read_here), ()


def _rendered(node: Mapping, stages: Sequence) -> Iterator[Span]:
    """Where another tool fills in a name; Spinnaker's own expressions are ``${ }``."""
    for each in (node, *stages.items):
        for key in ("name", "application", "type", "refId"):
            found = each.get(key) if isinstance(each, Mapping) else None
            if isinstance(found, Scalar) and "{{" in found.text:
                yield found.span


def _pipeline(node: Mapping, stages: Sequence, name: str) -> Pipeline:
    named = node.get("name")
    span = named.span if isinstance(named, Scalar) else _first(stages)
    nothing: Fact[Any] = Fact(None, span)
    graph = Graph(nodes_of(stages), word(node, "name"), _mutex(node, name, span))
    return Pipeline(
        name=name,
        format="spinnaker",
        span=span,
        organization=nothing,
        kind=Fact(None, span, Provenance.INFERRED),
        tier=nothing,
        owner=Owner(nothing, nothing, nothing, nothing),
        origin=_origin(node, span),
        stages=graph.stages(),
        alarms=unknown(span, "metrics stand in canary configurations"),
        windows=Fact(None, span),
        complete=_complete(node, span),
        artifact=_artifact(node, span),
        notifies=_notifies(node, span),
    )


def _first(stages: Sequence) -> Span:
    """Where a pipeline without a name is shown: at its first stage's first key."""
    for item in stages.items:
        if isinstance(item, Mapping) and item.entries:
            return next(iter(item.entries.values())).key.span
    span = stages.span
    return Span(span.path, span.line, span.column, span.line, span.column + 1)


def _complete(node: Mapping, span: Span) -> Fact[bool]:
    if word(node, "type") == "templatedPipeline" or _OF_TEMPLATE & set(node.entries):
        return elsewhere(span, "stages stand in the pipeline template that this one names")
    if not node.entries:
        return elsewhere(span, "these are stages of a pipeline that stands elsewhere")
    for each in listed(node, "triggers"):
        if word(each, "type") == "pipeline" and word(each, "enabled") != "false":
            return unknown(
                place(each, "type", span), "the pipeline that triggers this one is not in this file"
            )
    for each in listed(node, "stages"):
        if word(each, "type").lower() in _FINDS:
            note = "what was done to the version that it finds is not in this file"
            return unknown(place(each, "type", span), note)
    return Fact(value=True, span=span)


def _mutex(node: Mapping, name: str, span: Span) -> Fact[Mutex | None]:
    """Only ``limitConcurrent`` keeps runs apart; which waiting one goes on is said beside it."""
    here = place(node, "limitConcurrent", span)
    if not on(node, "limitConcurrent"):
        return Fact(None, here)
    queue = Queue.FIFO if on(node, "keepWaitingPipelines") else Queue.LATEST
    return Fact(Mutex(name, queue, here), here)


def _origin(node: Mapping, span: Span) -> Origin:
    triggers = [each for each in listed(node, "triggers") if word(each, "enabled") != "false"]
    starts = tuple(dict.fromkeys(_STARTS.get(word(each, "type"), "push") for each in triggers))
    branches = tuple(branch for each in triggers if (branch := word(each, "branch")))
    slugs = (word(each, "slug") for each in triggers)
    here = place(node, "triggers", span)
    nobody: Fact[Any] = unknown(
        here, "without a trigger, people, other pipelines or the API start it"
    )
    return Origin(
        repository=Fact(next((each for each in slugs if each), None), here),
        branches=Fact(branches, here)
        if branches
        else unknown(here, "triggers name events of other systems, not branches"),
        start=Fact(starts, here) if starts else nobody,
    )


def _artifact(node: Mapping, span: Span) -> Fact[str | None]:
    here = place(node, "expectedArtifacts", span)
    return elsewhere(here, "the artifact is built by another system, which triggers this one")


def _notifies(node: Mapping, span: Span) -> Fact[tuple[str, ...] | None]:
    """Who is told of a failed pipeline; an application may have notifications of its own."""
    found = [
        word(each, "address")
        for each in listed(node, "notifications")
        if any("failed" in item.text for item in _texts(each.get("when")))
    ]
    return Fact(tuple(found), place(node, "notifications", span)) if found else placed(UNSAID, span)


def _texts(node: Node | None) -> list[Scalar]:
    items = node.items if isinstance(node, Sequence) else ()
    return [item for item in items if isinstance(item, Scalar)]

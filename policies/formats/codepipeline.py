"""AWS CodePipeline into the model: from CloudFormation, SAM and CDK templates, and from the API.

A template may hold several pipelines, and the CodeDeploy groups, ECS services and CodeBuild
projects that they use; ``aws codepipeline get-pipeline`` prints one pipeline and nothing beside.
What stands on a target that is only named, in a buildspec file or in the console is unknown.
"""

from collections.abc import Iterator
from typing import Any, Final

from policies.facts import UNSAID, Fact, Provenance, elsewhere, placed, unknown
from policies.findings import Span
from policies.formats.cloudformation import (
    Resource,
    Template,
    elements,
    exact,
    field,
    mapping,
    said,
    text,
)
from policies.formats.codepipeline_actions import actions_of
from policies.formats.codepipeline_conditions import conditions_of
from policies.formats.codepipeline_origin import origin_of
from policies.formats.codepipeline_stages import Place, Told, note_windows, stages_of
from policies.formats.model import Beside, Unreadable
from policies.formats.naming import slug
from policies.guards import Queue
from policies.pipeline import Owner, Pipeline, Stage
from policies.source import Mapping, Node, Scalar, Sequence, Source

PIPELINE: Final = "AWS::CodePipeline::Pipeline"
_QUEUES: Final = {"QUEUED": Queue.FIFO, "PARALLEL": None}
#: A newer execution replaces the one that waits, unless the mode says otherwise.
_QUEUE: Final = Queue.LATEST


def detect(source: Source) -> bool:
    root = source.root
    if not isinstance(root, Mapping):
        return False
    return bool(_printed(root)) or any(True for _ in _declared(root))


def _declared(root: Mapping) -> Iterator[Resource]:
    resources = root.get("Resources")
    if not isinstance(resources, Mapping):
        return
    kinds = (
        entry.value.get("Type")
        for entry in resources.entries.values()
        if isinstance(entry.value, Mapping)
    )
    if any(isinstance(kind, Scalar) and kind.text == PIPELINE for kind in kinds):
        yield from Template(root).of_type(PIPELINE)


def _printed(root: Mapping) -> Mapping | None:
    """The pipeline of what ``get-pipeline`` prints and ``create-pipeline`` takes."""
    inner = root.get("pipeline")
    for each in (inner, root):
        stages = each.get("stages") if isinstance(each, Mapping) else None
        for stage in stages.items if isinstance(stages, Sequence) else ():
            actions = stage.get("actions") if isinstance(stage, Mapping) else None
            for action in actions.items if isinstance(actions, Sequence) else ():
                if isinstance(action, Mapping) and action.get("actionTypeId") is not None:
                    return each if isinstance(each, Mapping) else None
    return None


def read(source: Source, _beside: Beside) -> tuple[tuple[Pipeline, ...], tuple[Unreadable, ...]]:
    root = source.root
    if not isinstance(root, Mapping):
        raise TypeError("detect lets mappings pass only")
    template = Template(root)
    printed = _printed(root)
    if printed is not None:
        name = field(printed, "Name")
        place = name.span if name else root.span
        return (_pipeline(template, printed, place, exact(name) or slug(source.path)),), ()
    found = list(template.of_type(PIPELINE))
    return tuple(_of_resource(template, each, source.path, len(found)) for each in found), ()


def _of_resource(template: Template, resource: Resource, path: str, count: int) -> Pipeline:
    """A pipeline whose name is filled in at deployment has the file's, which stays the same."""
    own = resource.properties.get("Name")
    name = exact(own)
    place = own.span if name and own is not None else resource.span
    if not name:
        name = slug(path) if count == 1 else f"{slug(path)}-{resource.name.lower()}"
    return _pipeline(template, resource.properties, place, name, resource.name)


def _pipeline(
    template: Template, node: Mapping, span: Span, name: str, logical: str = ""
) -> Pipeline:
    told, whole = _told(node)
    mode = field(node, "ExecutionMode")
    queue = _QUEUES.get(text(mode) or "", _QUEUE)
    own = f"{text(field(node, 'Name')) or ''} {logical}"
    suffixed = sum(each.name.lower().endswith("stage") for each in told) > 1
    origin = origin_of(template, node, told, span)
    here = mode.span if mode else span
    place = Place(template, own, queue, here, origin.branches, suffixed)
    nothing: Fact[Any] = Fact(None, span)
    return Pipeline(
        name=name,
        format="codepipeline",
        span=span,
        organization=nothing,
        kind=Fact(None, span, Provenance.INFERRED),
        tier=nothing,
        owner=Owner(nothing, nothing, nothing, nothing),
        origin=origin,
        stages=tuple(_stages(place, told)),
        alarms=unknown(span, "thresholds of CloudWatch alarms are set on the alarms"),
        windows=note_windows(told, span),
        complete=Fact(value=True, span=span)
        if whole
        else elsewhere(span, "some stages or actions are filled in when the template is deployed"),
        artifact=unknown(span, "artifacts are named by the actions"),
        notifies=placed(UNSAID, span),
    )


def _stages(place: Place, told: list[Told]) -> Iterator[Stage]:
    needs: tuple[str, ...] = ()
    deployed = False
    for each in told:
        found = stages_of(place, each, needs, deployed=deployed)
        yield from found
        deployed = deployed or any(stage.deploy for stage in found)
        # The stages that no other one of this stage waits for are what the next one waits for.
        inner = {name for stage in found for name in stage.needs}
        needs = tuple(stage.name for stage in found if stage.name not in inner)


def _told(node: Mapping) -> tuple[list[Told], bool]:
    items, whole = elements(field(node, "Stages"))
    closed = _closed(node)
    found: list[Told] = []
    names: set[str] = set()
    for index, item in enumerate(items):
        if not isinstance(item, Mapping):
            whole = False
            continue
        actions, all_seen = actions_of(item)
        named = field(item, "Name")
        name = text(named) or f"stage-{index + 1}"
        while name in names:
            name += "-2"
        names.add(name)
        span = named.span if isinstance(named, Scalar) else item.span
        found.append(Told(name, span, actions, conditions_of(item), closed.get(name)))
        whole = whole and all_seen
    return found, whole


def _closed(node: Mapping) -> dict[str, Span]:
    """Stages whose inbound transition the template switches off, with the place that says so."""
    items, _ = elements(field(node, "DisableInboundStageTransitions"))
    return {said(mapping(item), "StageName"): _line(item) for item in items}


def _line(item: Node) -> Span:
    entry = item.entries.get("StageName") if isinstance(item, Mapping) else None
    return entry.value.span if entry else item.span

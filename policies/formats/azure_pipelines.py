"""Azure Pipelines into the model: every job is a stage, named after the stage that it stands in.

Approvals, business hours, exclusive locks and alarm queries are checks of environments, set in the
project and not in the file; those facts are unknown, with a note that names where they are set.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.facts import Fact, Provenance, elsewhere, unknown
from policies.fields import texts
from policies.findings import Span
from policies.formats.across import limited, tested_after, told_by_tools, turned_back, with_bakes
from policies.formats.azure_jobs import jobs_of
from policies.formats.azure_stages import OVERLAY, after_failure, beside, stage_of
from policies.formats.azure_templates import SECTIONS, Expander
from policies.formats.azure_wrappers import each_environment
from policies.formats.duplicates import written_twice
from policies.formats.follower import Follower
from policies.formats.model import Beside, Unreadable
from policies.formats.naming import slug, unflattened
from policies.formats.scripts import said, timer, undoes
from policies.paths import last_stops
from policies.pipeline import Bake, Origin, Owner, Pipeline, Stage, StepKind
from policies.references import Pin, Reference, ReferenceKind, image, pin_of
from policies.source import Mapping as MappingNode
from policies.source import Node, Scalar, Sequence, Source

#: Keys of a file that starts runs; a template has none of them.
_STARTING: Final = frozenset(
    {
        "trigger",
        "pr",
        "schedules",
        "resources",
        "pool",
        "name",
        "extends",
        "variables",
        "lockBehavior",
    }
)
#: First keys of the items that these sections hold in no other tool.
_ITEMS: Final[Mapping[str, frozenset[str]]] = {
    "stages": frozenset({"stage", "template"}),
    "jobs": frozenset({"job", "deployment", "template"}),
    "steps": frozenset(
        {
            "task",
            "script",
            "bash",
            "pwsh",
            "powershell",
            "template",
            "checkout",
            "download",
            "publish",
        }
    ),
}


def detect(source: Source) -> bool:
    root = source.root
    if not isinstance(root, MappingNode) or "runs" in root.entries:
        return False
    extends = root.get("extends")
    if isinstance(extends, MappingNode) and "template" in extends.entries:
        return True
    return any(_holds(root.get(key), words) for key, words in _ITEMS.items())


def _holds(node: Node | None, words: frozenset[str]) -> bool:
    """Whether a list has such an item, or one inside of a condition or a loop."""
    todo = list(node.items) if isinstance(node, Sequence) else []
    while todo:
        item = todo.pop()
        if not isinstance(item, MappingNode):
            continue
        if words & set(item.entries):
            return True
        for key, entry in item.entries.items():
            if key.startswith("${{") and isinstance(entry.value, Sequence):
                todo.extend(entry.value.items)
    return False


def read(source: Source, beside_it: Beside) -> tuple[tuple[Pipeline, ...], tuple[Unreadable, ...]]:
    root = source.root
    if not isinstance(root, MappingNode):
        raise TypeError("detect lets mappings pass only")
    expander = Expander(beside_it.follower)
    whole = expander.root(root)
    jobs = jobs_of(_with_call(whole))
    lines = _lines(source, beside_it.follower)
    stages = beside(tuple(stage_of(job, lines) for job in jobs), jobs)
    pipeline = _pipeline(source, whole, stages, expander)
    undoing = {
        stage.name: stage.span
        for job, stage in zip(jobs, stages, strict=True)
        if after_failure(job) and undoes(said(stage.name, stage.steps))
    }
    # A condition may be written as often as it is needed.
    twice = tuple(each for each in written_twice(source, "Azure") if "${{" not in each.message)
    whole_pipeline = turned_back(_baked(pipeline), undoing)
    limit = _limit(whole_pipeline)
    return (limited(told_by_tools(tested_after(whole_pipeline)), limit),), twice


def _with_call(root: MappingNode) -> MappingNode:
    """A pipeline that is nothing but a template that is not seen has one job, the call.

    Many such templates only wrap the stages that they are given; those are read as they stand.
    """
    extends = root.get("extends")
    if not isinstance(extends, MappingNode) or any(key in root.entries for key in SECTIONS[:3]):
        return root
    given = extends.get("parameters")
    wrapped = {
        key: entry
        for key, entry in (given.entries.items() if isinstance(given, MappingNode) else ())
        if key in SECTIONS[:3] and _holds(entry.value, _ITEMS[key])
    }
    template = extends.entries["template"]
    call = wrapped or each_environment(template, given) or {"template": template}
    return MappingNode(root.span, {**root.entries, **call})


def _lines(source: Source, follower: Follower) -> dict[str, list[str]]:
    parts = (source, *follower.parts.values())
    return {each.path: each.text.split("\n") for each in parts}


def _pipeline(
    source: Source, root: MappingNode, stages: tuple[Stage, ...], expander: Expander
) -> Pipeline:
    first = next((entry.key.span for entry in root.entries.values()), root.span)
    nothing: Fact[Any] = Fact(None, first)
    return Pipeline(
        # ``name`` is the form of the numbers of runs; the pipeline's own name is a setting.
        name=slug(source.path),
        format="azure-pipelines",
        span=first,
        organization=Fact(None, first),
        kind=Fact(None, first, Provenance.INFERRED),
        tier=Fact(None, first),
        owner=Owner(nothing, nothing, nothing, nothing),
        origin=_origin(source, root, first),
        stages=stages,
        alarms=unknown(first, f"Azure Pipelines cannot say alarms; {OVERLAY}"),
        windows=unknown(first, "business hours stand in Environments, Approvals and checks"),
        complete=_complete(source, root, expander, first),
        artifact=unknown(
            first, f"Azure Pipelines cannot say which artifact is released; {OVERLAY}"
        ),
        notifies=unknown(first, "who is told stands in Project settings, Notifications"),
        permissions=unknown(first, "rights of the job stand in Project settings, Pipelines"),
        references=tuple(_references(root)),
    )


def _complete(source: Source, root: MappingNode, expander: Expander, span: Span) -> Fact[bool]:
    if expander.gaps:
        return expander.gaps[0]
    if _is_template(source, root):
        return elsewhere(span, "this template is used by other files, which are not seen here")
    resources = root.get("resources")
    before = resources.get("pipelines") if isinstance(resources, MappingNode) else None
    if isinstance(before, Sequence) and before.items:
        return unknown(before.span, "what it deploys comes from another pipeline, not seen here")
    return Fact(value=True, span=span)


def _limit(pipeline: Pipeline) -> Fact[tuple[str, ...] | None]:
    """The branches whose pushes start a run; a person may start one from any other."""
    start, branches = pipeline.origin.start, pipeline.origin.branches
    if not start.known:
        return unknown(start.span, start.note)
    if branches.value:
        return branches
    note = "branch control stands in Environments, Approvals and checks"
    return unknown(pipeline.span, note)


def _is_template(source: Source, root: MappingNode) -> bool:
    folders = unflattened(source.path).lower()
    return not _STARTING & set(root.entries) or "/templates/" in folders


def _origin(source: Source, root: MappingNode, span: Span) -> Origin:
    """What starts a run; without ``trigger`` every push to every branch does."""
    trigger = root.get("trigger")
    place = root.entries["trigger"].key.span if trigger else span
    starts = [] if texts(trigger) == ("none",) else ["push"]
    if "schedules" in root.entries:
        starts.append("schedule")
    if not starts and _follows_another(root):
        starts.append("push")
    branches = trigger.get("branches") if isinstance(trigger, MappingNode) else trigger
    include = branches.get("include") if isinstance(branches, MappingNode) else branches
    named = tuple(each for each in texts(include) if each not in ("none", "*"))
    return Origin(
        repository=Fact(".", span, Provenance.INFERRED),
        branches=Fact(named or None, place),
        start=elsewhere(span, "the file that uses this template starts it")
        if _is_template(source, root)
        else Fact(tuple(starts) or ("manual",), place),
    )


def _follows_another(root: MappingNode) -> bool:
    """Whether the end of another pipeline starts this one."""
    resources = root.get("resources")
    pipelines = resources.get("pipelines") if isinstance(resources, MappingNode) else None
    items = pipelines.items if isinstance(pipelines, Sequence) else ()
    return any(isinstance(item, MappingNode) and "trigger" in item.entries for item in items)


def _references(root: MappingNode) -> Iterator[Reference]:
    """Repositories of templates, and containers that jobs run in."""
    resources = root.get("resources")
    for item in _items(resources, "repositories"):
        name, ref = item.get("name"), next(iter(texts(item.get("ref"))), "")
        if isinstance(name, Scalar):
            version = ref.removeprefix("refs/tags/").removeprefix("refs/heads/")
            pin = Pin.MUTABLE if ref.startswith("refs/heads/") else pin_of(version)
            yield Reference(name.text, ReferenceKind.INCLUDE, pin, name.span, name.text)
    for item in _items(resources, "containers"):
        found = item.get("image")
        if isinstance(found, Scalar):
            yield image(found.text, ReferenceKind.CI_IMAGE, found.span)
    container = root.get("container")
    if isinstance(container, Scalar):
        yield image(container.text, ReferenceKind.CI_IMAGE, container.span)


def _items(resources: Node | None, key: str) -> Iterator[MappingNode]:
    node = resources.get(key) if isinstance(resources, MappingNode) else None
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, MappingNode):
            yield item


def _baked(pipeline: Pipeline) -> Pipeline:
    """What was deployed in front of a ``Delay`` task stays for so long before it goes on."""
    bakes: dict[str, Bake] = {}
    for stage in pipeline.stages:
        for step in stage.steps:
            length = step.timeout.or_else(None)
            if step.kind.value is StepKind.WAIT and step.uses.value and length:
                own = [stage] if stage.deploy else last_stops(pipeline, stage)[0]
                for stop in own:
                    bakes.setdefault(stop.name, timer(step.timeout.span, length))
    return with_bakes(pipeline, bakes)

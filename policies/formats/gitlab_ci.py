"""GitLab CI into the model: jobs are stages, ordered by ``needs`` and by GitLab's own stages.

Approvals, freeze periods and protected variables are settings of the project, and alarms and bakes
cannot be written; those facts are unknown, with a note that names where they are set. A delayed job
after a deployment is a bake that nobody watches.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from policies.facts import UNKNOWN, Fact, Provenance, Unknown, elsewhere, unknown
from policies.fields import texts
from policies.findings import Span
from policies.formats.across import limited, tested_after, told_by_tools, turned_back, with_bakes
from policies.formats.follower import Follower
from policies.formats.gitlab_children import Family
from policies.formats.gitlab_includes import Configuration, configuration
from policies.formats.gitlab_jobs import KEYWORDS, Job
from policies.formats.gitlab_rules import Start, branches_in
from policies.formats.gitlab_stages import OVERLAY, stage_of
from policies.formats.model import Beside, Unreadable
from policies.formats.naming import slug, unflattened
from policies.formats.scripts import said, timer, undoes
from policies.frozen import replace
from policies.paths import last_stops
from policies.patterns import pattern
from policies.pipeline import Bake, Origin, Owner, Pipeline, Stage, StepKind
from policies.references import Reference, ReferenceKind, image
from policies.source import Mapping, Node, Scalar, Sequence, Source

_FILE: Final = ".gitlab-ci.yml"
#: Keys of jobs that hardly occur elsewhere; two of them make a job.
_TELLING: Final = frozenset(
    {
        "after_script",
        "allow_failure",
        "artifacts",
        "before_script",
        "except",
        "extends",
        "needs",
        "only",
        "rules",
        "tags",
        "trigger",
        "when",
    }
)
_INCLUDES: Final = frozenset({"local", "project", "template", "remote", "component"})
_SOURCE: Final = pattern(r"CI_PIPELINE_SOURCE\s*==\s*[\"']?(\w+)")
_STARTS: Final = {"push": "push", "schedule": "schedule", "web": "manual", "api": "manual"}
_FREEZE: Final = "CI_DEPLOY_FREEZE"


def detect(source: Source) -> bool:
    root = source.root
    # Other tools with a ``script`` at the top are Travis and AppVeyor.
    if not isinstance(root, Mapping) or "script" in root.entries or "on" in root.entries:
        return False
    if _is_root(source.path):
        return True
    return any(
        _is_job(name, entry.value) for name, entry in root.entries.items() if name not in KEYWORDS
    ) or _includes(root)


def _is_root(path: str) -> bool:
    return unflattened(path).rpartition("/")[2] == _FILE


def _is_whole(path: str, found: Configuration) -> bool:
    """Whether a file is a pipeline of its own: by its name, or as its jobs fill all its stages."""
    if _is_root(path):
        return True
    folder, _, name = unflattened(path).rpartition("/")
    if ".gitlab" in folder or not name.endswith(_FILE.removeprefix(".")):
        return False
    declared = set(texts(found.get("stages")))
    filled = {text for entry in found.entries.values() for text in texts(_stage_in(entry.value))}
    return len(declared) > 1 and declared <= filled


def _stage_in(node: Node) -> Node | None:
    return node.get("stage") if isinstance(node, Mapping) else None


def _is_job(name: str, node: Node) -> bool:
    if not isinstance(node, Mapping):
        return False
    keys = set(node.entries)
    if isinstance(node.get("script"), Sequence) or (name.startswith(".") and keys & _TELLING):
        return True
    return ("script" in keys and "stage" in keys) or len(keys & _TELLING) > 1


def _includes(root: Mapping) -> bool:
    node = root.get("include")
    items = node.items if isinstance(node, Sequence) else (node,)
    return any(isinstance(each, Mapping) and _INCLUDES & set(each.entries) for each in items)


def read(source: Source, beside: Beside) -> tuple[tuple[Pipeline, ...], tuple[Unreadable, ...]]:
    root = source.root
    if not isinstance(root, Mapping):
        raise TypeError("detect lets mappings pass only")
    found = configuration(root, beside.follower, beside.follower.chain)
    family = Family(beside.follower, found)
    members = family.running()
    running = [(each.job, each.start) for each in members]
    lines = _lines(source, beside.follower)
    stages = tuple(_told_once(stage_of(each, lines) for each in members))
    pipeline = _pipeline(source, root, found, stages, _notifies(running, stages))
    pipeline = turned_back(_baked(pipeline, running), _undoing(running, stages))
    limit = _limit(found.get("workflow"), pipeline)
    return (limited(told_by_tools(tested_after(pipeline)), limit),), tuple(family.problems)


def _told_once(stages: Iterable[Stage]) -> Iterator[Stage]:
    """Stages with each image at the first job that has it from one place."""
    seen: set[Span] = set()
    for stage in stages:
        images = [each for step in stage.steps for each in step.references]
        if any(each.span in seen for each in images):
            fresh = tuple(each for each in images if each.span not in seen)
            first, *others = stage.steps
            yield replace(stage, steps=(replace(first, references=fresh), *others))
        else:
            yield stage
        seen.update(each.span for each in images)


def _limit(workflow: Node | None, pipeline: Pipeline) -> Fact[tuple[str, ...] | None]:
    """The branches for which ``workflow`` lets pipelines run at all."""
    if not pipeline.origin.start.known:
        return unknown(pipeline.span, "the file that includes this one may limit its branches")
    rules = workflow.get("rules") if isinstance(workflow, Mapping) else None
    named: list[str] = []
    for rule in rules.items if isinstance(rules, Sequence) else ():
        when, condition = (
            (rule.get("when"), rule.get("if")) if isinstance(rule, Mapping) else (None, None)
        )
        if isinstance(when, Scalar) and when.text == "never":
            continue
        found = branches_in(condition.text if isinstance(condition, Scalar) else "")
        if None in found:
            return Fact(None, pipeline.span)
        named.extend(each for each in found if each)
    place = rules.span if rules else pipeline.span
    return Fact(tuple(dict.fromkeys(named)) or None, place)


def _undoing(running: Iterable[tuple[Job, Start]], stages: tuple[Stage, ...]) -> dict[str, Span]:
    """Jobs that run after a failure and bring an earlier version back."""
    return {
        stage.name: stage.span
        for (_, begin), stage in zip(running, stages, strict=True)
        if begin.after_failure and undoes(said(stage.name, stage.steps))
    }


def _lines(source: Source, follower: Follower) -> dict[str, list[str]]:
    parts = (source, *follower.parts.values())
    return {each.path: each.text.split("\n") for each in parts}


def _pipeline(
    source: Source,
    root: Mapping,
    found: Configuration,
    stages: tuple[Stage, ...],
    notifies: Fact[Any],
) -> Pipeline:
    workflow = found.get("workflow")
    title = workflow.get("name") if isinstance(workflow, Mapping) else None
    titled = isinstance(title, Scalar) and bool(title.text) and "$" not in title.text
    first = next((entry.key.span for entry in root.entries.values()), root.span)
    span = title.span if title and titled else first
    nothing: Fact[Any] = Fact(None, span)
    return Pipeline(
        name=title.text if isinstance(title, Scalar) and titled else slug(source.path),
        format="gitlab-ci",
        span=span,
        organization=Fact(None, span),
        kind=Fact(None, span, Provenance.INFERRED),
        tier=Fact(None, span),
        owner=Owner(nothing, nothing, nothing, nothing),
        origin=_origin(source, found, span),
        stages=stages,
        alarms=unknown(span, f"GitLab CI cannot say alarms; {OVERLAY}"),
        windows=_windows(found, span),
        complete=_complete(source, found, first),
        artifact=unknown(span, f"GitLab CI cannot say which artifact is released; {OVERLAY}"),
        notifies=notifies,
        permissions=unknown(span, "rights of the job token stand in Settings, CI/CD"),
        references=(*found.references, *_shared_images(found)),
    )


def _complete(source: Source, found: Configuration, span: Span) -> Fact[bool]:
    if found.gaps:
        return found.gaps[0]
    if not _is_whole(source.path, found):
        around = "this file is included by another one, whose jobs are not seen here"
        return Fact(UNKNOWN, span, note=around)
    return Fact(value=True, span=span)


def _origin(source: Source, found: Configuration, span: Span) -> Origin:
    """Pipelines run for every push, unless ``workflow`` lets only others pass."""
    workflow = found.get("workflow")
    rules = workflow.get("rules") if isinstance(workflow, Mapping) else None
    starts: list[str] = []
    for rule in rules.items if isinstance(rules, Sequence) else ():
        condition = rule.get("if") if isinstance(rule, Mapping) else None
        when = rule.get("when") if isinstance(rule, Mapping) else None
        if isinstance(when, Scalar) and when.text == "never":
            continue
        text = condition.text if isinstance(condition, Scalar) else ""
        starts.extend(_STARTS.get(each, "push") for each in _SOURCE.findall(text) or ["push"])
    return Origin(
        repository=Fact(".", span, Provenance.INFERRED),
        branches=unknown(span, "each job says for itself for which branches it runs"),
        start=Fact(tuple(dict.fromkeys(starts)) or ("push",), rules.span if rules else span)
        if rules or _is_whole(source.path, found)
        else elsewhere(span, "the file that includes this one starts it"),
    )


def _windows(found: Configuration, span: Span) -> Fact[Any]:
    """Freeze periods are settings; a rule that asks for them points there."""
    place = _asks_for_freeze(entry.value for entry in found.entries.values())
    if place:
        return Fact(UNKNOWN, place, note="freeze periods stand in Settings, CI/CD, Deploy freezes")
    return unknown(span, f"GitLab CI cannot say time windows; {OVERLAY}")


def _asks_for_freeze(nodes: Iterable[Node]) -> Span | None:
    todo = list(nodes)
    while todo:
        node = todo.pop()
        match node:
            case Scalar(text=text) if _FREEZE in text:
                return node.span
            case Mapping(entries=entries):
                todo.extend(entry.value for entry in entries.values())
            case Sequence(items=items):
                todo.extend(items)
    return None


def _notifies(running: Iterable[tuple[Job, Start]], stages: tuple[Stage, ...]) -> Fact[Any]:
    """A job that tells somebody after a failure; mails and chats are settings otherwise."""
    for (job, begin), stage in zip(running, stages, strict=True):
        tells = any(step.kind.value is StepKind.NOTIFY for step in stage.steps)
        if begin.after_failure and tells:
            # GitLab itself mails whoever started the pipeline.
            return Fact(("author", "team_channel"), job.span, Provenance.INFERRED, 0.7)
    place = stages[0].span if stages else Span("", 1, 1, 1, 1)
    return unknown(place, "pipeline mails and chat messages stand in Settings, Integrations")


def _shared_images(found: Configuration) -> Iterator[Reference]:
    default = found.get("default")
    nodes = [found.get("image"), default.get("image") if isinstance(default, Mapping) else None]
    for node in nodes:
        name = node.get("name") if isinstance(node, Mapping) else node
        if isinstance(name, Scalar) and name.text:
            yield image(name.text, ReferenceKind.CI_IMAGE, name.span)


def _baked(pipeline: Pipeline, running: Iterable[tuple[Job, Start]]) -> Pipeline:
    """What was deployed in front of a delayed job stays for so long before it goes on."""
    bakes: dict[str, Bake] = {}
    for job, begin in running:
        stage = pipeline.stage(job.name)
        if begin.delay and stage and not isinstance(begin.delay.value, Unknown):
            length = begin.delay.value
            for stop in last_stops(pipeline, stage)[0]:
                bakes.setdefault(stop.name, timer(begin.delay.span, length))
    return with_bakes(pipeline, bakes)

"""Jobs of an Azure pipeline in order: stages follow one another, jobs of a stage run side by side.

A template that is not seen keeps its place in the order as a job of which nothing is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from policies.fields import texts
from policies.findings import Span
from policies.formats.azure_templates import variables_of
from policies.source import Mapping, Node, Scalar, Sequence

#: Conditions that start something whatever happened before.
_ALWAYS: Final = ("always()", "succeededorfailed()", "not(canceled())")


@dataclass(frozen=True, slots=True)
class Job:
    """One job. ``body`` has its keys, ``stage`` those of the stage that it stands in."""

    name: str
    span: Span
    body: Mapping
    stage: Mapping
    variables: dict[str, str]
    needs: tuple[str, ...] = ()

    def text(self, key: str) -> str:
        return _text(self.body.get(key))

    @property
    def stage_name(self) -> str:
        return _text(self.stage.get("stage"))

    @property
    def title(self) -> str:
        return self.text("displayName") or _text(self.stage.get("displayName"))


@dataclass(slots=True)
class _Stage:
    name: str
    body: Mapping
    needs: tuple[str, ...]
    jobs: list[Job] = field(default_factory=list)


def jobs_of(root: Mapping) -> tuple[Job, ...]:
    """All jobs of a pipeline that is written out, with the jobs that each waits for."""
    shared = variables_of(root)
    stages = list(_stages(root, shared))
    _unique(stages)
    ends = {stage.name: tuple(job.name for job in stage.jobs) for stage in stages}
    found: list[Job] = []
    for stage in stages:
        above = tuple(dict.fromkeys(job for name in stage.needs for job in _ends(name, ends)))
        known = {
            _text(job.body.get("job") or job.body.get("deployment")): job for job in stage.jobs
        }
        for job in stage.jobs:
            own = [known[name].name for name in _waits(job.body) if name in known]
            ignores = _ignores(job.body) or _ignores(job.stage)
            needs = () if ignores else tuple(dict.fromkeys(own)) or above
            found.append(_with(job, needs))
    return tuple(found)


def _ends(name: str, ends: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return ends.get(name, ())


def _with(job: Job, needs: tuple[str, ...]) -> Job:
    return Job(job.name, job.span, job.body, job.stage, job.variables, needs)


def _stages(root: Mapping, shared: dict[str, str]) -> Iterator[_Stage]:
    """The stages of a file; jobs or steps without stages are one stage without a name."""
    node = root.get("stages")
    if not isinstance(node, Sequence):
        yield _stage("", root, (), shared)
        return
    before: tuple[str, ...] = ()
    for number, item in enumerate(node.items):
        if not isinstance(item, Mapping):
            continue
        name = _text(item.get("stage")) or f"stage {number + 1}"
        named = "dependsOn" in item.entries
        needs = texts(item.get("dependsOn")) if named else before
        yield _stage(name, item, tuple(each for each in needs if each), shared)
        before = (name,)


def _stage(name: str, body: Mapping, needs: tuple[str, ...], shared: dict[str, str]) -> _Stage:
    stage = _Stage(name, body, needs)
    variables = {**shared, **variables_of(body)}
    node = body.get("jobs")
    items = node.items if isinstance(node, Sequence) else ()
    if not items and ("steps" in body.entries or "template" in body.entries):
        items = (body,)
    for item in items:
        if isinstance(item, Mapping):
            stage.jobs.append(_job(item, stage, variables))
    return stage


def _job(item: Mapping, stage: _Stage, variables: dict[str, str]) -> Job:
    named = next((found for key in _NAMES if (found := item.get(key))), None)
    text = _text(named)
    if "template" in item.entries:
        text = stem(_text(item.get("template")))
    prefix = f"{stage.name}/" if stage.name and text and item is not stage.body else ""
    name = f"{prefix}{text}" if text else stage.name or "job"
    span = named.span if isinstance(named, Scalar) else _first(item)
    return Job(name, span, item, stage.body, {**variables, **variables_of(item)})


_NAMES: Final = ("deployment", "job", "template", "stage")


#: Files of templates whose folder says what they do.
_PLAIN: Final = frozenset({"template", "main", "index", "pipeline", "azure-pipelines"})


def stem(path: str) -> str:
    """The name of a template: its file without folders, ending and repository, else its folder."""
    folders, _, file = path.partition("@")[0].rpartition("/")
    name = file.partition(".y")[0]
    return (folders.rpartition("/")[2] if name in _PLAIN else "") or name


def _unique(stages: list[_Stage]) -> None:
    """A template that is named often gives several jobs of one name; each gets a number."""
    seen: dict[str, int] = {}
    for stage in stages:
        for number, job in enumerate(stage.jobs):
            seen[job.name] = seen.get(job.name, 0) + 1
            if seen[job.name] > 1:
                name = f"{job.name} {seen[job.name]}"
                stage.jobs[number] = Job(name, job.span, job.body, job.stage, job.variables)


def _waits(body: Mapping) -> tuple[str, ...]:
    return texts(body.get("dependsOn"))


def _ignores(body: Mapping) -> bool:
    """Whether a condition starts something although what it waits for failed."""
    condition = _text(body.get("condition")).lower().replace(" ", "")
    ignores = any(word in condition for word in _ALWAYS)
    return ignores and ".result" not in condition


def _first(item: Mapping) -> Span:
    return next((entry.key.span for entry in item.entries.values()), item.span)


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""

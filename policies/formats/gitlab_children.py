"""Jobs of a GitLab pipeline with those of the child pipelines that it starts from its own files.

The jobs of a child follow the job that starts them. Whoever waits for that job waits for them too
only where it says ``strategy: depend``; without it GitLab goes on at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from policies.fields import texts
from policies.formats.follower import Follower, NotFollowed
from policies.formats.gitlab_includes import Configuration, configuration, texts_of
from policies.formats.gitlab_jobs import Job, Jobs
from policies.formats.gitlab_order import DEFAULT_STAGES, Order
from policies.formats.gitlab_rules import Start, start
from policies.formats.model import Unreadable
from policies.frozen import replace
from policies.source import Mapping, Node, Scalar, Sequence

#: GitLab starts children of children, and none below them.
_LEVELS: Final = 2


@dataclass(frozen=True, slots=True)
class Running:
    """A job that runs, with the names of those that it waits for."""

    job: Job
    start: Start
    needs: tuple[str, ...]
    children: bool = False
    """True where it starts a pipeline whose jobs are read."""


@dataclass(slots=True)
class Family:
    """All jobs of a pipeline and of its children; ``found`` gathers what could not be seen."""

    follower: Follower
    found: Configuration
    problems: list[Unreadable] = field(default_factory=list)

    def running(self) -> tuple[Running, ...]:
        return tuple(self._running(self.found, self.follower.chain))

    def _running(self, found: Configuration, chain: tuple[str, ...]) -> list[Running]:
        jobs = Jobs(found)
        named = [(job, start(job)) for job in jobs.all()]
        named = [(job, begin) for job, begin in named if not begin.never]
        needs = Order(named, _stages(found)).needs()
        self.problems.extend(jobs.problems)
        own: list[Running] = []
        ends: dict[str, tuple[str, ...]] = {}
        for job, begin in named:
            children = self._children(job, chain)
            own.append(Running(job, begin, needs[job.name], children=bool(children)))
            own.extend(children)
            if children and _depends(job):
                ends[job.name] = (job.name, *_ends(children))
        return [_waiting(each, ends) for each in own] if ends else own

    def _children(self, job: Job, chain: tuple[str, ...]) -> list[Running]:
        if "trigger" not in job.body.entries or len(chain) > _LEVELS:
            return []
        found: list[Running] = []
        for path in _paths(job):
            try:
                part = self.follower.follow(path.text, path.span, chain)
            except NotFollowed:
                continue
            if isinstance(part.source.root, Mapping):
                child = configuration(part.source.root, self.follower, part.chain)
                self.found.gaps.extend(child.gaps)
                self.found.references.extend(child.references)
                found.extend(_under(job, self._running(child, part.chain)))
        return found


def _under(parent: Job, jobs: list[Running]) -> Iterator[Running]:
    """Jobs of a child under the name of the job that starts them, which the first ones follow."""
    for each in jobs:
        name = f"{parent.name}/{each.job.name}"
        needs = tuple(f"{parent.name}/{need}" for need in each.needs) or (parent.name,)
        yield replace(each, job=replace(each.job, name=name), needs=needs)


def _waiting(each: Running, ends: dict[str, tuple[str, ...]]) -> Running:
    if not ends.keys() & set(each.needs) or any(
        each.job.name.startswith(f"{name}/") for name in ends
    ):
        return each
    more = (end for need in each.needs for end in ends.get(need, (need,)))
    return replace(each, needs=tuple(dict.fromkeys(more)))


def _ends(jobs: list[Running]) -> tuple[str, ...]:
    waited = {need for each in jobs for need in each.needs}
    return tuple(each.job.name for each in jobs if each.job.name not in waited)


def _stages(found: Configuration) -> tuple[str, ...]:
    return texts(found.get("stages") or found.get("types")) or DEFAULT_STAGES


def _paths(job: Job) -> Iterator[Scalar]:
    """The local files of a child pipeline, in all forms that ``trigger`` has."""
    trigger = job.get("trigger")
    include = trigger.get("include") if isinstance(trigger, Mapping) else None
    for item in include.items if isinstance(include, Sequence) else (include,):
        local: Node | None = item.get("local") if isinstance(item, Mapping) else item
        for path in texts_of(local):
            if "$" not in path.text and "://" not in path.text:
                yield path


def _depends(job: Job) -> bool:
    trigger = job.get("trigger")
    strategy = trigger.get("strategy") if isinstance(trigger, Mapping) else None
    return isinstance(strategy, Scalar) and strategy.text in ("depend", "mirror")

"""What a GitLab job waits for: its ``needs``, else every job of the stages in front of its own.

Optional manual jobs, jobs of a clock and jobs that run after a failure hold nothing up. Jobs of
different branches never meet in one pipeline.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from policies.formats.gitlab_jobs import Job
from policies.formats.gitlab_rules import DEFAULT, TAGS, Start
from policies.source import Mapping as MappingNode
from policies.source import Scalar
from policies.source import Sequence as SequenceNode

DEFAULT_STAGES: Final = ("build", "test", "deploy")
#: Starts of what may be many branches, or one whose name is a setting.
_OPEN: Final = ("/", "$", TAGS)
_FIRST: Final = ".pre"
_LAST: Final = ".post"


@dataclass(slots=True)
class Order:
    """The jobs of a pipeline by their stages."""

    jobs: Sequence[tuple[Job, Start]]
    stages: Sequence[str]
    _levels: list[list[tuple[Job, Start]]] = field(default_factory=list)
    _known: dict[tuple[int, tuple[str, ...] | None], tuple[str, ...]] = field(default_factory=dict)
    _names: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        index = {name: number for number, name in enumerate(self._stages())}
        self._levels = [[] for _ in index]
        for job, start in self.jobs:
            self._names.setdefault(job.written, []).append(job.name)
            level = index.get(_stage(job))
            aside = start.optional or start.after_failure or start.scheduled
            if level is not None and not aside:
                self._levels[level].append((job, start))

    def _stages(self) -> tuple[str, ...]:
        between = [each for each in self.stages if each not in (_FIRST, _LAST)]
        return (_FIRST, *dict.fromkeys(between), _LAST)

    def needs(self) -> Mapping[str, tuple[str, ...]]:
        """For each job the names of those that it really waits for."""
        index = {name: number for number, name in enumerate(self._stages())}
        found = {}
        for job, start in self.jobs:
            if "needs" in job.body.entries:
                found[job.name] = tuple(dict.fromkeys(self._needed(job)))
            else:
                level = index.get(_stage(job), 0)
                found[job.name] = self._before(level, _literal(start))
        return found

    def _needed(self, job: Job) -> Iterator[str]:
        node = job.get("needs")
        for item in node.items if isinstance(node, SequenceNode) else (node,):
            named = item.get("job") if isinstance(item, MappingNode) else item
            elsewhere = isinstance(item, MappingNode) and {"pipeline", "project"} & set(
                item.entries
            )
            if isinstance(named, Scalar) and not elsewhere:
                yield from self._names.get(named.text, ())

    def _before(self, level: int, branches: tuple[str, ...] | None) -> tuple[str, ...]:
        """The nearest jobs in front of a level; those that start early do not stand for others."""
        key = (level, branches)
        if key not in self._known:
            if level == 0:
                self._known[key] = ()
            else:
                met = [each for each in self._levels[level - 1] if _meet(branches, each[1])]
                ordered = any("needs" not in job.body.entries for job, _ in met)
                further = () if ordered else self._before(level - 1, branches)
                names = dict.fromkeys((*(job.name for job, _ in met), *further))
                self._known[key] = tuple(names)
        return self._known[key]


def _stage(job: Job) -> str:
    # ``type`` is what GitLab called a stage before version 9.
    return job.text("stage") or job.text("type") or ("" if job.missing else "test")


def _literal(start: Start) -> tuple[str, ...] | None:
    """The branches of a job where all are plain names; None where any may be meant."""
    branches = start.branches
    if branches is None or any(each.startswith(_OPEN) or each == DEFAULT for each in branches):
        return None
    return branches


def _meet(branches: tuple[str, ...] | None, other: Start) -> bool:
    """Whether both jobs can be in one pipeline."""
    theirs = _literal(other)
    return branches is None or theirs is None or bool(set(branches) & set(theirs))

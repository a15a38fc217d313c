"""What a GitLab job waits for: its ``needs``, else every job of the stages in front of its own.

Optional manual jobs, jobs of a clock and jobs that run after a failure hold nothing up. Jobs of
different branches never meet in one pipeline.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


#: The branches that a job is limited to; None where it is not.
_Limit = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class _Met:
    """Jobs of a level by their names; ``ordered`` where one of them waits for its level."""

    names: tuple[str, ...]
    ordered: bool


@dataclass(slots=True)
class Order:
    """The jobs of a pipeline by their stages."""

    jobs: Sequence[tuple[Job, Start]]
    stages: Sequence[str]
    _levels: list[list[tuple[Job, Start]]] = field(default_factory=list)
    _known: dict[tuple[int, tuple[str, ...] | None], tuple[str, ...]] = field(default_factory=dict)
    _met: dict[tuple[int, frozenset[_Limit]], _Met] = field(default_factory=dict)
    _shared: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    _places: list[dict[_Limit, list[int]]] = field(default_factory=list)
    _limits: list[dict[str | None, set[_Limit]]] = field(default_factory=list)
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
        self._places = [_by_limit(each) for each in self._levels]
        self._limits = [_by_branch(each) for each in self._places]

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
                self._known[key] = self._meeting(level - 1, branches)
        return self._known[key]

    def _meeting(self, level: int, branches: tuple[str, ...] | None) -> tuple[str, ...]:
        """The jobs of a level, or of those before it too, that jobs of some branches meet.

        Jobs of thousands of branches may all meet the same jobs: they get the same tuple, so that
        what waits for it is looked through once.
        """
        limits = self._limits[level]
        named = limits if branches is None else (None, *branches)
        met = frozenset(limit for branch in named for limit in limits.get(branch, ()))
        if (level, met) not in self._met:
            at = sorted(place for limit in met for place in self._places[level][limit])
            jobs = [self._levels[level][place][0] for place in at]
            ordered = any("needs" not in job.body.entries for job in jobs)
            self._met[level, met] = _Met(tuple(job.name for job in jobs), ordered)
        found = self._met[level, met]
        if found.ordered:
            return found.names
        names = tuple(dict.fromkeys((*found.names, *self._before(level, branches))))
        return self._shared.setdefault(names, names)


def _by_limit(jobs: Sequence[tuple[Job, Start]]) -> dict[_Limit, list[int]]:
    """The places of jobs by what they are limited to."""
    found: dict[_Limit, list[int]] = {}
    for place, (_, start) in enumerate(jobs):
        found.setdefault(_literal(start), []).append(place)
    return found


def _by_branch(limits: Iterable[_Limit]) -> dict[str | None, set[_Limit]]:
    """Limits by the branches that they name; no limit under None."""
    found: dict[str | None, set[_Limit]] = {}
    for limit in limits:
        for branch in (None,) if limit is None else limit:
            found.setdefault(branch, set()).add(limit)
    return found


def _stage(job: Job) -> str:
    # ``type`` is what GitLab called a stage before version 9.
    return job.text("stage") or job.text("type") or ("" if job.missing else "test")


def _literal(start: Start) -> tuple[str, ...] | None:
    """The branches of a job where all are plain names; None where any may be meant."""
    branches = start.branches
    if branches is None or any(each.startswith(_OPEN) or each == DEFAULT for each in branches):
        return None
    return branches

"""Judging the pipeline files of one run, in several processes where that is faster.

What comes out is the same to the byte however many work on it. Where a process is lost, or a file
beside the pipelines cannot be used, one process does it all again and tells.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from cli.budget import budgets
from cli.files import BASELINE, found_upwards, pipeline_files, shown
from cli.owners import with_owners
from cli.practice import Practice
from cli.problems import Unusable
from cli.reading import overlay_of, read_file
from cli.shares import Gather, Lost, dealt, in_shares, processors
from policies.baseline import read_baseline
from policies.canonical import digest
from policies.documents import DocumentError
from policies.engine.beside import with_histories
from policies.engine.budget import Budget
from policies.engine.lint import FileReport, lint
from policies.engine.parts import Key, told_of_parts, told_once
from policies.engine.together import Together, said
from policies.exceptions import Baseline, Exceptions
from policies.formats import Read
from policies.frozen import dataclass, replace
from policies.history import History
from policies.history_files import read_histories
from policies.pipeline import Pipeline
from policies.ruleset import Resolved

if TYPE_CHECKING:
    from policies.rego.port import Rego

T = TypeVar("T")
V = TypeVar("V")

#: From so many files on, a person is told how far the work is.
_MANY: Final = 200

#: A process more takes about as long to start, and to send what it found, as so many bytes of
#: pipeline files take to judge (20 ms, measured on the files of ``make bench``).
_WORTH: Final = 60_000
#: More processes than this take memory and are idle most of the time: starting takes over.
_MOST: Final = 6
#: Judging the smallest file takes about as long as so many bytes of a large one.
_LEAST: Final = 1_000

#: What a pipeline file has in it, even when it cannot be read as YAML.
_MARKS: Final = (
    rb"(?m)^(?:jobs:|stages:|steps:|schema: *bakegate/pipeline/|kind: *Rollout\b)"
    rb"|AWS::CodePipeline::Pipeline|\"requisiteStageRefIds\""
)


class Judge:
    """Asks for the ruleset of each pipeline and remembers which ones were applied."""

    def __init__(self, asked: Practice, at: datetime, baseline: Baseline | None = None) -> None:
        self.at = at
        self._asked = asked
        self._baseline = baseline
        self._applied: dict[str, Resolved] = {}
        self.kept: list[object] = []
        """What was judged, for who ends before it: to free it takes time."""

    def __call__(self, pipeline: Pipeline) -> Resolved:
        resolved = self._asked.of(pipeline)
        self._applied.setdefault(resolved.organization, resolved)
        return resolved

    def exceptions(self, pipeline: Pipeline) -> Exceptions:
        return replace(self._asked.exceptions(pipeline), baseline=self._baseline)

    @property
    def applied(self) -> frozenset[str]:
        """The organizations whose rulesets were asked."""
        return frozenset(self._applied)

    def of(self, organizations: Iterable[str]) -> tuple[Resolved, ...]:
        """The rulesets of organizations that were asked here or elsewhere, by their names."""
        return tuple(
            self._applied.get(each) or self._asked.named(each) for each in sorted(organizations)
        )

    @property
    def default(self) -> Resolved:
        """What would be applied to a pipeline that names no organization."""
        return self._asked.default


@dataclass(frozen=True, slots=True)
class Judged(Generic[T]):
    """What came of the files of a run, and the rulesets that they asked."""

    files: tuple[T, ...]
    applied: tuple[Resolved, ...]

    @property
    def ruleset(self) -> str:
        """The names of what was applied, with commas."""
        return ", ".join(sorted({each.name for each in self.applied}))

    def digest(self) -> str:
        """Of what was applied: the ruleset's, or one of those of several."""
        digests = sorted(each.digest for each in self.applied)
        return digests[0] if len(digests) == 1 else digest(digests)


@dataclass(frozen=True, slots=True)
class Beside:
    """Files that say what pipeline files cannot: the overlay and the past."""

    overlay: Path | None = None
    history: Path | None = None


def known_findings(path: Path) -> Baseline | None:
    """The baseline of the repository that a path lies in."""
    found = found_upwards(path, BASELINE)
    return read_baseline(found.read_bytes(), shown(found)) if found else None


@contextmanager
def judged(
    paths: list[Path],
    beside: Beside,
    judge: Judge,
    made: Callable[[FileReport], T],
    jobs: int | None = None,
) -> Iterator[Judged[T]]:
    """Every pipeline file under ``paths``, judged; raises Unusable, DocumentError and OSError.

    ``made`` makes of each report, in the process that judged its file, what is wanted of it.
    ``jobs`` is how many processes share the work; None leaves it to the number of processors and
    to what there is to do. They have ended when the context is left.
    """
    missing = [str(each) for each in paths if not each.exists()]
    if missing:
        told = f"no such file or folder: {', '.join(missing)}"
        raise Unusable(told)
    with _answers(_Work(list(pipeline_files(paths)), beside, judge, made), jobs) as answers:
        files = {position: file for each in answers for position, file in each.files.items()}
        if not files:
            told = f"no pipeline file in {', '.join(map(str, paths))}; name a file to be told why"
            raise Unusable(told)
        asked = frozenset[str]().union(*(each.applied for each in answers))
        applied = judge.of(asked) or (judge.default,)
        yield Judged(tuple(files[each] for each in sorted(files)), applied)


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    """What came of a share: of its files by their positions, and whose rulesets were asked."""

    files: dict[int, T]
    applied: frozenset[str]


def _not_shared() -> "Rego":
    """Custom rules are asked of one engine, by one process."""
    raise Lost


def _rego() -> "Rego":
    """What evaluates custom rules, loaded for the first file that has some."""
    from cli.rego_engine import chosen_rego

    return chosen_rego()


@dataclass(frozen=True, slots=True)
class _Work(Generic[T]):
    """The files of a run, each with whether the user named it himself, and what they need."""

    files: list[tuple[Path, bool]]
    beside: Beside
    judge: Judge
    made: Callable[[FileReport], T]
    rego: "Callable[[], Rego]" = _rego

    def __call__(self, share: list[int], gather: Gather) -> _Answer[T]:
        """Judge the files at these positions; ``gather`` tells what the others say."""
        with budgets() as budget:
            reads = dict(self._reads(share, budget))
            self.judge.kept.append(reads)
            said_by_all = _merged(gather({each: said(read) for each, read in reads.items()}))
            together, past = Together(said_by_all), self._past()
            reports = {}
            for position, read in reads.items():
                found = with_histories(together.placed(position, read), past)
                reports[position] = self._judged(position, found, together, budget)
        self.judge.kept.append(reports)
        told = _of_parts(reports, together.brought, gather)
        files = {
            position: self.made(told_once(each, position, told))
            for position, each in reports.items()
        }
        return _Answer(files, self.judge.applied)

    def _reads(self, share: list[int], budget: Budget) -> Iterator[tuple[int, Read]]:
        """Every pipeline file; what only happens to lie in a folder and is none is passed over.

        A file of a folder that is no YAML counts when it has the marks of a pipeline.
        """
        telling = sys.stderr.isatty() and len(self.files) >= _MANY
        for number, position in enumerate(share, start=1):
            # The first share is the one of the process that speaks to the user.
            if telling and 0 in share and number % _MANY == 0:
                print(f"read {position} of {len(self.files)} files", file=sys.stderr)
            path, named = self.files[position]
            overlay = overlay_of(path, self.beside.overlay)
            read = with_owners(read_file(path, overlay, budget), path)
            if named or read.format or (read.source is None and _is_marked(path)):
                yield position, read

    def _past(self) -> Mapping[str, History]:
        file = self.beside.history
        return read_histories(file.read_bytes(), shown(file)) if file else {}

    def _judged(self, position: int, read: Read, together: Together, budget: Budget) -> FileReport:
        judge = self.judge
        report = lint(read, judge, judge.at, judge.exceptions, self.rego, budget=budget)
        more = list(together.named_twice(position, read))
        found = sorted((*report.findings, *more), key=lambda each: each.span)
        return replace(report, findings=tuple(found)) if more else report


@contextmanager
def _answers(work: _Work[T], jobs: int | None) -> Iterator[list[_Answer[T]]]:
    weights = [_LEAST + _size(path) for path, _ in work.files]
    worth = min(processors(), _MOST, sum(weights) // _WORTH) if jobs is None else jobs
    shares = dealt(weights, max(1, min(worth, len(weights))))
    alone = [list(range(len(weights)))]
    with ExitStack() as processes:
        answers: list[_Answer[T]] | None = None
        if len(shares) > 1:
            with suppress(Lost, Unusable, DocumentError, OSError):
                shared = replace(work, rego=_not_shared)
                answers = processes.enter_context(in_shares(shares, shared))
        yield answers or processes.enter_context(in_shares(alone, work))


def _of_parts(
    reports: Mapping[int, FileReport], brought: AbstractSet[str], gather: Gather
) -> Mapping[int, tuple[Key, ...]]:
    """What all reports say of files that others bring in."""
    if not brought:  # Every share knows that, so none waits for the others.
        return {}
    return _merged(gather({at: told_of_parts(each, brought) for at, each in reports.items()}))


def _merged(said: Iterable[dict[int, V]]) -> dict[int, V]:
    """What all shares said, by the positions of their files."""
    return {position: each for share in said for position, each in share.items()}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # what cannot be opened is told where it is read
        return 0


def _is_marked(path: Path) -> bool:
    try:
        return bool(re.search(_MARKS, path.read_bytes()))
    except OSError:  # nobody may read it, so nobody can say that it is no pipeline
        return True

"""How far a pipeline goes by itself: the levels of automation, from the file alone.

0  production is also changed by other means (no file says that of itself)
1  all steps are recorded, and a person starts the build
2  a check-in starts the build and the first tests
3  every promotion before production goes by itself; a person starts production
4  production starts by itself; a later stage or a rollback still needs a person
5  nobody is needed from check-in to the last stage, rollbacks on failure and alarm included
"""

from collections.abc import Iterable
from typing import Final

from policies.by_hand import BY_HAND, holds
from policies.facts import Fact
from policies.frozen import dataclass
from policies.history import History
from policies.paths import ahead_of_all, all_last_stops
from policies.pipeline import OnAlarm, Pipeline, Stage
from policies.steps import deploys, entries, has_kind

#: Ways to start a build without a person.
_BY_ITSELF: Final = frozenset({"push", "poll", "schedule"})
#: From this share of production starts by a person on, the file's promise does not count.
_MOSTLY: Final = 0.1


@dataclass(frozen=True, slots=True)
class Automation:
    """The level; ``least`` and ``most`` differ where the file cannot say whether a person acts."""

    least: int
    most: int


def automation(pipeline: Pipeline) -> Automation:
    return Automation(_level(pipeline, doubt=False), _level(pipeline, doubt=True))


def _level(pipeline: Pipeline, *, doubt: bool) -> int:
    """``doubt`` says how to take what cannot be told: as going by itself, or not."""
    if not _starts(pipeline.origin.start, doubt=doubt):
        return 1
    firsts = entries(pipeline)
    between = {stage.name for stage in all_last_stops(pipeline, firsts)[1]}
    path = ahead_of_all(pipeline, firsts)
    before = [stage for stage in path if stage.name not in between]
    if not firsts or not _go(before, doubt=doubt):
        return 2
    gates = [*firsts, *(stage for stage in path if stage.name in between)]
    if not _go(gates, doubt=doubt):
        return 3 if any(deploys(stage) for stage in before) else 2
    return _by_history(pipeline, 5 if _whole_way(pipeline, doubt=doubt) else 4)


def _starts(start: Fact[tuple[str, ...] | None], *, doubt: bool) -> bool:
    return bool(_BY_ITSELF & set(start.or_else(()) or ())) if start.known else doubt


def _go(stages: Iterable[Stage], *, doubt: bool) -> bool:
    return all(_goes(stage, doubt=doubt) for stage in stages)


def _goes(stage: Stage, *, doubt: bool) -> bool:
    """Whether nobody has to act before the stage has done its work."""
    if holds(stage, [step for step in stage.steps if has_kind(step, BY_HAND)]):
        return False
    return doubt or (stage.approvals.known and stage.transition.known)


def _whole_way(pipeline: Pipeline, *, doubt: bool) -> bool:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    return _go(stages, doubt=doubt) and all(_goes_back(each, doubt=doubt) for each in stages)


def _goes_back(stage: Stage, *, doubt: bool) -> bool:
    told = goes_back_on_alarm(stage)
    events = stage.deploy.rollback_on if stage.deploy else None
    failure = None
    if events is not None and events.known:
        failure = "failure" in (events.or_else(frozenset()) or frozenset())
    return (doubt if told is None else told) and (doubt if failure is None else failure)


def goes_back_on_alarm(stage: Stage) -> bool | None:
    """Whether an alarm rolls the stage back, in its deployment or its bake; None: untold."""
    events = stage.deploy.rollback_on if stage.deploy else None
    on_alarm = stage.bake.on_alarm if stage.bake else None
    deployed = "alarm" in (events.or_else(frozenset()) or frozenset()) if events else False
    if deployed or (on_alarm and on_alarm.value is OnAlarm.ROLLBACK):
        return True
    told = (events is None or events.known) and stage.bake_known.known
    return False if told and (on_alarm is None or on_alarm.known) else None


def _by_history(pipeline: Pipeline, level: int) -> int:
    history = pipeline.history.value
    by_person = history.started_by_person if isinstance(history, History) else None
    return min(level, 3) if by_person is not None and by_person > _MOSTLY else level

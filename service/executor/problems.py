"""Problems that people see: reported by anybody, cleared by name, visible all the while."""

from service.errors import Conflict
from service.executor.transition import look, reconsider
from service.executor.turn import Turn, found
from service.promotions.commands import ClearProblem, ReportProblem
from service.promotions.exceptions import require_reason
from service.promotions.model import State
from service.promotions.notices import told_at
from service.promotions.problem_letter import Reported, problem_letter
from service.store.people_tables import ProblemRow


def report_problem(turn: Turn, told: ReportProblem) -> str:
    """Halt the bakes of the release, keep it out of every further stage, and tell the owner."""
    release = turn.release(told.release)
    row = ProblemRow(
        release=release.id, text=require_reason(told.text, "report"), by=turn.actor, at=turn.now
    )
    turn.session.add(row)
    turn.session.flush()
    turn.log("problem.reported", release.id, None, problem=row.name, message=row.text)
    owner = told_at(turn.registered(), turn.pipeline.organization)
    turn.tell(problem_letter(_reported(turn, row), owner))
    _look_again(turn, release.id)
    return row.name


def clear_problem(turn: Turn, problem: int, told: ClearProblem) -> str:
    row = found(turn.session.get(ProblemRow, problem), "problem", told.problem)
    if row.cleared_at:
        raise Conflict(f"{told.problem} was cleared by {row.cleared_by} already")
    row.resolution = require_reason(told.reason, "clear")
    row.cleared_at, row.cleared_by = turn.now, turn.actor
    turn.session.flush()
    said = {"problem": told.problem, "message": row.resolution}
    turn.log("problem.cleared", row.release, None, **said)
    _look_again(turn, row.release)
    return ""


def _reported(turn: Turn, row: ProblemRow) -> Reported:
    acting = tuple(each.stage for each in turn.runs(release=row.release) if each.started_at)
    name = turn.pipeline.name
    return Reported(row.name, name, row.release, row.text, row.by, row.at, acting)


def _look_again(turn: Turn, release: str) -> None:
    for run in turn.runs(release=release):
        if run.state == State.BAKING:
            look(turn, run)
    reconsider(turn)

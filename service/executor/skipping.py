"""Going on before one's turn: an override of the order of the stages, and of nothing else."""

from datetime import timedelta

from policies.exception_limits import override_over_limit
from policies.phrases import listed
from policies.plain import instant_text
from service.errors import Conflict
from service.executor.people import require_artifact, require_hours, seconded
from service.executor.said import as_fact, require_justified
from service.executor.transition import create_runs
from service.executor.turn import Turn
from service.promotions.commands import ORDER, Skip
from service.promotions.exceptions import require_reason
from service.promotions.model import Outcome
from service.store.people_tables import OverrideRow


def skip(turn: Turn, wanted: Skip) -> str:
    """Let the release wait before the stage at once; its gate is asked for everything all the same.

    What it has not passed stays ahead of it. Where two persons must agree, the second gives it
    again.
    """
    release = turn.release(wanted.release)
    stage = turn.planned(release, wanted.stage)
    if release.outcome or not release.digest:
        word = (release.outcome or "not built yet").replace("_", " ")
        raise Conflict(f"{release.id} is {word}; it goes nowhere")
    require_artifact(release, wanted.digest)
    require_hours(wanted.hours)
    runs = {run.stage: run for run in turn.all_runs(release.id)}
    if stage.name in runs:
        word = (runs[stage.name].outcome or runs[stage.name].state).replace("_", " ")
        raise Conflict(f"{release.id} is {word} at {stage.name}; there is nothing to skip")
    missing = [
        need for need in stage.needs if need not in runs or runs[need].outcome != Outcome.SUCCEEDED
    ]
    reason = require_reason(wanted.reason, "skip")
    require_justified(turn, ORDER, reason, wanted.hours)
    row = seconded(turn, release, stage.name, ORDER) or OverrideRow(
        release=release.id,
        stage=stage.name,
        rule=ORDER,
        digest=release.digest,
        reason=reason,
        by=turn.actor,
        at=turn.now,
        until=turn.now + timedelta(hours=wanted.hours),
    )
    if refused := override_over_limit(turn.exception_policy(), as_fact(row)):
        raise Conflict(refused)
    turn.session.add(row)
    turn.session.flush()
    said = {"override": row.name, "rule": ORDER, "second": row.second}
    told = f"before {listed(missing)}: {row.reason}"
    until = instant_text(row.until)
    turn.log("override.given", release.id, stage.name, reason=told, until=until, **said)
    create_runs(turn, release)
    return row.name

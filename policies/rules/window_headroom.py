"""Start only if problems would still show inside the window.

## Why it matters
A window says when people are there to answer. A deployment that starts twenty minutes before it
closes shows its first harm when they have left.

From now until the time closes there must be room for the deployment, as long as nineteen of twenty
took in this stage, and for the first part of the bake, at most `watch`. A release that comes too
late waits for the next opening.

## Not reported
Stages without time windows, and time that does not close. Services that a platform's rotation
answers for around the clock. Organizations whose windows are the hours of little traffic turn this
rule off: there `oncall-reachable` asks whether somebody answers.

## Sources
People at hand to respond: the practice that Amazon's builders describe, and Amazon's description
of hands-off deployments. The sum of the two times: ours.
"""

from datetime import datetime, timedelta

from policies.durations import format_duration
from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.phrases import clock
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.windows import next_change


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowHeadroom(Params):
    watch: timedelta = param(
        timedelta(minutes=60),
        "Most of the bake that must fit into the window too.",
        unit=Unit.DURATION,
        stricter=Stricter.MORE,
    )


def gate(case: Case, params: WindowHeadroom) -> Outcome:
    window, on_call = case.window, case.release.context.on_call
    if not window.configured or (window.open and window.until is None):
        return Outcome(Result.PASS, f"the time of {case.stage.name} does not close")
    if not window.open or window.until is None:
        return Outcome(Result.NOT_APPLICABLE, "the time is closed, so nothing starts now")
    if on_call and on_call.rotation:
        message = f"{on_call.rotation} answers around the clock"
        return Outcome(Result.NOT_APPLICABLE, message)
    usual = _usual(case)
    if usual is None:
        message = f"how long deployments to {case.stage.name} take was not reported"
        return Outcome(Result.UNKNOWN, message, "report earlier deployments of this stage")
    return _judge(case, window.until, usual, min(_bake(case, params), params.watch))


def _usual(case: Case) -> timedelta | None:
    """How long nineteen of twenty deployments to this stage took at most; None without any."""
    runs = (each.stage(case.stage.name) for each in case.release.context.earlier or ())
    took = sorted(
        run.deployed_at - run.started_at
        for run in runs
        if run and run.deployed_at and run.started_at
    )
    # The nearest rank: of fewer than twenty it is the longest.
    return took[-(-len(took) * 95 // 100) - 1] if took else None


def _bake(case: Case, params: WindowHeadroom) -> timedelta:
    """The declared bake; one that the file cannot tell counts as long as it may."""
    bake = case.stage.bake
    if bake is None:
        return timedelta() if case.stage.bake_known.known else params.watch
    return (bake.time.value or timedelta()) if bake.time.known else params.watch


def _judge(case: Case, closes: datetime, usual: timedelta, watch: timedelta) -> Outcome:
    left, need = closes - case.now, usual + watch
    used = (
        observed(f"window.{case.stage.name}.closes", closes, case.now, "time windows"),
        observed(f"stage.{case.stage.name}.deploy_p95_s", int(usual.total_seconds()), None),
    )
    room = f"the time closes at {clock(closes, case.now)}, in {format_duration(left)}"
    told = f"a deployment takes {format_duration(usual)} and its watch {format_duration(watch)}"
    if left >= need:
        return Outcome(Result.PASS, f"{room}; {told}", used=used)
    opens = next_change(case.windows, closes).at if case.windows else None
    again = f"wait until {clock(opens, case.now)} UTC" if opens else "wait until the time opens"
    message = f"{room}, but {told}"
    return Outcome(Result.FAIL, message, again, until=opens, waits=True, used=used)


RULE = Rule(
    id="window-headroom",
    number=38,
    title="Start only if problems would still show inside the window",
    family=Family.CONTROL,
    severity=Severity.LOW,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=WindowHeadroom,
    docs=__doc__,
    gate=gate,
    gate_family=GateFamily.WINDOWS,
)

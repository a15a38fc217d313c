"""What happens next to one release in one stage: pure, without clock, database or ports.

``decide`` maps a state and an event to the next state, the effect to order and the words for the event
log; None means that the event says nothing in this state. Everything that needs a clock or a lookup
was looked up before and stands in the event or in ``Plan``.
"""

from typing import Final, assert_never

from policies.findings import Verdict
from policies.pipeline import OnAlarm
from service.promotions.model import (
    Alarmed,
    Baked,
    Built,
    Effect,
    Entered,
    Errored,
    Event,
    Log,
    Moved,
    Next,
    Outcome,
    Plan,
    Progress,
    State,
    Tested,
    Wait,
    Withdrawn,
)

#: States in which something of the release acts in the stage.
ACTING: Final = frozenset(
    {State.BUILDING, State.DEPLOYING, State.TESTING, State.BAKING, State.ROLLING_BACK}
)


def decide(state: State, event: Event, plan: Plan, progress: Progress) -> Next | None:
    """The next step of a run in ``state``; ``progress`` says which target is being changed."""
    match event:
        case Entered():
            return _entered(state, event, plan)
        case Built():
            return _built(event) if state is State.BUILDING else None
        case Moved():
            return _moved(state, event, plan, progress)
        case Tested():
            return _tested(event, plan) if state is State.TESTING else None
        case Baked():
            return _baked(event) if state is State.BAKING else None
        case Alarmed():
            return _alarmed(state, event, plan)
        case Errored():
            return _ended(Outcome.ERRORED, event.message) if state in ACTING else None
        case Withdrawn():
            return _withdrawn(state, event, plan)
        case _:
            assert_never(event)


def _entered(state: State, event: Entered, plan: Plan) -> Next | None:
    if state is not State.WAITING:
        return None
    if event.verdict >= Verdict.HOLD:
        return Next(State.WAITING, message=event.message, wait=Wait.GATE)
    log = (Log("stage.entered", {"verdict": event.verdict.word}),)
    if plan.builds:
        return Next(
            State.BUILDING, Effect.BUILD, wait=Wait.EFFECT, log=(*log, Log("build.started"))
        )
    return _first_act(plan, log)


def _first_act(plan: Plan, log: tuple[Log, ...]) -> Next:
    if plan.deploys:
        started = Log("deploy.started", {"target": plan.targets[0]})
        return Next(State.DEPLOYING, Effect.DEPLOY, wait=Wait.EFFECT, log=(*log, started))
    return _after_deploy(plan, log)


def _built(event: Built) -> Next:
    log = Log("build.ended", {"ok": event.ok, "message": event.message, "digest": event.digest})
    if event.ok:
        return _succeeded(event.message, (log,))
    return _ended(Outcome.FAILED, event.message, (log,))


def _moved(state: State, event: Moved, plan: Plan, progress: Progress) -> Next | None:
    """One batch of a deployment or of a rollback was done."""
    if state is State.DEPLOYING:
        return _deployed(event, plan, progress)
    if state is State.ROLLING_BACK:
        return _rolled_back(event, plan, progress)
    return None


def _deployed(event: Moved, plan: Plan, progress: Progress) -> Next:
    target = plan.targets[progress.target]
    said = {"target": target, "replaced": event.replaced, "hosts": event.hosts}
    match event.state:
        case "running":
            return Next(
                State.DEPLOYING,
                Effect.DEPLOY,
                wait=Wait.EFFECT,
                progress=Progress(progress.target, event.replaced, event.hosts),
                log=(Log("deploy.progressed", said),),
            )
        case "succeeded":
            ended = Log("deploy.ended", said | {"ok": True})
            if progress.target + 1 < len(plan.targets):
                following = plan.targets[progress.target + 1]
                return Next(
                    State.DEPLOYING,
                    Effect.DEPLOY,
                    wait=Wait.EFFECT,
                    progress=Progress(progress.target + 1),
                    log=(ended, Log("deploy.started", {"target": following})),
                )
            return _after_deploy(plan, (ended,), deployed=True)
        case _:
            log = Log("deploy.ended", said | {"ok": False, "message": event.message})
            return _back(plan, f"deployment to {target} failed: {event.message}", "failure", (log,))


def _after_deploy(plan: Plan, log: tuple[Log, ...], *, deployed: bool = False) -> Next:
    if plan.tests:
        return Next(State.TESTING, Effect.TEST, wait=Wait.EFFECT, log=log, deployed=deployed)
    if plan.bakes:
        return _baking(log, deployed=deployed)
    return _succeeded("", log, deployed=deployed)


def _baking(log: tuple[Log, ...], *, deployed: bool = False) -> Next:
    started = Log("bake.started")
    return Next(State.BAKING, wait=Wait.BAKE, log=(*log, started), deployed=deployed)


def _tested(event: Tested, plan: Plan) -> Next:
    log = Log("test.ended", {"ok": event.ok, "message": event.message})
    if not event.ok:
        return _back(plan, f"tests failed: {event.message}", "failure", (log,))
    return _baking((log,)) if plan.bakes else _succeeded(event.message, (log,))


def _baked(event: Baked) -> Next | None:
    if event.over:
        return _succeeded(event.message, (Log("bake.ended", {"message": event.message}),))
    if event.still == event.was_still:
        return Next(State.BAKING, message=event.message, wait=Wait.BAKE)
    kind = "bake.stalled" if event.still else "bake.resumed"
    return Next(State.BAKING, message=event.message, wait=Wait.BAKE, log=(Log(kind),))


def _alarmed(state: State, event: Alarmed, plan: Plan) -> Next | None:
    if state not in {State.DEPLOYING, State.TESTING, State.BAKING}:
        return None
    log: tuple[Log, ...] = ()
    if state is State.BAKING:
        log = (Log("bake.ended", {"ok": False, "message": event.message}),)
    if plan.on_alarm is OnAlarm.HALT:
        return _ended(Outcome.FAILED, f"halted: {event.message}", log)
    return _back(plan, event.message, "alarm", log)


def _back(plan: Plan, message: str, cause: str, log: tuple[Log, ...]) -> Next:
    """Restore the last good artifact; without one the release fails where it stands, and says so."""
    if not plan.good:
        told = f"{message}; nothing to go back to, no earlier artifact ended well in this stage"
        return _ended(Outcome.FAILED, told, log, manual=told)
    started = Log("rollback.started", {"cause": cause, "message": message, "to": plan.good})
    return Next(
        State.ROLLING_BACK,
        Effect.ROLLBACK,
        message=message,
        wait=Wait.EFFECT,
        progress=Progress(),
        log=(*log, started),
        spread=True,
    )


def _withdrawn(state: State, event: Withdrawn, plan: Plan) -> Next | None:
    """The release went bad elsewhere and ran here too; every kind of run goes back."""
    if state is State.ROLLING_BACK:
        return None
    if state is State.WAITING or not plan.good:
        return _ended(Outcome.ROLLED_BACK, event.message)
    step = _back(plan, event.message, "release", ())
    return Next(
        step.state,
        step.effect,
        message=step.message,
        wait=step.wait,
        log=step.log,
        progress=step.progress,
    )


def _rolled_back(event: Moved, plan: Plan, progress: Progress) -> Next:
    target = plan.targets[progress.target]
    if event.state == "running":
        here = Progress(progress.target, event.replaced, event.hosts)
        return Next(State.ROLLING_BACK, Effect.ROLLBACK, wait=Wait.EFFECT, progress=here)
    if event.state == "succeeded" and progress.target + 1 < len(plan.targets):
        after = Progress(progress.target + 1)
        return Next(State.ROLLING_BACK, Effect.ROLLBACK, wait=Wait.EFFECT, progress=after)
    if event.state == "succeeded":
        log = Log("rollback.ended", {"ok": True, "to": plan.good})
        return _ended(Outcome.ROLLED_BACK, "", (log,), manual="after an automatic rollback")
    told = f"rollback of {target} failed: {event.message}"
    log = Log("rollback.ended", {"ok": False, "message": told})
    return _ended(Outcome.ERRORED, told, (log,), manual=told)


def _succeeded(message: str, log: tuple[Log, ...], *, deployed: bool = False) -> Next:
    ended = Log("stage.ended", {"outcome": Outcome.SUCCEEDED})
    return Next(
        None, outcome=Outcome.SUCCEEDED, message=message, log=(*log, ended), deployed=deployed
    )


def _ended(outcome: Outcome, message: str, log: tuple[Log, ...] = (), *, manual: str = "") -> Next:
    ended = Log("stage.ended", {"outcome": outcome, "message": message})
    return Next(None, outcome=outcome, message=message, log=(*log, ended), manual=manual)

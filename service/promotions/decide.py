"""What happens next to one release in one stage: pure, without clock, database or ports.

``decide`` maps a state and an event to the next state, the effect to order and the words for the
event log; None means that the event says nothing in this state. Everything that needs a clock or a
lookup was looked up before and stands in the event or in ``Plan``.
"""

from dataclasses import replace
from typing import Final, assert_never

from policies.findings import Verdict
from service.promotions.model import (
    Alarmed,
    Baked,
    Blocked,
    Built,
    Effect,
    Entered,
    Errored,
    Event,
    Log,
    Moved,
    Moving,
    Next,
    Outcome,
    Plan,
    Progress,
    State,
    Stopped,
    Tested,
    Wait,
    Withdrawn,
)

#: States in which something of the release acts in the stage.
ACTING: Final = frozenset(
    {State.BUILDING, State.DEPLOYING, State.TESTING, State.BAKING, State.ROLLING_BACK}
)
#: States in which harm to customers may come from the release.
WATCHED: Final = frozenset({State.DEPLOYING, State.TESTING, State.BAKING})


def decide(state: State, event: Event, plan: Plan, progress: Progress = ()) -> Next | None:
    """The next step of a run in ``state``; ``progress`` says which targets were begun."""
    if state is State.DEPLOYING and _stopping(progress):
        return _while_stopping(event, progress)
    step = _decided(state, event, plan, progress)
    return _stopping_first(step, state, progress) if step else None


def _decided(  # noqa: C901 - one case for each event
    state: State, event: Event, plan: Plan, progress: Progress
) -> Next | None:
    match event:
        case Entered():
            return _entered(event, plan) if state is State.WAITING else None
        case Built():
            return _built(event) if state is State.BUILDING else None
        case Moved():
            return _moved(state, event, plan, progress)
        case Stopped():
            return None
        case Tested():
            return _tested(event, plan) if state is State.TESTING else None
        case Baked():
            return _baked(event) if state is State.BAKING else None
        case Alarmed():
            return _alarmed(state, event, plan) if state in WATCHED else None
        case Errored():
            return _errored(state, event) if state in ACTING else None
        case Withdrawn():
            return _withdrawn(state, event, plan)
        case Blocked():
            return _blocked(state, event, plan)
        case _:
            assert_never(event)


def targets_now(plan: Plan, progress: Progress, effect: Effect) -> tuple[str, ...]:
    """The targets that the next batch changes; a rollback changes all that are left at once.

    What was begun goes on first; others join while the stage's limit and its fault domains allow.
    """
    states = {each.target: each.state for each in progress}
    left = [target for target in plan.targets if states.get(target) != "succeeded"]
    if effect is Effect.ROLLBACK:
        return tuple(left)
    if effect is Effect.ABORT:
        return tuple(each.target for each in _stopping(progress))
    turn: list[str] = []
    for target in sorted(left, key=lambda each: each not in states):
        if len(turn) < plan.parallel and plan.domains.together([*turn, target]):
            turn.append(target)
    return tuple(turn)


def batch(plan: Plan, progress: Progress, effect: Effect) -> tuple[str, ...]:
    """Of the targets whose turn it is, those that were begun when the batch was ordered.

    The fault domains may have come to allow more since then; those join with the next order.
    """
    turn = targets_now(plan, progress, effect)
    if effect is not Effect.DEPLOY:
        return turn
    begun = {each.target for each in progress}
    return tuple(target for target in turn if target in begun)


def _entered(event: Entered, plan: Plan) -> Next:
    if event.verdict >= Verdict.HOLD:
        return Next(State.WAITING, message=event.message, wait=Wait.GATE)
    log = (Log("stage.entered", {"verdict": event.verdict.word}),)
    if plan.builds:
        begun = (*log, Log("build.started"))
        return Next(State.BUILDING, Effect.BUILD, wait=Wait.EFFECT, log=begun)
    if plan.deploys:
        return _going_on(plan, (), log)
    return _after_deploy(plan, log)


def _built(event: Built) -> Next:
    log = Log("build.ended", {"ok": event.ok, "message": event.message, "digest": event.digest})
    if event.ok:
        return _succeeded(event.message, (log,))
    return _ended(Outcome.FAILED, event.message, (log,))


def _moved(state: State, event: Moved, plan: Plan, progress: Progress) -> Next | None:
    """One batch was done; what was not begun by us says nothing."""
    begun = {each.target for each in progress}
    if not begun.issuperset(each.target for each in event.targets):
        return None
    merged = _merged(progress, event.targets)
    if state is State.DEPLOYING:
        return _deployed(event, plan, merged)
    if state is State.ROLLING_BACK:
        return _rolled_back(event, plan, merged)
    return None


def _deployed(event: Moved, plan: Plan, progress: Progress) -> Next:
    log = tuple(_deployment(each) for each in event.targets)
    failed = next((each for each in event.targets if each.state == "failed"), None)
    if failed:
        message = f"deployment to {failed.target} failed: {failed.message}"
        step = _back(plan, message, failed.cause or "failure", log)
        return step if step.state else replace(step, progress=progress)
    if plan.blocked:
        return replace(_halted(plan.blocked, plan, log), progress=progress)
    if targets_now(plan, progress, Effect.DEPLOY):
        return _going_on(plan, progress, log)
    return _after_deploy(plan, log, deployed=True, progress=progress)


def _deployment(moving: Moving) -> Log:
    said = {"target": moving.target, "replaced": moving.replaced, "hosts": moving.hosts}
    match moving.state:
        case "running":
            return Log("deploy.progressed", said)
        case "succeeded":
            return Log("deploy.ended", said | {"ok": True})
        case _:
            return Log("deploy.ended", said | {"ok": False, "message": moving.message})


def _going_on(plan: Plan, progress: Progress, log: tuple[Log, ...]) -> Next:
    """Order the next batch; targets whose turn has come are begun."""
    known = {each.target for each in progress}
    turn = targets_now(plan, progress, Effect.DEPLOY)
    begun = tuple(Moving(target) for target in turn if target not in known)
    started = tuple(Log("deploy.started", {"target": each.target}) for each in begun)
    return Next(
        State.DEPLOYING,
        Effect.DEPLOY,
        wait=Wait.EFFECT,
        progress=progress + begun,
        log=log + started,
    )


def _after_deploy(
    plan: Plan, log: tuple[Log, ...], *, deployed: bool = False, progress: Progress | None = None
) -> Next:
    if plan.tests:
        step = Next(State.TESTING, Effect.TEST, wait=Wait.EFFECT, log=log)
    elif plan.bakes:
        step = _baking(log)
    else:
        step = _succeeded("", log)
    return replace(step, deployed=deployed, progress=progress)


def _baking(log: tuple[Log, ...]) -> Next:
    return Next(State.BAKING, wait=Wait.BAKE, log=(*log, Log("bake.started")))


def _tested(event: Tested, plan: Plan) -> Next:
    log = (Log("test.ended", {"ok": event.ok, "message": event.message}),)
    if not event.ok:
        return _back(plan, f"tests failed: {event.message}", "failure", log)
    return _baking(log) if plan.bakes else _succeeded(event.message, log)


def _baked(event: Baked) -> Next:
    if event.over:
        log = Log("bake.ended", {"ok": True, "message": event.message})
        return _succeeded(event.message, (log,))
    if event.still == event.was_still:
        return Next(State.BAKING, message=event.message, wait=Wait.BAKE)
    kind = "bake.stalled" if event.still else "bake.resumed"
    return Next(State.BAKING, message=event.message, wait=Wait.BAKE, log=(Log(kind),))


def _alarmed(state: State, event: Alarmed, plan: Plan) -> Next:
    log: tuple[Log, ...] = ()
    if state is State.BAKING:
        log = (Log("bake.ended", {"ok": False, "message": event.message}),)
    return _back(plan, event.message, "alarm", log)


def _errored(state: State, event: Errored) -> Next:
    """A technical end. One in the middle of a rollback needs a person before the next release."""
    told = f"the rollback could not be done: {event.message}"
    if state is State.ROLLING_BACK:
        log = Log("rollback.ended", {"ok": False, "message": event.message})
        return _ended(Outcome.ERRORED, told, (log,), manual=told)
    return _ended(Outcome.ERRORED, event.message)


def _back(plan: Plan, message: str, cause: str, log: tuple[Log, ...]) -> Next:
    """Restore the last good artifact; without one the release fails where it stands and says so."""
    if cause not in plan.back_on:
        halted = f"halted: {message}"
        return _ended(Outcome.FAILED, halted, log, manual=halted)
    if not plan.good:
        return replace(_stranded(message, log), spread=True)
    return replace(_going_back(plan, message, cause, log), spread=True)


def _stranded(message: str, log: tuple[Log, ...]) -> Next:
    told = f"{message}; nothing to go back to, no earlier artifact ended well in this stage"
    return _ended(Outcome.FAILED, told, log, manual=told)


def _going_back(plan: Plan, message: str, cause: str, log: tuple[Log, ...]) -> Next:
    started = Log("rollback.started", {"cause": cause, "message": message, "to": plan.good})
    return Next(
        State.ROLLING_BACK,
        Effect.ROLLBACK,
        message=message,
        wait=Wait.EFFECT,
        progress=tuple(Moving(target) for target in plan.targets),
        log=(*log, started),
        manual=f"rolled back by itself: {message}",
    )


def _blocked(state: State, event: Blocked, plan: Plan) -> Next | None:
    """Halt what customers have. A batch that runs ends first: ``plan.blocked`` halts after it.

    Nothing goes back by itself: what was good before may be on the list too, so a person decides.
    """
    if state is State.BAKING:
        log = Log("bake.ended", {"ok": False, "message": event.message})
        return _halted(event.message, plan, (log,))
    return _halted(event.message, plan, ()) if state is State.TESTING else None


def _halted(message: str, plan: Plan, log: tuple[Log, ...]) -> Next:
    proposal = "a rollback is proposed" if plan.good else "there is nothing to go back to"
    told = f"halted: {message}; {proposal}"
    return _ended(Outcome.FAILED, told, log, manual=told)


def _withdrawn(state: State, event: Withdrawn, plan: Plan) -> Next | None:
    """Take the release back here; what has changed nothing yet just ends."""
    asked = event.cause == "person"
    if state is State.ROLLING_BACK or (state is State.BUILDING and not asked):
        return None
    if state in {State.WAITING, State.BUILDING} or not plan.deploys:
        return _ended(Outcome.ABORTED, event.message)
    if not plan.good:
        return _left(event.message) if asked else _stranded(event.message, ())
    back = _going_back(plan, event.message, event.cause, ())
    # Who asked for it knows; a stage that went back by itself waits for somebody who looks.
    return replace(back, manual="") if asked else back


def _left(message: str) -> Next:
    """A person ends it where nothing was before: what is deployed by then stays, and they know."""
    told = f"{message}; what was deployed stays, as no earlier artifact ended well in this stage"
    return _ended(Outcome.ABORTED, told)


def _stopping_first(step: Next, state: State, progress: Progress) -> Next:
    """Let a deployment end only when the targets that it still changes have been told to stop."""
    known = progress if step.progress is None else step.progress
    halts = step.outcome in {Outcome.FAILED, Outcome.ABORTED} and state is State.DEPLOYING
    if not halts or all(each.state != "running" for each in known):
        return step
    cause = "abort" if step.outcome is Outcome.ABORTED else ""
    stopping = tuple(
        replace(each, state="stopping", cause=cause) if each.state == "running" else each
        for each in known
    )
    return replace(
        step,
        state=State.DEPLOYING,
        effect=Effect.ABORT,
        outcome=None,
        wait=Wait.EFFECT,
        progress=stopping,
        log=tuple(each for each in step.log if each.kind != "stage.ended"),
    )


def _while_stopping(event: Event, progress: Progress) -> Next | None:
    """Nothing else matters until the targets were told; then it ends as it was to end."""
    if isinstance(event, Errored):
        told = f"what is being deployed could not be told to stop: {event.message}"
        return _ended(Outcome.ERRORED, told, manual=told)
    asked = _stopping(progress)
    if not isinstance(event, Stopped) or not {each.target for each in event.targets}.issubset(
        each.target for each in asked
    ):
        return None
    again = tuple(
        replace(each, state="stopping", cause=asked[0].cause) if each.state == "running" else each
        for each in event.targets
    )
    merged = _merged(progress, again)
    if _stopping(merged):
        told = event.message
        return Next(State.DEPLOYING, Effect.ABORT, wait=Wait.EFFECT, progress=merged, message=told)
    outcome = Outcome.ABORTED if asked[0].cause == "abort" else Outcome.FAILED
    log = tuple(_deployment(each) for each in event.targets)
    said = "; ".join(f"{each.target}: {each.message}" for each in merged if each.cause == "abort")
    message = f"{event.message}; {said}" if said else event.message
    return replace(_ended(outcome, message, log), progress=merged)


def _stopping(progress: Progress) -> Progress:
    return tuple(each for each in progress if each.state == "stopping")


def _merged(progress: Progress, newer: Progress) -> Progress:
    known = {each.target: each for each in newer}
    return tuple(known.get(each.target, each) for each in progress)


def _rolled_back(event: Moved, plan: Plan, progress: Progress) -> Next:
    failed = next((each for each in event.targets if each.state == "failed"), None)
    if failed:
        told = f"rollback of {failed.target} failed: {failed.message}"
        log = Log("rollback.ended", {"ok": False, "message": told})
        return _ended(Outcome.ERRORED, told, (log,), manual=told)
    if targets_now(plan, progress, Effect.ROLLBACK):
        return Next(State.ROLLING_BACK, Effect.ROLLBACK, wait=Wait.EFFECT, progress=progress)
    log = Log("rollback.ended", {"ok": True, "to": plan.good})
    return replace(_ended(Outcome.ROLLED_BACK, "", (log,)), progress=progress)


def _succeeded(message: str, log: tuple[Log, ...]) -> Next:
    ended = Log("stage.ended", {"outcome": Outcome.SUCCEEDED})
    return Next(None, outcome=Outcome.SUCCEEDED, message=message, log=(*log, ended))


def _ended(outcome: Outcome, message: str, log: tuple[Log, ...] = (), *, manual: str = "") -> Next:
    ended = Log("stage.ended", {"outcome": outcome, "message": message})
    return Next(None, outcome=outcome, message=message, log=(*log, ended), manual=manual)

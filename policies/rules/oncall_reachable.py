"""Release only when somebody can respond.

## Why it matters
An alarm during a bake rolls back by itself, most of the time. For the rest somebody must be awake,
reachable and in charge; a release into a gap of the rotation is watched by nobody.

The schedule must name a person now, who stays on call for at least `min_shift_left`, and a second
one for the tiers in `need_secondary_tiers`. Nobody and programs are no persons.

## Not reported
Rollbacks. Services that a platform's rotation answers for.

## Sources
People at hand to respond, and a team that handles its issues at once: practices that Amazon's
builders describe. An hour: ours.
"""

from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass
from policies.observations import seen_used, too_old
from policies.phrases import clock
from policies.release import OnCall
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param


@dataclass(frozen=True, slots=True, kw_only=True)
class OncallReachable(Params):
    need_secondary_tiers: frozenset[str] = param(
        frozenset({"0"}),
        "Tiers of service for which a second person must be on call.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("0", "1", "2", "3"),
    )
    min_shift_left: timedelta = param(
        timedelta(minutes=60),
        "How long the person must stay on call.",
        unit=Unit.DURATION,
        stricter=Stricter.MORE,
    )
    max_state_age: timedelta = param(
        timedelta(minutes=5),
        "Oldest report of who is on call that still says something.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


#: What schedules say where they name no person.
_NO_PERSON: Final = frozenset({"", "nobody", "none", "bot"})


def gate(case: Case, params: OncallReachable) -> Outcome:
    on_call = case.release.context.on_call
    if on_call is None:
        message = "who is on call was not reported"
        return Outcome(Result.UNKNOWN, message, "report who is on call")
    if on_call.rotation:
        message = f"{on_call.rotation} answers for the service"
        return Outcome(Result.NOT_APPLICABLE, message)
    old = too_old(case, on_call, params.max_state_age, "who is on call")
    return old or _judge(case, on_call, params)


def _judge(case: Case, on_call: OnCall, params: OncallReachable) -> Outcome:
    value = {"primary": on_call.primary, "secondary": on_call.secondary}
    used = (seen_used("context.oncall", value, on_call, case.release.context),)
    if on_call.until and on_call.until <= case.now:
        message = f"the shift reported ended at {clock(on_call.until, case.now)}"
        return Outcome(Result.UNKNOWN, message, "report who is on call", used=used)
    until = f" until {clock(on_call.until, case.now)}" if on_call.until else ""
    wait = f"wait{until}, or mend the rotation"
    if not _is_person(on_call.primary):
        message = f"nobody is on call{until}"
        return Outcome(Result.FAIL, message, wait, until=on_call.until, waits=True, used=used)
    tier = str(case.pipeline.tier.value)
    second = on_call.secondary if on_call.secondary != on_call.primary else ""
    if tier in params.need_secondary_tiers and not _is_person(second):
        message = f"{on_call.primary} alone is on call{until}; tier {tier} asks for a second person"
        return Outcome(Result.FAIL, message, wait, until=on_call.until, waits=True, used=used)
    if on_call.until is None:
        message = f"how long {on_call.primary} stays on call was not reported"
        return Outcome(Result.UNKNOWN, message, "report the end of the shift", used=used)
    if on_call.until - case.now < params.min_shift_left:
        message = f"{on_call.primary} is on call only{until}; {_left(params)} are asked for"
        return Outcome(Result.FAIL, message, wait, until=on_call.until, waits=True, used=used)
    return Outcome(Result.PASS, f"{on_call.primary} is on call{until}", used=used)


def _is_person(name: str) -> bool:
    return name.lower() not in _NO_PERSON and not name.endswith("[bot]")


def _left(params: OncallReachable) -> str:
    return format_duration(params.min_shift_left)


RULE = Rule(
    id="oncall-reachable",
    number=44,
    title="Release only when somebody can respond",
    family=Family.CONTROL,
    severity=Severity.MEDIUM,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=OncallReachable,
    docs=__doc__,
    gate=gate,
)

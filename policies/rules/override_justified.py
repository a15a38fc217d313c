"""Give every override an owner, a reason and an end.

## Why it matters
An override is how a person who knows better lets one release pass one rule. Without a name, a
reason and an end it becomes the way around all rules, and nobody can tell later which of them
were wrong and which were only in the way.

Every override that counts at a stage must name one rule, one stage and a person in one of `roles`,
give a reason of at least `min_reason_chars` characters, and end within `ttl`. For the tiers in
`second_person_tiers` the person has written none of the changes, and a second one agrees. The rules
in `never` cannot be overridden.

## Not reported
Overrides that have ended, have not begun, or were given for another artifact: they are void. A
role that nobody reported can at most warn.

## Sources
Blocks that a person can override, visibly: the practice that Amazon's builders describe. An
approval of exceptions with an owner and a reason: the AWS DevOps guidance. Twenty characters and
four hours: ours.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.durations import format_duration
from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass, replace
from policies.observations import observed, together
from policies.patterns import pattern
from policies.phrases import listed
from policies.release import Override
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, Used, param


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideJustified(Params):
    roles: frozenset[str] = param(
        frozenset({"team-lead", "oncall"}),
        "Roles whose people may override.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
    )
    min_reason_chars: int = param(
        20, "Fewest characters of a reason.", unit=Unit.COUNT, stricter=Stricter.MORE
    )
    ttl: timedelta = param(
        timedelta(hours=4),
        "Longest time that an override may last.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    second_person_tiers: frozenset[str] = param(
        frozenset({"0"}),
        "Tiers of service for which a second person must agree.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("0", "1", "2", "3"),
    )
    never: frozenset[str] = param(
        frozenset({"artifact-blocklist", "build-once", "provenance-level"}),
        "Rules that no override may name.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
    )


_ONE_NAME: Final = pattern(r"[a-z0-9][a-z0-9-]*")


def gate(case: Case, params: OverrideJustified) -> Outcome:
    parts = [_judge(case, each, params) for each in _counting(case)]
    if not parts:
        return Outcome(Result.PASS, f"nothing is overridden at {case.stage.name}")
    outcome = together(parts)
    return replace(outcome, warns_only=outcome.result is Result.UNKNOWN)


def _counting(case: Case) -> Iterator[Override]:
    """The overrides in force that are for this stage, or do not say for which one."""
    for each in case.release.overrides:
        of_this = each.digest == case.release.artifact.digest and each.at <= case.now < each.until
        if of_this and (each.stage == case.stage.name or not _ONE_NAME.fullmatch(each.stage)):
            yield each


def _judge(case: Case, override: Override, params: OverrideJustified) -> Outcome:
    used = (_used(override),)
    wrong = [*_unclear(override, params), *_alone(case, override, params)]
    if wrong:
        told = f"override {override.id} {listed(wrong)}"
        cure = (
            "name the rule and the stage that you override and why; it may last "
            f"{format_duration(params.ttl)}"
        )
        return Outcome(Result.FAIL, told, cure, used=used)
    if not override.role:
        message = f"in which role {override.by} gave override {override.id} was not reported"
        return Outcome(Result.UNKNOWN, message, "report the role", used=used)
    message = f"override {override.id} of {override.rule} by {override.by}: {override.reason}"
    return Outcome(Result.PASS, message, used=used)


def _unclear(override: Override, params: OverrideJustified) -> Iterator[str]:
    """What is wrong with the override itself, each to be read after its name."""
    if not _ONE_NAME.fullmatch(override.rule):
        yield f"names no single rule but {override.rule!r}"
    if override.rule in params.never:
        yield f"names {override.rule}, which nothing overrides"
    if not _ONE_NAME.fullmatch(override.stage):
        yield f"names no single stage but {override.stage!r}"
    if not override.by:
        yield "names no person"
    if override.role and override.role not in params.roles:
        yield f"was given by a {override.role}"
    if len(override.reason.strip()) < params.min_reason_chars:
        yield f"gives a reason of fewer than {params.min_reason_chars} characters"
    if override.until - override.at > params.ttl:
        yield f"lasts {format_duration(override.until - override.at)}"


def _alone(case: Case, override: Override, params: OverrideJustified) -> Iterator[str]:
    """What is wrong with who gave it, for the tiers that ask for two people."""
    tier = case.pipeline.tier.value
    if str(tier) not in params.second_person_tiers:
        return
    authors = {each.author for each in case.release.changes if each.author}
    if override.by in authors:
        yield "was given by an author of this release"
    if override.second in ("", override.by):
        yield f"has no second person, as tier {tier} asks for"
    elif override.second in authors:
        yield "was agreed to by an author of this release"


def _used(override: Override) -> Used:
    value = {
        "rule": override.rule,
        "stage": override.stage,
        "by": override.by,
        "role": override.role,
        "second": override.second,
    }
    return observed(f"overrides.{override.id}", value, override.at)


RULE = Rule(
    id="override-justified",
    number=41,
    title="Give every override an owner, a reason and an end",
    family=Family.CONTROL,
    severity=Severity.HIGH,
    now=Enforcement.BLOCK,
    target=Enforcement.BLOCK,
    params=OverrideJustified,
    docs=__doc__,
    gate=gate,
    stages=frozenset({"test", "preprod", "prod"}),
)

"""Do not promote again a revision that was rolled back.

## Why it matters
A build that harmed customers once will do it again: nothing in it has changed. It comes back by a
second click, by a retry, or as a new build of the same commit, and the second time the night
shift has to find out what the first one knew.

A release fails whose artifact, or whose commit in another build, was rolled back in a production
stage because of an alarm, a failure or a person. It passes where a person has recorded that
something else was to blame, with one of `retry_causes`. `scope` says whether a rollback anywhere
counts, or only one in the stage that the release wants to enter. The message names the stages in
which the artifact still runs, and the rolled-back releases whose commits this one contains.

## Not reported
Rollbacks of test stages. Rollbacks with a confirmed cause outside of the artifact.

## Sources
Derived from the practice that Amazon's builders describe, to stop a bad version in every pipeline
at once. Looking at other environments that run it: the AWS DevOps guidance.
"""

from collections.abc import Iterator
from typing import Final

from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass, replace
from policies.observations import observed, ran_in_prod, together
from policies.phrases import clock, listed, short
from policies.release import StageRun
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, Used, param


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBackRevision(Params):
    retry_causes: frozenset[str] = param(
        frozenset({"environment", "alarm_false_positive"}),
        "Causes that a person may confirm, after which the revision may be promoted again.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
        allowed=("environment", "alarm_false_positive"),
    )
    scope: str = param(
        "all_targets",
        "Whether a rollback in any production stage counts, or only one in the stage to enter.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("all_targets", "same_target"),
    )


#: Causes that speak against the artifact; a rollback without a reported cause does so too.
_AGAINST: Final = {
    "alarm": " because of an alarm",
    "failure": " because of a failure",
    "deadline": " because its time was up",
    "manual": " by a person",
    "release": " with the rest of its release",
    "": "",
}


def gate(case: Case, params: RolledBackRevision) -> Outcome:
    context, artifact = case.release.context, case.release.artifact
    marked = artifact.digest in context.rolled_back
    backs = list(_backs(case))
    if context.earlier is None and not marked and not backs:
        message = "the earlier releases of this pipeline were not reported"
        return Outcome(Result.UNKNOWN, message, "report the earlier releases")
    here = [each for each in backs if _in_scope(case, each[1], params)]
    parts = [_judge(case, name, run, params) for name, run in here]
    if marked and not backs:
        told = f"{short(artifact.digest)} was rolled back in this pipeline"
        parts = [Outcome(Result.FAIL, told, "release a new build with the fix", used=_used(case))]
    if not parts:
        return Outcome(Result.PASS, _contained(case) or "it was never rolled back")
    outcome = together(parts)
    running = [each.stage for each in context.running if each.digest == artifact.digest]
    if outcome.result is not Result.FAIL or not running:
        return outcome
    return replace(outcome, message=f"{outcome.message}; it still runs in {listed(running)}")


def _backs(case: Case) -> Iterator[tuple[str, StageRun]]:
    """Runs in production from which this artifact, or this commit, went back."""
    artifact = case.release.artifact
    runs = [(case.release.id, run) for run in case.release.stages]
    for earlier in case.release.context.earlier or ():
        if earlier.digest == artifact.digest or earlier.commit == artifact.commit:
            runs += [(earlier.id, run) for run in earlier.stages]
    for name, run in runs:
        if run.rolled_back_at and run.rolled_back_cause in _AGAINST and ran_in_prod(case, run):
            yield name, run


def _in_scope(case: Case, run: StageRun, params: RolledBackRevision) -> bool:
    return params.scope == "all_targets" or run.stage == case.stage.name


def _judge(case: Case, name: str, run: StageRun, params: RolledBackRevision) -> Outcome:
    when = f" at {clock(run.rolled_back_at, case.now)}" if run.rolled_back_at else ""
    used = _used(case, name, run)
    if run.retry and run.retry.cause in params.retry_causes:
        message = f"{name} was rolled back in {run.stage}{when}, and {run.retry.by} confirmed that "
        return Outcome(Result.PASS, f"{message}{run.retry.cause} was the cause", used=used)
    same = "this artifact" if _same(case, name) else "another build of this commit"
    message = (
        f"{name}, {same}, was rolled back in {run.stage}{_AGAINST[run.rolled_back_cause]}{when}"
    )
    cure = "release a build with the fix"
    if params.retry_causes:
        causes = " or ".join(sorted(params.retry_causes))
        cure += f", or have a person confirm that {causes} was the cause"
    return Outcome(Result.FAIL, message, cure, used=used)


def _same(case: Case, name: str) -> bool:
    digests = {each.id: each.digest for each in case.release.context.earlier or ()}
    digest = case.release.artifact.digest
    return digests.get(name, digest) == digest


def _contained(case: Case) -> str:
    """Rolled-back releases whose commits are in this one, in words: it should mend them."""
    inside = {each.commit for each in case.release.changes}
    inside |= {commit for commit, is_in in case.release.context.ancestors if is_in}
    found = [
        f"{each.id}, which was rolled back in {run.stage}"
        for each in case.release.context.earlier or ()
        for run in each.stages
        if each.commit in inside and run.rolled_back_at and ran_in_prod(case, run)
    ]
    return f"contains the commits of {listed(dict.fromkeys(found))}" if found else ""


def _used(case: Case, name: str = "", run: StageRun | None = None) -> tuple[Used, ...]:
    context = case.release.context
    if run is None:
        return (observed("context.rolled_back", list(context.rolled_back), context.captured_at),)
    value = {"digest": case.release.artifact.digest, "cause": run.rolled_back_cause}
    return (observed(f"earlier.{name}.{run.stage}.rolled_back", value, run.rolled_back_at),)


RULE = Rule(
    id="rolled-back-revision",
    number=42,
    title="Do not promote again a revision that was rolled back",
    family=Family.CONTROL,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=RolledBackRevision,
    docs=__doc__,
    gate=gate,
)

"""Change production only through the pipeline.

## Why it matters
What was put into production by hand was tested by nobody, is in no list of what runs where, and is
gone with the next release, together with whatever it mended. The next release also judges its
canary against something that nobody knows.

What runs in the stage must be what this pipeline deployed there last, artifact and configuration
both. Where it is not, the message says who changed it and when. People have `break_glass_ttl` to
record why, after which an exemption or a release through the pipeline is needed.

## Not reported
Changes by the `allowed_actors`, such as a system that scales or patches. First releases, before
which another tool may have deployed. Changes by hand within `break_glass_ttl`.

## Sources
Everything through the pipeline, and how many teams do it: the measure that Amazon's builders
describe. No changes by console: the AWS DevOps guidance and DORA's page on deployment automation.
Twenty-four hours: ours.
"""

from datetime import datetime, timedelta

from policies.durations import format_duration
from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass
from policies.observations import seen_used, too_old
from policies.phrases import clock, short
from policies.release import ReleaseKind, Running, StageRun
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, param


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineOnlyChanges(Params):
    allowed_actors: frozenset[str] = param(
        frozenset({"pipeline"}),
        "Who may change what runs, as the reporter names them.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
    )
    break_glass_ttl: timedelta = param(
        timedelta(hours=24),
        "How long a change by hand may go unrecorded.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )
    max_state_age: timedelta = param(
        timedelta(minutes=5),
        "Oldest report of what runs that still says something.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


@dataclass(frozen=True, slots=True)
class Deployed:
    """What the pipeline put into a stage, and when."""

    at: datetime
    digest: str
    config: str


def gate(case: Case, params: PipelineOnlyChanges) -> Outcome:
    stage, context = case.stage.name, case.release.context
    running = context.runs(stage)
    if case.release.kind is ReleaseKind.FIRST:
        return Outcome(Result.NOT_APPLICABLE, "before a first release other tools may deploy")
    if running is None:
        message = f"what runs in {stage} was not reported"
        return Outcome(Result.UNKNOWN, message, f"report what runs in {stage}")
    old = too_old(case, running, params.max_state_age, f"what runs in {stage}")
    if old:
        return old
    if context.earlier is None:
        message = "the earlier releases of this pipeline were not reported"
        return Outcome(Result.UNKNOWN, message, "report the earlier releases")
    last = _last(case)
    if last and not last.digest:
        message = f"to what {stage} went back at {clock(last.at, case.now)} was not reported"
        return Outcome(Result.UNKNOWN, message, "report the artifact that was restored")
    return _compare(case, running, last, params)


def _last(case: Case) -> Deployed | None:
    """What this pipeline deployed to the stage last, a rollback included."""
    own = case.release.stage(case.stage.name)
    done = _done(own, case.release.artifact.digest) if own else []
    for earlier in case.release.context.earlier or ():
        run = earlier.stage(case.stage.name)
        done += _done(run, earlier.digest) if run else []
    return max(done, key=lambda each: each.at, default=None)


def _done(run: StageRun, digest: str) -> list[Deployed]:
    found = [Deployed(run.deployed_at, digest, run.config_version)] if run.deployed_at else []
    back = run.rolled_back_done_at or run.rolled_back_at
    if back:
        found.append(Deployed(back, run.rolled_back_to, ""))
    return found


def _tried(case: Case, digest: str, last: Deployed | None) -> bool:
    """Whether this pipeline began to deploy it since, and did not come to an end."""
    runs = [(case.release.artifact.digest, case.release.stage(case.stage.name))]
    runs += [(e.digest, e.stage(case.stage.name)) for e in case.release.context.earlier or ()]
    return any(
        digest == each and run.started_at and (last is None or run.started_at >= last.at)
        for each, run in runs
        if run
    )


def _compare(
    case: Case, running: Running, last: Deployed | None, params: PipelineOnlyChanges
) -> Outcome:
    stage, runs = case.stage.name, short(running.digest)
    value = {"digest": running.digest, "config_version": running.config_version}
    value["actor"] = running.actor
    used = (seen_used(f"context.running.{stage}", value, running, case.release.context),)
    if last and _equal(running, last):
        return Outcome(Result.PASS, f"{stage} runs what this pipeline deployed", used=used)
    if _tried(case, running.digest, last):
        message = f"{stage} runs what this pipeline began to deploy"
        return Outcome(Result.PASS, message, used=used)
    if running.actor in params.allowed_actors:
        message = f"{running.actor} changed what runs in {stage}, and may"
        return Outcome(Result.PASS, message, used=used)
    by = f" by {running.actor}" if running.actor else ""
    since = f" since {clock(running.since, case.now)}" if running.since else ""
    what = f"{stage} runs {runs}{since}{by}"
    ttl = format_duration(params.break_glass_ttl)
    if running.since and case.now - running.since <= params.break_glass_ttl:
        message = f"{what}, not from this pipeline; the reason must be on record within {ttl}"
        return Outcome(Result.PASS, message, used=used)
    told = f"this pipeline deployed {short(last.digest)}" if last else "this pipeline deployed none"
    if last and last.digest == running.digest:
        told = f"with configuration {running.config_version}, this pipeline deployed {last.config}"
    cure = f"release through the pipeline again, or record the change within {ttl}"
    return Outcome(Result.FAIL, f"{what}; {told}", cure, used=used)


def _equal(running: Running, last: Deployed) -> bool:
    """Whether both are the same; a configuration that one side does not tell is not compared."""
    configs = {running.config_version, last.config} - {""}
    return running.digest == last.digest and len(configs) <= 1


RULE = Rule(
    id="pipeline-only-changes",
    number=8,
    title="Change production only through the pipeline",
    family=Family.HYGIENE,
    severity=Severity.HIGH,
    now=Enforcement.OBSERVE,
    target=Enforcement.WARN,
    params=PipelineOnlyChanges,
    docs=__doc__,
    gate=gate,
)

"""What gates read from a release record: evidence, runs of stages, and the facts to keep."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from policies.facts import Provenance
from policies.findings import Result
from policies.phrases import clock, listed
from policies.pipeline import Stage, StageKind
from policies.plain import instant_text
from policies.release import Context, Evidence, Release, StageRun
from policies.rule import Case, Outcome, Used

#: Words that reporters use for a suite that passed.
PASSED: Final = frozenset({"pass", "passed", "success", "succeeded"})


def observed(path: str, value: Any, at: datetime | None, source: str = "release record") -> Used:
    plain = instant_text(value) if isinstance(value, datetime) else value
    return Used(path, plain, Provenance.OBSERVED, source, at)


def declared(path: str, value: Any, source: str) -> Used:
    return Used(path, value, Provenance.DECLARED, source)


def evidence_used(evidence: Evidence) -> Used:
    value = {
        "result": evidence.result,
        "executed": evidence.executed,
        "failed": evidence.failed,
        "soft_failed": evidence.soft_failed,
        "commit": evidence.commit,
        "digest": evidence.digest,
    }
    suite = f".{evidence.name}" if evidence.name else ""
    return observed(f"evidence.{evidence.kind}{suite}", value, evidence.ended_at)


def latest_suites(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The last run of each suite in each stage: a repeated suite counts as it ended last."""
    last: dict[tuple[str, str, str], Evidence] = {}
    for each in evidence:
        key = (each.kind, each.stage, each.name)
        if key not in last or last[key].ended_at <= each.ended_at:
            last[key] = each
    return tuple(last.values())


def of_service(release: Release, kind: str) -> tuple[Evidence, ...]:
    """Evidence of a kind about any release of this pipeline, oldest first."""
    earlier = (each for old in release.context.earlier or () for each in old.evidence)
    found = [each for each in (*release.evidence, *earlier) if each.kind == kind]
    return tuple(sorted(found, key=lambda each: each.ended_at))


def only_touches(release: Release, classes: Iterable[str]) -> bool:
    """Whether all changes are known to touch nothing but files of these classes."""
    allowed = set(classes)
    touched = [change.files_class for change in release.changes]
    return bool(touched) and all(each and allowed.issuperset(each) for each in touched)


def ran_here(release: Release, evidence: Evidence) -> bool:
    """Whether the evidence is about this release's artifact: by digest, else by commit."""
    if evidence.digest:
        return evidence.digest == release.artifact.digest
    return bool(evidence.commit) and evidence.commit == release.artifact.commit


def prod_before(case: Case) -> tuple[Stage, ...]:
    return tuple(stage for stage in case.before if stage.is_prod)


def no_prod_before(case: Case) -> Outcome:
    message = f"no production stage comes directly before {case.stage.name}"
    return Outcome(Result.NOT_APPLICABLE, message)


def run_used(run: StageRun, *names: str) -> tuple[Used, ...]:
    """The named facts of one run, as they are stored with the decision."""
    seen = {
        "baked_s": run.bake_observed_at,
        "data_points": run.data_points.observed_at if run.data_points else None,
    }
    return tuple(
        observed(f"stage.{run.stage}.{name}", _plain(getattr(run, name)), seen.get(name))
        for name in names
    )


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool | datetime):
        return value
    return {"positive": value.positive, "negative": value.negative}


def together(parts: Sequence[Outcome]) -> Outcome:
    """Tell outcomes about several stages or suites as one.

    A failure outweighs an unknown, which outweighs a pass; all that weigh most are told. Waiting
    cures the whole only where it cures every failure, and an end that one part does not know, the
    whole does not know.
    """
    order = (Result.FAIL, Result.UNKNOWN, Result.PASS, Result.NOT_APPLICABLE)
    worst = next(each for each in order if any(part.result is each for part in parts))
    told = [part for part in parts if part.result is worst]
    waits = all(part.waits for part in told)
    ends = [part.until for part in told if part.until]
    return Outcome(
        worst,
        "; ".join(dict.fromkeys(part.message for part in told)),
        would_pass="; ".join(dict.fromkeys(part.would_pass for part in told if part.would_pass)),
        until=max(ends) if waits and len(ends) == len(told) else None,
        waits=waits,
        inferred=all(part.inferred for part in told),
        warns_only=all(part.warns_only for part in told),
        used=_all_used(parts),
    )


def _all_used(parts: Iterable[Outcome]) -> tuple[Used, ...]:
    """Every fact once, in the order of its first use."""
    kept: list[Used] = []
    for part in parts:
        kept.extend(used for used in part.used if used not in kept)
    return tuple(kept)


class Seen(Protocol):
    """A fact of the context that may say when it was observed, and by what."""

    @property
    def observed_at(self) -> datetime | None: ...
    @property
    def source(self) -> str: ...


def seen_used(path: str, value: Any, fact: Seen, context: Context) -> Used:
    """A fact of the context, as it is stored with the decision."""
    at = fact.observed_at or context.captured_at
    return observed(path, value, at, fact.source or context.source or "release record")


def too_old(
    case: Case, fact: Seen | None, oldest: timedelta, what: str, *used: Used
) -> Outcome | None:
    """The outcome of a fact that says nothing any more, or never said when it was seen.

    None where it is fresh. A fact of None is a list of the context, seen when that was captured.
    """
    at = (fact.observed_at if fact else None) or case.release.context.captured_at
    report = f"report {what}"
    if at is None:
        message = f"the report of {what} does not say when it was made"
        return Outcome(Result.UNKNOWN, message, report, used=used)
    if case.now - at > oldest:
        message = f"the last report of {what} is from {clock(at, case.now)}"
        return Outcome(Result.UNKNOWN, message, report, used=used)
    return None


def ran_in_prod(case: Case, run: StageRun) -> bool:
    """Whether a run was in production; a stage that the pipeline no longer has counts as such."""
    stage = case.pipeline.stage(run.stage)
    return stage is None or stage.kind.value in (StageKind.PROD, None) or not stage.kind.known


def unchanged(release: Release) -> bool:
    """Whether the release holds the commit that its base holds, so that nothing in it is new."""
    earlier = {each.id: each.commit for each in release.context.earlier or ()}
    base = earlier.get(release.base, release.base)
    return not release.changes and base == release.artifact.commit


def suites_named(evidence: Iterable[Evidence]) -> str:
    return listed(dict.fromkeys(each.name or each.kind for each in evidence))

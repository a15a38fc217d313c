"""Require a recorded human approval before production.

## Why it matters
Some organizations must be able to show who let a change reach customers. Then the word has to be
about this very artifact, from somebody who did not write it, given after the tests have spoken.

The first production stage, or a stage that stands directly before it, must ask for at least
`min_approvers` approvals. At the gate they must have been given for this digest, after the last
evidence, by people who wrote none of the included changes (`forbid_author`) and who have one of
`roles`, where any are named. An approval that has been waited for longer than `pending_max` is told
with that time. What an approver is shown is the matter of the approval page.

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: gamma, kind: preprod, deploy: hosts}
  - {name: cell-1, kind: prod, deploy: hosts}
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: gamma, kind: preprod, deploy: hosts}
  - {name: cell-1, kind: prod, deploy: hosts, approvals: {count: 1, forbid_author: true}}
```

## Not reported
Rollbacks. Emergencies, which are approved after the fact. Reviewers that stand in the settings of
an environment are unknown to a file.

## Sources
Required in the application pipeline of the AWS deployment pipeline reference architecture, and
asked for in the AWS DevOps guidance. The research of DORA prefers the review of peers, and an
approval from outside slows delivery without fewer failures; so the rule is off until a regulated
organization switches it on. Eight hours: ours.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from policies.durations import format_duration
from policies.facts import Fact
from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.paths import fitting, last_stops_bits, lowest
from policies.phrases import listed, short
from policies.pipeline import Approvals, Pipeline, Stage, StepKind
from policies.release import Approval
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param
from policies.steps import deploys, entries, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class ProdApproval(Params):
    min_approvers: int = param(
        1, "Fewest people who must approve.", unit=Unit.COUNT, stricter=Stricter.MORE
    )
    forbid_author: bool = param(
        default=True,
        help="Whether an author of an included change may not approve.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )
    roles: frozenset[str] = param(
        frozenset(),
        "Roles of which an approver must have one; without any, everybody may approve.",
        unit=Unit.WORDS,
        stricter=Stricter.NEITHER,
    )
    pending_max: timedelta = param(
        timedelta(hours=8),
        "How long an approval may be waited for before that is told.",
        unit=Unit.DURATION,
        stricter=Stricter.LESS,
    )


def lint(pipeline: Pipeline, params: ProdApproval) -> Iterator[Problem]:
    firsts = entries(pipeline)
    if not firsts:
        yield from without_production(pipeline)
    for first in firsts:
        yield from _unasked(pipeline, first, params)


def _unasked(pipeline: Pipeline, first: Stage, params: ProdApproval) -> Iterator[Problem]:
    # Stages that deploy nothing may carry the approval: a job that only waits for a person.
    places = [first, *_telling(pipeline, first)]
    if any(StepKind.APPROVAL in stage.kinds for stage in places):
        return
    asked = [stage.approvals for stage in places]
    where = f"stages/{first.name}/approvals"
    enough = [fact for fact in asked if _count(fact) >= params.min_approvers]
    if enough:
        yield from _by_authors(first, enough[0], where, params)
        return
    hidden = [fact for fact in asked if not fact.known]
    if hidden:
        why = hidden[0].note or "it is set elsewhere"
        message = f"whether somebody approves before {first.name} cannot be told: {why}"
        yield unclear(hidden[0].span, where, message)
        return
    most = max(_count(fact) for fact in asked)
    told = f"nobody has to approve before {first.name}"
    if most:
        told = f"{most} of {params.min_approvers} approvals are asked before {first.name}"
    yield Problem(
        first.span,
        where,
        told,
        f"Ask for {params.min_approvers} approvals before {first.name}, in its approvals or in a "
        "protected environment.",
        inferred=first.kind.inferred,
    )


def _telling(pipeline: Pipeline, first: Stage) -> tuple[Stage, ...]:
    """Of what stands in front of ``first`` those that ask somebody, and the first that may.

    Each of thousands of first stages may have thousands of others in front of it.
    """
    between = last_stops_bits(pipeline, [first])[1]
    hidden = lowest(between & fitting(pipeline, _may_ask))
    return pipeline.of_bits(between & fitting(pipeline, _asks) | hidden)


def _asks(stage: Stage) -> bool:
    return StepKind.APPROVAL in stage.kinds or bool(_count(stage.approvals))


def _may_ask(stage: Stage) -> bool:
    return not stage.approvals.known


def _count(fact: Fact[Approvals | None]) -> int:
    found = fact.or_else(None)
    return found.count if found else 0


def _by_authors(
    first: Stage, fact: Fact[Approvals | None], where: str, params: ProdApproval
) -> Iterator[Problem]:
    found = fact.or_else(None)
    if params.forbid_author and found and not found.forbid_author:
        yield Problem(
            fact.span,
            where,
            f"an author may approve the own change before {first.name}",
            "Set forbid_author to true.",
            inferred=fact.inferred or first.kind.inferred,
        )


def gate(case: Case, params: ProdApproval) -> Outcome:
    firsts = {stage.name for stage in case.pipeline.first if deploys(stage)}
    heads = {stage.name for stage in entries(case.pipeline)}
    if case.stage.name not in firsts & heads:
        message = f"the approval stands before the first production stage, not {case.stage.name}"
        return Outcome(Result.NOT_APPLICABLE, message)
    digest = case.release.artifact.digest
    about = [
        each
        for each in case.release.approvals
        if each.stage == case.stage.name and each.digest == digest
    ]
    used = tuple(
        observed(f"approvals.{each.by}", {"decision": each.decision, "role": each.role}, each.at)
        for each in about
    )
    rejected = [each.by for each in about if each.decision == "rejected"]
    if rejected:
        message = f"{listed(rejected)} rejected {short(digest)}"
        return Outcome(Result.FAIL, message, "mend what was rejected and release again", used=used)
    if params.forbid_author and not case.release.changes:
        message = "who wrote the changes of this release was not reported"
        return Outcome(Result.UNKNOWN, message, "report the changes with their authors", used=used)
    good = sorted({each.by for each in about if not _refused(case, each, params)})
    if len(good) >= params.min_approvers:
        return Outcome(Result.PASS, f"approved by {listed(good)}", used=used)
    told = f"{len(good)} of {params.min_approvers} approvals of {short(digest)}"
    reasons = [f"{each.by} {why}" for each in about if (why := _refused(case, each, params))]
    told += "".join(f"; {each}" for each in reasons) + _waited(case, params)
    who = f"a {listed(sorted(params.roles))}" if params.roles else "somebody"
    cure = f"ask {who} who wrote none of the changes to approve this digest"
    return Outcome(Result.FAIL, told, cure, waits=True, used=used)


def _refused(case: Case, approval: Approval, params: ProdApproval) -> str:
    """Why an approval does not count; empty where it does."""
    if params.forbid_author and approval.by in {each.author for each in case.release.changes}:
        return "wrote part of it"
    if params.roles and approval.role not in params.roles:
        return f"has the role {approval.role or 'of nobody'}"
    evidence = _last_evidence(case)
    if evidence and approval.at < evidence:
        return "approved before the last evidence"
    return ""


def _last_evidence(case: Case) -> datetime | None:
    return max((each.ended_at for each in case.release.evidence), default=None)


def _waited(case: Case, params: ProdApproval) -> str:
    """How long it has been waited for, where that is longer than it should be."""
    run = case.release.stage(case.stage.name)
    since = run.eligible_at if run else None
    if since is None or case.now - since <= params.pending_max:
        return ""
    return f"; it has been waited for {format_duration(case.now - since)}"


RULE = Rule(
    id="prod-approval",
    number=47,
    title="Require a recorded human approval before production",
    family=Family.CONTROL,
    severity=Severity.HIGH,
    now=Enforcement.OFF,
    target=Enforcement.OFF,
    params=ProdApproval,
    docs=__doc__,
    lint=lint,
    gate=gate,
    gate_family=GateFamily.APPROVAL,
)

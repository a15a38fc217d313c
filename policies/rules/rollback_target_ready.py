"""Confirm before deploying that the last good version can be redeployed.

## Why it matters
The way back is needed at the worst moment. An old image that was cleaned away, or settings that
nobody can bring back, are found out then, while customers wait.

Each production stage must keep at least `min_retained` earlier versions, because the cause of a
problem may be older than the last change. At the gate the version that would come back must be in
the trusted repository (when `verify_pull` is set), its configuration must be retrievable, it must
not be on the blocklist, and the release must not be one that only goes forward.

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
  hosts: {type: local, hosts: 3, retained: 0}
stages:
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
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
  hosts: {type: local, hosts: 3, retained: 5}
stages:
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
Deployments that declare `forward_only: true`. At the gate a first release, which replaces nothing,
and a rollback itself. A file that does not say how many versions are kept is unknown: a registry's
retention stands elsewhere.

## Sources
Preparing the way back before every deployment: what Amazon's builders publish on rollback safety,
and the AWS DevOps guidance, which also asks for any older version. Three versions: the example of
Argo Rollouts.
"""

from collections.abc import Iterator

from policies.findings import Enforcement, Problem, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed, together
from policies.phrases import short
from policies.pipeline import Pipeline, Stage
from policies.release import ChangeClass, ReleaseKind, RollbackTarget
from policies.rule import Case, Family, Outcome, Params, Rule, Stricter, Unit, Used, param
from policies.steps import deploys, not_applicable, unclear, without_production


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackTargetReady(Params):
    min_retained: int = param(
        3,
        "Fewest earlier versions that can be deployed again.",
        unit=Unit.COUNT,
        stricter=Stricter.MORE,
    )
    verify_pull: bool = param(
        default=True,
        help="Whether the last good version must have been looked up in the trusted repository.",
        unit=Unit.FLAG,
        stricter=Stricter.MORE,
    )


def lint(pipeline: Pipeline, params: RollbackTargetReady) -> Iterator[Problem]:
    stages = [stage for stage in pipeline.prod if deploys(stage)]
    if not stages:
        yield from without_production(pipeline)
    elif all(_forward_only(stage) for stage in stages):
        yield not_applicable(pipeline, "going back is declared impossible")
    else:
        for stage in stages:
            yield from _gone(stage, params)


def _forward_only(stage: Stage) -> bool:
    return bool(stage.deploy and stage.deploy.forward_only.value)


def _gone(stage: Stage, params: RollbackTargetReady) -> Iterator[Problem]:
    if _forward_only(stage):
        return
    where = f"stages/{stage.name}/retained"
    kept = stage.deploy.retained if stage.deploy else None
    if kept is None or not isinstance(kept.value, int):
        why = f": {kept.note}" if kept and kept.note else ""
        message = f"how many earlier versions of {stage.name} are kept cannot be told{why}"
        # An absent fact stands at the deployer, which several stages may share.
        hidden = kept is not None and not kept.known and bool(kept.span.path)
        yield unclear(kept.span if kept and hidden else stage.span, where, message)
    elif kept.value < params.min_retained:
        place = stage.environment or stage.name
        exists = "nothing exists" if kept.value == 0 else f"only {kept.value} exist"
        yield Problem(
            kept.span,
            where,
            f"{kept.value} earlier versions of {stage.name} are kept; "
            f"at least {params.min_retained}",
            f"Keep {params.min_retained} prior versions; right now {exists} to roll back to in "
            f"{place}.",
            inferred=kept.inferred,
        )


def gate(case: Case, params: RollbackTargetReady) -> Outcome:
    kind = case.release.kind
    if kind is ReleaseKind.FIRST:
        return Outcome(Result.NOT_APPLICABLE, "a first release replaces nothing")
    if kind is ReleaseKind.ROLLBACK:
        return Outcome(Result.NOT_APPLICABLE, "this release is the way back")
    if _forward_only(case.stage):
        return Outcome(Result.NOT_APPLICABLE, f"{case.stage.name} is declared to go only forward")
    return together([_reversible(case), *_ready(case, params)])


def _reversible(case: Case) -> Outcome:
    compat = case.release.compat
    if compat and compat.change_class is ChangeClass.ONE_WAY:
        message = "this release changes data in a way that cannot be undone"
        cure = "split the change in two, or declare the stage `forward_only`"
        used = observed("compat.change_class", compat.change_class.value, None)
        return Outcome(Result.FAIL, message, cure, used=(used,))
    return Outcome(Result.PASS, "no change of this release is declared to be one way")


def _ready(case: Case, params: RollbackTargetReady) -> list[Outcome]:
    stage = case.stage.name
    targets = [each for each in case.release.context.rollback_targets or () if each.stage == stage]
    if not targets:
        message = f"nobody reported what {stage} would go back to"
        return [Outcome(Result.UNKNOWN, message, "report the last good version and look it up")]
    return [_judge(case, each, params) for each in targets]


def _judge(case: Case, target: RollbackTarget, params: RollbackTargetReady) -> Outcome:
    name, used = short(target.digest), (_used(target),)
    entries = [each for each in case.blocklist or () if each.digest == target.digest]
    if entries:
        message = f"{name}, to which {target.stage} would go back, is on the blocklist"
        cure = f"name a version that {entries[0].id} does not forbid"
        return Outcome(Result.FAIL, message, cure, used=used)
    pulled, config = target.found if params.verify_pull else True, target.config_found
    for known, what in ((pulled, "version"), (config, "configuration of")):
        if known is False:
            message = f"the {what} {name}, to which {target.stage} would go back, cannot be had"
            return Outcome(Result.FAIL, message, "bring it back into the repository", used=used)
    few = target.retained is not None and target.retained < params.min_retained
    if few:
        message = f"{target.retained} earlier versions are kept; at least {params.min_retained}"
        return Outcome(Result.FAIL, message, "keep more versions before they are needed", used=used)
    if pulled is None or config is None:
        what = "version" if pulled is None else "configuration of"
        message = f"nobody looked whether the {what} {name} can be had"
        return Outcome(Result.UNKNOWN, message, "look it up before deploying", used=used)
    return Outcome(Result.PASS, f"{target.stage} can go back to {name}", used=used)


def _used(target: RollbackTarget) -> Used:
    value = {
        "digest": target.digest,
        "found": target.found,
        "config_found": target.config_found,
        "retained": target.retained,
    }
    path = f"context.rollback_targets.{target.stage}"
    return observed(path, value, target.observed_at, target.source or "release record")


RULE = Rule(
    id="rollback-target-ready",
    number=7,
    title="Confirm before deploying that the last good version can be redeployed",
    family=Family.HYGIENE,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=RollbackTargetReady,
    docs=__doc__,
    lint=lint,
    gate=gate,
)

"""Give pipeline jobs only the rights they need.

## Why it matters
A pipeline holds the keys to production, and every step of it, ours or others', runs with the rights
of its job. Rights that are not needed are rights that an attacker gets; and a job that runs what a
stranger wrote, with secrets at hand, hands them over.

The default token may only read (`default_permissions`), so that a job asks for each right to write.
Stored keys of a cloud are replaced by credentials that live for minutes (`static_cloud_keys`).
Content that nobody has reviewed never runs with rights or secrets (`untrusted_triggers`).

## Fails
```yaml
on: pull_request_target
permissions: {contents: read}
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with: {ref: "${{ github.event.pull_request.head.sha }}"}
      - run: make test
```

## Passes
```yaml
on: pull_request
permissions: {contents: read}
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: make test
```

## Not reported
Rights that a job asks for itself. Tools whose rights stand in settings are unknown there. Files of
Bakegate's own format, whose steps hold no token.

## Sources
The checks Token-Permissions and Dangerous-Workflow of OpenSSF Scorecard, the roles across accounts
of the AWS deployment pipeline reference architecture, and the AWS DevOps guidance, which treats
pipelines as resources of production.
"""

from collections.abc import Iterator
from typing import Final

from policies.facts import placed
from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.guards import Permissions
from policies.patterns import pattern
from policies.phrases import listed
from policies.pipeline import Pipeline, Stage, Step
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import not_applicable, unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastPrivilegeCi(Params):
    default_permissions: str = param(
        "read",
        "What the token of a job may do that asks for nothing.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("read", "any"),
    )
    static_cloud_keys: str = param(
        "forbid",
        "Whether stored keys of a cloud are accepted.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("forbid", "allow"),
    )
    untrusted_triggers: str = param(
        "forbid_with_secrets",
        "Whether content that nobody reviewed may run with rights or secrets.",
        unit=Unit.WORD,
        stricter=Stricter.NEITHER,
        allowed=("forbid_with_secrets", "allow"),
    )


#: Names under which long-lived keys of clouds are stored by common use.
_KEYS: Final = pattern(
    r"(?:^|_)(?:AWS_(?:SECRET_)?ACCESS_KEY(?:_ID)?|AZURE_CREDENTIALS|AZURE_CLIENT_SECRET"
    r"|GCP_(?:SA|SERVICE_ACCOUNT)_KEY|GCLOUD_SERVICE_KEY|GOOGLE_(?:APPLICATION_)?CREDENTIALS"
    r"|DIGITALOCEAN_ACCESS_TOKEN|KUBE_?CONFIG(?:_\w+)?)$"
)
#: How readers write the right to write everything.
_ALL: Final = "*"
_OWN: Final = "bakegate"


def lint(pipeline: Pipeline, params: LeastPrivilegeCi) -> Iterator[Problem]:
    if pipeline.format == _OWN:
        yield not_applicable(pipeline, "steps of Bakegate's own executor hold no token")
        return
    if params.default_permissions == "read":
        yield from _default(pipeline)
    for stage in pipeline.stages:
        if params.untrusted_triggers != "allow":
            yield from _untrusted(stage)
        if params.static_cloud_keys == "forbid":
            yield from _keys(stage)


def _default(pipeline: Pipeline) -> Iterator[Problem]:
    silent = [
        each for each in pipeline.stages if not isinstance(each.permissions.value, Permissions)
    ]
    told = placed(pipeline.permissions, pipeline.span)
    where = "permissions"
    found = told.or_else(None)
    if found and found.writes:
        rights = "everything" if _ALL in found.writes else listed(sorted(found.writes))
        yield Problem(
            found.span,
            where,
            f"every job may write {rights} unless it says otherwise",
            "Set the default to read, and let each job ask for what it writes.",
            inferred=told.inferred,
        )
    elif found is None and told.inferred and (silent or not pipeline.stages):
        why = told.note or "it is set elsewhere"
        message = f"what the token of a job may do cannot be told: {why}"
        yield unclear(told.span, where, message, "Say it in the file: a default that only reads.")


def _untrusted(stage: Stage) -> Iterator[Problem]:
    for step in stage.steps:
        construct = step.untrusted.or_else(None)
        if construct:
            yield Problem(
                step.untrusted.span,
                f"stages/{stage.name}/steps/{step.name.or_else('')}/untrusted",
                f"{stage.name} runs what nobody reviewed, with rights or secrets: {construct}",
                "Use a trigger without rights for it, or split the job into an unprivileged build "
                "and a trusted deploy; hand text to scripts through the environment.",
                inferred=step.untrusted.inferred,
            )


def _keys(stage: Stage) -> Iterator[Problem]:
    told: set[str] = set()
    for step in stage.steps:
        names = [each for each in step.secrets if _KEYS.search(each.upper()) and each not in told]
        if names:
            told.update(names)
            yield _stored(stage, step, names)


def _stored(stage: Stage, step: Step, names: list[str]) -> Problem:
    return Problem(
        step.name.span,
        f"stages/{stage.name}/secrets/{'+'.join(sorted(names))}",
        f"{stage.name} uses stored cloud keys: {listed(names)}",
        "Let the job ask the cloud for credentials that live for minutes (OpenID Connect), and "
        "delete the stored keys.",
        # The name of a secret says what is in it only by habit.
        inferred=True,
    )


RULE = Rule(
    id="least-privilege-ci",
    number=64,
    title="Give pipeline jobs only the rights they need",
    family=Family.INTEGRITY,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=LeastPrivilegeCi,
    docs=__doc__,
    lint=lint,
)

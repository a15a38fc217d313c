"""Name the owning team, on-call, tier and time-to-remediate.

## Why it matters
When a release goes wrong at the third wave, somebody has to be paged, and somebody has to know how
much harm an hour means. Both are looked up in the file, not asked around.

The rule asks for each of `fields`: the team, who is on call, the tier, the channel, and `ttr`, the
time that a repair usually takes. In the files of other tools the overlay `bakegate.yaml` says
them.

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
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
tier: 1
owner: {team: orders, oncall: orders-primary, channel: orders, ttr: 1h}
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: package, kind: build, run: ./package dist/app.tar.gz}
  artifact: dist/app.tar.gz
deployers:
  hosts: {type: local, hosts: 3}
stages:
  - {name: cell-1, kind: prod, wave: 1, deploy: hosts}
```

## Not reported
The files of other tools have no word for an owner. Until their overlay names one, who owns them is
unknown; from then on what the overlay leaves out is missing.

## Sources
A single team that owns the consequences of its releases, and a pace set by impact and time to
remediate: practices that Amazon's builders describe.
"""

from collections.abc import Iterator
from datetime import timedelta

from policies.facts import Fact, Provenance
from policies.findings import Enforcement, Problem, Severity
from policies.frozen import dataclass
from policies.phrases import listed
from policies.pipeline import Pipeline
from policies.rule import Family, Params, Rule, Stricter, Unit, param
from policies.steps import unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerDeclared(Params):
    fields: frozenset[str] = param(
        frozenset({"team", "oncall", "tier", "ttr", "channel"}),
        "What must be said about who answers for the pipeline.",
        unit=Unit.WORDS,
        stricter=Stricter.SUPERSET,
        allowed=("team", "oncall", "tier", "ttr", "channel"),
    )


def lint(pipeline: Pipeline, params: OwnerDeclared) -> Iterator[Problem]:
    facts = {name: fact for name, fact in _facts(pipeline).items() if name in params.fields}
    # Zero is a tier.
    silent = [name for name, fact in facts.items() if not fact.value and fact.value != 0]
    # Other tools' files have no word for an owner: nothing is missing until an overlay names one.
    spoken = pipeline.format == "bakegate" or any(
        fact.provenance is Provenance.OVERLAY for fact in facts.values()
    )
    missing = [name for name in silent if spoken and facts[name].known]
    hidden = [name for name in silent if name not in missing]
    fix = (
        "Name the team that is paged when this release goes wrong, and its tier, "
        f"in {_file(pipeline)}."
    )
    if missing:
        yield Problem(
            pipeline.span,
            "owner",
            f"{pipeline.name} does not say its {listed(missing)}",
            fix,
            inferred=any(facts[name].inferred for name in missing),
        )
    if hidden:
        message = f"the {listed(hidden)} of {pipeline.name} cannot be told from this file"
        yield unclear(pipeline.span, "owner", message, fix)


def _facts(
    pipeline: Pipeline,
) -> dict[str, Fact[str | None] | Fact[int | None] | Fact[timedelta | None]]:
    owner = pipeline.owner
    return {
        "team": owner.team,
        "oncall": owner.oncall,
        "tier": pipeline.tier,
        "ttr": owner.ttr,
        "channel": owner.channel,
    }


def _file(pipeline: Pipeline) -> str:
    return pipeline.span.path if pipeline.format == "bakegate" else "bakegate.yaml"


RULE = Rule(
    id="owner-declared",
    number=65,
    title="Name the owning team, on-call, tier and time-to-remediate",
    family=Family.OWNERSHIP,
    severity=Severity.HIGH,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=OwnerDeclared,
    docs=__doc__,
    lint=lint,
)

"""What the tests and benchmarks of the executor promote: an organization and a pipeline."""

#: Rules under which a release is through within minutes.
RULES = """\
schema: bakegate/ruleset/v1
name: corner
extends: [starter]
rules:
  unit-tests: block
  bake-time: {enforcement: block, parameters: {onebox: 60s, first_wave: 60s, later_wave: 60s}}
  min-data-points: {enforcement: block, parameters: {min_positive: 10}}
  alarm-block: {parameters: {clear_for: 1s}}
  rolled-back-revision: block
"""
PIPELINE = """\
schema: bakegate/pipeline/v1
name: shop
organization: corner
kind: app
tier: 1
owner: {team: orders, oncall: orders, channel: orders, ttr: 1h}
source: {repository: ., branch: main, start: push}
build:
  steps:
    - {name: unit, kind: unit, run: ./unit, reports: {junit: reports/unit.xml}}
  artifact: dist/app.tar.gz
alarms:
  errors: {negative_ratio: 5%, minimum: 5, periods: 1 of 3, period: 10s, missing: unknown,
           scope: service}
deployers:
  hosts: {type: local, hosts: 3, batch: 1, min_healthy: 2, deadline: 10m,
          rollback_on: [failure, deadline, alarm],
          hooks: {stop: ./stop, start: ./start, validate: ./validate}}
stages:
  - name: beta
    kind: test
    deploy: hosts
    tests: [{name: api, kind: integration, run: ./integration}]
  - name: one-box
    kind: prod
    wave: 1
    exposure: 1%
    deploy: {use: hosts, hosts: 1}
    bake: {time: 60s, alarms: [errors], on_alarm: rollback, data_points: {positive: 10, negative:
    0}}
  - name: cell-1
    kind: prod
    wave: 1
    deploy: hosts
    bake: {time: 60s, alarms: [errors], on_alarm: rollback}
"""


def organization(rules: str = RULES) -> dict[str, str]:
    """The files of an organization of one node with these rules."""
    root = "schema: bakegate/organization/v1\nname: corner\nruleset: rules.yaml\n"
    return {"organization.yaml": root, "rules.yaml": rules}


def pipeline(**changes: tuple[str, str]) -> str:
    """The pipeline with other words in some places, each named by what it is for."""
    text = PIPELINE
    for what, (old, new) in changes.items():
        if old not in text:
            raise ValueError(f"{what}: the pipeline does not say {old!r}")
        text = text.replace(old, new)
    return text

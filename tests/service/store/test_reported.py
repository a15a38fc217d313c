"""Which reported alarms concern a stage."""

from datetime import UTC, datetime

import pytest

from policies.formats import read_pipelines
from service.store.reported import at_stage
from service.store.tables import ReportedRow

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TEXT = b"""\
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
build:
  steps: [{name: unit, kind: unit, run: ./unit}]
  artifact: dist/app.tar.gz
deployers: {hosts: {type: local, hosts: 2, batch: 1}}
stages:
  - {name: wave-1, kind: prod, deploy: hosts, targets: [{name: cell-1, region: eu, zone: a}]}
  - {name: wave-2, kind: prod, deploy: hosts, targets: [{name: cell-2, region: us, zone: a}]}
"""


@pytest.mark.parametrize(
    ("reach", "place", "stages"),
    [
        ("service", "", ["wave-1", "wave-2"]),
        ("org", "", ["wave-1", "wave-2"]),
        ("region", "eu", ["wave-1"]),
        ("zone", "us/a", ["wave-2"]),
        ("zone", "a", []),
        ("target", "cell-1", ["wave-1"]),
        ("target", "wave-2", ["wave-2"]),
    ],
)
def test_an_alarm_concerns_the_stages_of_its_place(
    reach: str, place: str, stages: list[str]
) -> None:
    row = ReportedRow(
        name="power",
        reach=reach,
        pipeline="",
        organization="",
        place=place,
        level="alarm",
        severity="high",
        by="watcher",
        since=AT,
        reported_at=AT,
    )
    (pipeline,) = read_pipelines(TEXT, "pipeline.yaml").pipelines
    found = [each.name for each in pipeline.prod if at_stage([row], each)]
    assert found == stages

"""``bakegate report compliance``: who follows which rule, rule by rule from the database."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import Result

from service.store.engines import open_engines
from service.store.schema import upgrade
from service.store.tables import Blob, LintRow, OrganizationRow, PipelineRow
from tests.twins.shop import organization

Bakegate = Callable[..., Result]

#: More rules than are read at once.
RULES = [f"rule-{letter}" for letter in "abcdef"]
PLACES = {"bakery": "corner", "dairy": "corner/cold", "shop": "corner"}


def pipeline(name: str) -> PipelineRow:
    node = PLACES[name]
    return PipelineRow(name=name, organization=node, repository=".", path="p", definition="d")


def said(name: str, rule: str) -> LintRow:
    result = "fail" if (name, rule) in {("dairy", "rule-a"), ("shop", "rule-f")} else "pass"
    return LintRow(pipeline=name, rule=rule, result=result, enforcement="warn", fingerprints=[])


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'bakegate.db'}"
    engines = open_engines(url)
    upgrade(engines.write)
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    with engines.transaction() as session:
        session.add(Blob(digest="d", text="x"))
        session.add(OrganizationRow(files=organization(), at=at, actor="ada"))
        session.flush()
        session.add_all(pipeline(name) for name in PLACES)
        session.flush()
        session.add_all(said(name, rule) for name in PLACES for rule in RULES)
    engines.dispose()
    return url


def test_every_rule_is_a_row(bakegate: Bakegate, database: str) -> None:
    done = bakegate("report", "compliance", "--database", database)
    assert done.stdout.splitlines() == [
        "rule        pass      fail   unknown    waived  fails in",
        "rule-a         2         1         0         0  dairy",
        "rule-b         3         0         0         0",
        "rule-c         3         0         0         0",
        "rule-d         3         0         0         0",
        "rule-e         3         0         0         0",
        "rule-f         2         1         0         0  shop",
    ]


def test_machines_and_spreadsheets_get_the_same(bakegate: Bakegate, database: str) -> None:
    asked = ("report", "compliance", "--database", database, "--org")
    text = bakegate(*asked, "corner/cold", "--format", "json").stdout
    found = json.loads(text)
    assert text == json.dumps(found, indent=2) + "\n"
    assert [(each["rule"], each["fail"]) for each in found["rules"]][:2] == [
        ("rule-a", 1),
        ("rule-b", 0),
    ]
    assert found["rules"][5]["pipelines"] == {"dairy": "pass"}
    nobody = bakegate(*asked, "elsewhere", "--format", "json").stdout
    assert nobody == json.dumps({"organization": "elsewhere", "rules": []}, indent=2) + "\n"
    lines = bakegate(*asked, "corner", "--format", "csv").stdout.splitlines()
    assert (lines[1], lines[6]) == ("rule-a,2,1,0,0,dairy", "rule-f,2,1,0,0,shop")

"""Custom rules in the service: registered with the organization, asked at gates, stored."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from json import loads

import pytest

from policies.engine.gate import recompute
from policies.rego.embedded import Embedded
from policies.rego.port import Rego
from policies.rego.server import server
from policies.rego.settings import RegoSettings
from service.errors import Invalid
from service.executor.executor import Executor
from service.store.engines import open_engines
from service.store.read import decision_inputs
from service.store.schema import upgrade
from tests.service.executor.conftest import ORGANIZATION, PIPELINE, Field
from tests.twins.ports import (
    MemoryBuilder,
    MemoryDeployer,
    MemoryNotifier,
    MemoryTester,
    MovableClock,
    memory_ports,
)

RULE = """\
# METADATA
# title: No release of the letter b
# custom:
#   id: no-letter-b
#   severity: low
#   owner: release-engineering
#   docs: It is an example.
#   fix: Take another letter.
#   parameters: {}
package rules

import rego.v1

gate contains finding if {
	startswith(input.release.artifact.commit, "b")
	finding := {"path": ["release", "artifact", "commit"], "message": "it begins with b"}
}
"""
FILES = {
    **ORGANIZATION,
    "rules.yaml": ORGANIZATION["rules.yaml"] + "  no-letter-b: block\ncustom: [no-letter-b.rego]\n",
    "no-letter-b.rego": RULE,
}

Opened = Callable[[Rego], Field]


@pytest.fixture
def opened(database: str) -> Iterator[Opened]:
    """Gives a field whose executor asks an engine."""
    fields: list[Field] = []

    def make(rego: Rego) -> Field:
        engines = open_engines(database)
        upgrade(engines.write)
        clock = MovableClock()
        builder, deployer, tester = MemoryBuilder(), MemoryDeployer(), MemoryTester()
        told = MemoryNotifier()
        ports = replace(memory_ports(clock, builder, deployer, tester, told), rego=rego)
        executor = Executor(engines, ports)
        executor.register_organization(FILES, "tester")
        executor.register_pipeline(PIPELINE, "pipeline.yaml", ".", "tester")
        executor.ground.durable.launch(executor)
        fields.append(Field(executor, clock, builder, deployer, tester, engines, told))
        return fields[-1]

    yield make
    for each in fields:
        each.executor.ground.durable.stop(0)
        each.engines.dispose()


@pytest.fixture
def embedded() -> Iterator[Rego]:
    rego = Embedded(30.0)
    yield rego
    rego.close()


@pytest.fixture
def nobody() -> Iterator[Rego]:
    """An OPA at an address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        rego = server(RegoSettings(url=f"http://127.0.0.1:{taken.getsockname()[1]}"))
        yield rego
        rego.close()


def said(field: Field, name: str) -> tuple[str, str, str]:
    (result,) = [
        each
        for each in field.executor.decision(name).message["results"]
        if each["rule"] == "no-letter-b"
    ]
    return result["result"], result["verdict"], result["message"]


def decided(field: Field, release: str, stage: str) -> str:
    """The name of the newest decision about a release entering a stage."""
    names = [
        str(event.data["decision"])
        for event in field.release(release).events
        if event.kind == "gate.decided" and event.stage == stage
    ]
    return names[-1]


@pytest.mark.both_databases
def test_a_custom_rule_stops_a_release_and_lets_others_go(opened: Opened, embedded: Rego) -> None:
    field = opened(embedded)
    good = field.submit("a")
    assert field.state(good, "one-box") == "baking"
    assert said(field, decided(field, good, "one-box")) == ("pass", "allow", "nothing found")
    bad = field.submit("b")
    name = decided(field, bad, "one-box")
    assert said(field, name) == ("fail", "block", "it begins with b")
    assert field.state(bad, "one-box") != "baking"
    with field.engines.reading() as session:
        stored = decision_inputs(session, name)
    assert recompute(loads(stored)).digest == field.executor.decision(name).message["digest"]


def test_an_engine_that_is_away_holds_and_is_asked_again(opened: Opened, nobody: Rego) -> None:
    field = opened(nobody)
    release = field.submit("a")
    result, verdict, message = said(field, decided(field, release, "one-box"))
    assert (result, verdict) == ("unknown", "hold")
    assert "cannot be reached" in message
    assert field.state(release, "one-box") == "waiting"


def test_a_module_that_breaks_the_contract_is_refused(field: Field) -> None:
    files = {**FILES, "no-letter-b.rego": RULE.replace("owner:", "ownr:")}
    with pytest.raises(Invalid) as caught:
        field.executor.register_organization(files, "tester")
    assert "no-letter-b.rego:6:5: unknown key 'ownr'" in str(caught.value.issues[1])

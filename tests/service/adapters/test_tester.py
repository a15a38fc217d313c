"""CommandTester: real commands from a real commit, against each host that is in service."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final

import pytest

from policies.formats import read_pipelines
from policies.release import Evidence
from service.adapters.git import GitRepository
from service.adapters.tester import CommandTester
from service.promotions import ports
from tests.twins.ports import START, MemoryDeployer, MovableClock
from tests.twins.web import served

DIGEST: Final = f"sha256:{'a' * 64}"
REPORT: Final = '<testsuite><testcase name="a"/><testcase name="b"/></testsuite>'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "report.xml").write_text(REPORT, encoding="utf-8")
    identity = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    for command in (("init", "-q", "-b", "main"), ("add", "-A"), (*identity, "commit", "-qm", "x")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture
def deployer() -> MemoryDeployer:
    """Two hosts run what is tested."""
    return MemoryDeployer(placed={("shop", "beta", "beta"): [DIGEST, DIGEST]})


@pytest.fixture
def tester(tmp_path: Path, deployer: MemoryDeployer) -> CommandTester:
    return CommandTester(tmp_path / "tests", deployer, GitRepository(), MovableClock())


def order_of(source: Path, tests: str) -> ports.TestOrder:
    """An order for ``tests``, the inside of a YAML list."""
    text = f"""\
schema: bakegate/pipeline/v1
name: shop
organization: corner
source: {{repository: ., branch: main, start: push}}
stages: [{{name: beta, kind: test, tests: [{tests}]}}]
"""
    read = read_pipelines(text.encode(), "pipeline.yaml")
    assert read.problems == ()
    return ports.TestOrder(
        key="shop:1/beta/beta:test",
        release="shop:1",
        pipeline="shop",
        stage="beta",
        target="beta",
        digest=DIGEST,
        commit=GitRepository().head(str(source), "main"),
        steps=read.pipelines[0].stages[0].steps,
        repository=str(source),
    )


def test_every_host_is_tested_and_the_counts_add_up(
    source: Path, tester: CommandTester, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    run = f'echo "$BAKEGATE_URL" >> {asked}; cp report.xml out.xml'
    tests = f"{{name: api, kind: integration, run: '{run}', reports: {{junit: out.xml}}}}"
    order = order_of(source, tests)
    result = tester.run(order)
    assert (result.ok, result.message) == (True, "1 of 1 tests passed against 2 hosts of beta")
    assert asked.read_text(encoding="utf-8") == "memory://0\nmemory://1\n"
    assert result.evidence == (
        Evidence(
            kind="integration",
            stage="beta",
            digest=DIGEST,
            commit=order.commit,
            result="pass",
            ended_at=START,
            executed=4,
            failed=0,
            name="api",
        ),
    )


def test_a_failure_names_the_host_and_ends_the_tests(source: Path, tester: CommandTester) -> None:
    tests = (
        "{name: api, kind: integration, run: test $BAKEGATE_URL = memory://0},"
        "{name: load, kind: load, run: 'true'}"
    )
    result = tester.run(order_of(source, tests))
    expected = "test api failed in beta: 1: it ended with exit code 1"
    assert (result.ok, result.message) == (False, expected)
    assert [(each.name, each.result) for each in result.evidence] == [("api", "fail")]


def test_a_soft_failure_is_kept_and_the_tests_go_on(source: Path, tester: CommandTester) -> None:
    tests = (
        "{name: api, kind: integration, run: 'false', soft_fail: true},"
        "{name: load, kind: load, run: 'true'}"
    )
    result = tester.run(order_of(source, tests))
    assert (result.ok, result.message) == (True, "1 of 2 tests passed against 2 hosts of beta")
    assert [each.soft_failed for each in result.evidence] == [True, False]


def test_a_test_that_executed_nothing_fails(source: Path, tester: CommandTester) -> None:
    run = "'echo \"<testsuite/>\" > out.xml'"
    tests = f"{{name: api, kind: integration, run: {run}, reports: {{junit: out.xml}}}}"
    result = tester.run(order_of(source, tests))
    told = "test api failed in beta: 0: no test was executed; 1: no test was executed"
    assert result.message == told


class App(BaseHTTPRequestHandler):
    """Answers what its version says, and wrongly the first time where it is flaky."""

    flaky = True

    def do_GET(self) -> None:
        good = self.path == "/good" or (self.path == "/flaky" and not App.flaky)
        App.flaky = False
        self.send_response(200 if good else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests look at results."""


@pytest.fixture
def address() -> Iterator[str]:
    App.flaky = True
    with served(App) as found:
        yield found


class Served(MemoryDeployer):
    """Two hosts that really answer, at one address."""

    url = ""

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[ports.Host, ...]:
        return tuple(replace(each, url=self.url) for each in super().hosts(pipeline, stage, target))


@pytest.fixture
def asking(tmp_path: Path, address: str) -> CommandTester:
    deployer = Served(placed={("shop", "beta", "beta"): [DIGEST, DIGEST]})
    deployer.url = address
    return CommandTester(tmp_path / "tests", deployer, GitRepository(), MovableClock())


def test_each_request_of_a_suite_is_a_test_of_each_host(
    source: Path, asking: CommandTester
) -> None:
    suite = "requests: [{get: /good}, {get: /bad, expect: {status: 500}}]"
    result = asking.run(order_of(source, f"{{name: api, kind: integration, {suite}}}"))
    assert (result.ok, result.message) == (True, "1 of 1 tests passed against 2 hosts of beta")
    assert [(each.executed, each.failed) for each in result.evidence] == [(4, 0)]


def test_a_suite_tells_the_answers_that_were_wrong(source: Path, asking: CommandTester) -> None:
    suite = "requests: [{get: /good}, {get: /bad}]"
    result = asking.run(order_of(source, f"{{name: api, kind: integration, {suite}}}"))
    told = "GET /bad: answered 500, 200 is expected"
    assert result.message == f"test api failed in beta: 0: {told}; 1: {told}"
    assert [(each.result, each.executed, each.failed) for each in result.evidence] == [
        ("fail", 4, 2)
    ]


def test_a_suite_is_tried_again_and_the_tries_are_counted(
    source: Path, asking: CommandTester
) -> None:
    suite = "requests: [{get: /flaky}], retries: 2"
    result = asking.run(order_of(source, f"{{name: api, kind: smoke, {suite}}}"))
    assert [(each.result, each.retries) for each in result.evidence] == [("pass", 1)]


def test_a_known_key_is_answered_and_not_run_again(
    source: Path, tester: CommandTester, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    order = order_of(source, f"{{name: api, kind: integration, run: 'echo x >> {count}'}}")
    assert tester.run(order) == tester.run(order)
    assert count.read_text(encoding="utf-8") == "x\nx\n", "once for each of two hosts"


def test_no_host_in_service_fails(
    source: Path, tester: CommandTester, deployer: MemoryDeployer
) -> None:
    deployer.placed.clear()
    result = tester.run(order_of(source, "{name: api, kind: integration, run: 'true'}"))
    assert (result.ok, result.message) == (False, "beta: no host is in service")


def test_a_host_that_runs_something_else_fails(
    source: Path, tester: CommandTester, deployer: MemoryDeployer
) -> None:
    deployer.placed["shop", "beta", "beta"][1] = "sha256:other"
    result = tester.run(order_of(source, "{name: api, kind: integration, run: 'true'}"))
    assert (result.ok, result.message) == (False, "beta: 1 runs sha256:other")


def test_an_unknown_commit_is_a_result(source: Path, tester: CommandTester) -> None:
    order = order_of(source, "{name: api, kind: integration, run: 'true'}")
    result = tester.run(replace(order, commit="f" * 40))
    assert result.message == f"{source} has no commit {'f' * 40}; is it pushed?"

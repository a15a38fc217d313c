"""LocalBuilder: real clones, real steps, evidence, packages and digests."""

import hashlib
import json
import subprocess
import threading
from pathlib import Path
from typing import Final

import pytest

from policies.formats import read_pipelines
from policies.release import Component, Danger, Evidence, Sbom, Vulnerability
from service.adapters.artifacts import ArtifactStore
from service.adapters.builder import LocalBuilder
from service.adapters.git import GitRepository
from service.adapters.kept import Room
from service.promotions.ports import BuildOrder, BuildResult
from tests.twins.ports import START, MovableClock

PASSING: Final = (
    '<testsuite><testcase name="a"/><testcase name="b"><skipped/></testcase></testsuite>'
)
FAILING: Final = (
    '<testsuites><testsuite><testcase name="a"><failure/></testcase><testcase name="b"/>'
    "</testsuite></testsuites>"
)
EMPTY: Final = '<testsuite><testcase name="a"><skipped/></testcase></testsuite>'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A repository with one file; ``data`` is all that there is to package."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "data").write_text("data", encoding="utf-8")
    for name, text in (("passing", PASSING), ("failing", FAILING), ("empty", EMPTY)):
        (folder / f"{name}.xml").write_text(text, encoding="utf-8")
    identity = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    for command in (("init", "-q", "-b", "main"), ("add", "-A"), (*identity, "commit", "-qm", "x")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def commit_of(source: Path) -> str:
    return GitRepository().head(str(source), "main")


def order_of(source: Path, steps: str, *, artifact: str = "data", more: str = "") -> BuildOrder:
    """An order to build the newest commit by ``steps``, the inside of a YAML list."""
    text = f"""\
schema: bakegate/pipeline/v1
name: shop
organization: corner
source: {{repository: ., branch: main, start: push}}
build:
  steps: [{steps}]
  artifact: {artifact}
  {more}
stages: [{{name: check, kind: test}}]
"""
    read = read_pipelines(text.encode(), "pipeline.yaml")
    assert read.problems == ()
    pipeline = read.pipelines[0]
    stage = pipeline.stages[0]
    return BuildOrder("shop:1:build", "shop:1", pipeline, stage, str(source), commit_of(source))


@pytest.fixture
def builder(tmp_path: Path) -> LocalBuilder:
    store = ArtifactStore(tmp_path / "artifacts")
    return LocalBuilder(tmp_path / "builds", store, GitRepository(), MovableClock())


def test_the_artifact_is_stored_by_the_digest_of_its_bytes(
    source: Path, builder: LocalBuilder
) -> None:
    built = builder.build(order_of(source, "{name: p, kind: build, run: 'echo more >> data'}"))
    assert built.ok, built.message
    assert built.artifact is not None
    content = b"datamore\n"
    assert built.artifact.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert Path(built.artifact.path).read_bytes() == content
    assert (built.artifact.size, built.artifact.sbom) == (len(content), None)
    assert built.message == f"built {commit_of(source)[:12]}; no report told how many tests ran"


def test_tests_leave_evidence_and_other_steps_none(source: Path, builder: LocalBuilder) -> None:
    steps = (
        "{name: unit, kind: unit, run: cp passing.xml out.xml, reports: {junit: out.xml}},"
        "{name: package, kind: build, run: 'true'}"
    )
    built = builder.build(order_of(source, steps))
    assert built.evidence == (
        Evidence(
            kind="unit",
            stage="build",
            digest="",
            commit=commit_of(source),
            result="pass",
            ended_at=START,
            executed=1,
            failed=0,
            name="unit",
        ),
    )
    assert built.message == f"built {commit_of(source)[:12]}; 1 test ran"


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        ("cp failing.xml out.xml", "1 of 2 tests failed"),
        ("cp empty.xml out.xml", "no test was executed"),
        ("'true'", "out.xml was not written"),
        ("'echo \"<a\" > out.xml'", "out.xml is no readable XML: "),
        ("'echo \"<a/>\" > out.xml'", "out.xml is no JUnit report: its root is <a>"),
        ("'echo told; exit 3'", "it ended with exit code 3; it last printed: told"),
        ("'cp passing.xml out.xml; exit 3'", "it ended with exit code 3"),
    ],
)
def test_a_failed_test_step_fails_the_build(
    source: Path, builder: LocalBuilder, run: str, problem: str
) -> None:
    steps = (
        f"{{name: unit, kind: unit, run: {run}, reports: {{junit: out.xml}}}},"
        "{name: package, kind: build, run: touch packaged}"
    )
    built = builder.build(order_of(source, steps))
    assert not built.ok
    assert built.artifact is None
    assert built.message.startswith(f"step unit failed: {problem}")
    assert [each.result for each in built.evidence] == ["fail"]
    assert "--- package" not in Path(built.log).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        ("'x=$(head -c 90000000 /dev/zero | tr -c a a); sleep 9'", "64.0 MiB of memory; set"),
        ("head -c 90000000 /dev/zero > large", "32.0 MiB of disk; set BAKEGATE_STEP_DISK"),
    ],
)
def test_a_step_that_takes_too_much_fails_the_build(
    source: Path, tmp_path: Path, run: str, problem: str
) -> None:
    store, room = ArtifactStore(tmp_path / "artifacts"), Room(64 * 2**20, 32 * 2**20)
    builder = LocalBuilder(tmp_path / "b", store, GitRepository(), MovableClock(), room=room)
    built = builder.build(order_of(source, f"{{name: p, kind: build, run: {run}}}"))
    assert built.message.startswith(f"step p failed: it used more than {problem}")
    assert not built.ok


def test_a_report_in_the_repository_is_not_one_of_this_run(
    source: Path, builder: LocalBuilder
) -> None:
    steps = "{name: unit, kind: unit, run: 'true', reports: {junit: passing.xml}}"
    built = builder.build(order_of(source, steps))
    assert built.message == "step unit failed: passing.xml was not written"


def test_a_step_with_soft_fail_does_not_stop_the_build(source: Path, builder: LocalBuilder) -> None:
    steps = "{name: unit, kind: unit, run: 'false', soft_fail: true}"
    built = builder.build(order_of(source, steps))
    assert built.ok
    assert [(each.result, each.soft_failed) for each in built.evidence] == [("fail", True)]


def test_a_step_is_retried_as_often_as_it_may(source: Path, builder: LocalBuilder) -> None:
    run = "'test -e again || { touch again; exit 1; }'"
    steps = f"{{name: unit, kind: unit, run: {run}, retries: 3}}"
    built = builder.build(order_of(source, steps))
    assert built.ok
    assert [(each.result, each.retries) for each in built.evidence] == [("pass", 1)]


def test_a_step_whose_time_is_up_is_ended(source: Path, builder: LocalBuilder) -> None:
    steps = "{name: slow, kind: build, run: 'echo begun; sleep 60', timeout: 1s}"
    built = builder.build(order_of(source, steps))
    expected = "step slow failed: it was ended because its time was up; it last printed: begun"
    assert built.message == expected


def test_the_steps_share_the_time_of_the_build(source: Path, builder: LocalBuilder) -> None:
    steps = "{name: slow, kind: build, run: sleep 60}"
    built = builder.build(order_of(source, steps, more="timeout: 1s"))
    assert built.message == "step slow failed: it was ended because its time was up"


def test_steps_see_what_they_are_told_and_nothing_else(
    source: Path, builder: LocalBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of the service")
    built = builder.build(order_of(source, "{name: env, kind: build, run: env | sort > data}"))
    assert built.artifact is not None
    seen = dict(
        line.split("=", 1)
        for line in Path(built.artifact.path).read_text(encoding="utf-8").splitlines()
    )
    assert {name: seen[name] for name in seen if name.startswith("BAKEGATE_")} == {
        "BAKEGATE_IDEMPOTENCY_KEY": "shop:1:build",
        "BAKEGATE_RELEASE": "shop:1",
        "BAKEGATE_STAGE": "build",
    }
    assert "SECRET" not in seen


def test_packages_are_read_from_the_list_of_a_step(source: Path, builder: LocalBuilder) -> None:
    document = '{"bomFormat":"CycloneDX","components":[{"purl":"pkg:pypi/a@1"}]}'
    steps = f"{{name: p, kind: build, run: {_quoted(document)}, reports: {{sbom: s.json}}}}"
    built = builder.build(order_of(source, steps))
    assert built.artifact is not None, built.message
    assert built.artifact.sbom == Sbom("cyclonedx", (Component("pkg:pypi/a@1"),))


def test_every_report_of_a_step_is_evidence_of_its_kind(
    source: Path, builder: LocalBuilder
) -> None:
    lcov, sarif = "SF:a\nDA:1,1\nDA:2,0", '{"runs":[]}'
    run = f"printf \"{lcov}\" > c; echo '{sarif}' > s; cp passing.xml j"
    reports = "{junit: j, coverage: c, sarif: s}"
    steps = f"{{name: u, kind: unit, run: {json.dumps(run)}, reports: {reports}}}"
    built = builder.build(order_of(source, steps))
    assert built.ok, built.message
    assert [(each.kind, each.name, each.result) for each in built.evidence] == [
        ("unit", "u", "pass"),
        ("coverage", "u", "pass"),
    ]
    unit, coverage = built.evidence
    assert (unit.executed, unit.findings, unit.coverage) == (1, (), None)
    assert (coverage.executed, coverage.findings, coverage.coverage) == (None, None, 0.5)


def test_findings_of_a_step_that_is_no_test_are_static_analysis(
    source: Path, builder: LocalBuilder
) -> None:
    found = {"ruleId": "CVE-1", "properties": {"purls": ["pkg:pypi/a@1"], "security-severity": 9.9}}
    run = {"tool": {"driver": {}}, "results": [found]}
    told = f"echo '{json.dumps({'runs': [run]})}' > s"
    steps = f"{{name: p, kind: build, run: {json.dumps(told)}, reports: {{sarif: s}}}}"
    built = builder.build(order_of(source, steps))
    assert built.artifact is not None, built.message
    assert built.artifact.findings == (Vulnerability("CVE-1", Danger.CRITICAL, "pkg:pypi/a@1"),)
    assert [(each.kind, each.findings) for each in built.evidence] == [
        ("sast", (("critical", 1),)),
    ]


def test_findings_come_from_the_list_of_packages_too(source: Path, builder: LocalBuilder) -> None:
    affects = '"affects":[{"ref":"pkg:pypi/a@1"}]'
    document = f'{{"bomFormat":"CycloneDX","vulnerabilities":[{{"id":"CVE-1",{affects}}}]}}'
    steps = f"{{name: p, kind: build, run: {_quoted(document)}, reports: {{sbom: s.json}}}}"
    built = builder.build(order_of(source, steps))
    assert built.artifact is not None, built.message
    assert built.artifact.findings == (Vulnerability("CVE-1", Danger.MEDIUM, "pkg:pypi/a@1"),)


@pytest.mark.parametrize(
    ("reports", "problem"),
    [
        ("{junit: data}", "data is no readable XML: syntax error: line 1, column 0"),
        ("{coverage: data}", "data is no readable XML: syntax error: line 1, column 0"),
        ("{sarif: data}", "data is no JSON: Expecting value: line 1 column 1 (char 0)"),
        ("{sbom: data}", "data is no JSON: Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_a_report_in_no_form_fails_its_step(
    source: Path, builder: LocalBuilder, reports: str, problem: str
) -> None:
    steps = f"{{name: u, kind: unit, run: echo none > data, reports: {reports}}}"
    assert builder.build(order_of(source, steps)).message == f"step u failed: {problem}"


def test_a_build_that_prints_without_end_is_cut_and_says_so(
    source: Path, builder: LocalBuilder
) -> None:
    built = builder.build(order_of(source, "{name: loud, kind: build, run: 'yes loud'}"))
    told = "step loud failed: it was ended because it printed more than 10 MB; it last printed: "
    assert built.message.startswith(told)
    assert len(built.message) < 5_000
    assert 10_000_000 < Path(built.log).stat().st_size < 10_001_000


def _quoted(document: str) -> str:
    """A command that writes ``document`` to s.json, as a YAML scalar in single quotes."""
    return "'" + f"echo '{document}' > s.json".replace("'", "''") + "'"


@pytest.mark.parametrize(
    ("run", "problem"),
    [("'true'", "s.json was not written"), ("'echo {} > s.json'", "s.json is no list of packages")],
)
def test_an_unreadable_list_of_packages_fails_the_build(
    source: Path, builder: LocalBuilder, run: str, problem: str
) -> None:
    steps = f"{{name: p, kind: build, run: {run}, reports: {{sbom: s.json}}}}"
    built = builder.build(order_of(source, steps))
    assert built.message.startswith(f"step p failed: {problem}")


@pytest.mark.parametrize(
    ("artifact", "message"),
    [
        ("absent.tar", "the build steps passed but left no file absent.tar"),
        ("../../escape", "artifact: ../../escape is outside of the checkout"),
    ],
)
def test_an_artifact_that_is_not_there_fails_the_build(
    source: Path, builder: LocalBuilder, artifact: str, message: str
) -> None:
    order = order_of(source, "{name: p, kind: build, run: 'true'}", artifact=artifact)
    assert builder.build(order).message == message


def test_an_unknown_commit_is_a_result(source: Path, builder: LocalBuilder) -> None:
    order = order_of(source, "{name: p, kind: build, run: 'true'}")
    missing = BuildOrder(
        order.key, order.release, order.pipeline, order.stage, order.repository, "f" * 40
    )
    assert builder.build(missing).message == f"{source} has no commit {'f' * 40}; is it pushed?"


def test_a_known_key_is_answered_and_not_built_again(
    source: Path, tmp_path: Path, builder: LocalBuilder
) -> None:
    count = tmp_path / "count"
    run = f"echo x >> {count}; echo x > data"
    order = order_of(source, f"{{name: p, kind: build, run: '{run}'}}")
    first = builder.build(order)
    store = ArtifactStore(tmp_path / "artifacts")
    later = LocalBuilder(tmp_path / "builds", store, GitRepository(), MovableClock())
    assert later.build(order) == first
    assert count.read_text(encoding="utf-8") == "x\n"


def test_two_at_once_with_the_same_key_build_once(
    source: Path, tmp_path: Path, builder: LocalBuilder
) -> None:
    count = tmp_path / "count"
    order = order_of(source, f"{{name: p, kind: build, run: 'echo x >> {count}'}}")
    results: list[BuildResult] = []
    threads = [
        threading.Thread(target=lambda: results.append(builder.build(order))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0] == results[1]
    assert count.read_text(encoding="utf-8") == "x\n"


def test_nothing_of_a_build_stays_but_result_and_log(
    source: Path, tmp_path: Path, builder: LocalBuilder
) -> None:
    builder.build(order_of(source, "{name: p, kind: build, run: echo told}"))
    left = sorted(path.suffix for path in (tmp_path / "builds").iterdir())
    assert left == [".json", ".lock", ".log"]

"""Files of the largest size come to an end: what rules ask of the order grows with the file."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from policies.engine.lint import FileReport, lint
from policies.findings import Span
from policies.formats import read_pipelines
from policies.pipeline import Pipeline
from policies.ruleset import builtin, resolve

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
JOBS = 10_000
STAGES = 5_000
CIRCLE = 100
#: Once for the one job that deploys.
FOUND_IN_JOBS = dict.fromkeys(
    (
        "auto-rollback-on-failure",
        "bake-monitored",
        "canary-first",
        "health-check-after-deploy",
        "integration-tests",
        "owner-declared",
        "preprod-stage",
        "rollback-on-alarm",
        "time-window",
    ),
    1,
)
#: Once for each cell, save that the last one bakes for nobody; and once for the file.
FOUND_IN_STAGES = {
    "auto-rollback-on-failure": STAGES,
    "bake-time": STAGES - 1,
    "health-check-after-deploy": STAGES,
    "rollback-on-alarm": STAGES,
    "time-window": STAGES,
} | dict.fromkeys(("integration-tests", "owner-declared", "preprod-stage", "unit-tests"), 1)


def judged(text: str, path: str) -> FileReport:
    resolved = resolve([("", builtin("strict"))], AT)
    return lint(read_pipelines(text.encode(), path), lambda _: resolved, AT)


def counted(report: FileReport, rules: Iterable[str]) -> dict[str, int]:
    """How often each of the rules found something; what other rules find is not this test's."""
    found = Counter(each.rule for each in report.findings)
    return {rule: found[rule] for rule in rules}


def workflow(jobs: int, first: str = "") -> str:
    """A chain of jobs, each of which waits for the one before; the last one deploys."""
    needs = ["", *(f"    needs: [job-{number}]\n" for number in range(jobs - 1))]
    needs[0] = first
    runs = ["pytest"] * (jobs - 1) + ["kubectl apply -f shop.yml"]
    parts = (
        f"  job-{number}:\n    runs-on: x\n{needs[number]}    steps: [{{run: {runs[number]}}}]\n"
        for number in range(jobs)
    )
    return "on: push\njobs:\n" + "".join(parts) + "    environment: production\n"


def test_a_chain_of_ten_thousand_jobs_is_judged() -> None:
    report = judged(workflow(JOBS), ".github/workflows/big.yml")
    assert len(report.pipelines) == 1
    assert not report.crashed
    assert counted(report, FOUND_IN_JOBS) == FOUND_IN_JOBS


def test_five_thousand_production_stages_are_judged() -> None:
    stages = "".join(
        f"  - {{name: cell-{number}, kind: prod, deploy: hosts}}\n" for number in range(STAGES)
    )
    text = (
        "schema: bakegate/pipeline/v1\nname: big\norganization: retail\n"
        "source: {repository: ., branch: main, start: push}\n"
        "build: {steps: [{name: package, kind: build, run: ./package}], artifact: dist/app}\n"
        f"deployers: {{hosts: {{type: local, hosts: 3}}}}\nstages:\n{stages}"
    )
    report = judged(text, "big.yaml")
    assert not report.crashed
    assert counted(report, FOUND_IN_STAGES) == FOUND_IN_STAGES


def test_jobs_that_wait_for_each_other_in_a_circle_are_all_above_each_other() -> None:
    text = workflow(CIRCLE, f"    needs: [job-{CIRCLE - 1}]\n").encode()
    pipeline: Pipeline = read_pipelines(text, ".github/workflows/big.yml").pipelines[0]
    everything = (1 << CIRCLE) - 1
    assert {pipeline.above(each) for each in pipeline.stages} == {everything}
    assert {pipeline.below(each) for each in pipeline.stages} == {everything}
    assert pipeline.heads(pipeline.stages) == ()


def test_the_order_of_stages_is_told_in_file_order() -> None:
    text = (
        "on: push\njobs:\n"
        "  ship: {needs: [pack, test], steps: [{run: ./deploy}]}\n"
        "  pack: {needs: compile, steps: [{run: make}]}\n"
        "  test: {needs: [compile], steps: [{run: pytest}]}\n"
        "  compile: {steps: [{run: make}]}\n"
        "  docs: {needs: [elsewhere], steps: [{run: make}]}\n"
    )
    pipeline: Pipeline = read_pipelines(text.encode(), ".github/workflows/a.yml").pipelines[0]
    ship, pack, test, compile_, docs = pipeline.stages
    assert pipeline.upstream(ship) == (pack, test, compile_)
    assert pipeline.of_bits(pipeline.below(compile_)) == (ship, pack, test)
    assert pipeline.upstream(docs) == ()
    assert pipeline.heads([ship, pack, test]) == (pack, test)
    assert pipeline.stage("elsewhere") is None
    assert pipeline.span == Span(".github/workflows/a.yml", 2, 1, 2, 5)

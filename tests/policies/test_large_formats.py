"""Ten thousand parts in one file of each further format are read and judged in bounded time."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from policies.engine.lint import lint
from policies.formats import read_pipelines
from policies.ruleset import builtin, resolve

AT: Final = datetime(2026, 11, 24, 10, tzinfo=UTC)
PARTS: Final = 10_000
#: Where each of them deploys, every rule has something to say of each.
DEPLOYMENTS: Final = 3_000
#: Processor time in seconds, ten times what it takes; growth with the square would be over it.
MOST: Final = 30


def jobs() -> str:
    parts = (f"  - job: j{n}\n    steps: [{{script: make}}]\n" for n in range(PARTS))
    return "trigger: [main]\njobs:\n" + "".join(parts)


def waits() -> str:
    def stage(number: int) -> dict[str, Any]:
        above = [str(number - 1)] if number else []
        named = {"name": f"w{number}", "refId": str(number), "requisiteStageRefIds": above}
        return {"type": "wait", "waitTime": 5, **named}

    pipeline = {"application": "shop", "name": "big", "stages": [stage(n) for n in range(PARTS)]}
    return json.dumps(pipeline, indent=1)


def weights() -> str:
    step = "        - setWeight: {}\n        - pause: {{duration: 1m}}\n"
    head = "kind: Rollout\nmetadata: {name: big}\nspec:\n  strategy:\n    canary:\n      steps:\n"
    steps = "".join(step.format(n % 100) for n in range(PARTS // 2))
    return f"apiVersion: argoproj.io/v1alpha1\n{head}{steps}"


def actions() -> str:
    kind = "{Category: Test, Owner: AWS, Provider: CodeBuild, Version: '1'}"
    head = (
        "Resources:\n  P:\n    Type: AWS::CodePipeline::Pipeline\n"
        "    Properties:\n      Name: big\n      Stages:\n"
    )
    stage = "        - Name: s{}\n          Actions: [{{Name: a, ActionTypeId: {}}}]\n"
    return head + "".join(stage.format(n, kind) for n in range(PARTS))


def deployments() -> str:
    """As many deployments as tests, and each waits for all of them."""
    test = "t-{}: {{stage: test, script: [pytest]}}\n"
    deploy = "d-{}: {{stage: deploy, script: [kubectl apply -f x], environment: production}}\n"
    half = range(DEPLOYMENTS // 2)
    return "".join(part.format(n) for part in (test, deploy) for n in half)


def ways_back() -> str:
    """Each deployment has a job that undoes it, and each of those waits for all deployments."""
    where = "script: [helm {} x], environment: production/{}}}\n"
    deploy = "p-{}: {{stage: build, " + where
    undo = "r-{}: {{stage: deploy, when: on_failure, " + where
    half = range(DEPLOYMENTS // 2)
    return "".join(deploy.format(n, "upgrade", n) + undo.format(n, "rollback", n) for n in half)


def jobs_that_deploy() -> str:
    job = "  d-{}: {{environment: production, steps: [{{run: kubectl apply -f x}}]}}\n"
    return "on: push\njobs:\n" + "".join(job.format(n) for n in range(DEPLOYMENTS))


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        (jobs, PARTS),
        (waits, PARTS),
        (weights, 1),
        (actions, PARTS),
        (deployments, DEPLOYMENTS),
        (ways_back, DEPLOYMENTS),
        (jobs_that_deploy, DEPLOYMENTS),
    ],
)
def test_ten_thousand_parts_are_judged_in_time(text: Callable[[], str], stages: int) -> None:
    resolved = resolve([("", builtin("strict"))], AT)
    written = text().encode()
    start = time.process_time()
    found = read_pipelines(written, "big.yml")
    report = lint(found, lambda _: resolved, AT)
    assert time.process_time() - start < MOST
    assert [len(each.stages) for each in found.pipelines] == [stages]
    assert not report.crashed

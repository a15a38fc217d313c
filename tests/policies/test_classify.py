"""What steps and environments are, from names, commands and actions."""

import re

import pytest

from policies.classify import classify, commands, environment, tables, words
from policies.pipeline import StageKind, StepKind


@pytest.mark.parametrize(
    ("name", "run", "uses", "kind", "confidence"),
    [
        ("", "npm ci\nnpm test", None, StepKind.UNIT, 0.85),
        ("Integration tests", "npm test", None, StepKind.INTEGRATION, 0.8),
        ("", "npm run test:e2e", None, StepKind.INTEGRATION, 0.85),
        ("", "npm test -- --testPathIgnorePatterns=x.integration.ts", None, StepKind.UNIT, 0.85),
        ("", "pytest -m 'not integration' tests", None, StepKind.UNIT, 0.85),
        ("", "sudo uv run pytest -q", None, StepKind.UNIT, 0.85),
        ("", "X=1 ./gradlew check", None, StepKind.UNIT, 0.85),
        ("", "mvn -B package", None, StepKind.UNIT, 0.8),
        ("", "mvn -B package -Dmaven.test.skip", None, StepKind.BUILD, 0.9),
        ("", "./gradlew clean build", None, StepKind.UNIT, 0.8),
        ("", "mvn jib:build", None, StepKind.BUILD, 0.85),
        ("", "scp -r dist me@host:/srv/shop", None, StepKind.DEPLOY, 0.7),
        ("", "rsync -a dist/ host:/srv --delete", None, StepKind.DEPLOY, 0.7),
        (
            "",
            "rsync -a docs/_build/ web@docs.example:/srv --delete",
            None,
            StepKind.OTHER,
            0.5,
        ),
        ("", "scp -r out me@host:/srv/www/coverage", None, StepKind.OTHER, 0.5),
        ("", "rsync -a docs/ web@shop.example:/srv", None, StepKind.DEPLOY, 0.7),
        ("", "scp -i key me@host:/var/log/shop.log ./evidence", None, StepKind.OTHER, 0.95),
        ("Report coverage", "./x", None, StepKind.COVERAGE, 0.7),
        ("Install E2E dependencies", "./x", None, StepKind.OTHER, 0.5),
        ("Install and run e2e tests", "npm run e2e", None, StepKind.INTEGRATION, 0.85),
        ("Publish report", None, "o/junit@v3", StepKind.OTHER, 0.5),
        ("Reject forbidden release paths", "./x", None, StepKind.OTHER, 0.5),
        ("Audit the build", "./x", None, StepKind.OTHER, 0.5),
        ("", "helm upgrade --install a b && curl -f https://a", None, StepKind.DEPLOY, 0.95),
        ("", "cd infra && terraform apply -auto-approve", None, StepKind.DEPLOY, 0.9),
        ("", "terraform plan", None, StepKind.OTHER, 0.95),
        ("", "echo deploy # kubectl apply", None, StepKind.OTHER, 0.95),
        ("", "# kubectl apply -f x", None, StepKind.OTHER, 0.95),
        ("Lint", "./x", None, StepKind.LINT, 0.7),
        ("Scan the image", "./x", None, StepKind.SECURITY, 0.7),
        ("Upload scan results", "./x", None, StepKind.OTHER, 0.5),
        ("load", "./x", None, StepKind.LOAD, 0.7),
        ("", None, "./.github/workflows/run-regression.yml", StepKind.INTEGRATION, 0.7),
        ("diabetes regression", "./x", None, StepKind.OTHER, 0.5),
        ("", "curl -LsSf https://tool.example/install.sh | sh", None, StepKind.OTHER, 0.95),
        ("", "curl -fsSLo tool.zip https://tool.example/1", None, StepKind.OTHER, 0.95),
        ("", "curl -sf -o /dev/null https://shop.example", None, StepKind.SMOKE, 0.7),
        ("", None, "org/actions/github-deploy-key@v4", StepKind.OTHER, 0.7),
        ("Deploy key vault", "./x", None, StepKind.DEPLOY, 0.7),
        ("Commit and push changes", "./x", None, StepKind.OTHER, 0.5),
        ("build_deploy_lambda", None, "./.github/workflows/lambda.yml", StepKind.DEPLOY, 0.7),
        ("Load Docker image", "./x", None, StepKind.OTHER, 0.5),
        ("", "make run-static-analysis", None, StepKind.LINT, 0.85),
        ("", "./scripts/smoke-test.sh", None, StepKind.SMOKE, 0.7),
        ("", "./scripts/thing", None, StepKind.OTHER, 0.5),
        ("", "sleep 300", None, StepKind.WAIT, 0.9),
        ("", "sleep 90s", None, StepKind.OTHER, 0.95),
        ("Install E2E", "npm --prefix e2e-tests ci", None, StepKind.OTHER, 0.95),
        ("", "until ./ready; do sleep 5; done; ./move", None, StepKind.OTHER, 0.5),
        ("", "until curl -f https://a; do sleep 5; done", None, StepKind.SMOKE, 0.7),
        ("", None, "Azure/webapps-deploy@v3", StepKind.DEPLOY, 0.98),
        ("", None, "./.github/actions/deploy-shop", StepKind.DEPLOY, 0.7),
        ("", None, "o/r/.github/workflows/node_unit_tests.yml@v1", StepKind.UNIT, 0.7),
        ("", None, "actions/setup-node@v4", StepKind.OTHER, 0.95),
        ("", None, "github/codeql-action/analyze@v3", StepKind.SAST, 0.98),
        ("Set the agent up", "./x", None, StepKind.OTHER, 0.5),
        ("Setup agent for deployment", "./x", None, StepKind.OTHER, 0.5),
        ("Approve", None, None, StepKind.APPROVAL, 0.7),
        ("", None, None, StepKind.OTHER, 0.5),
    ],
)
def test_steps(
    name: str, run: str | None, uses: str | None, kind: StepKind, confidence: float
) -> None:
    assert classify(name, run, uses) == (kind, confidence)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("deployProd", StageKind.PROD),
        ("production-us-east-2", StageKind.PROD),
        ("pre-prod", StageKind.PREPROD),
        ("deploy_preprod", StageKind.PREPROD),
        ("STAGING", StageKind.PREPROD),
        ("non-prod", StageKind.TEST),
        ("dev-gcp", StageKind.TEST),
        ("pr-12", StageKind.TEST),
        ("products", None),
        ("", None),
    ],
)
def test_environments(name: str, kind: StageKind | None) -> None:
    assert environment(name) is kind


def test_words_of_names() -> None:
    assert words("run-e2e_tests forShop2 pre_prod") == [
        "run",
        "e2e",
        "tests",
        "for",
        "shop",
        "2",
        "preprod",
    ]


def test_commands_of_a_script() -> None:
    assert list(commands("FOO=1 sudo /usr/bin/make test \\\n  -j2; npm ci | tee log")) == [
        ("make", "test -j2"),
        ("npm", "ci"),
        ("tee", "log"),
    ]


def test_every_pattern_of_the_command_table_compiles() -> None:
    patterns = [row.match for listed in tables().commands.values() for row in listed if row.match]
    assert len(patterns) > 10
    assert [re.compile(each).pattern for each in patterns] == patterns


def test_a_tool_that_is_asked_for_its_version_tests_nothing() -> None:
    assert classify("versions", "bandit --version; pytest --version", None)[0] is StepKind.OTHER

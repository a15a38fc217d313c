"""``bakegate pipeline`` against a real service: files are taken over, refused and looked at."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from cli.client import get
from service.server import Server
from service.settings import Settings
from tests.service.executor.conftest import ORGANIZATION, PIPELINE

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]

SECOND = PIPELINE.replace("name: shop", "name: stock")
#: Its only test is allowed to fail, which the ruleset `recommended` blocks.
SOFT = SECOND.replace("run: ./unit,", "run: ./unit || true,")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A real service to which nobody has said anything."""
    server = Server(Settings(data_folder=tmp_path / "state", port=0))
    server.start()
    server.serve_in_thread()
    monkeypatch.setenv("BAKEGATE_URL", server.url)
    yield server
    server.stop()


def test_a_file_is_registered_with_the_repository_that_it_stands_in(
    bakegate: Bakegate, service: Server, write: Write, tmp_path: Path
) -> None:
    write("stock/.git/HEAD", "ref: refs/heads/main\n")
    write("stock/release/pipeline.yaml", SECOND)
    done = bakegate("pipeline", "register", "stock/release/pipeline.yaml")
    told = f"stock is registered, with releases from {tmp_path / 'stock'}\n"
    assert (done.exit_code, done.stdout) == (0, told)
    found = get(service.url, "/v1/pipelines/stock")
    assert found["path"] == "release/pipeline.yaml"
    assert service.executor.repository("stock") == str(tmp_path / "stock")


def test_a_file_that_fails_a_blocking_rule_is_refused_with_its_place(
    bakegate: Bakegate, service: Server, write: Write
) -> None:
    service.executor.register_organization(
        ORGANIZATION | {"rules.yaml": _blocking("no-soft-fail-tests")}, "tester"
    )
    write("pipeline.yaml", SOFT)
    done = bakegate("pipeline", "register", "pipeline.yaml")
    assert done.exit_code == 1
    assert "pipeline 'stock' is refused: 1 findings block it" in done.stderr
    line = (
        SOFT.splitlines().index(next(each for each in SOFT.splitlines() if "|| true" in each)) + 1
    )
    assert f"pipeline.yaml:{line}:" in done.stderr
    assert "block no-soft-fail-tests:" in done.stderr


def _blocking(rule: str) -> str:
    return (
        f"schema: bakegate/ruleset/v1\nname: corner\nextends: [starter]\nrules: {{{rule}: block}}\n"
    )


def test_an_unreadable_file_says_where_and_reaches_no_service(
    bakegate: Bakegate, write: Write
) -> None:
    write("pipeline.yaml", "schema: bakegate/pipeline/v1\nname: 7\n")
    done = bakegate("pipeline", "register", "pipeline.yaml", "--url", "http://127.0.0.1:1")
    assert done.exit_code == 2
    assert "pipeline.yaml:2:" in done.stderr


@pytest.mark.usefixtures("empty")
def test_without_an_organization_the_next_step_is_named(bakegate: Bakegate, write: Write) -> None:
    assert bakegate("pipeline", "list").stdout.startswith("no pipeline yet; start with:")
    write("pipeline.yaml", SECOND)
    done = bakegate("pipeline", "register", "pipeline.yaml")
    assert done.exit_code == 2
    assert "do it with: bakegate ruleset publish" in done.stderr
    write("organization.yaml", "schema: bakegate/organization/v1\nname: corner\nruleset: starter\n")
    assert bakegate("ruleset", "publish").exit_code == 0
    assert bakegate("pipeline", "register", "pipeline.yaml").exit_code == 0
    assert bakegate("pipeline", "list").stdout == "stock  corner  No release yet.\n"


def test_a_stage_is_switched_to_manual_and_shown_so(bakegate: Bakegate, service: Server) -> None:
    told = "releases of shop enter beta: manual\n"
    words = ("pipeline", "transition", "shop", "beta", "manual", "--reason", "the audit asks")
    assert bakegate(*words).stdout == told
    lines = bakegate("pipeline", "show", "shop").stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("beta"))
    assert "manual" in lines[at]
    assert lines[at + 1].strip() == "manual: the audit asks"
    found = json.loads(bakegate("pipeline", "show", "shop", "--format", "json").stdout)
    assert found == get(service.url, "/v1/pipelines/shop") | {"now": found["now"]}


def test_data_points_are_shown_by_operation(bakegate: Bakegate, service: Server) -> None:
    asked = ("pipeline", "data-points", "shop", "one-box")
    assert bakegate(*asked).stdout == "nothing was counted\n"
    place = ("shop", "one-box", "one-box", "sha256:" + "4c" * 32)
    for operation in ("", "buy"):
        service.executor.record_data_points(*place, 30, 1, operation)
    rows = [line.split()[1:] for line in bakegate(*asked).stdout.splitlines()]
    assert rows == [
        ["one-box", "4c" * 6, "(any)", "30", "good", "1", "bad"],
        ["one-box", "4c" * 6, "buy", "30", "good", "1", "bad"],
    ]
    gone = bakegate("pipeline", "data-points", "shop", "nowhere")
    assert gone.stderr == "bakegate pipeline data-points: there is no stage 'shop/nowhere'\n"

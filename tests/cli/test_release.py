"""``bakegate release`` against a real service: every word reaches it, and errors are sentences."""

import inspect
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import typer
import uvicorn
from typer.testing import Result

from cli.alarm import app as alarm_app
from cli.release import app as release_app
from cli.release_text import second
from service.app import create_app
from service.executor.executor import Executor
from service.promotions.commands import Abort, Approve
from service.store.engines import open_engines
from service.store.schema import upgrade
from tests.service.executor.conftest import ORGANIZATION, Field
from tests.service.executor.test_people import ASKING, REVIEWED, WHY
from tests.twins.ports import (
    MemoryBuilder,
    MemoryDeployer,
    MemoryNotifier,
    MemoryTester,
    MovableClock,
    memory_ports,
)

Bakegate = Callable[..., Result]


@contextmanager
def serving(executor: Executor, port: int = 0) -> Iterator[int]:
    """A service on a loopback port; gives the port."""
    config = uvicorn.Config(create_app(executor, lambda: "lee"), log_level="warning")
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield int(listening.getsockname()[1])
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture
def unserved(tmp_path: Path) -> Iterator[Field]:
    """An executor whose hosts are twins, with one pipeline, that nobody serves yet."""
    engines = open_engines(f"sqlite:///{tmp_path / 'bakegate.db'}")
    upgrade(engines.write)
    clock = MovableClock()
    builder, deployer, tester = MemoryBuilder(), MemoryDeployer(), MemoryTester()
    notifier = MemoryNotifier()
    executor = Executor(engines, memory_ports(clock, builder, deployer, tester, notifier))
    rules = ORGANIZATION["rules.yaml"] + REVIEWED
    executor.register_organization(ORGANIZATION | {"rules.yaml": rules}, "tester")
    executor.register_pipeline(ASKING, "pipeline.yaml", ".", "tester")
    executor.ground.durable.launch(executor)
    yield Field(executor, clock, builder, deployer, tester, engines, notifier)
    executor.ground.durable.stop(10)
    engines.dispose()


@pytest.fixture
def field(unserved: Field, monkeypatch: pytest.MonkeyPatch) -> Iterator[Field]:
    """The same as a service, named to the commands by environment."""
    with serving(unserved.executor) as port:
        monkeypatch.setenv("BAKEGATE_URL", f"http://127.0.0.1:{port}")
        yield unserved


def test_a_release_is_submitted_and_spoken_about(bakegate: Bakegate, field: Field) -> None:
    assert bakegate("release", "submit", "shop", "a" * 40).stdout == "shop:1\n"
    field.settle()
    line = "shop:1  waiting one-box  first  aaaaaaaaaaaa  by lee\n"
    assert bakegate("release", "list", "--pipeline", "shop").stdout == line
    for step in ("look at the dashboard", "tell support"):
        told = bakegate("release", "tick", "shop:1", "one-box", step).stdout
        assert told == f"{step}: done for shop:1\n"
    field.executor.carry_out(Approve("shop:1", "one-box"), "kim")
    given = ("shop:1", "one-box", "code-reviewed", "--hours", "2", "--reason", WHY)
    told = bakegate("release", "override", *given, "--incident", "INC-31").stdout
    assert told == "ov-1: shop:1 may pass code-reviewed at one-box for 2 h\n"
    own = bakegate("release", "approve", "shop:1", "one-box")
    assert own.exit_code == 2
    assert own.stderr == (
        "bakegate release: lee made a change of shop:1, or the release itself; somebody else "
        "approves it\n"
    )
    field.executor.carry_out(Approve("shop:1", "one-box"), "ada")
    field.settle()
    shown = bakegate("release", "show", "shop:1").stdout.splitlines()
    assert shown[0].startswith("shop:1  in flight  first  sha256:")
    assert "approved for one-box by kim" in shown
    assert "override of code-reviewed at one-box by lee for INC-31" in shown
    assert "one-box: tell support: done by lee" in shown
    told = "all customers: not told: no answers have come in one-box yet, earliest 2026-"
    assert [line for line in shown if line.startswith(told)]
    assert [line for line in shown if line.startswith("cell-1           expected     not told")]
    field.clock.move(timedelta(seconds=5))
    field.traffic(20, 0)
    # Why it is there and when it can end at the earliest, whoever asks.
    told = (
        "one-box          baking       baked 5 of 60 s, 20 of 10 data points, 0 negative; "
        "ends at 2026-11-24T09:01:00Z at the earliest"
    )
    assert told in bakegate("release", "show", "shop:1").stdout.splitlines()
    found = json.loads(bakegate("release", "show", "shop:1", "--format", "json").stdout)
    assert found["approvals"][0]["by"] == "kim"
    bake = next(each["bake"] for each in found["runs"] if each["stage"] == "one-box")
    assert (bake["earliest_end"], bake["alarms"]) == ("2026-11-24T09:01:00Z", [["errors", "ok"]])


def test_an_artifact_is_pushed_and_released(
    bakegate: Bakegate, field: Field, tmp_path: Path
) -> None:
    file = tmp_path / "app.tar.gz"
    file.write_bytes(b"built elsewhere" * 100_000)
    submit = ("release", "submit", "shop", "a" * 40, "--artifact")
    assert bakegate(*submit, str(file)).stdout == "shop:1\n"
    field.settle()
    digest = field.release("shop:1").digest
    assert digest == f"sha256:{sha256(file.read_bytes()).hexdigest()}"
    assert bakegate(*submit, digest).stdout == "shop:2\n"
    absent = bakegate(*submit, str(tmp_path / "absent"))
    assert absent.exit_code == 2
    told = f"bakegate release: {tmp_path}/absent cannot be read: No such file or directory\n"
    assert absent.stderr == told
    field.settle()


def test_a_pipeline_is_paused_and_resumed(bakegate: Bakegate, field: Field) -> None:
    words = ("pause", "--pipeline", "shop", "--for", "2h", "--reason", "the database moves")
    assert bakegate("release", *words).stdout == "pa-1: shop is paused\n"
    release = field.submit("a")
    assert field.state(release, "build") == "waiting"
    assert bakegate("release", "resume", "pa-1").stdout == "pa-1 has ended\n"
    field.settle()
    assert field.state(release, "build") == "succeeded"


def test_a_stage_is_pinned_and_an_order_is_skipped(bakegate: Bakegate, field: Field) -> None:
    field.submit("a")
    pinned = bakegate("release", "pin", "shop:1", "one-box", "--reason", "the fair is on")
    assert pinned.stdout == "pa-1: one-box is pinned to shop:1\n"
    assert "one-box pinned to shop:1 (pa-1): the fair is on" in (
        bakegate("pipeline", "show", "shop").stdout
    )
    words = ("skip", "shop:1", "cell-1", "--reason")
    short = bakegate("release", *words, "only there")
    told = "the reason has 10 characters; write at least 20: what breaks if it waits?"
    assert (short.exit_code, short.stderr) == (2, f"bakegate release: {told}\n")
    given = bakegate("release", *words, "It is meant for that cell alone.")
    assert given.stdout == "ov-1: shop:1 goes on to cell-1\n"
    assert field.state("shop:1", "cell-1") == "waiting"


def test_watch_tells_every_event_until_the_end(bakegate: Bakegate, field: Field) -> None:
    field.builder.failing.add("a" * 40)
    field.submit("a")
    watched = bakegate("release", "watch", "shop:1")
    lines = [line.partition(" ")[2] for line in watched.stdout.splitlines()]
    assert watched.exit_code == 1
    assert lines[0] == "1 checked in at aaaaaaaaaaaa"
    assert "1 build failed: unit failed" in lines
    assert lines[-1] == "failed"
    told = bakegate("release", "watch", "shop:1", "--format", "json").stdout.splitlines()
    assert json.loads(told[0])["kind"] == "release.created"
    assert json.loads(told[-1]) == {"release": "shop:1", "outcome": "failed"}


def test_watch_tells_why_a_release_waits(bakegate: Bakegate, field: Field) -> None:
    field.submit("a")
    abort = Abort("shop:1", "enough"), "kim"
    later = threading.Timer(1.5, field.executor.carry_out, abort)
    later.start()
    lines = bakegate("release", "watch", "shop:1").stdout.splitlines()
    later.join()
    told = [line.partition(" ")[2] for line in lines if " waits before one-box: " in line]
    assert len(told) == 1
    assert told[0].endswith("who reviewed aaaaaaaaaaaa by engineer was not reported")


@pytest.fixture
def outage(unserved: Field, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A release and a service that stops after a while, until the event is there."""
    unserved.submit("a")
    ready, back = threading.Event(), threading.Event()
    ports: list[int] = []

    def serve() -> None:
        with serving(unserved.executor) as port:
            ports.append(port)
            ready.set()
            time.sleep(1.2)
        back.wait()
        with serving(unserved.executor, port):
            unserved.executor.carry_out(Abort("shop:1", "enough"), "kim")
            time.sleep(1.5)

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait()
    monkeypatch.setenv("BAKEGATE_URL", f"http://127.0.0.1:{ports[0]}")
    yield back
    back.set()
    thread.join()


def test_watch_goes_on_after_an_outage(bakegate: Bakegate, outage: threading.Event) -> None:
    threading.Timer(3, outage.set).start()
    watched = bakegate("release", "watch", "shop:1")
    away, there = (line.partition(" ")[2] for line in watched.stderr.splitlines())
    assert away.startswith("the service is away (")
    assert there == "the service is there again"
    lines = [line.partition(" ")[2] for line in watched.stdout.splitlines()]
    assert lines[-2:] == ["1 aborted", "aborted"]
    assert lines.count("1 checked in at aaaaaaaaaaaa") == 1
    assert watched.exit_code == 1


@pytest.mark.usefixtures("outage")
def test_watch_waits_for_a_service_that_stays_away_no_longer_than_it_says(
    bakegate: Bakegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.watching._PATIENCE", timedelta(seconds=1))
    watched = bakegate("release", "watch", "shop:1")
    assert watched.exit_code == 2
    last = watched.stderr.splitlines()[-1]
    assert last.startswith("bakegate release: there is no service at http://127.0.0.1:")
    assert last.endswith("; it did not answer for 1s")


def test_what_rides_along_is_shown(bakegate: Bakegate, field: Field) -> None:
    field.submit("a")
    field.submit("b")
    first = bakegate("release", "show", "shop:1").stdout.splitlines()
    assert "superseded by shop:2, which carries aaaaaaaaaaaa" in first
    aborted = bakegate("release", "abort", "shop:2", "--reason", "x", "--format", "json")
    assert json.loads(aborted.stdout)["outcome"] == "aborted"


@pytest.mark.parametrize("group", [release_app, alarm_app])
def test_every_command_has_an_example_and_answers_as_json(group: typer.Typer) -> None:
    for command in group.registered_commands:
        assert command.callback is not None
        assert "bakegate" in (command.epilog or ""), command.callback.__name__
        assert "format" in inspect.signature(command.callback).parameters


def test_instants_for_people_have_whole_seconds_and_do_not_come_early() -> None:
    assert second("2026-11-24T09:01:00.000001Z") == "2026-11-24T09:01:01Z"
    assert second("2026-11-24T09:01:00Z") == "2026-11-24T09:01:00Z"
    assert second(None) == ""


def test_a_pin_names_a_release(bakegate: Bakegate) -> None:
    wrong = bakegate("release", "pin", "shop", "one-box", "--reason", "the fair is on")
    assert wrong.stderr == (
        "bakegate release: a release is named as in payments-api:1846, not 'shop'\n"
    )


def test_problems_aborts_and_retries_reach_the_service(bakegate: Bakegate, field: Field) -> None:
    field.builder.failing.add("a" * 40)
    field.submit("a")
    field.builder.failing.clear()
    field.builder.done.clear()
    again = ("retry", "shop:1", "build", "--reason", "a flake")
    assert bakegate("release", *again).stdout == "shop:1 tries build again\n"
    field.settle()
    told = bakegate("release", "report-problem", "shop:1", "charged twice").stdout
    assert told == "pr-1: reported; what bakes of shop:1 halts\n"
    assert "pr-1 by lee, open: charged twice" in bakegate("release", "show", "shop:1").stdout
    cleared = ("clear-problem", "pr-1", "--reason", "a test account")
    assert bakegate("release", *cleared).stdout == "pr-1 is cleared\n"
    back = bakegate("release", "rollback", "shop:1", "--reason", "wrong totals")
    assert (back.exit_code, back.stderr.startswith("bakegate release: there is nothing")) == (
        2,
        True,
    )
    aborted = bakegate("release", "abort", "shop:1", "--reason", "by mistake")
    assert aborted.stdout == "shop:1 is aborted\n"
    urgent = ("submit", "shop", "b" * 40, "--kind", "emergency", "--reason", "orders are lost")
    assert bakegate("release", *urgent).exit_code == 2
    named = bakegate("release", *urgent, "--incident", "INC-31")
    assert named.stdout == "shop:2\n"
    shown = json.loads(bakegate("release", "show", "shop:2", "--format", "json").stdout)
    said = (shown["kind"], shown["reason"], shown["incident"])
    assert said == ("emergency", "orders are lost", "INC-31")
    shown_as_text = bakegate("release", "show", "shop:2").stdout
    assert "it mends INC-31, claimed by lee: orders are lost\n" in shown_as_text


def test_what_cannot_be_done_is_one_sentence(bakegate: Bakegate, field: Field) -> None:
    field.submit("a")
    for words, told in (
        (("show", "shop:9"), "there is no release 'shop:9'"),
        (("list", "--pipeline", "shp"), "there is no pipeline 'shp'"),
        (("resume", "pa-7"), "there is no pause 'pa-7'"),
        (
            ("approve", "shop:1", "one-box", "--reject"),
            "say why you reject it",
        ),
        (
            ("pause", "--org", "corner", "--for", "soon", "--reason", "x"),
            "--for: 'soon' is not a duration; write 90s, 30m, 2h, 1d12h or 1w",
        ),
    ):
        answer = bakegate("release", *words)
        assert (answer.exit_code, answer.stderr) == (2, f"bakegate release: {told}\n")


@pytest.mark.usefixtures("field")
def test_alarms_of_others_are_reported(bakegate: Bakegate) -> None:
    assert bakegate("alarm", "list").stdout == "none\n"
    fires = ("alarm", "report", "latency", "--state", "alarm", "--pipeline", "shop")
    told = bakegate(*fires, "--message", "p99 of 2.1 s").stdout
    assert told == "latency: new -> alarm\n"
    line = "latency  alarm  service shop  by lee at 2026-11-24T09:00:00Z  p99 of 2.1 s\n"
    assert bakegate("alarm", "list").stdout == line
    found = json.loads(bakegate("alarm", "list", "--format", "json").stdout)
    assert (found["alarms"][0]["state"], found["alarms"][0]["stale"]) == ("alarm", False)
    ended = ("alarm", "report", "latency", "--state", "ended", "--pipeline", "shop")
    assert bakegate(*ended).stdout == "latency: alarm -> ended\n"
    wrong = bakegate("alarm", "report", "x", "--state", "ok", "--scope", "region")
    told = "bakegate alarm: an alarm of the scope region names its place\n"
    assert (wrong.exit_code, wrong.stderr) == (2, told)

"""Hosts over SSH, against a real server of the tests' own on loopback."""

import multiprocessing
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from policies.remote import Remote
from service.adapters.deployer_contract import DeployerContract, Version
from service.adapters.host_process import start_time
from service.adapters.ssh_client import Side
from service.adapters.ssh_deployer import SshDeployer
from service.promotions.ports import Deployer, DeployOrder, DeployProgress, Fenced
from tests.service.adapters.conftest import Ground, fact
from tests.twins.fleet import Fleet
from tests.twins.sshd import HOSTS, Sshd, listening, make_key

#: Nothing listens here.
NOBODY = "127.0.0.9"


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with listening(tmp_path_factory.mktemp("sshd")) as side:
        yield side


@pytest.fixture
def fleet(ground: Ground, sshd: Sshd) -> Fleet:
    return Fleet(ground, sshd)


class TestSsh(DeployerContract):
    @pytest.fixture(autouse=True)
    def _fleet(self, fleet: Fleet) -> None:
        self.fleet = fleet

    def deployer(self) -> Deployer:
        ground = self.fleet.ground
        return SshDeployer(ground.folder / "reached", ground.artifacts, patience=1)

    def order(self, version: Version) -> DeployOrder:
        check = 'case "$(cat version)" in ill) exit 1 ;; endless) sleep 600 ;; esac'
        # One host: batches and other machines have tests of their own.
        how = self.fleet.how(1, start="echo http://shop.test > url", validate=check)
        other = self.fleet.access(HOSTS[:1], "eu-1-other")
        return self.fleet.order(
            "k", version, replace(how, remote=Remote(ssh=(self.fleet.access(HOSTS[:1]), other)))
        )


def test_a_rolling_batch_keeps_the_healthy_minimum(fleet: Fleet) -> None:
    how = fleet.how(3, batch=3, healthy=2, validate="true")
    assert fleet.finish(fleet.order("k1", "one", how)) == DeployProgress("succeeded", 3, 3, 0)
    assert fleet.finish(fleet.order("k2", "two", how)) == DeployProgress("succeeded", 3, 3, 2)
    assert fleet.versions(3) == ["two"] * 3


def test_hooks_run_in_their_releases_and_know_the_order(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORDS", "it's $HOME\n`twice`")
    note = fleet.write("$0 $(cat version) $BAKEGATE_TARGET $BAKEGATE_EPOCH")
    asks = fleet.write("$(basename $BAKEGATE_ARTIFACT) $WORDS")
    out = fleet.write("$(ls ../.. | grep out)")
    how = fleet.how(1, stop=f"{note}; {out}", start=note, validate=f"{note}; {asks}")
    monkeypatch.setenv("a b", "no name for a shell")
    first = replace(fleet.order("k1", "one", how), environment=("WORDS", "ABSENT", "a b"))
    assert fleet.finish(first).state == "succeeded"
    hex_digits = first.digest.removeprefix("sha256:")
    assert fleet.did() == [
        "sh one eu-1 1",
        "sh one eu-1 1",
        f"{hex_digits} it's $HOME",
        "`twice`",
    ]
    fleet.finish(fleet.order("k2", "two", how, epoch=7))
    assert fleet.did()[4:6] == ["sh one eu-1 7", "out-of-service"]
    assert fleet.did()[6] == "sh two eu-1 7"
    assert not (fleet.folder() / "out-of-service").exists()
    assert (fleet.folder() / "current").is_symlink()


def test_a_drain_lets_requests_end_and_a_rollback_does_not_wait(fleet: Fleet) -> None:
    how = replace(fleet.how(1, stop=fleet.write("$(date +%s)")), drain=fact(timedelta(seconds=2)))
    good = fleet.order("k1", "one", how)
    fleet.finish(good)
    began = time.monotonic()
    fleet.finish(fleet.order("k2", "two", how, 2))
    assert time.monotonic() - began > 2
    back = replace(good, key="k3", epoch=3, rollback=True, deploy=replace(how, drain=fact(None)))
    slow = replace(back, deploy=replace(how, drain=fact(timedelta(hours=1))))
    assert fleet.finish(slow).state == "succeeded"
    assert fleet.versions(1) == ["one"]


def test_a_rollback_takes_bigger_batches_and_copies_nothing(fleet: Fleet) -> None:
    how = fleet.how(3, healthy=1, start=fleet.write("$BAKEGATE_IDEMPOTENCY_KEY"))
    good = fleet.order("k1", "one", how)
    fleet.finish(good)
    fleet.finish(fleet.order("k2", "two", how, 2))
    kept = fleet.ground.artifacts.path(good.digest)
    # The host has it still, so that the way back needs nothing of us.
    kept.unlink()
    back = replace(good, key="k3", epoch=3, rollback=True)
    assert fleet.finish(back) == DeployProgress("succeeded", 3, 3, 1)
    assert fleet.versions(3) == ["one"] * 3
    again = replace(back, key="k4", epoch=4)
    assert fleet.finish(again).state == "succeeded"
    assert fleet.did() == ["k1", "k2", "k3"]


def test_a_stop_hook_holds_up_no_way_back(fleet: Fleet) -> None:
    good = fleet.order("k1", "one", fleet.how(1))
    fleet.finish(good)
    fleet.finish(fleet.order("k2", "two", fleet.how(1), 2))
    hangs = fleet.how(1, stop=f"{fleet.write('stopping')}; sleep 600")
    slow = replace(hangs, deadline=fact(timedelta(seconds=8)))
    back = replace(good, key="k3", epoch=3, rollback=True, deploy=slow)
    assert fleet.finish(back).state == "succeeded"
    assert (fleet.versions(1), fleet.did()) == (["one"], ["stopping"])


def test_old_releases_are_removed_and_some_are_kept(fleet: Fleet) -> None:
    how = replace(fleet.how(1), retained=fact(1))
    orders = [fleet.order(f"k{n}", f"v{n}", how, n) for n in range(1, 5)]
    for each in orders:
        assert fleet.finish(each).state == "succeeded"
    names = {path.name for path in (fleet.folder() / "releases").iterdir()}
    assert names == {each.digest.removeprefix("sha256:") for each in orders[2:]}
    assert not list((fleet.folder() / ".bakegate").glob("gone-*"))
    assert not list((fleet.folder() / ".bakegate").glob("incoming-*"))


def test_another_machine_is_fenced_too(fleet: Fleet) -> None:
    fleet.finish(fleet.order("k1", "one", fleet.how(), epoch=5))
    other = SshDeployer(fleet.ground.folder / "elsewhere", fleet.ground.artifacts)
    with pytest.raises(Fenced, match=r"k2 has epoch 4; host 127.0.0.\d of target eu-1 has seen 5"):
        other.advance(fleet.order("k2", "two", fleet.how(), epoch=4))
    kept = other.advance(fleet.order("k1", "one", fleet.how(), epoch=6))
    assert kept == DeployProgress("succeeded", 2, 2, 0)


def test_an_answer_reaches_hosts_that_its_writer_did_not_reach(fleet: Fleet) -> None:
    order = fleet.order("k1", "one", fleet.how())
    last = fleet.finish(order)
    for path in (fleet.folder(HOSTS[1]) / ".bakegate" / "results").iterdir():
        path.unlink()
    other = SshDeployer(fleet.ground.folder / "elsewhere", fleet.ground.artifacts)
    assert other.advance(replace(order, epoch=2)) == last
    assert len(list((fleet.folder(HOSTS[1]) / ".bakegate" / "results").iterdir())) == 1


def test_a_hook_that_hangs_ends_with_the_deadline(fleet: Fleet) -> None:
    how = fleet.how(1, validate=f"{fleet.write('$$')}; echo asking; sleep 600")
    hanging = replace(how, deadline=fact(timedelta(seconds=6)))
    progress = fleet.finish(fleet.order("k1", "one", hanging))
    message = "127.0.0.1: hook validate ran out of time: asking"
    assert progress == DeployProgress("failed", 0, 1, 0, message, "deadline")
    _gone(fleet)


def test_a_hook_that_floods_is_ended(fleet: Fleet) -> None:
    progress = fleet.finish(fleet.order("k1", "one", fleet.how(1, start="yes flood")))
    assert progress.message.startswith("127.0.0.1: hook start printed more than 10000000 bytes")
    assert len(progress.message) < 5_000
    assert progress.cause == "failure"


def test_a_rollback_ends_a_hook_that_hangs(fleet: Fleet) -> None:
    how = fleet.how(1)
    good = fleet.order("k1", "one", how)
    fleet.finish(good)
    hanging = fleet.how(1, start=f"{fleet.write('$$')}; sleep 600")
    bad = fleet.order("k2", "two", hanging, 2)
    hasty = SshDeployer(fleet.ground.folder / "reached", fleet.ground.artifacts, patience=0)
    assert hasty.advance(bad).state == "running"
    _until(lambda: fleet.did() != [])
    back = replace(good, key="k3", epoch=3, rollback=True)
    assert fleet.finish(back) == DeployProgress("succeeded", 1, 1, 0)
    _gone(fleet)
    assert fleet.versions(1) == ["one"]
    with pytest.raises(Fenced, match="has seen 3"):
        fleet.deployer.advance(bad)


def test_a_host_that_nobody_reaches_keeps_the_others_as_they_are(fleet: Fleet) -> None:
    how = fleet.how()
    fleet.finish(fleet.order("k1", "one", how))
    lame = replace(
        how,
        remote=Remote(ssh=(fleet.access((HOSTS[0], NOBODY)),)),
        deadline=fact(timedelta(seconds=3)),
    )
    hasty = SshDeployer(fleet.ground.folder / "reached", fleet.ground.artifacts, patience=0)
    first = hasty.advance(fleet.order("k2", "two", lame, 2))
    assert first.state == "running"
    assert first.message.startswith(f"{NOBODY} cannot be reached: ssh: connect to host")
    last = fleet.finish(fleet.order("k2", "two", lame, 3))
    assert (last.state, last.cause, last.replaced) == ("failed", "deadline", 0)
    assert last.message.startswith(f"0 of 2 hosts were replaced within 3s; {NOBODY} cannot be")
    assert fleet.versions() == ["one", "one"]


def test_a_host_that_nobody_reaches_is_in_no_rollbacks_way(fleet: Fleet) -> None:
    how = fleet.how(healthy=1)
    good = fleet.order("k1", "one", how)
    fleet.finish(good)
    fleet.finish(fleet.order("k2", "two", how, 2))
    lame = replace(
        how,
        remote=Remote(ssh=(fleet.access((NOBODY, HOSTS[0])),)),
        deadline=fact(timedelta(seconds=4)),
    )
    last = fleet.finish(replace(good, key="k3", epoch=3, rollback=True, deploy=lame))
    assert (last.state, last.cause, last.replaced) == ("failed", "deadline", 1)
    assert NOBODY in last.message
    assert fleet.versions() == ["one", "two"]


def _said(fleet: Fleet, known_hosts: str = "", identity: str = "") -> str:
    """How a deployment to one host fails at once where the access is another."""
    access = fleet.access(HOSTS[:1])
    if known_hosts:
        access = replace(access, known_hosts=fact(known_hosts))
    if identity:
        access = replace(access, identity=fact(identity))
    order = fleet.order(
        f"{known_hosts} {identity}", "one", replace(fleet.how(1), remote=Remote(ssh=(access,)))
    )
    progress = fleet.deployer.advance(order)
    assert (progress.state, progress.cause) == ("failed", "failure")
    assert not fleet.folder().exists()
    return progress.message


def test_a_wrong_host_key_is_not_believed(fleet: Fleet, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    kind, code, *_ = (tmp_path / "other.pub").read_text().split()
    known = tmp_path / "known"
    known.write_text(f"[{HOSTS[0]}]:{fleet.sshd.port} {kind} {code}\n")
    shown = subprocess.check_output(["ssh-keygen", "-lf", fleet.sshd.folder / "server.pub"])
    assert _said(fleet, known_hosts=str(known)) == (
        f"127.0.0.1 shows the host key {shown.split()[1].decode()}, not one that {known} has for "
        "it; find out who answers before you change it"
    )


def test_an_unknown_host_key_is_not_believed(fleet: Fleet, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text("")
    told = f"{known} has no host key of 127.0.0.1; add its right one"
    assert _said(fleet, known_hosts=str(known)) == told


def test_a_key_that_the_host_does_not_know(fleet: Fleet) -> None:
    stranger = str(fleet.sshd.folder / "stranger")
    told = _said(fleet, identity=stranger)
    assert told.startswith("127.0.0.1 does not let the user that Bakegate runs as in:")
    assert "Permission denied (publickey)" in told


def test_files_that_are_not_there(fleet: Fleet) -> None:
    told = "there is no known_hosts file /absent where Bakegate works"
    assert _said(fleet, known_hosts="/absent") == told
    told = "there is no identity file /absent where Bakegate works"
    assert _said(fleet, identity="/absent") == told


def test_a_folder_is_one_targets(fleet: Fleet) -> None:
    fleet.finish(fleet.order("k1", "one", fleet.how(1)))
    shared = replace(fleet.access(HOSTS[:1]), target="eu-2")
    order = fleet.order("k2", "two", replace(fleet.how(1), remote=Remote(ssh=(shared,))))
    progress = fleet.deployer.advance(replace(order, target="eu-2"))
    assert progress.message == (
        f"127.0.0.1: its folder {fleet.folder()} belongs to shop/prod/eu-1; "
        "give each target a folder of its own"
    )
    assert fleet.versions(1) == ["one"]


def test_a_folder_that_may_not_be_made(fleet: Fleet) -> None:
    (fleet.sshd.home(HOSTS[0]) / fleet.name).write_text("a file in the way")
    progress = fleet.deployer.advance(fleet.order("k1", "one", fleet.how(1)))
    assert progress.state == "failed"
    assert progress.message.startswith("127.0.0.1: mkdir: cannot create directory")


def test_a_target_without_hosts(fleet: Fleet) -> None:
    order = replace(fleet.order("k1", "one", fleet.how(1)), target="us-1")
    told = "the pipeline names no hosts of us-1 under ssh"
    failed = DeployProgress("failed", 0, 1, 0, told, "failure")
    assert fleet.deployer.advance(order) == failed


def test_what_arrives_is_digested_on_the_host(fleet: Fleet) -> None:
    order = fleet.order("k1", "one", fleet.how(1))
    fleet.ground.built("two")
    wrong = fleet.ground.folder / "app.tar.gz"
    side = Side(HOSTS[0], fleet.access(HOSTS[:1]), order)
    side.begin()
    with pytest.raises(Exception, match=r"arrived there as sha256:\w+, not as sha256:\w+$"):
        side.bring(wrong, timedelta(seconds=10))
    assert not list((fleet.folder() / "releases").iterdir())


def test_who_is_killed_leaves_no_file_behind(
    fleet: Fleet, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setenv("TMPDIR", str(scratch))
    # A host that takes the call and never says a word.
    with socket.create_server((HOSTS[0], 0)) as silent:
        access = replace(fleet.access(HOSTS[:1]), port=fact(silent.getsockname()[1]))
        side = Side(HOSTS[0], access, fleet.order("k1", "one", fleet.how(1)))
        caller = multiprocessing.get_context("spawn").Process(target=side.begin)
        caller.start()
        silent.settimeout(120)
        with silent.accept()[0]:
            caller.kill()
            caller.join()
    assert caller.exitcode == -signal.SIGKILL
    assert list(scratch.iterdir()) == []


def test_what_is_no_archive_costs_no_host(fleet: Fleet) -> None:
    fleet.finish(fleet.order("k1", "one", fleet.how(1, stop=fleet.write("stopped"))))
    path = fleet.ground.folder / "text"
    path.write_text("this is no archive")
    order = replace(fleet.order("k2", "two", fleet.how(1, stop=fleet.write("stopped")), 2))
    progress = fleet.finish(replace(order, digest=fleet.ground.artifacts.put(path)))
    assert progress.state == "failed"
    assert "does not unpack: gzip: stdin: not in gzip format" in progress.message
    assert (fleet.versions(1), fleet.did()) == (["one"], [])


def _gone(fleet: Fleet) -> None:
    """The shell that a hook named in ``did`` has ended, and everything in its session."""
    session = int(fleet.did()[-1])

    def living() -> list[int]:
        numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
        return [pid for pid in numbers if start_time(pid) and _session(pid) == session]

    _until(lambda: not living())


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def _until(true: Callable[[], bool]) -> None:
    patience = time.monotonic() + 120
    while not true():
        assert time.monotonic() < patience
        time.sleep(0.02)

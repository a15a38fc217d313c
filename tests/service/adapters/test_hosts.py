"""Hosts as local processes: batches, failures, deadlines and fencing."""

import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from datetime import timedelta
from urllib.request import urlopen

import pytest

from policies.pipeline import Hooks
from service.adapters.host_change import since_boot
from service.adapters.host_files import read_hosts, read_target
from service.adapters.host_process import alive, start_time
from service.promotions.ports import DeployProgress, Fenced
from tests.service.adapters.conftest import Ground, deploy, fact


def test_first_deployment_and_its_records(ground: Ground) -> None:
    digest = ground.built("one")
    found = ground.finish(ground.order("k1", digest, deploy(hosts=3, batch=2, min_healthy=2)))
    assert found == [DeployProgress("running", 2, 3, 0), DeployProgress("succeeded", 3, 3, 0)]
    assert ground.answers() == ["one"] * 3
    hosts = ground.deployer.hosts("shop", "prod", "eu-1")
    assert [(host.name, host.digest) for host in hosts] == [
        (f"eu-1-{number}", digest) for number in (1, 2, 3)
    ]
    first = json.loads((ground.folder / "hosts" / "starts.jsonl").read_text().splitlines()[0])
    assert first.pop("time").endswith("Z")
    assert first == {
        "pipeline": "shop",
        "stage": "prod",
        "target": "eu-1",
        "host": "eu-1-1",
        "key": "k1",
        "digest": digest,
        "pid": hosts[0].pid,
    }


def test_hosts_lead_sessions_of_their_own(ground: Ground) -> None:
    ground.finish(ground.order("k1", ground.built("one"), deploy()))
    (host,) = ground.deployer.hosts("shop", "prod", "eu-1")
    assert (os.getsid(host.pid), os.getpgid(host.pid)) == (host.pid, host.pid)


def test_a_rolling_batch_keeps_the_healthy_minimum(ground: Ground) -> None:
    how = deploy(hosts=4, batch=3, min_healthy=3)
    ground.finish(ground.order("k1", ground.built("one"), how))
    seen: list[int] = []
    over = threading.Event()

    def sample() -> None:
        while not over.wait(0.005):
            seen.append(len(ground.deployer.hosts("shop", "prod", "eu-1")))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        found = ground.finish(ground.order("k2", ground.built("two"), how))
    finally:
        over.set()
        thread.join()
    assert [each.replaced for each in found] == [1, 2, 3, 4]
    assert found[-1] == DeployProgress("succeeded", 4, 4, 3)
    assert set(seen) == {3, 4}
    assert ground.answers() == ["two"] * 4


def test_nothing_can_be_replaced(ground: Ground) -> None:
    how = deploy(hosts=1, min_healthy=1)
    ground.finish(ground.order("k1", ground.built("one"), how))
    message = (
        "1 hosts are in service and 1 must stay, so none can be replaced; "
        "lower min_healthy or raise hosts"
    )
    failed = DeployProgress("failed", 0, 1, 1, message, "failure")
    assert ground.finish(ground.order("k2", ground.built("two"), how)) == [failed]
    assert ground.answers() == ["one"]


def test_a_rollback_takes_a_third_and_leaves_the_good_version_alone(ground: Ground) -> None:
    how = deploy(hosts=6, min_healthy=1)
    good = ground.built("one")
    ground.finish(ground.order("k1", good, replace(how, batch=fact(6))))
    kept = ground.deployer.hosts("shop", "prod", "eu-1")[5]
    bad = ground.order("k2", ground.built("two"), how)
    assert [ground.deployer.advance(bad).replaced for _ in range(5)] == [1, 2, 3, 4, 5]
    back = replace(ground.order("k3", good, how), rollback=True)
    assert [each.replaced for each in ground.finish(back)] == [3, 5, 6]
    assert ground.deployer.hosts("shop", "prod", "eu-1")[5] == kept
    assert ground.answers() == ["one"] * 6


def test_a_rollback_is_faster_with_three_hosts_too(ground: Ground) -> None:
    how = deploy(hosts=3, batch=1, min_healthy=2)
    good = ground.built("one")
    ground.finish(ground.order("k1", good, how))
    bad = ground.built("two")
    ground.finish(ground.order("k2", bad, how))
    back = replace(ground.order("k3", good, how), rollback=True)
    assert [each.replaced for each in ground.finish(back)] == [2, 3]
    ground.finish(ground.order("k4", bad, how))
    slowly = replace(back, key="k5", deploy=replace(how, rollback_batch=fact(0.33)))
    assert [each.replaced for each in ground.finish(slowly)] == [1, 2, 3]


def test_the_deadline_is_of_the_whole_deployment(ground: Ground) -> None:
    how = replace(deploy(hosts=2, validate="sleep 3"), deadline=fact(timedelta(seconds=5)))
    order = ground.order("k1", ground.built("one"), how)
    first = ground.deployer.advance(order)
    assert first == DeployProgress("running", 1, 2, 0)
    record = read_target(ground.target)
    assert record is not None
    # The second host gets what the first has left, not a second of its own.
    failed = ground.deployer.advance(order)
    assert (failed.state, failed.cause, failed.replaced) == ("failed", "deadline", 1)
    assert since_boot() - record.begun < 5 + 3


def test_a_deployment_that_waited_past_its_deadline_is_aborted(ground: Ground) -> None:
    how = replace(deploy(hosts=2), deadline=fact(timedelta(seconds=1)))
    order = ground.order("k1", ground.built("one"), how)
    assert ground.deployer.advance(order).state == "running"
    time.sleep(1)
    message = "1 of 2 hosts were replaced within 1s"
    late = DeployProgress("failed", 1, 2, 0, message, "deadline")
    assert ground.deployer.advance(order) == late
    assert ground.starts() == [("k1", "eu-1-1")]


def test_a_host_that_dies_during_its_deployment_fails_it(ground: Ground) -> None:
    order = ground.order("k1", ground.built("one"), deploy(hosts=2))
    ground.deployer.advance(order)
    (host,) = ground.deployer.hosts("shop", "prod", "eu-1")
    os.kill(host.pid, signal.SIGKILL)
    while start_time(host.pid):
        time.sleep(0.002)
    failed = ground.deployer.advance(order)
    assert (failed.state, failed.cause) == ("failed", "failure")
    assert failed.message == "host eu-1-1 ended while its deployment went on"
    assert ground.starts() == [("k1", "eu-1-1")]


def test_fewer_hosts_than_before(ground: Ground) -> None:
    digest = ground.built("one")
    ground.finish(ground.order("k1", digest, deploy(hosts=2, batch=2)))
    ground.finish(ground.order("k2", digest, deploy(hosts=1)))
    assert ground.answers() == ["one"]
    assert [host.state for host in read_hosts(ground.target)] == ["in_service", "stopped"]


def test_hooks_run_in_the_app_with_their_environment(ground: Ground) -> None:
    command = "env | grep ^BAKEGATE | sort >> ../{}; cat version >> ../{}"
    how = deploy(
        stop=command.format("stopped", "stopped"), validate=command.format("checked", "checked")
    )
    first, second = ground.built("one"), ground.built("two")
    ground.finish(ground.order("k1", first, how))
    (old,) = ground.deployer.hosts("shop", "prod", "eu-1")
    ground.finish(ground.order("k2", second, how, epoch=7))
    home = ground.target / "hosts" / "1"
    expected = [
        f"BAKEGATE_ARTIFACT={ground.artifacts.path(second)}",
        f"BAKEGATE_DIGEST={second}",
        "BAKEGATE_EPOCH=7",
        "BAKEGATE_IDEMPOTENCY_KEY=k2",
        f"BAKEGATE_PORT={old.url.rsplit(':', 1)[1]}",
        "BAKEGATE_RELEASE=r1",
        "BAKEGATE_STAGE=prod",
        "BAKEGATE_TARGET=eu-1",
        f"BAKEGATE_URL={old.url}",
        "one",
    ]
    assert (home / "stopped").read_text().split() == expected
    assert (home / "checked").read_text().endswith("two")


def test_a_failing_validation_is_kept_under_its_key(ground: Ground) -> None:
    how = deploy(hosts=2, min_healthy=1)
    ground.finish(ground.order("k1", ground.built("one"), replace(how, batch=fact(2))))
    hooks = Hooks(fact(None), fact(None), fact("echo x >> ../tries; echo bad data; exit 4"))
    bad = replace(how, hooks=hooks, deadline=fact(timedelta(seconds=4)))
    order = ground.order("k2", ground.built("two"), bad)
    message = "hook validate of host eu-1-1 ended with 4: bad data"
    failed = DeployProgress("failed", 0, 2, 1, message, "failure")
    assert ground.finish(order) == [failed]
    tries = ground.target / "hosts" / "1" / "tries"
    tried = tries.read_text()
    assert len(tried.split()) > 1
    assert ground.deployer.advance(order) == failed
    assert tries.read_text() == tried
    assert [host.state for host in read_hosts(ground.target)] == ["stopped", "in_service"]
    assert ground.answers() == ["one"]
    record = read_target(ground.target)
    assert record is not None
    assert (record.state, record.message) == ("failed", message)


def test_a_validation_that_succeeds_in_the_end(ground: Ground) -> None:
    how = deploy(validate="echo x >> ../tries; test $(wc -l < ../tries) = 3")
    (done,) = ground.finish(ground.order("k1", ground.built("one"), how))
    assert done == DeployProgress("succeeded", 1, 1, 0)


def test_a_server_that_ends_at_once(ground: Ground) -> None:
    how = deploy(start="echo broken >&2; exit 4")
    (failed,) = ground.finish(ground.order("k1", ground.built("one"), how))
    assert failed.message == "host eu-1-1 ended before it listened: broken"


def test_a_failing_stop_hook_leaves_the_old_process(ground: Ground) -> None:
    how = deploy(stop="exit 5")
    ground.finish(ground.order("k1", ground.built("one"), how))
    (old,) = ground.deployer.hosts("shop", "prod", "eu-1")
    (failed,) = ground.finish(ground.order("k2", ground.built("two"), how))
    assert failed.message == "hook stop of host eu-1-1 ended with 5"
    (host,) = read_hosts(ground.target)
    assert (host.state, host.pid, alive(host.pid, host.start_time)) == ("stopping", old.pid, True)


def test_a_way_back_that_changes_no_host_needs_no_artifact(ground: Ground) -> None:
    how = deploy(hosts=2)
    good = ground.built("one")
    ground.finish(ground.order("k1", good, how))
    text = ground.folder / "text"
    text.write_text("this is no archive")
    (failed,) = ground.finish(ground.order("k2", ground.artifacts.put(text), how))
    assert (failed.state, failed.replaced) == ("failed", 0)
    ground.artifacts.path(good).unlink()
    back = replace(ground.order("k3", good, how), rollback=True)
    assert ground.finish(back) == [DeployProgress("succeeded", 2, 2, 2)]
    assert ground.answers() == ["one"] * 2


@pytest.mark.parametrize("stop", ["exit 5", "sleep 600"])
def test_a_stop_hook_holds_up_no_way_back(ground: Ground, stop: str) -> None:
    how = deploy()
    good = ground.built("one")
    ground.finish(ground.order("k1", good, how))
    ground.finish(ground.order("k2", ground.built("two"), how))
    bad = replace(deploy(stop=stop), deadline=fact(timedelta(seconds=8)))
    back = replace(ground.order("k3", good, bad), rollback=True)
    assert [each.state for each in ground.finish(back)][-1] == "succeeded"
    assert ground.answers() == ["one"]


def test_an_abort_ends_a_hook_that_hangs(ground: Ground) -> None:
    how = deploy(validate="sleep 600", hosts=2)
    order = ground.order("k1", ground.built("one"), how)
    caught: list[Fenced] = []

    def work() -> None:
        try:
            ground.deployer.advance(order)
        except Fenced as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not [host for host in read_hosts(ground.target) if host.pid]:
        time.sleep(0.01)
    (host,) = read_hosts(ground.target)
    message = "aborted when 0 of 2 hosts were replaced"
    aborted = DeployProgress("failed", 0, 2, 0, message, "abort")
    assert ground.deployer.abort(replace(order, epoch=2)) == aborted
    # Long before the deadline of 20 s.
    thread.join(10)
    assert not thread.is_alive()
    assert str(caught[0]) == "k1 has epoch 1; target eu-1 of stage prod has seen 2"
    assert not alive(host.pid, host.start_time)
    assert [each.state for each in read_hosts(ground.target)] == ["stopped"]


def test_requests_may_end_before_a_host_stops(ground: Ground) -> None:
    how = replace(deploy(stop="date +%s.%N > ../stopped"), drain=fact(timedelta(seconds=2)))
    good = ground.order("k1", ground.built("one"), how)
    ground.finish(good)
    (old,) = ground.deployer.hosts("shop", "prod", "eu-1")
    order = replace(good, key="k2", digest=ground.built("two"))
    thread = threading.Thread(target=ground.finish, args=[order])
    thread.start()
    while ground.deployer.hosts("shop", "prod", "eu-1"):
        time.sleep(0.005)
    left = time.time()
    # It takes no new requests, and still answers those that it has.
    with urlopen(old.url, timeout=60) as answer:  # noqa: S310 - our own loopback server
        assert answer.read() == b"one"
    thread.join()
    stopped = ground.target / "hosts" / "1" / "stopped"
    assert float(stopped.read_text()) - left > 1.5
    slow = replace(how, drain=fact(timedelta(hours=1)))
    ground.finish(replace(good, key="k3", rollback=True, deploy=slow))
    assert ground.answers() == ["one"]


def test_a_missing_artifact_costs_no_host(ground: Ground) -> None:
    ground.finish(ground.order("k1", ground.built("one"), deploy()))
    digest = "sha256:" + "0" * 64
    message = f"there is no artifact {digest} in {ground.folder / 'artifacts'}; build it again"
    failed = DeployProgress("failed", 0, 1, 1, message, "failure")
    assert ground.finish(ground.order("k2", digest, deploy())) == [failed]
    assert ground.answers() == ["one"]


def test_a_finished_key_does_nothing_again(ground: Ground) -> None:
    order = ground.order("k1", ground.built("one"), deploy(hosts=2, batch=2))
    done = ground.finish(order)
    before = ground.deployer.hosts("shop", "prod", "eu-1")
    assert [ground.deployer.advance(order)] == done
    assert ground.deployer.hosts("shop", "prod", "eu-1") == before
    assert ground.starts() == [("k1", "eu-1-1"), ("k1", "eu-1-2")]


def test_a_lower_epoch_is_fenced(ground: Ground) -> None:
    digest = ground.built("one")
    order = ground.order("k1", digest, deploy(), epoch=5)
    done = ground.finish(order)
    with pytest.raises(Fenced) as error:
        ground.deployer.advance(ground.order("k0", digest, deploy(), epoch=4))
    assert str(error.value) == "k0 has epoch 4; target eu-1 of stage prod has seen 5"
    # A known key with a higher epoch is answered from the record, and fences all the same.
    assert [ground.deployer.advance(replace(order, epoch=6))] == done
    with pytest.raises(Fenced):
        ground.deployer.advance(order)


def test_callers_at_once_start_no_host_twice(ground: Ground) -> None:
    order = ground.order("k1", ground.built("one"), deploy(hosts=3))
    fenced: list[int] = []

    def call(epoch: int) -> None:
        try:
            ground.finish(replace(order, epoch=epoch))
        except Fenced:
            fenced.append(epoch)

    threads = [threading.Thread(target=call, args=[epoch]) for epoch in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 3 not in fenced
    assert ground.starts() == [("k1", f"eu-1-{number}") for number in (1, 2, 3)]
    assert ground.answers() == ["one"] * 3


def test_a_dead_host_stays_in_the_record_and_is_replaced_first(ground: Ground) -> None:
    how = deploy(hosts=2, batch=1, min_healthy=1)
    digest = ground.built("one")
    ground.finish(ground.order("k1", digest, replace(how, batch=fact(2))))
    hosts = ground.deployer.hosts("shop", "prod", "eu-1")
    os.kill(hosts[1].pid, signal.SIGKILL)
    while start_time(hosts[1].pid):
        time.sleep(0.002)
    assert ground.deployer.hosts("shop", "prod", "eu-1") == hosts
    first = ground.deployer.advance(ground.order("k2", digest, how))
    assert first == DeployProgress("running", 1, 2, 1)
    assert ground.starts()[-1] == ("k2", "eu-1-2")


def test_end_all_ends_only_what_the_records_name(ground: Ground) -> None:
    ground.finish(ground.order("k1", ground.built("one"), deploy(hosts=2, batch=2)))
    ours, lost = ground.deployer.hosts("shop", "prod", "eu-1")
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as bystander:
        # A record whose number now belongs to somebody else: the start time does not agree.
        path = ground.target / "hosts" / "2.json"
        claim = next((ground.target / "hosts" / "2").glob("*.claim"))
        record = json.loads(path.read_text())
        path.write_text(json.dumps(record | {"pid": bystander.pid}))
        claim.write_text(f"{bystander.pid} {record['start_time']}\n")
        ground.deployer.end_all()
        assert bystander.poll() is None
        bystander.kill()
    assert start_time(ours.pid) == 0
    assert alive(lost.pid, record["start_time"])
    os.killpg(lost.pid, signal.SIGKILL)
    assert [host.state for host in read_hosts(ground.target)] == ["stopped", "stopped"]
    assert ground.deployer.hosts("shop", "prod", "eu-1") == ()

"""What a new blocklist entry does to releases on their way, on SQLite and PostgreSQL alike."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from policies.rule import BlocklistEntry
from service.adapters.git import GitRepository
from service.errors import Conflict, NotFound
from service.promotions.blocklist import Change, Decided, Runs
from service.store.read import events
from tests.service.executor.conftest import FIRST, ORGANIZATION, PIPELINE, Field
from tests.twins.ports import digest_of

BAD = ("pkg:pypi/tiny-rates@1.3.0",)
ENTRY = BlocklistEntry(
    "bl-1",
    "too slow",
    "security",
    package="pkg:pypi/tiny-rates",
    versions="vers:pypi/>=1.3.0|<1.3.1",
)
TOLD = "contains pkg:pypi/tiny-rates@1.3.0, blocked by bl-1 (vers:pypi/>=1.3.0|<1.3.1): too slow"


def sentence(stages: str) -> str:
    """The sentence of the gate, which says where the release runs already."""
    return f"{TOLD}; it runs in {stages}"


def block(field: Field, entry: BlocklistEntry = ENTRY) -> Change:
    change = field.executor.add_blocklist(entry, "tester")
    field.settle()
    return change


def result(field: Field, release: str) -> str:
    """What the blocklist says at the gate of the one-box now."""
    message = field.executor.gate(
        "shop", release, "one-box", dry_run=True, at=None, record=None, actor="me"
    )
    return {each["rule"]: str(each["result"]) for each in message["results"]}["artifact-blocklist"]


@pytest.mark.both_databases
def test_what_waits_is_blocked_in_the_same_transaction(field: Field) -> None:
    field.submit("a")
    field.builder.packages["b" * 40] = BAD
    waiting = field.submit("b")
    change = block(field)
    assert change.decided == (
        Decided("shop", waiting, "one-box", "waiting", "blocked", sentence("beta")),
    )
    assert change.running == (Runs("shop", "beta", "beta", waiting, digest_of("b" * 40)),)
    with field.engines.reading() as session:
        told = [each for each in events(session, "shop", 0, 1000) if each.kind.startswith("block")]
    assert [each.data["decided"] for each in told] == [[[waiting, "one-box", "blocked"]]]


@pytest.mark.served
@pytest.mark.both_databases
def test_what_bakes_is_halted_and_a_rollback_is_proposed(field: Field) -> None:
    good = FIRST
    field.builder.packages["b" * 40] = BAD
    bad = field.submit("b")
    assert field.state(bad, "one-box") == "baking"
    change = block(field)
    why = sentence("beta and one-box")
    assert change.decided == (Decided("shop", bad, "one-box", "baking", "halted", why),)
    assert Runs("shop", "one-box", "one-box", bad, digest_of("b" * 40)) in change.running
    run = next(run for run in field.release(bad).runs if run.stage == "one-box")
    assert (run.outcome, run.message) == ("failed", f"halted: {why}; a rollback is proposed")
    assert field.stage("one-box").transition == "manual"
    assert field.stage("one-box").running == {"one-box": digest_of("b" * 40)}
    assert field.stage("one-box").good == digest_of("a" * 40)
    assert field.release(good).outcome == "succeeded"


@pytest.mark.served
def test_what_deploys_ends_its_running_batch_and_is_halted_then(field: Field) -> None:
    field.builder.packages["b" * 40] = BAD
    bad = field.submit("b")
    field.deployer.valve.close("cell-1")
    field.until(bad, "cell-1", "deploying", seconds=5)
    change = field.executor.add_blocklist(ENTRY, "tester")
    why = sentence("beta and one-box")
    assert Decided("shop", bad, "cell-1", "deploying", "halting", why) in change.decided
    field.deployer.valve.open()
    field.settle()
    assert field.state(bad, "cell-1") == "failed"
    hosts = field.deployer.placed["shop", "cell-1", "cell-1"]
    assert hosts.count(digest_of("b" * 40)) == 1
    assert field.stage("cell-1").transition == "manual"


def test_before_production_an_entry_only_warns(field: Field) -> None:
    field.builder.packages["a" * 40] = BAD
    field.tester.valve.close("beta")
    release = field.executor.submit("shop", "a" * 40, "tester")
    field.until(release, "beta", "testing")
    change = field.executor.add_blocklist(ENTRY, "tester")
    assert change.decided == (
        Decided("shop", release, "beta", "testing", "testing", sentence("beta")),
    )
    field.tester.valve.open()
    field.settle()
    assert field.state(release, "beta") == "succeeded"
    assert field.state(release, "one-box") == "waiting"


def test_an_exempted_pipeline_goes_on(field: Field) -> None:
    files = ORGANIZATION | {
        "organization.yaml": ORGANIZATION["organization.yaml"] + "exceptions: ex.yaml\n",
        "ex.yaml": """\
schema: bakegate/exceptions/v1
exemptions: [{id: ex-1, pipeline: shop, rule: artifact-blocklist, reason: it is not reached,
  approved_by: ada, from: 2026-11-01, until: 2026-12-01}]
""",
    }
    field.executor.register_organization(files, "tester")
    field.builder.packages["a" * 40] = BAD
    release = field.submit("a")
    assert block(field).decided == ()
    assert field.state(release, "one-box") == "baking"


def test_an_entry_of_a_file_halts_as_well(field: Field) -> None:
    field.builder.packages["a" * 40] = BAD
    release = field.submit("a")
    files = ORGANIZATION | {
        "organization.yaml": ORGANIZATION["organization.yaml"] + "exceptions: ex.yaml\n",
        "ex.yaml": """\
schema: bakegate/exceptions/v1
blocklist: [{id: bl-1, package: pkg:pypi/tiny-rates, versions: "vers:pypi/>=1.3.0|<1.3.1",
  reason: too slow, owner: security}]
""",
    }
    field.executor.register_organization(files, "tester")
    assert field.state(release, "one-box") == "failed"
    assert [(each.entry.id, each.source) for each in field.executor.blocklist()] == [
        ("bl-1", "ex.yaml:2")
    ]


def test_one_that_is_removed_lets_the_next_gate_pass(field: Field) -> None:
    field.submit("a")
    field.builder.packages["b" * 40] = BAD
    waiting = field.submit("b")
    block(field)
    field.executor.remove_blocklist("bl-1", "1.3.0 was mended in place", "tester")
    assert result(field, waiting) == "pass"
    with pytest.raises(Conflict, match="bl-1 is removed already"):
        field.executor.remove_blocklist("bl-1", "again", "tester")
    with pytest.raises(Conflict, match="an id names one entry for ever"):
        block(field)
    with pytest.raises(NotFound):
        field.executor.remove_blocklist("bl-7", "gone", "tester")


def test_two_persons_keep_the_list_where_the_organization_asks_for_it(field: Field) -> None:
    rules = ORGANIZATION["rules.yaml"] + "exceptions: {second_person: [blocklist]}\n"
    field.executor.register_organization(ORGANIZATION | {"rules.yaml": rules}, "tester")
    field.builder.packages["a" * 40] = BAD
    release = field.submit("a")
    assert field.executor.add_blocklist(ENTRY, "kim").state == "proposed"
    assert field.state(release, "one-box") == "baking"
    with pytest.raises(Conflict, match="kim asked for this change of bl-1; a second person"):
        field.executor.confirm_blocklist("bl-1", "kim")
    change = field.executor.confirm_blocklist("bl-1", "lee")
    assert (change.state, [each.now for each in change.decided]) == ("active", ["halted"])
    assert field.executor.remove_blocklist("bl-1", "mended", "lee").state == "leaving"
    assert field.executor.confirm_blocklist("bl-1", "kim").state == "removed"
    with pytest.raises(Conflict, match="nothing waits for a second person"):
        field.executor.confirm_blocklist("bl-1", "kim")


def test_what_names_nothing_is_refused(field: Field) -> None:
    for entry, told in (
        (replace(ENTRY, package=""), "exactly one of package, digest, bad_commit and builder"),
        (replace(ENTRY, digest="sha256:" + "a" * 64), "exactly one of"),
        (replace(ENTRY, package="urllib3"), "'urllib3' is no package URL"),
        (replace(ENTRY, versions="<2"), "'<2' is no version range"),
    ):
        with pytest.raises(Conflict, match=told):
            block(field, entry)


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=kim", "-c", "user.email=kim@example.org")
    done = subprocess.run(
        ["git", "-C", folder, *who, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commits(folder: Path, *subjects: str) -> list[str]:
    """A real repository with one commit for each subject; gives their hashes."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    found = []
    for subject in subjects:
        git(folder, "commit", "--quiet", "--allow-empty", "-m", subject)
        found.append(git(folder, "rev-parse", "HEAD"))
    return found


def test_a_bad_commit_blocks_until_the_one_that_mends_it(field: Field, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    _, bad, between, mended = commits(repository, "good", "bad", "between", "mended")
    ports = replace(field.executor.ground.ports, repository=GitRepository())
    field.executor.ground = replace(field.executor.ground, ports=ports)
    field.executor.register_pipeline(PIPELINE, "pipeline.yaml", str(repository), "tester")
    first = field.executor.submit("shop", between, "tester")
    field.settle()
    assert field.state(first, "one-box") == "baking"
    entry = BlocklistEntry(
        "bl-2", "slow queries", "orders", repository="shop", bad_commit=bad, fixed_by=mended
    )
    change = block(field, entry)
    assert [(each.release, each.now) for each in change.decided] == [(first, "halted")]
    assert {each.stage for each in change.running} == {"beta", "one-box"}
    field.executor.switch_transition("shop", "one-box", "automatic", "mended", "tester")
    second = field.executor.submit("shop", mended, "tester")
    field.settle()
    assert result(field, second) == "pass"
    assert result(field, first) == "fail"

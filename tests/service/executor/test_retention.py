"""What may go after a while: nothing that runs, can be gone back to, or is argued about."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from policies.rule import BlocklistEntry
from service.errors import Conflict, Unavailable
from service.executor.retention import prune
from service.promotions.commands import Abort, ClearProblem, ReportProblem, Retry
from service.promotions.retention import Kind, Retention, Stored
from service.store.read import events
from tests.service.executor.conftest import Field
from tests.twins.ports import START, digest_of

pytestmark = pytest.mark.both_databases

ORPHAN = "sha256:" + "0" * 64
DAYS = timedelta(days=100)


@dataclass
class MemoryStorage:
    """Artifacts by their digests, all put there when the tests begin."""

    digests: set[str]
    removed: list[str] = field(default_factory=list)
    away: bool = False

    def listing(self, repositories: Collection[str]) -> Iterable[Stored]:
        assert set(repositories) == {"."}
        return [Stored(Kind.ARTIFACT, each, 1, START, each) for each in sorted(self.digests)]

    def remove(self, stored: Stored) -> bool:
        if self.away:
            raise Unavailable("s3://artifacts does not answer as it should")
        self.digests.discard(stored.digest)
        self.removed.append(stored.digest)
        return True


def pruned(field: Field, storage: MemoryStorage, *, dry: bool = False, days: int = 90) -> set[str]:
    ground = field.executor.ground
    ground = replace(ground, ports=replace(ground.ports, storage=storage))
    return {each.digest for each in prune(ground, Retention(days, good=1), "kim", dry=dry)}


def artifacts(letters: str) -> set[str]:
    return {digest_of(each * 40) for each in letters}


@pytest.mark.served
def test_only_what_nothing_needs_goes(field: Field) -> None:
    field.through("b")
    field.through("c")
    storage = MemoryStorage({*artifacts("abc"), ORPHAN})
    assert pruned(field, storage) == set()
    field.clock.move(DAYS)
    assert pruned(field, storage, days=0) == set()
    assert pruned(field, storage, dry=True) == {*artifacts("a"), ORPHAN}
    assert storage.removed == []
    # What runs is of c, and the way back leads to b.
    assert pruned(field, storage) == {*artifacts("a"), ORPHAN}
    assert storage.digests == artifacts("bc")
    removed = [field.release(f"shop:{number}").removed_at for number in (1, 2, 3)]
    assert removed == [field.clock.now(), None, None]
    # Who let it go is written down, once.
    assert pruned(field, storage) == set()
    with field.engines.reading() as session:
        told = [
            (each.actor, each.data)
            for each in events(session, "shop", 0, 1000)
            if each.kind == "artifact.removed"
        ]
    assert told == [("kim", {"digests": sorted(artifacts("a"))})]


@pytest.mark.served
def test_what_people_have_not_settled_stays(field: Field) -> None:
    for letter in "bcd":
        field.through(letter)
    storage = MemoryStorage(artifacts("ab"))
    name = field.executor.carry_out(ReportProblem("shop:1", "orders charged twice"), "lee")
    field.clock.move(DAYS)
    assert pruned(field, storage, dry=True) == artifacts("b")
    entry = BlocklistEntry("bl-1", "too slow", "security", digest=digest_of("b" * 40))
    field.executor.add_blocklist(entry, "lee")
    assert pruned(field, storage) == set()
    field.executor.carry_out(ClearProblem(name, "the test account was wrong"), "lee")
    assert pruned(field, storage) == artifacts("a")


def test_who_wants_an_artifact_again_that_is_gone_is_told_before_anything_starts(
    field: Field,
) -> None:
    field.executor.switch_transition("shop", "beta", "manual", "the host moves", "lee")
    name = field.submit("a")
    field.executor.carry_out(Abort(name, "by mistake"), "lee")
    storage = MemoryStorage(artifacts("a"))
    field.clock.move(DAYS)
    storage.away = True
    with pytest.raises(Unavailable):
        pruned(field, storage)
    # It was written down before, and what was cut short is done by the next one.
    assert field.release(name).removed_at == field.clock.now()
    storage.away = False
    assert pruned(field, storage) == artifacts("a")
    with pytest.raises(Conflict, match=f"^the artifact of {name} was removed on 2027-03-04, as"):
        field.executor.carry_out(Retry(name, "beta", "it was none"), "lee")
    field.submit("a")
    assert field.release(name).removed_at is None


def test_what_is_on_its_way_stays_however_old(field: Field) -> None:
    field.submit("a")
    field.clock.move(DAYS)
    assert field.release("shop:1").outcome is None
    assert pruned(field, MemoryStorage(artifacts("a"))) == set()

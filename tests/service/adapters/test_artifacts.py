"""One contract for every place of artifacts: this folder, S3, another folder, and a twin."""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import boto3  # type: ignore[import-untyped]  # the package has no type hints
import fsspec  # type: ignore[import-untyped]  # the package has no type hints
import pytest
from moto.server import ThreadedMotoServer

from service.adapters.artifacts import ArtifactError, ArtifactStore
from service.adapters.object_store import AddressError, ObjectStore, UnreachableError

BYTES: Final = b"the bytes of a build"
HEX: Final = hashlib.sha256(BYTES).hexdigest()
DIGEST: Final = f"sha256:{HEX}"
OTHER: Final = f"sha256:{hashlib.sha256(b'damaged').hexdigest()}"


class Place:
    """Where artifacts are kept; each ``store`` of it is one process on one machine."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.address = address

    def store(self, machine: str = "one") -> ArtifactStore:
        """Machines share nothing but the address; without one there is only one machine."""
        if not self.address:
            return ArtifactStore(self.folder / "artifacts")
        return ArtifactStore(self.folder / machine, ObjectStore(self.address))

    @property
    def name(self) -> str:
        return self.address or str(self.folder / "artifacts")

    def damage(self) -> None:
        """Other bytes under the name of the artifact, as a bad disk or a careless hand leaves."""
        with fsspec.open(f"{self.name}/{HEX}.bin", "wb") as file:
            file.write(b"damaged")

    def names(self) -> list[str]:
        files, root = fsspec.core.url_to_fs(self.name)
        files.invalidate_cache()
        return [each.rpartition("/")[2] for each in files.ls(root, detail=False)]


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server that speaks S3, with an empty bucket."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patched.setenv("AWS_ACCESS_KEY_ID", "test")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket="artifacts")
        yield "s3://artifacts"
    server.stop()


@pytest.fixture(params=["folder", "s3", "file", "twin"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    fresh = uuid.uuid4().hex
    addresses: dict[str, Callable[[], str]] = {
        "folder": lambda: "",
        "s3": lambda: f"{request.getfixturevalue('s3')}/{fresh}",
        "file": lambda: f"file://{tmp_path}/shared",
        "twin": lambda: f"memory://{fresh}",
    }
    return Place(tmp_path, addresses[request.param]())


@pytest.fixture
def built(tmp_path: Path) -> Path:
    path = tmp_path / "app.tar.gz"
    path.write_bytes(BYTES)
    return path


def test_kept_under_the_digest_of_its_bytes(place: Place, built: Path) -> None:
    store = place.store()
    assert [store.put(built), store.put(built)] == [DIGEST, DIGEST]
    assert place.names() == [f"{HEX}.bin"]
    assert store.path(DIGEST).read_bytes() == BYTES


def test_every_machine_reads_it(place: Place, built: Path) -> None:
    place.store("one").put(built)
    assert place.store("two").path(DIGEST).read_bytes() == BYTES


def test_the_original_may_change_afterwards(place: Place, built: Path) -> None:
    store = place.store()
    store.put(built)
    built.write_bytes(b"other")
    assert store.path(DIGEST).read_bytes() == BYTES


def test_damaged_bytes_are_found(place: Place, built: Path) -> None:
    place.store("one").put(built)
    place.damage()
    with pytest.raises(ArtifactError) as error:
        place.store("two").path(DIGEST)
    assert str(error.value) == (
        f"the artifact {DIGEST} is damaged: its bytes are {OTHER}; "
        f"remove {place.name}/{HEX}.bin and build it again"
    )


def test_what_was_never_put(place: Place) -> None:
    digest = "sha256:" + "0" * 64
    with pytest.raises(ArtifactError) as error:
        place.store().path(digest)
    where = f"at {place.address}" if place.address else f"in {place.name}"
    assert str(error.value) == f"there is no artifact {digest} {where}; build it again"


@pytest.mark.parametrize("digest", ["", HEX, "sha256:../../etc/passwd", f"sha256:{HEX.upper()}"])
def test_no_digest(place: Place, digest: str) -> None:
    with pytest.raises(ArtifactError) as error:
        place.store().path(digest)
    assert str(error.value) == f"{digest!r} is no digest; one reads sha256:<64 hex digits>"


def test_a_failed_put_leaves_nothing(place: Place, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        place.store().put(tmp_path / "absent")
    assert list((tmp_path / ("one" if place.address else "artifacts")).iterdir()) == []


def test_bytes_that_change_while_a_process_runs_are_found(tmp_path: Path, built: Path) -> None:
    """A release is deployed to its last stage days after the same process has digested it."""
    store = ArtifactStore(tmp_path / "artifacts")
    path = store.path(store.put(built))
    assert store.path(DIGEST) == path
    with path.open("ab") as file:
        file.write(b"!")
    with pytest.raises(ArtifactError, match=f"^the artifact {DIGEST} is damaged: its bytes are "):
        store.path(DIGEST)


def test_a_damaged_copy_is_fetched_again(tmp_path: Path, built: Path) -> None:
    place = Place(tmp_path, f"file://{tmp_path}/shared")
    place.store().put(built)
    copy = tmp_path / "one" / f"{HEX}.bin"
    copy.write_bytes(b"damaged")
    assert place.store().path(DIGEST).read_bytes() == BYTES
    assert [each.name for each in copy.parent.iterdir()] == [f"{HEX}.bin"]


def test_a_store_that_is_away_is_no_missing_artifact(s3: str, built: Path, tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "one", ObjectStore(f"{s3}-of-others"))
    with pytest.raises(UnreachableError, match=r"^s3://artifacts-of-others does not answer as it"):
        store.put(built)
    assert list((tmp_path / "one").iterdir()) == []


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("adl://lake/x", "need more than is installed: pip install 'a package that gives fsspec"),
        ("ss3://bucket", "artifacts cannot be kept at ss3://bucket: Protocol not known: ss3"),
    ],
)
def test_an_address_that_cannot_be_used(address: str, told: str) -> None:
    with pytest.raises(AddressError) as error:
        ObjectStore(address)
    assert told in str(error.value)


def test_what_is_kept_is_listed_and_removed_once_and_for_all(place: Place, built: Path) -> None:
    store = place.store()
    store.put(built)
    listed = list(store.listing())
    assert {each.digest for each in listed} == {DIGEST}
    assert {each.size for each in listed} == {len(BYTES)}
    assert {each.place for each in listed} >= {f"{place.name}/{HEX}.bin"}
    assert [store.remove(each) for each in listed] == [True] * len(listed)
    assert list(store.listing()) == []
    assert [store.remove(each) for each in listed] == [True] * len(listed)
    with pytest.raises(ArtifactError):
        store.path(DIGEST)


def test_what_was_put_again_since_it_was_listed_stays(place: Place, built: Path) -> None:
    store = place.store()
    store.put(built)
    old = [replace(each, at=each.at - timedelta(days=100)) for each in store.listing()]
    assert [store.remove(each) for each in old] == [False] * len(old)
    assert store.path(DIGEST).read_bytes() == BYTES

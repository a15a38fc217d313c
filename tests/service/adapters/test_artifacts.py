"""Artifacts on disk, named by the digest of their bytes."""

import hashlib
from pathlib import Path

import pytest

from service.adapters.artifacts import ArtifactError, ArtifactStore

BYTES = b"the bytes of a build"
HEX = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def built(tmp_path: Path) -> Path:
    path = tmp_path / "app.tar.gz"
    path.write_bytes(BYTES)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


def test_kept_under_the_digest_of_its_bytes(folder: Path, built: Path) -> None:
    store = ArtifactStore(folder)
    assert store.put(built) == f"sha256:{HEX}"
    assert store.put(built) == f"sha256:{HEX}"
    assert [path.name for path in folder.iterdir()] == [f"{HEX}.bin"]
    assert store.path(f"sha256:{HEX}").read_bytes() == BYTES


def test_the_original_may_change_afterwards(folder: Path, built: Path) -> None:
    store = ArtifactStore(folder)
    digest = store.put(built)
    built.write_bytes(b"other")
    assert store.path(digest).read_bytes() == BYTES


def test_damaged_bytes_are_found(folder: Path, built: Path) -> None:
    digest = ArtifactStore(folder).put(built)
    (folder / f"{HEX}.bin").write_bytes(b"damaged")
    found = hashlib.sha256(b"damaged").hexdigest()
    with pytest.raises(ArtifactError) as error:
        ArtifactStore(folder).path(digest)
    assert str(error.value) == (
        f"the artifact {digest} is damaged: its bytes are sha256:{found}; "
        f"remove {folder / HEX}.bin and build it again"
    )


def test_what_was_never_put(folder: Path) -> None:
    digest = "sha256:" + "0" * 64
    with pytest.raises(ArtifactError) as error:
        ArtifactStore(folder).path(digest)
    assert str(error.value) == f"there is no artifact {digest} in {folder}; build it again"


@pytest.mark.parametrize("digest", ["", HEX, "sha256:../../etc/passwd", f"sha256:{HEX.upper()}"])
def test_no_digest(folder: Path, digest: str) -> None:
    with pytest.raises(ArtifactError) as error:
        ArtifactStore(folder).path(digest)
    assert str(error.value) == f"{digest!r} is no digest; one reads sha256:<64 hex digits>"


def test_a_failed_put_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ArtifactStore(folder).put(tmp_path / "absent")
    assert list(folder.iterdir()) == []

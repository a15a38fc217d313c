"""Artifacts that were built elsewhere, sent to a running service."""

from pathlib import Path
from typing import Final

from cli.client import send
from cli.problems import Unusable

_PREFIX: Final = "sha256:"


def pushed(url: str | None, artifact: str) -> str:
    """The digest of an artifact that the service has, or now gets; raises Unusable.

    A file may be named like a digest only with its folder: ``./sha256:...``.
    """
    if artifact.startswith(_PREFIX):
        return artifact
    import hashlib

    file = Path(artifact)
    try:
        with file.open("rb") as content:
            digest = _PREFIX + hashlib.file_digest(content, "sha256").hexdigest()
        send(url, f"/v1/artifacts/{digest}", file)
    except OSError as error:
        raise Unusable(f"{artifact} cannot be read: {error.strerror}") from error
    return digest

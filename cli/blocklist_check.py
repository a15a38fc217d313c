"""Comparing one list of packages with the blocklist, without a release."""

from datetime import datetime
from pathlib import Path

from cli.files import shown
from cli.paging import every
from cli.problems import Unusable
from policies.blocklist import Match, matches
from policies.documents import DocumentError
from policies.exception_files import read_exceptions
from policies.plain import parse_instant
from policies.release import Artifact, Release, ReleaseKind
from policies.rule import BlocklistEntry
from service.adapters.sbom import SbomError, read_sbom

#: States in which an entry of the service blocks.
_IN_FORCE = frozenset({"active", "leaving"})


def checked(
    sbom: Path, listed: Path | None, url: str | None, now: datetime
) -> tuple[list[str], list[str]]:
    """What is blocked in the list, and what cannot be told; raises Unusable.

    Only entries about packages are asked: a list of packages says nothing of commits and builders.
    """
    entries = _of_file(listed) if listed else _of_service(url)
    release = _release(sbom, now)
    found = matches((each for each in entries if each.package), release, release.pipeline, now)
    contained = [_told(each) for each in found if each.contained]
    return contained, [_told(each) for each in found if not each.contained]


def _told(match: Match) -> str:
    entry = match.entry
    word = "blocked" if match.contained else "not known"
    return f"{word}: {match.message} ({entry.id}: {entry.reason})"


def _release(sbom: Path, now: datetime) -> Release:
    try:
        inside = read_sbom(sbom)
    except SbomError as error:
        raise Unusable(str(error)) from error
    artifact = Artifact(digest="", commit="", sbom=inside)
    return Release(sbom.name, "", ReleaseKind.NORMAL, now, "", artifact)


def _of_file(path: Path) -> tuple[BlocklistEntry, ...]:
    try:
        return read_exceptions(path.read_bytes(), shown(path), "UTC").blocklist
    except DocumentError as error:
        raise Unusable(str(error)) from error
    except OSError as error:
        told = f"{path}: {error.strerror}"
        raise Unusable(told) from error


def _of_service(url: str | None) -> tuple[BlocklistEntry, ...]:
    found = every(url, "/v1/blocklist", "entries")
    return tuple(_entry(each["entry"]) for each in found if each["state"] in _IN_FORCE)


def _entry(data: dict[str, str | None]) -> BlocklistEntry:
    words = {name: value or "" for name, value in data.items() if name != "until"}
    until = data["until"]
    return BlocklistEntry(**words, until=parse_instant(until) if until else None)

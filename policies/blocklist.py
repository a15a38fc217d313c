"""Whether an artifact is what a blocklist entry names: a package, commit, digest or builder."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from policies.frozen import dataclass
from policies.release import Release
from policies.rule import BlocklistEntry


@dataclass(frozen=True, slots=True)
class Match:
    """What one entry says about one release: contained, or not to be told and why."""

    entry: BlocklistEntry
    contained: bool
    message: str
    """The package, commit or digest that matched, or what is missing to know."""


def problem(entry: BlocklistEntry) -> str:
    """What is wrong with an entry, in words; empty where nothing is."""
    subjects = (entry.package, entry.digest, entry.bad_commit, entry.builder)
    if sum(map(bool, subjects)) != 1:
        return "an entry names exactly one of package, digest, bad_commit and builder"
    if entry.fixed_by and not entry.bad_commit:
        return "fixed_by belongs to bad_commit"
    if entry.versions and not entry.package:
        return "versions belong to a package"
    return _unclear_package(entry) if entry.package else ""


def _unclear_package(entry: BlocklistEntry) -> str:
    # Imported here for the same reason as below.
    from packageurl import PackageURL  # noqa: PLC0415 - see below
    from univers import version_range  # noqa: PLC0415 - see below
    from univers.versions import InvalidVersion  # noqa: PLC0415 - see below

    try:
        PackageURL.from_string(entry.package)
    except ValueError:
        return f"{entry.package!r} is no package URL; write pkg:pypi/urllib3"
    ranges: Any = version_range.VersionRange
    try:
        if entry.versions:
            ranges.from_string(entry.versions)
    except (InvalidVersion, ValueError, TypeError):
        return f"{entry.versions!r} is no version range; write vers:pypi/>=2.0.0|<2.0.7"
    return ""


def matches(
    entries: Iterable[BlocklistEntry], release: Release, pipeline: str, at: datetime
) -> tuple[Match, ...]:
    """All entries in force at ``at`` that hit the release, or about which nothing can be told."""
    found: list[Match] = []
    for entry in entries:
        if entry.until is None or at < entry.until:
            found.extend(_match(entry, release, pipeline))
    return tuple(found)


def _match(entry: BlocklistEntry, release: Release, pipeline: str) -> list[Match]:
    if entry.digest:
        hit = entry.digest == release.artifact.digest
        return [Match(entry, contained=True, message=entry.digest)] if hit else []
    if entry.bad_commit:
        mine = entry.repository in {"", pipeline, release.artifact.repository}
        return _commit(entry, release) if mine else []
    return _builder(entry, release) if entry.builder else _package(entry, release)


def _builder(entry: BlocklistEntry, release: Release) -> list[Match]:
    """Who built it, as the build says, or as its provenance names the builder."""
    artifact = release.artifact
    proven = artifact.provenance.builder if artifact.provenance else ""
    known = {each for each in (artifact.builder, proven) if each}
    if not known:
        return [Match(entry, contained=False, message="who built the artifact was not reported")]
    return [Match(entry, contained=True, message=entry.builder)] if entry.builder in known else []


def _commit(entry: BlocklistEntry, release: Release) -> list[Match]:
    bad = _contains(release, entry.bad_commit)
    fixed = _contains(release, entry.fixed_by) if entry.fixed_by else False
    if fixed is None and any(each.commit == entry.bad_commit for each in release.changes):
        # The changes are all since the last release, and a fix comes after what it fixes.
        fixed = False
    if bad is False or fixed is True:
        return []
    if bad is None or fixed is None:
        missing = entry.bad_commit if bad is None else entry.fixed_by
        message = f"whether commit {missing[:12]} is in it was not reported"
        return [Match(entry, contained=False, message=message)]
    return [Match(entry, contained=True, message=f"commit {entry.bad_commit[:12]}")]


def _contains(release: Release, commit: str) -> bool | None:
    """Whether a commit is an ancestor of the artifact's; None where nobody looked."""
    if commit == release.artifact.commit or any(c.commit == commit for c in release.changes):
        return True
    return dict(release.context.ancestors).get(commit)


def _package(entry: BlocklistEntry, release: Release) -> list[Match]:
    if release.artifact.sbom is None:
        message = "the artifact has no list of its packages (SBOM)"
        return [Match(entry, contained=False, message=message)]
    found: list[Match] = []
    for component in release.artifact.sbom.components:
        hit = _hits(entry, component.purl)
        if hit:
            found.append(Match(entry, contained=True, message=component.purl))
        elif hit is None:
            message = f"the version of {component.purl} cannot be compared with {entry.versions}"
            found.append(Match(entry, contained=False, message=message))
    return found


def _hits(entry: BlocklistEntry, purl: str) -> bool | None:
    """Whether a package is the blocked one; None where its version cannot be compared.

    Qualifiers and subpaths do not count: another build of a bad version is as bad.
    """
    # Imported here: only a gate with a blocklist needs it, and a lint must start fast.
    from packageurl import PackageURL  # noqa: PLC0415 - see above

    try:
        found = PackageURL.from_string(purl)
    except ValueError:
        # A component without a package URL is not the blocked one: entries name packages by it.
        return False
    try:
        blocked = PackageURL.from_string(entry.package)
    except ValueError:
        return None
    if (blocked.type, blocked.namespace, blocked.name) != (found.type, found.namespace, found.name):
        return False
    if not entry.versions:
        return blocked.version in {None, found.version}
    return _in_range(found.version, entry.versions) if found.version else None


def _in_range(version: str, versions: str) -> bool | None:
    # Imported here for the same reason as above; it knows how each ecosystem orders versions.
    from univers import version_range  # noqa: PLC0415 - see above
    from univers.versions import InvalidVersion  # noqa: PLC0415 - see above

    # The package has no type hints for this class.
    ranges: Any = version_range.VersionRange
    try:
        found = ranges.from_string(versions)
        return bool(found.version_class(version) in found)
    except (InvalidVersion, ValueError, TypeError):
        return None

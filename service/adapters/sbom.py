"""What is inside an artifact: lists of packages, written as CycloneDX, read as SPDX too."""

import json
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component as BomComponent
from cyclonedx.model.component import ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from policies.release import Component, Danger, Sbom, Vulnerability
from service.adapters.report_files import UnreadableReportError, report_json, worded
from service.adapters.sarif import severity_of
from service.adapters.spdx import SpdxError, read_spdx

#: Analyses after which a finding does not count, from CycloneDX 1.6.
_SETTLED: Final = frozenset(
    {"not_affected", "false_positive", "resolved", "resolved_with_pedigree"}
)


class SbomError(Exception):
    """A list of packages cannot be made or read; the message says what is wrong with which file."""


def installed(folder: Path) -> str:
    """CycloneDX JSON of the Python distributions under ``folder``, as their metadata name them.

    Raises SbomError for a distribution that has no name or version, because a list with a gap would
    pass a blocklist.
    """
    components: dict[str, BomComponent] = {}
    for found in distributions(path=[str(folder)]):
        name, version = found.metadata["Name"], found.metadata["Version"]
        if not name or not version:
            raise SbomError(f"a distribution in {folder} does not tell its name and version")
        purl = PackageURL("pypi", name=name, version=version)
        components[str(purl)] = BomComponent(
            type=ComponentType.LIBRARY, name=name, version=version, purl=purl, bom_ref=str(purl)
        )
    bom = Bom(components=components.values())
    document = json.loads(
        make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()
    )
    # Everything installed is listed, whoever asked for it. The library has no words for that.
    document["compositions"] = [{"aggregate": "complete", "assemblies": sorted(components)}]
    return json.dumps(document, indent=2)


def read_sbom(path: Path) -> Sbom:
    """Read a CycloneDX or SPDX file in JSON that any tool wrote; raises SbomError.

    Components without a package URL are left out: nothing in a blocklist could name them.
    """
    document = _document(path)
    match document:
        case {"spdxVersion": str()}:
            return _spdx(document, path)
        case {"bomFormat": "CycloneDX"}:
            return _cyclonedx(document, path)
        case _:
            told = "neither bomFormat: CycloneDX nor spdxVersion: SPDX-2.3 is in it"
            raise SbomError(f"{path.name} is no list of packages: {told}")


def read_weaknesses(path: Path) -> tuple[Vulnerability, ...] | None:
    """What a scanner wrote into a CycloneDX list about its packages; None where none did.

    Raises SbomError. An analysis that came to ``not_affected`` or the like is no finding, and where
    several raters differ, the worst word counts.
    """
    document = _document(path)
    if document.get("vulnerabilities") is None:
        return None
    try:
        named = dict(_named(document))
        found = [each for one in document["vulnerabilities"] for each in _weakness(one, named)]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SbomError(f"{path.name} has a finding that cannot be read: {error!r}") from error
    return tuple(dict.fromkeys(found))


def _document(path: Path) -> dict[str, Any]:
    try:
        document = report_json(path)
    except UnreadableReportError as error:
        raise SbomError(str(error)) from error
    return document if isinstance(document, dict) else {}


def _named(parent: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The reference of each component that has a package URL, with that URL."""
    for component in parent.get("components", []):
        if component.get("purl"):
            yield component.get("bom-ref", component["purl"]), component["purl"]
        yield from _named(component)


def _weakness(found: dict[str, Any], named: dict[str, str]) -> Iterator[Vulnerability]:
    if (found.get("analysis") or {}).get("state") in _SETTLED:
        return
    words = [_word(each) for each in found.get("ratings") or []]
    # A rating that gives neither word nor score must not make a finding vanish.
    danger = max((each for each in words if each), key=list(Danger).index, default=Danger.MEDIUM)
    for target in found.get("affects") or []:
        versions = target.get("versions") or []
        fixed = [worded(each["version"]) for each in versions if each.get("status") == "unaffected"]
        purl = worded(named.get(target["ref"], target["ref"]))
        yield Vulnerability(worded(found["id"]), danger, purl, fixed[0] if fixed else "")


def _word(rating: dict[str, Any]) -> Danger | None:
    word = rating.get("severity", "unknown")
    if word in {"info", "none"}:
        return Danger.LOW
    if word in tuple(Danger):
        return Danger(word)
    return severity_of(rating["score"]) if rating.get("score") else None


def _spdx(document: dict[str, Any], path: Path) -> Sbom:
    try:
        return read_spdx(document)
    except SpdxError as error:
        raise SbomError(f"{path.name} is no SPDX document that can be read: {error}") from error


def _cyclonedx(document: dict[str, Any], path: Path) -> Sbom:
    try:
        purls = sorted(set(_purls(document)))
        complete = _complete(document)
    except (AttributeError, TypeError, ValueError) as error:
        raise SbomError(f"{path.name} has a component that cannot be read: {error}") from error
    return Sbom("cyclonedx", tuple(Component(purl) for purl in purls), complete=complete)


def _purls(parent: dict[str, Any]) -> Iterator[str]:
    """The package URLs of all components; components hold components."""
    for component in parent.get("components", []):
        if component.get("purl"):
            yield PackageURL.from_string(component["purl"]).to_string()
        yield from _purls(component)


def _complete(document: dict[str, Any]) -> bool | None:
    """Whether packages that packages ask for are listed too; None where the list does not say.

    Either the list says so of itself, or its graph shows what one of its packages depends on.
    """
    said = {str(each.get("aggregate")) for each in document.get("compositions", [])}
    if any(word.startswith("incomplete") for word in said):
        return False
    listed = {each.get("bom-ref") for each in document.get("components", [])}
    graph = document.get("dependencies", [])
    inner = any(each.get("ref") in listed and each.get("dependsOn") for each in graph)
    return True if "complete" in said or inner else None

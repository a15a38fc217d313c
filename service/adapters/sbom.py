"""What is inside an artifact: lists of packages, written as CycloneDX, read as SPDX too."""

import json
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component as BomComponent
from cyclonedx.model.component import ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from policies.release import Component, Sbom
from service.adapters.spdx import SpdxError, read_spdx


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
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise SbomError(f"{path.name} was not written") from error
    except ValueError as error:
        raise SbomError(f"{path.name} is no JSON: {error}") from error
    match document:
        case {"spdxVersion": str()}:
            return _spdx(document, path)
        case {"bomFormat": "CycloneDX"}:
            return _cyclonedx(document, path)
        case _:
            told = "neither bomFormat: CycloneDX nor spdxVersion: SPDX-2.3 is in it"
            raise SbomError(f"{path.name} is no list of packages: {told}")


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

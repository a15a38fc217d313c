"""SPDX lists of packages, as ``spdx-tools`` of the SPDX project reads their JSON form."""

from typing import Any

from packageurl import PackageURL

from policies.release import Component, Sbom


class SpdxError(Exception):
    """A list cannot be read; the message says what is wrong with it."""


def read_spdx(document: dict[str, Any]) -> Sbom:
    """Read a document of SPDX 2.2 or 2.3; raises SpdxError.

    Packages without a package URL are left out: nothing in a blocklist could name them.
    """
    # Imported here: it takes a quarter of a second to load, and few builds write this format.
    from spdx_tools.spdx.model.relationship import RelationshipType  # noqa: PLC0415 - see above
    from spdx_tools.spdx.parser.error import SPDXParsingError  # noqa: PLC0415 - see above
    from spdx_tools.spdx.parser.jsonlikedict import json_like_dict_parser  # noqa: PLC0415

    # Its functions have no type hints.
    parser: Any = json_like_dict_parser.JsonLikeDictParser
    try:
        found: Any = parser().parse(document)
        purls = sorted({purl for package in found.packages for purl in _purls(package)})
    except SPDXParsingError as error:
        told: Any = error
        raise SpdxError("; ".join(told.get_messages())) from error
    # The parser trusts the shape of what it is given, and a reference may be no package URL.
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SpdxError(str(error)) from error
    inner = any(_inner(found, each, RelationshipType) for each in found.relationships)
    components = tuple(Component(purl) for purl in purls)
    return Sbom("spdx", components, complete=True if inner else None)


def _purls(package: Any) -> list[str]:
    return [
        PackageURL.from_string(each.locator).to_string()
        for each in package.external_references
        if each.reference_type == "purl"
    ]


def _inner(document: Any, each: Any, types: Any) -> bool:
    """Whether a relationship says what a package inside depends on, not only the whole."""
    described = {
        one.related_spdx_element_id
        for one in document.relationships
        if one.relationship_type is types.DESCRIBES
    }
    match each.relationship_type:
        case types.DEPENDS_ON:
            return each.spdx_element_id not in described
        case types.DEPENDENCY_OF:
            return each.related_spdx_element_id not in described
        case _:
            return False

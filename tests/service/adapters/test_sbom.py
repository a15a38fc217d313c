"""Lists of packages: what is installed in a folder, and files that other tools wrote."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.exits import Exit
from cli.sbom import app
from policies.release import Component, Sbom
from service.adapters.sbom import SbomError, installed, read_sbom
from service.executor.facts import sbom_of, sbom_text


def install(folder: Path, name: str, version: str) -> None:
    """What an installer leaves of a distribution, as far as its metadata."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(text, encoding="utf-8")


def test_what_is_installed_is_read_back_with_normal_names(tmp_path: Path) -> None:
    install(tmp_path / "lib", "Tiny_Rates", "1.2.0")
    install(tmp_path / "lib", "other", "3.0")
    written = tmp_path / "sbom.json"
    written.write_text(installed(tmp_path / "lib"), encoding="utf-8")
    components = (Component("pkg:pypi/other@3.0"), Component("pkg:pypi/tiny-rates@1.2.0"))
    assert read_sbom(written) == Sbom("cyclonedx", components, complete=True)


def test_nothing_installed_is_an_empty_list(tmp_path: Path) -> None:
    document = json.loads(installed(tmp_path))
    assert document["bomFormat"] == "CycloneDX"
    assert document.get("components", []) == []


def test_a_distribution_without_a_name_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken-1.0.dist-info").mkdir()
    with pytest.raises(SbomError) as caught:
        installed(tmp_path)
    expected = f"a distribution in {tmp_path} does not tell its name and version"
    assert str(caught.value) == expected


def test_components_inside_of_components_count(tmp_path: Path) -> None:
    inner = {"name": "b", "purl": "pkg:npm/b@2"}
    outer = {"name": "a", "components": [inner, {"name": "no purl"}]}
    path = tmp_path / "sbom.json"
    path.write_text(json.dumps({"bomFormat": "CycloneDX", "components": [outer]}), encoding="utf-8")
    assert read_sbom(path) == Sbom("cyclonedx", (Component("pkg:npm/b@2"),))


@pytest.mark.parametrize(
    ("more", "complete"),
    [
        ({}, None),
        ({"compositions": [{"aggregate": "complete"}]}, True),
        ({"compositions": [{"aggregate": "incomplete_first_party_only"}]}, False),
        ({"compositions": [{"aggregate": "unknown"}]}, None),
        ({"dependencies": [{"ref": "a", "dependsOn": ["b"]}]}, True),
        ({"dependencies": [{"ref": "root", "dependsOn": ["a", "b"]}, {"ref": "a"}]}, None),
        ({"dependencies": [{"ref": "a", "dependsOn": []}]}, None),
    ],
)
def test_a_list_says_whether_packages_of_packages_are_in_it(
    tmp_path: Path, more: dict[str, object], complete: object
) -> None:
    parts = [{"bom-ref": "a", "purl": "pkg:npm/a@1"}, {"bom-ref": "b", "purl": "pkg:npm/b@2"}]
    document = {"bomFormat": "CycloneDX", "components": parts} | more
    path = tmp_path / "sbom.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    found = read_sbom(path)
    assert found.complete is complete
    assert sbom_of(sbom_text(found)) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "sbom.json is no JSON: "),
        ("[]", "sbom.json is no list of packages: neither bomFormat: CycloneDX nor"),
        ('{"spdxVersion": 2.3}', "sbom.json is no list of packages: neither bomFormat"),
        ('{"spdxVersion": "SPDX-2.3"}', "sbom.json is no SPDX document that can be read: "),
        (
            '{"bomFormat": "CycloneDX", "components": [{"purl": "tiny-rates 1.2.0"}]}',
            "sbom.json has a component that cannot be read: ",
        ),
        (
            '{"bomFormat": "CycloneDX", "components": ["tiny-rates"]}',
            "sbom.json has a component that cannot be read: ",
        ),
    ],
)
def test_an_unreadable_file_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sbom.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SbomError) as caught:
        read_sbom(path)
    assert str(caught.value).startswith(message)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SbomError, match=r"^absent\.json was not written$"):
        read_sbom(tmp_path / "absent.json")


def test_the_command_writes_the_file(tmp_path: Path) -> None:
    install(tmp_path / "lib", "other", "3.0")
    output = tmp_path / "reports" / "sbom.json"
    done = CliRunner().invoke(app, [str(tmp_path / "lib"), "--output", str(output)])
    assert (done.exit_code, done.output) == (Exit.CLEAN, "")
    expected = Sbom("cyclonedx", (Component("pkg:pypi/other@3.0"),), complete=True)
    assert read_sbom(output) == expected


def test_the_command_prints_without_output(tmp_path: Path) -> None:
    install(tmp_path, "other", "3.0")
    done = CliRunner().invoke(app, [str(tmp_path)])
    assert done.exit_code == Exit.CLEAN
    assert json.loads(done.stdout)["components"][0]["purl"] == "pkg:pypi/other@3.0"


def test_the_command_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [str(tmp_path / "absent")])
    assert done.exit_code == Exit.NOTHING_EVALUATED
    assert done.stderr == f"bakegate sbom: there is no folder {tmp_path}/absent\n"


def spdx(*purls: str, relationships: tuple[tuple[str, str, str], ...] = ()) -> dict[str, object]:
    """A document of SPDX 2.3 as build tools write it, with packages p0, p1 and so on."""
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "app",
        "documentNamespace": "https://builds.example/app-1",
        "creationInfo": {"created": "2026-11-24T10:00:00Z", "creators": ["Tool: builder"]},
        "packages": [
            {
                "SPDXID": f"SPDXRef-p{number}",
                "name": f"p{number}",
                "downloadLocation": "NOASSERTION",
                "externalRefs": [
                    {
                        "referenceCategory": "PACKAGE-MANAGER",
                        "referenceType": "purl",
                        "referenceLocator": purl,
                    }
                ],
            }
            for number, purl in enumerate(purls)
        ],
        "relationships": [
            {
                "spdxElementId": f"SPDXRef-{left}",
                "relationshipType": kind,
                "relatedSpdxElement": f"SPDXRef-{right}",
            }
            for left, kind, right in relationships
        ],
    }


ROOT = ("DOCUMENT", "DESCRIBES", "p0")


@pytest.mark.parametrize(
    ("relationships", "complete"),
    [
        ((), None),
        ((ROOT, ("p0", "DEPENDS_ON", "p1")), None),
        ((ROOT, ("p0", "DEPENDS_ON", "p1"), ("p1", "DEPENDS_ON", "p2")), True),
        ((ROOT, ("p2", "DEPENDENCY_OF", "p1")), True),
    ],
)
def test_an_spdx_document_is_read_with_its_packages(
    tmp_path: Path, relationships: tuple[tuple[str, str, str], ...], complete: object
) -> None:
    purls = ("pkg:pypi/app@1", "pkg:pypi/urllib3@2.0.3", "pkg:npm/%40acme/b@2")
    path = tmp_path / "app.spdx.json"
    path.write_text(json.dumps(spdx(*purls, relationships=relationships)), encoding="utf-8")
    components = tuple(Component(each) for each in sorted(purls))
    found = read_sbom(path)
    assert (found.format, found.components, found.complete) == ("spdx", components, complete)


def test_an_spdx_package_whose_url_is_none_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "app.spdx.json"
    path.write_text(json.dumps(spdx("urllib3 2.0.3")), encoding="utf-8")
    with pytest.raises(SbomError, match=r"app.spdx.json is no SPDX document that can be read: "):
        read_sbom(path)

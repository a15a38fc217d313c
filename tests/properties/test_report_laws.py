"""Reports are written by anybody's tools: whatever stands in them is read or told, in one way."""

import copy
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.release import Danger
from service.adapters.coverage import read_coverage
from service.adapters.junit import read_junit
from service.adapters.report_files import UnreadableReportError
from service.adapters.sarif import read_sarif
from service.adapters.sbom import SbomError, read_sbom, read_weaknesses

READERS: Final[tuple[Callable[[Path], Any], ...]] = (
    read_coverage,
    read_junit,
    read_sarif,
    read_sbom,
    read_weaknesses,
)
#: Documents with every part that the readers look at.
SARIF: Final[dict[str, Any]] = {
    "runs": [
        {
            "tool": {
                "driver": {
                    "rules": [
                        {
                            "id": "CVE-1",
                            "properties": {
                                "purls": ["pkg:pypi/a@1"],
                                "security-severity": "9.8",
                                "fixed_version": "2",
                            },
                            "defaultConfiguration": {"level": "error"},
                        }
                    ]
                }
            },
            "results": [
                {"ruleId": "CVE-1", "ruleIndex": 0, "level": "note", "kind": "fail"},
                {"rule": {"id": "CVE-1", "index": 0}, "baselineState": "new"},
                {"ruleId": "CVE-1", "suppressions": [{"status": "rejected"}], "properties": {}},
            ],
        }
    ]
}
CYCLONEDX: Final[dict[str, Any]] = {
    "bomFormat": "CycloneDX",
    "components": [
        {"bom-ref": "r", "purl": "pkg:pypi/a@1", "components": [{"purl": "pkg:npm/b@1"}]}
    ],
    "compositions": [{"aggregate": "complete"}],
    "dependencies": [{"ref": "r", "dependsOn": ["s"]}],
    "vulnerabilities": [
        {
            "id": "CVE-1",
            "ratings": [{"severity": "high"}, {"score": 9.1}],
            "analysis": {"state": "exploitable"},
            "affects": [{"ref": "r", "versions": [{"version": "2", "status": "unaffected"}]}],
        }
    ],
}
LEAVES: Final = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES: Final = (
    LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.text(), LEAVES, max_size=2)
)


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document, its top excepted."""
    keys: Any = node if isinstance(node, dict) else range(len(node))
    for key in keys:
        yield (*at, key)
        if isinstance(node[key], dict | list):
            yield from places(node[key], (*at, key))


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A document in which some parts are something else."""
    document = copy.deepcopy(draw(st.sampled_from([SARIF, CYCLONEDX])))
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from(list(places(document))))
        node = document
        for key in way:
            node = node[key]
        node[last] = draw(VALUES)
    return document


def read_all(content: bytes) -> list[Any]:
    """What each reader makes of the bytes; any other error than its own fails the test."""
    found: list[Any] = []
    told: list[str] = []
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(content)
        for read in READERS:
            try:
                found.append(read(path))
            except (UnreadableReportError, SbomError) as error:
                told.append(str(error))
    assert all(Path(file.name).name in each for each in told)
    return found


@given(st.binary() | st.sampled_from([b"SF:a\nDA:1,", b"TN:\n", b"<testsuite>", b"<coverage>"]))
def test_any_bytes(content: bytes) -> None:
    read_all(content)


@given(st.sampled_from(["SF:a\nDA:", "TN:a\nSF:\nDA:1,1\nDA:"]), st.text())
def test_any_tracefile(begin: str, rest: str) -> None:
    read_all((begin + rest).encode(errors="surrogatepass"))


@given(mutated())
def test_any_part_of_a_document_may_be_something_else(document: Any) -> None:
    for found in read_all(json.dumps(document).encode()):
        listed = getattr(found, "vulnerabilities", found if isinstance(found, tuple) else ())
        for each in listed:
            assert isinstance(each.severity, Danger)
            assert all(isinstance(word, str) for word in (each.id, each.purl, each.fixed_in))


@pytest.mark.parametrize("reader", READERS)
def test_a_folder_is_no_report(reader: Callable[[Path], Any], tmp_path: Path) -> None:
    with pytest.raises((UnreadableReportError, SbomError)):
        reader(tmp_path)

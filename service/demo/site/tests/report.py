"""JUnit XML, as much of it as test reports are read for."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement


@dataclass(frozen=True)
class Case:
    """One test that ran; ``failure`` is empty when it passed."""

    name: str
    failure: str = ""


def write_report(path: Path, suite: str, cases: list[Case]) -> None:
    """Write ``cases`` as one test suite to ``path``."""
    failures = sum(bool(case.failure) for case in cases)
    root = Element("testsuite", name=suite, tests=str(len(cases)), failures=str(failures))
    for case in cases:
        node = SubElement(root, "testcase", classname=suite, name=case.name)
        if case.failure:
            SubElement(node, "failure").text = case.failure
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)

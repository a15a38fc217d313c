"""All reports of one step together: tests, coverage, packages, findings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from policies.release import Sbom, Vulnerability
from service.adapters.coverage import read_coverage
from service.adapters.junit import Counts, read_junit
from service.adapters.sarif import Scan, read_sarif
from service.adapters.sbom import read_sbom, read_weaknesses


@dataclass(frozen=True, slots=True)
class Told:
    """What the reports of a step say; None for what no report is about.

    ``coverage`` is a share of lines. ``weaknesses`` is None where no report tells packages with
    known ones; an empty tuple says that a scanner found none.
    """

    counts: Counts | None = None
    coverage: float | None = None
    sbom: Sbom | None = None
    scan: Scan | None = None
    weaknesses: tuple[Vulnerability, ...] | None = None


NOTHING: Final = Told()


def read_reports(paths: Mapping[str, Path]) -> Told:
    """Read the reports at ``paths``, by kind; raises UnreadableReportError and SbomError."""
    junit, coverage, sbom, sarif = (
        paths.get(kind) for kind in ("junit", "coverage", "sbom", "sarif")
    )
    scan = read_sarif(sarif) if sarif else None
    listed = read_weaknesses(sbom) if sbom else None
    found = scan.vulnerabilities if scan and scan.vulnerabilities else None
    return Told(
        counts=read_junit(junit) if junit else None,
        coverage=read_coverage(coverage) if coverage else None,
        sbom=read_sbom(sbom) if sbom else None,
        scan=scan,
        weaknesses=None if listed is None and found is None else (*(listed or ()), *(found or ())),
    )

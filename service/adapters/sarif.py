"""Results of scanners in SARIF 2.1.0: what they found that nobody accepted, by severity.

The severity is GitHub's reading of the format: ``security-severity`` of the rule as a CVSS score,
else the level of the result (SARIF 2.1.0, sections 3.27.10 and 3.50).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from policies.release import Danger, Vulnerability
from service.adapters.report_files import UnreadableReportError, report_json, worded

#: Least scores, from the CVSS 3.1 specification, section 5.
_SCORES: Final = ((9.0, Danger.CRITICAL), (7.0, Danger.HIGH), (4.0, Danger.MEDIUM))
_LEVELS: Final = {"error": Danger.HIGH, "warning": Danger.MEDIUM, "note": Danger.LOW}
#: Kinds of results that say nothing against the artifact.
_FINE: Final = frozenset({"pass", "notApplicable", "informational"})
Tally = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """Findings by severity. ``new`` is None where the scanner compared with nothing.

    ``vulnerabilities`` are the findings that name the package which has them.
    """

    findings: Tally
    new: Tally | None
    vulnerabilities: tuple[Vulnerability, ...]


def read_sarif(path: Path) -> Scan:
    """Read the results of all runs in a file; raises UnreadableReportError."""
    document = report_json(path)
    if not isinstance(document, dict) or not isinstance(document.get("runs"), list):
        raise UnreadableReportError(f"{path.name} is no SARIF: it has no list of runs")
    try:
        found = [each for run in document["runs"] for each in _results(run)]
        compared = any("baselineState" in each for each, _ in found)
        fresh = [pair for pair in found if pair[0].get("baselineState") in {"new", "updated"}]
        return Scan(
            findings=_tally(found),
            new=_tally(fresh) if compared else None,
            vulnerabilities=tuple(dict.fromkeys(_vulnerabilities(found))),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UnreadableReportError(
            f"{path.name} has a result that cannot be read: {error!r}"
        ) from error


def _results(run: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each result that counts, with its rule."""
    driver = run["tool"]["driver"]
    rules = driver.get("rules") or []
    named = {rule["id"]: rule for rule in rules}
    for result in run.get("results") or []:
        accepted = any(
            each.get("status", "accepted") == "accepted"
            for each in result.get("suppressions") or []
        )
        gone = result.get("baselineState") == "absent"
        if accepted or gone or result.get("kind", "fail") in _FINE:
            continue
        # The identifier may be more special than the rule's: CA1000/1 is a CA1000.
        name = result.get("ruleId") or (result.get("rule") or {}).get("id", "")
        index = result.get("ruleIndex", (result.get("rule") or {}).get("index", -1))
        rule = rules[index] if 0 <= index < len(rules) else named.get(name, {})
        yield result | {"ruleId": name or rule.get("id", "")}, rule


def _tally(found: list[tuple[dict[str, Any], dict[str, Any]]]) -> Tally:
    counts = Counter(danger for each in found if (danger := _danger(*each)))
    return tuple((danger.value, counts[danger]) for danger in Danger if counts[danger])


def _danger(result: dict[str, Any], rule: dict[str, Any]) -> Danger | None:
    """How severe a result is; None for one that its tool gives no level."""
    own, general = result.get("properties") or {}, rule.get("properties") or {}
    score = own.get("security-severity", general.get("security-severity"))
    if score is not None:
        return severity_of(float(score))
    default = (rule.get("defaultConfiguration") or {}).get("level", "warning")
    return _LEVELS.get(result.get("level", default))


def severity_of(score: float) -> Danger:
    """The word for a CVSS score."""
    return next((danger for least, danger in _SCORES if score >= least), Danger.LOW)


def _vulnerabilities(
    found: list[tuple[dict[str, Any], dict[str, Any]]],
) -> Iterator[Vulnerability]:
    """The results of scanners of packages, which name these beside the score."""
    for result, rule in found:
        said = (rule.get("properties") or {}) | (result.get("properties") or {})
        danger = _danger(result, rule)
        for purl in said.get("purls") or []:
            if danger:
                fixed = worded(said.get("fixed_version") or "")
                yield Vulnerability(worded(result["ruleId"]), danger, worded(purl), fixed)

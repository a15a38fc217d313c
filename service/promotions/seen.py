"""What evidence saw, as one line."""

from policies.phrases import listed, percent
from service.promotions.views import EvidenceView


def seen(evidence: EvidenceView) -> str:
    """Counts of tests, tries, lines and findings; empty where nothing was counted."""
    parts: list[str] = []
    if evidence.executed is not None:
        noun = "test" if evidence.executed == 1 else "tests"
        parts.append(f"{evidence.executed:,} {noun}, {evidence.failed or 0} failed")
    if evidence.coverage is not None:
        parts.append(f"{percent(evidence.coverage)} of the lines")
    if evidence.findings is not None:
        told = [f"{count} {severity}" for severity, count in evidence.findings.items()]
        parts.append(f"found {listed(told)}" if told else "found nothing")
    if evidence.retries:
        parts.append(f"at try {evidence.retries + 1}")
    return "; ".join(parts)

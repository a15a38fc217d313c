"""Canary analyses of Spinnaker: how long they watch, and when their verdict binds."""

from datetime import timedelta
from typing import Final

from policies.facts import Fact, elsewhere
from policies.findings import Span
from policies.formats.kubernetes import at, group, whole, word
from policies.guards import Analysis
from policies.patterns import pattern
from policies.source import Mapping, Scalar

_ISO: Final = pattern(r"P(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?")


def lifetime(node: Mapping, span: Span) -> Fact[timedelta | None]:
    """``PT1H30M``, or hours as the first releases wrote them."""
    written = at(node, "canaryConfig", "lifetimeDuration")
    if isinstance(written, Scalar):
        match = _ISO.fullmatch(written.text)
        if match is None:
            return elsewhere(written.span, "the lifetime of the canary is an expression")
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        return Fact(length or None, written.span)
    for path in (("canaryConfig",), ("canary", "canaryConfig"), ("canary",)):
        found = at(node, *path, "lifetimeHours")
        hours_of = whole(node, *path, "lifetimeHours")
        if hours_of and found is not None:
            return Fact(timedelta(hours=hours_of), found.span)
    return Fact(None, span)


def analysis(name: str, node: Mapping, span: Span, *, soft: bool) -> Analysis:
    """A canary analysis; without thresholds every score passes, so its verdict decides nothing."""
    config = group(node, "canaryConfig")
    passing = word(config, "scoreThresholds", "pass")
    return Analysis(
        name=word(config, "canaryConfigId") or name,
        span=span,
        metrics_known=False,
        failure_limit=0 if passing and passing != "null" else None,
        inconclusive="hold",
        # Kayenta compares the canary with a baseline that is started beside it.
        baseline="concurrent" if word(node, "analysisType") != "retrospective" else "historical",
        dry_run=("*",) if soft else (),
        # It is a stage of its own, which ends with its analysis.
        background=True,
    )

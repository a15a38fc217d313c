"""What leaders read first, as sentences: what holds, how fast changes are, and what comes."""

from collections.abc import Iterable
from datetime import timedelta

from policies.durations import format_duration
from policies.phrases import counted
from service.reports.attention import Attention
from service.reports.flow import FlowRow
from service.reports.heat import Heat

_DAY = timedelta(days=1)


def headline(heat: Heat, whole: FlowRow | None) -> str:
    """What of that which must hold does hold, and the median of check-in to all customers."""
    share = heat.share("block")
    if share is None:
        told = "No rule blocks here yet." if heat.rows else "No pipeline is judged here yet."
    else:
        told = f"{percent_down(share)} of what must hold does hold."
    if whole is None:
        return told
    return f"{told} A change reaches all customers in {rough(whole.p50)}."


def detail(heat: Heat, needing: Iterable[Attention]) -> str:
    """Which rules are on their way to block, and who needs somebody to look."""
    coming = [row for row in heat.rows if row.practice.next_level == "block"]
    failing = sum(row.failing for row in coming)
    parts = []
    if coming:
        verb = "starts" if len(coming) == 1 else "start"
        fails = "fails" if failing == 1 else "fail"
        still = f", and {counted(failing, 'result')} still {fails}" if failing else ""
        parts.append(f"{counted(len(coming), 'rule')} {verb} to block on a day that is set{still}.")
    blocked = [each for each in needing if any(found.level == "block" for found in each.failing)]
    if blocked:
        verb = "fails" if len(blocked) == 1 else "fail"
        parts.append(f"{counted(len(blocked), 'pipeline')} {verb} what blocks already.")
    return " ".join(parts) or "Nothing that blocks is failed."


def percent_down(share: float) -> str:
    """One decimal, rounded down: what is not whole never reads as 100."""
    return f"{int(share * 1000) / 10:g}%"


def rough(span: timedelta) -> str:
    """A length as people compare it: two units at most."""
    if span >= _DAY:
        hours = int(span.total_seconds()) // 3600
        return format_duration(timedelta(hours=hours))
    if span >= timedelta(hours=1):
        return format_duration(timedelta(minutes=int(span.total_seconds()) // 60))
    return format_duration(timedelta(seconds=int(span.total_seconds())))

"""Answers of reports."""

from typing import Any

from service.api.paging import Next
from service.api.schemas import Instant, Outgoing


class Compliance(Outgoing):
    """One row for each rule and pipeline that the service has seen."""

    rows: list[dict[str, Any]]
    next: Next


class Announcement(Outgoing):
    """One message to one team about a scheduled rule; ``sent_at`` is empty until it was sent."""

    key: str
    rule: str
    moment: str
    date: str
    team: str
    via: str
    pipelines: tuple[str, ...]
    ordered_at: Instant
    sent_at: Instant | None
    error: str


class Announcements(Outgoing):
    announcements: list[Announcement]
    next: Next

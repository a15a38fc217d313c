"""The clock of the machine."""

from datetime import UTC, datetime


class SystemClock:
    """The real clock; everything inside is aware UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)

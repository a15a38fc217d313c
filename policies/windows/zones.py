"""Zone data of the locked ``tzdata`` package, and local times as instants.

The machine's own zone files are never read: a decision must be recomputable elsewhere. Zones are
made with ``ZoneInfo.from_file``, because ``zoneinfo.reset_tzpath`` would change the whole process.
"""

from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policies.schemas.zone_names import zone_names

if TYPE_CHECKING:
    # Imported where a zone is made: most rulesets name none, and lint must start fast for them.
    from zoneinfo import ZoneInfo

_DAY: Final = timedelta(days=1)


def tzdata_version() -> str:
    """The IANA release of the zone data in use, such as ``2026c``."""
    import tzdata  # type: ignore[import-untyped] # noqa: PLC0415 - data, of no types; see above

    return str(tzdata.IANA_VERSION)


@cache
def zone(name: str) -> "ZoneInfo":
    """The zone of this IANA name; raises ValueError with the nearest name that exists."""
    if name not in zone_names():
        near = get_close_matches(name, sorted(zone_names()), n=1)
        hint = f"; did you mean {near[0]}?" if near else "; write an IANA name as Europe/Berlin"
        raise ValueError(f"unknown zone {name!r}{hint}")
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    import tzdata  # noqa: PLC0415 - see above

    with Path(tzdata.__file__).with_name("zoneinfo").joinpath(name).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def instant(local: datetime, where: "ZoneInfo") -> datetime:
    """The instant of a naive local time, as RFC 5545, section 3.3.5, reads gaps and repetitions.

    ``fold=0`` means the first of two, and the offset in force before a gap.
    """
    return local.replace(tzinfo=where, fold=0).astimezone(UTC)


def midnight(day: date, where: "ZoneInfo") -> datetime:
    """The instant at which a local day starts."""
    return instant(datetime.combine(day, time()), where)


def exists(day: date, where: "ZoneInfo") -> bool:
    """False for a local day that was left out of the calendar, as 2011-12-30 in Pacific/Apia."""
    return midnight(day, where) < midnight(day + _DAY, where)


def local_days(start: datetime, end: datetime, where: "ZoneInfo") -> list[date]:
    """Every local day on which something may begin that reaches into ``start .. end``.

    Two days early, because an interval may run into the next local day and a zone may leave one
    day out; one day late, because a zone may repeat one.
    """
    first = start.astimezone(where).date() - 2 * _DAY
    last = end.astimezone(where).date() + _DAY
    return [first + _DAY * count for count in range((last - first).days + 1)]

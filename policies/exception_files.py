"""Exceptions files under review: ``bakegate/exceptions/v1`` as values, every error located."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from policies.blocklist import problem
from policies.documents import DocumentError, Issue, locate, read_document
from policies.exception_limits import UNWAIVABLE
from policies.exceptions import Exceptions, Exemption, OptOut
from policies.findings import Span
from policies.frozen import dataclass, field
from policies.plain import nearest, parse_day
from policies.rule import BlocklistEntry
from policies.rules import CATALOGUE, rule
from policies.source import Source
from policies.windows import zone as zone_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def read_exceptions(
    text: bytes | str, path: str, zone: str, custom: Collection[str] = ()
) -> Exceptions:
    """Read ``bakegate/exceptions/v1``; a date is the start of that day in ``zone``.

    ``custom`` are the custom rules that it may name beside the catalogue. Raises DocumentError with
    everything that is wrong.
    """
    document = read_document(text, path, "exceptions")
    reader = _Reader(document.data, document.source, zone_of(zone), custom)
    exceptions = Exceptions(
        tuple(reader.exemption(at, each) for at, each in reader.listed("exemptions")),
        tuple(reader.opt_out(at, each) for at, each in reader.listed("opt_outs")),
        tuple(reader.entry(at, each) for at, each in reader.listed("blocklist")),
        reader.places,
    )
    if reader.issues:
        raise DocumentError(reader.issues)
    return exceptions


DataPlace = tuple[str | int, ...]


@dataclass(slots=True)
class _Reader:
    """An exceptions file whose form is valid; dates, rules and order are what is left to check."""

    data: dict[str, Any]
    source: Source
    zone: "ZoneInfo"
    custom: Collection[str]
    issues: list[Issue] = field(default_factory=list)
    places: dict[str, Span] = field(default_factory=dict)

    def listed(self, key: str) -> Iterable[tuple[DataPlace, dict[str, Any]]]:
        return (((key, index), each) for index, each in enumerate(self.data.get(key, ())))

    def exemption(self, at: DataPlace, data: dict[str, Any]) -> Exemption:
        start = self._day((*at, "from"), data["from"])
        until = self._day((*at, "until"), data["until"])
        if until <= start:
            self._tell((*at, "until"), "ends before it starts; `until` is exclusive")
        return Exemption(
            id=self._id(at, data["id"]),
            pipeline=data["pipeline"],
            rule=self._rule((*at, "rule"), data["rule"]),
            reason=data["reason"],
            approved_by=data.get("approved_by", ""),
            start=start,
            until=until,
            requested_by=data.get("requested_by", ""),
            finding=data.get("finding", ""),
        )

    def opt_out(self, at: DataPlace, data: dict[str, Any]) -> OptOut:
        return OptOut(
            id=self._id(at, data["id"]),
            pipeline=data["pipeline"],
            rule=self._rule((*at, "rule"), data["rule"]),
            reason=data["reason"],
            approved_by=data.get("approved_by", ""),
            review_by=self._day((*at, "review_by"), data["review_by"]),
        )

    def entry(self, at: DataPlace, data: dict[str, Any]) -> BlocklistEntry:
        self._id(at, data["id"])
        words = {key: data.get(key, "") for key in _ENTRY_WORDS}
        until = self._day((*at, "until"), data["until"]) if "until" in data else None
        entry = BlocklistEntry(**words, until=until)
        if told := problem(entry):
            self._tell((*at, "versions" if "range" in told else "package"), told)
        return entry

    def _id(self, at: DataPlace, name: str) -> str:
        """Events, messages and reports speak of an entry by its id alone."""
        place = locate(self.source.root, (*at, "id"))
        first = self.places.setdefault(name, place)
        if first is not place:
            told = f"{name!r} stands already on line {first.line}; ids are unique in a file"
            self._tell((*at, "id"), told)
        return name

    def _day(self, at: DataPlace, text: str) -> datetime:
        """The start of a day in the zone; a placeholder after an error."""
        try:
            day = parse_day(text)
        except ValueError as error:
            self._tell(at, str(error))
            day = date(1970, 1, 1)
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def _rule(self, at: DataPlace, name: str) -> str:
        if rule(name) is None and name not in self.custom:
            near = nearest(name, (*(each.id for each in CATALOGUE), *self.custom))
            self._tell(at, f"there is no rule {name!r}{near or '; `bakegate rules` lists all'}")
        elif name in UNWAIVABLE:
            self._tell(at, f"no exception reaches {name!r}, which judges exceptions")
        return name

    def _tell(self, at: DataPlace, message: str) -> None:
        self.issues.append(Issue(locate(self.source.root, at), message))


_ENTRY_WORDS: Final = (
    "id",
    "reason",
    "owner",
    "package",
    "versions",
    "digest",
    "repository",
    "bad_commit",
    "fixed_by",
    "builder",
)

"""The one resolver of exceptions that lint, gate and report share.

An *ignore* is a comment beside one finding; an *exemption* is dated and covers one pipeline and
rule; an *opt-out* is permanent and has a date of review; an *override* covers one release, rule and
stage for hours. Whether one counts is computed when it is read: nothing has to run for it to end.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from policies.documents import DocumentError, Issue, locate, read_document
from policies.findings import Finding, Span
from policies.plain import nearest, parse_day
from policies.release import Override, Release
from policies.rule import BlocklistEntry
from policies.rules import CATALOGUE, rule
from policies.source import Comment, Source
from policies.windows import zone as zone_of

_IGNORE: Final = re.compile(
    r"#?\s*bakegate:\s*ignore\b\s*(?:\[(?P<rules>[^\]]*)\])?\s*(?P<reason>.*)"
)


@dataclass(frozen=True, slots=True)
class Exemption:
    """One pipeline and rule, from one instant until another; ``finding`` narrows it to one."""

    id: str
    pipeline: str
    rule: str
    reason: str
    approved_by: str
    start: datetime
    until: datetime
    requested_by: str = ""
    finding: str = ""

    def counts(self, at: datetime) -> bool:
        return self.start <= at < self.until


@dataclass(frozen=True, slots=True)
class OptOut:
    """A permanent exemption; it goes on counting after ``review_by``, which a report tells."""

    id: str
    pipeline: str
    rule: str
    reason: str
    approved_by: str
    review_by: datetime


@dataclass(frozen=True, slots=True)
class Exceptions:
    """What one exceptions file or the store holds."""

    exemptions: tuple[Exemption, ...] = ()
    opt_outs: tuple[OptOut, ...] = ()
    blocklist: tuple[BlocklistEntry, ...] = ()

    def covering(self, pipeline: str, rule: str, at: datetime, fingerprint: str = "") -> str:
        """The exemption or opt-out that counts, in words; empty where there is none.

        A gate has no fingerprints: an exemption of one finding does not reach it.
        """
        for each in self.exemptions:
            narrow = each.finding in ("", fingerprint)
            if (each.pipeline, each.rule) == (pipeline, rule) and narrow and each.counts(at):
                return f"exemption {each.id}: {each.reason}"
        for opt_out in self.opt_outs:
            if (opt_out.pipeline, opt_out.rule) == (pipeline, rule):
                return f"opt-out {opt_out.id}: {opt_out.reason}"
        return ""


NO_EXCEPTIONS: Final = Exceptions()


def override_for(release: Release, stage: str, rule: str, at: datetime) -> Override | None:
    """The override that counts now; one given for another digest is void."""
    return next(
        (
            each
            for each in release.overrides
            if (each.rule, each.stage, each.digest) == (rule, stage, release.artifact.digest)
            and each.at <= at < each.until
        ),
        None,
    )


@dataclass(frozen=True, slots=True)
class Ignore:
    """One ``# bakegate: ignore[rule] reason``; ``line`` is the line that it speaks of."""

    span: Span
    line: int
    rules: tuple[str, ...]
    reason: str

    def covers(self, finding: Finding) -> bool:
        return (
            bool(self.reason)
            and finding.rule in self.rules
            and finding.span.path == self.span.path
            and finding.span.line == self.line
        )


@dataclass(slots=True)
class Ignores:
    """The ignores of one file and which of their rules did something."""

    found: tuple[Ignore, ...]
    used: set[tuple[Ignore, str]] = field(default_factory=set)

    def covering(self, finding: Finding) -> str:
        for each in self.found:
            if each.covers(finding):
                self.used.add((each, finding.rule))
                return f"ignore on line {each.span.line}: {each.reason}"
        return ""

    def complaints(self, forbidden: frozenset[str]) -> Iterator[tuple[Span, str, str]]:
        """Every ignore that is not valid: its place, what is wrong, and what to do."""
        for each in self.found:
            if not each.rules:
                yield each.span, "ignore names no rule", "write `# bakegate: ignore[rule] reason`"
            elif not each.reason:
                yield (
                    each.span,
                    "ignore has no reason",
                    "say after the bracket why it is right here",
                )
            else:
                for name in each.rules:
                    yield from self._complaint(each, name, forbidden)

    def _complaint(
        self, ignore: Ignore, name: str, forbidden: frozenset[str]
    ) -> Iterator[tuple[Span, str, str]]:
        if rule(name) is None:
            near = nearest(name, (each.id for each in CATALOGUE))
            yield ignore.span, f"ignore names {name!r}, which is no rule{near}", "correct the name"
        elif name in forbidden:
            told = f"{name!r} cannot be ignored in this organization"
            yield ignore.span, told, "remove the comment and fix what the rule found"
        elif (ignore, name) not in self.used:
            told = f"ignore of {name!r} matches nothing on line {ignore.line}"
            yield ignore.span, told, "remove the comment, or move it to the line of the finding"


def read_ignores(*sources: Source | None) -> Ignores:
    """The ignores in the comments of a file and of those that it brings in.

    One alone on its line speaks of the line below.
    """
    return Ignores(tuple(each for source in sources if source for each in _ignores(source)))


def _ignores(source: Source) -> Iterator[Ignore]:
    alone = {each.line for each in source.comments if each.alone}
    for comment in source.comments:
        found = _ignore(source.path, comment, alone)
        if found:
            yield found


def _ignore(path: str, comment: Comment, alone: set[int]) -> Ignore | None:
    match = _IGNORE.fullmatch(comment.text.strip())
    if not match:
        return None
    line = comment.line
    # Several comments may stand above one line, each with an ignore of its own.
    while comment.alone and line in alone:
        line += 1
    end = comment.column + len(comment.text)
    span = Span(path, comment.line, comment.column, comment.line, end)
    names = tuple(name.strip() for name in (match["rules"] or "").split(",") if name.strip())
    return Ignore(span, line, names, match["reason"].strip())


def read_exceptions(text: bytes | str, path: str, zone: str) -> Exceptions:
    """Read ``bakegate/exceptions/v1``; a date is the start of that day in ``zone``.

    Raises DocumentError with everything that is wrong.
    """
    document = read_document(text, path, "exceptions")
    reader = _Reader(document.data, document.source, zone_of(zone), [])
    exceptions = Exceptions(
        tuple(reader.exemption(at, each) for at, each in reader.listed("exemptions")),
        tuple(reader.opt_out(at, each) for at, each in reader.listed("opt_outs")),
        tuple(reader.entry(at, each) for at, each in reader.listed("blocklist")),
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
    zone: ZoneInfo
    issues: list[Issue]

    def listed(self, key: str) -> Iterable[tuple[DataPlace, dict[str, Any]]]:
        return (((key, index), each) for index, each in enumerate(self.data.get(key, ())))

    def exemption(self, at: DataPlace, data: dict[str, Any]) -> Exemption:
        start = self._day((*at, "from"), data["from"])
        until = self._day((*at, "until"), data["until"])
        if until <= start:
            self._tell((*at, "until"), "ends before it starts; `until` is exclusive")
        return Exemption(
            id=data["id"],
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
            id=data["id"],
            pipeline=data["pipeline"],
            rule=self._rule((*at, "rule"), data["rule"]),
            reason=data["reason"],
            approved_by=data.get("approved_by", ""),
            review_by=self._day((*at, "review_by"), data["review_by"]),
        )

    def entry(self, at: DataPlace, data: dict[str, Any]) -> BlocklistEntry:
        words = {key: data.get(key, "") for key in _ENTRY_WORDS}
        until = self._day((*at, "until"), data["until"]) if "until" in data else None
        return BlocklistEntry(**words, until=until)

    def _day(self, at: DataPlace, text: str) -> datetime:
        """The start of a day in the zone; a placeholder after an error."""
        try:
            day = parse_day(text)
        except ValueError as error:
            self._tell(at, str(error))
            day = date(1970, 1, 1)
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def _rule(self, at: DataPlace, name: str) -> str:
        if rule(name) is None:
            near = nearest(name, (each.id for each in CATALOGUE))
            self._tell(at, f"there is no rule {name!r}{near or '; `bakegate rules` lists all'}")
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
)

"""The one resolver of exceptions that lint, gate and report share.

An *ignore* is a comment beside one finding; a *baseline* holds findings that were known when lint
was adopted, until it ends; an *exemption* is dated and covers one pipeline and rule; an *opt-out*
is permanent and has a date of review; an *override* covers one release, rule and stage for hours.
Whether one counts is computed when it is read: nothing has to run for it to end.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from policies.durations import format_duration
from policies.exceptions import (
    Baseline,
    ExceptionPolicy,
    Exceptions,
    Exemption,
    Known,
    OptOut,
)
from policies.findings import Finding, Result, Span
from policies.granted import Granted
from policies.plain import instant_text, nearest
from policies.release import Override, Release
from policies.rules import CATALOGUE, rule
from policies.source import Comment, Source
from policies.windows import zone as zone_of

_IGNORE: Final = re.compile(
    r"#?\s*bakegate:\s*ignore\b\s*(?:\[(?P<rules>[^\]]*)\])?\s*(?P<reason>.*)"
)


#: Days of a calendar are nominal: one on which clocks change is an hour longer.
_CLOCK_CHANGE: Final = timedelta(hours=1)
#: Results that need no exception.
_NEEDLESS: Final = (Result.PASS, Result.NOT_APPLICABLE)
#: What no exemption covers: a rule that judges exemptions would be the first to be exempted.
UNWAIVABLE: Final = frozenset({"exemption-valid"})


@dataclass(frozen=True, slots=True)
class Waiver:
    """The exemption or opt-out that sets a result aside, with its id and in words."""

    id: str
    told: str


@dataclass(frozen=True, slots=True)
class Waivers:
    """Which exceptions count at one instant under the limits of one organization.

    Lint, gate and reports ask this and nothing else.
    """

    exceptions: Exceptions
    policy: ExceptionPolicy
    at: datetime

    def covering(self, pipeline: str, rule: str, fingerprint: str = "") -> Waiver | None:
        """What sets aside a failure of ``rule``; None where nothing does.

        A gate has no fingerprints: an exemption of one finding does not reach it.
        """
        if not self._waivable(rule):
            return None
        for each in self.exceptions.exemptions:
            narrow = each.finding in ("", fingerprint)
            if (each.pipeline, each.rule) == (pipeline, rule) and narrow and self.counts(each):
                return Waiver(each.id, f"exemption {each.id}: {each.reason}")
        for opt_out in self.exceptions.opt_outs:
            if (opt_out.pipeline, opt_out.rule) == (pipeline, rule):
                return Waiver(opt_out.id, f"opt-out {opt_out.id}: {opt_out.reason}")
        return self._known(pipeline, rule, fingerprint)

    def _known(self, pipeline: str, rule: str, fingerprint: str) -> Waiver | None:
        baseline = self.exceptions.baseline
        if baseline is None or self.baseline_ended(baseline):
            return None
        known = baseline.findings.get(fingerprint)
        told = f"known to the baseline, waits until {instant_text(baseline.until)}"
        same = known and (known.pipeline, known.rule) == (pipeline, rule)
        return Waiver(fingerprint, told) if same else None

    def baseline_ended(self, baseline: Baseline) -> str:
        """Why a baseline does not count now; empty where it does."""
        if self.at >= baseline.until:
            return f"ended at {instant_text(baseline.until)}"
        return baseline_over_limit(self.policy, baseline.until - baseline.made)

    def outdated(
        self, pipeline: str, used: Collection[str], asked: Collection[str]
    ) -> Iterator[tuple[Known, str]]:
        """What a baseline holds of a pipeline and need not, or may not, with what to say of it.

        Of a rule that was not ``asked`` nobody knows whether its finding is still there.
        """
        baseline = self.exceptions.baseline
        if baseline is None or self.baseline_ended(baseline):
            return
        for each in baseline.of(pipeline):
            if not self._waivable(each.rule):
                yield each, _refused_rule(self.policy, each.rule)
            elif each.rule in asked and each.fingerprint not in used:
                yield each, "nothing waits for it any more"

    def counts(self, exemption: Exemption) -> bool:
        """Whether an exemption has begun, has not ended and is within the limits."""
        return exemption.counts(self.at) and not over_limit(self.policy, exemption)

    def overriding(self, release: Release, stage: str, rule: str) -> Override | None:
        """The override that counts now; one given for another digest is void."""
        if not self._waivable(rule):
            return None
        return next(
            (
                each
                for each in release.overrides
                if (each.rule, each.stage, each.digest) == (rule, stage, release.artifact.digest)
                and each.at <= self.at < each.until
                and not override_over_limit(self.policy, each)
            ),
            None,
        )

    def unused(
        self, pipeline: str, used: Collection[str], results: Mapping[str, Result]
    ) -> Iterator[Granted]:
        """What counts and set nothing aside where its rule passed, or had no such finding."""
        for each in self.granted(pipeline, "UTC"):
            narrow = any(e.id == each.id and e.finding for e in self.exceptions.exemptions)
            result = results.get(each.rule)
            needless = result in _NEEDLESS or (narrow and result is not None)
            ended = each.kind == "exemption" and each.left <= timedelta()
            if needless and each.id not in used and not each.refused and not ended:
                yield each

    def granted(self, pipeline: str, zone: str) -> tuple[Granted, ...]:
        """Every exemption and opt-out of a pipeline, with what the rule about them asks."""
        mine = self.exceptions.of(pipeline)
        found = [self._exempted(each, zone) for each in mine.exemptions]
        return (*found, *(self._opted_out(each, zone) for each in mine.opt_outs))

    def _exempted(self, each: Exemption, zone: str) -> Granted:
        return Granted(
            kind="exemption",
            id=each.id,
            rule=each.rule,
            reason=each.reason,
            approved_by=each.approved_by,
            lasts=each.until - each.start,
            left=each.until - self.at,
            last_day=last_day(each.until, zone),
            led=self._led(each.approved_by),
            owned=each.approved_by in self.exceptions.owners,
            refused=over_limit(self.policy, each),
            span=self.exceptions.places.get(each.id),
        )

    def _opted_out(self, each: OptOut, zone: str) -> Granted:
        return Granted(
            kind="opt-out",
            id=each.id,
            rule=each.rule,
            reason=each.reason,
            approved_by=each.approved_by,
            lasts=None,
            left=each.review_by - self.at,
            last_day=last_day(each.review_by, zone),
            led=self._led(each.approved_by),
            owned=each.approved_by in self.exceptions.owners,
            refused=opt_out_over_limit(self.policy, each, self.at),
            span=self.exceptions.places.get(each.id),
        )

    def _led(self, name: str) -> bool | None:
        approvers = self.exceptions.approvers
        return None if approvers is None else name in approvers

    def _waivable(self, rule: str) -> bool:
        return waivable(self.policy, rule)


def waivable(policy: ExceptionPolicy, rule: str) -> bool:
    """Whether any exception may set aside what ``rule`` finds."""
    return rule not in policy.forbidden and rule not in UNWAIVABLE


def last_day(until: datetime, zone: str) -> str:
    """The last day that counts: every ``until`` is exclusive, and people read days."""
    return f"{(until - timedelta(seconds=1)).astimezone(zone_of(zone)):%Y-%m-%d}"


def over_limit(policy: ExceptionPolicy, exemption: Exemption) -> str:
    """Why the organization's limits refuse an exemption; empty where they do not."""
    lasts = exemption.until - exemption.start
    if policy.longest is not None and lasts > policy.longest + _CLOCK_CHANGE:
        longest = format_duration(policy.longest)
        return f"it lasts {_whole(lasts)}, longer than the {longest} that are allowed"
    return _refused_rule(policy, exemption.rule)


def opt_out_over_limit(policy: ExceptionPolicy, opt_out: OptOut, at: datetime) -> str:
    """The same for an opt-out that is asked for at ``at``."""
    ahead = opt_out.review_by - at
    if policy.review is not None and ahead > policy.review + _CLOCK_CHANGE:
        furthest = format_duration(policy.review)
        return f"its review is {_whole(ahead)} ahead, further than the {furthest} that are allowed"
    return _refused_rule(policy, opt_out.rule)


def baseline_over_limit(policy: ExceptionPolicy, lasts: timedelta) -> str:
    """Why a baseline that lasts so long does not count; empty where it does."""
    if policy.longest is None or lasts <= policy.longest + _CLOCK_CHANGE:
        return ""
    longest = format_duration(policy.longest)
    return f"lasts {_whole(lasts)}, longer than the {longest} that are allowed"


def override_over_limit(policy: ExceptionPolicy, override: Override) -> str:
    """The same for an override; who else must agree is asked when it is given."""
    lasts = override.until - override.at
    if policy.longest_override is not None and lasts > policy.longest_override:
        longest = format_duration(policy.longest_override)
        return f"it lasts {format_duration(lasts)}, longer than the {longest} that are allowed"
    return _refused_rule(policy, override.rule)


def _refused_rule(policy: ExceptionPolicy, name: str) -> str:
    if name in policy.forbidden:
        return f"this organization allows no exception of {name}"
    return f"no exception reaches {name}" if name in UNWAIVABLE else ""


def _whole(length: timedelta) -> str:
    """A length in whole days, begun ones included: clocks that change make no odd hours."""
    return f"{-(-(length - _CLOCK_CHANGE) // timedelta(days=1))}d"


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

    def complaints(
        self, forbidden: frozenset[str], known: AbstractSet[str]
    ) -> Iterator[tuple[Ignore, str, str]]:
        """Every ignore that is not valid: the ignore, what is wrong, and what to do.

        ``known`` are the rules that were there to be ignored, custom ones among them.
        """
        for each in self.found:
            if not each.rules:
                yield each, "ignore names no rule", "write `# bakegate: ignore[rule] reason`"
            elif not each.reason:
                yield (
                    each,
                    "ignore has no reason",
                    "say after the bracket why it is right here",
                )
            else:
                for name in each.rules:
                    yield from self._complaint(each, name, forbidden, known)

    def _complaint(
        self, ignore: Ignore, name: str, forbidden: frozenset[str], known: AbstractSet[str]
    ) -> Iterator[tuple[Ignore, str, str]]:
        if rule(name) is None and name not in known:
            near = nearest(name, (*(each.id for each in CATALOGUE), *known))
            yield ignore, f"ignore names {name!r}, which is no rule{near}", "correct the name"
        elif name in forbidden:
            told = f"{name!r} cannot be ignored in this organization"
            yield ignore, told, "remove the comment and fix what the rule found"
        elif (ignore, name) not in self.used:
            told = f"ignore of {name!r} matches nothing on line {ignore.line}"
            yield ignore, told, "remove the comment, or move it to the line of the finding"


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

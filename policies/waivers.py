"""The one resolver of exceptions that lint, gate and report share.

A *baseline* holds findings that were known when lint was adopted, until it ends; an *exemption* is
dated and covers one pipeline and rule; an *opt-out* is permanent and has a date of review; an
*override* covers one release, rule and stage for hours. Ignores, which are comments of one file,
stand in ``policies.ignores``.
Whether one counts is computed when it is read: nothing has to run for it to end.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from policies.exception_limits import (
    baseline_over_limit,
    opt_out_over_limit,
    over_limit,
    override_over_limit,
    refused_rule,
    waivable,
)
from policies.exceptions import (
    Baseline,
    ExceptionPolicy,
    Exceptions,
    Exemption,
    Known,
    OptOut,
)
from policies.findings import Result
from policies.frozen import dataclass
from policies.granted import Granted
from policies.plain import instant_text
from policies.release import Override, Release
from policies.windows import zone as zone_of

#: Results that need no exception.
NEEDLESS: Final = frozenset({Result.PASS, Result.NOT_APPLICABLE})


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
        if self.exceptions.none or not self._waivable(rule):
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
                yield each, refused_rule(self.policy, each.rule)
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
            needless = result in NEEDLESS or (narrow and result is not None)
            ended = each.kind == "exemption" and each.left <= timedelta()
            if needless and each.id not in used and not each.refused and not ended:
                yield each

    def granted(self, pipeline: str, zone: str) -> tuple[Granted, ...]:
        """Every exemption and opt-out of a pipeline, with what the rule about them asks."""
        if self.exceptions.none:
            return ()
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


def last_day(until: datetime, zone: str) -> str:
    """The last day that counts: every ``until`` is exclusive, and people read days."""
    return f"{(until - timedelta(seconds=1)).astimezone(zone_of(zone)):%Y-%m-%d}"

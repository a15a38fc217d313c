"""What a ruleset itself must keep to, so that its rules are met with goodwill.

Nobody is blocked by surprise: a level that blocks is announced and warns first, and everybody can
read who asks for it and where it is debated. Contradicting rules are errors of reading already.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from policies.findings import Enforcement, Span
from policies.frozen import dataclass, replace
from policies.ruleset.chain import Asked, Chain
from policies.ruleset.model import Effective, Resolved, Setting, Step
from policies.ruleset.nodes import LEVEL

#: Rules that may block from the first day, because each carries its own way out.
DAY_ONE: Final = frozenset(
    {"alarm-block", "artifact-blocklist", "exemption-valid", "override-justified"}
)
#: How long a rule is announced and warns before it blocks; a fortnight, ours to debate.
NOTICE: Final = timedelta(days=14)

_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a ruleset. ``fails`` is false where only its history could tell."""

    rule: str
    span: Span
    message: str
    fails: bool = True


def complaints(chain: Chain, resolved: Resolved, asked: Asked) -> Iterator[Complaint]:
    """Everything that is wrong with what holds for one organization, now and on later dates."""
    blocking = [each for each in resolved.rules.values() if _blocks(chain, each, asked)]
    dated = set()
    for key, setting, step, start in chain.steps(asked):
        if step.enforcement is Enforcement.BLOCK and key.rule not in DAY_ONE:
            dated.add(key.rule)
            yield from _short_notice(chain, setting, step, start, asked)
    for effective in blocking:
        if effective.rule.id not in DAY_ONE | dated:
            yield from _undated(effective)
    yield from _unanswered(chain, blocking)


def _blocks(chain: Chain, effective: Effective, asked: Asked) -> bool:
    """Whether a rule blocks, or will on a date that is already decided."""
    rule = effective.rule.id
    later = (chain.level_at(rule, replace(asked, at=at)) for at in chain.changes(asked))
    return Enforcement.BLOCK in (effective.enforcement, *later)


def _short_notice(
    chain: Chain, setting: Setting, step: Step, start: datetime | None, asked: Asked
) -> Iterator[Complaint]:
    """A step to ``block`` that comes too soon after its announcement or its first warning."""
    begins = start or step.starts_at(asked.zone)
    day = f"{step.start:%Y-%m-%d}"
    if setting.announced and step.start - setting.announced < NOTICE:
        days = (step.start - setting.announced).days
        told = f"{setting.rule} blocks from {day}, {days} days after it is announced"
        yield Complaint(setting.rule, step.span, f"{told}; at least {NOTICE.days} are due")
    before = chain.level_at(setting.rule, replace(asked, at=begins - _MOMENT))
    earlier = chain.level_at(setting.rule, replace(asked, at=begins - NOTICE))
    if min(before, earlier) < Enforcement.WARN:
        told = f"{setting.rule} blocks from {day} without {NOTICE.days} days of warning before"
        yield Complaint(setting.rule, step.span, f"{told}; add a step to warn")


def _undated(effective: Effective) -> Iterator[Complaint]:
    """A level without a schedule: only who wrote it knows whether it warned before."""
    origin = effective.origins[LEVEL]
    if origin.span and effective.enforcement is Enforcement.BLOCK:
        told = (
            f"{effective.rule.id} blocks without an announced date; if it is new here, let it "
            "warn and write a schedule"
        )
        yield Complaint(effective.rule.id, origin.span, told, fails=False)


def _unanswered(chain: Chain, blocking: list[Effective]) -> Iterator[Complaint]:
    """Rules that block and do not say who asks, where it is debated, or what to do."""
    if not chain.nodes or not blocking:
        return
    here = chain.nodes[-1].ruleset.span
    if not chain.owner:
        told = "rules block here and nobody answers for them; write owner: TEAM"
        yield Complaint("", here, told)
    for effective in blocking:
        span = effective.origins[LEVEL].span or here
        if not effective.debate:
            told = f"{effective.rule.id} blocks and has no place to debate it; write debate: LINK"
            yield Complaint(effective.rule.id, span, told)
        if not effective.rule.docs.strip():
            told = f"{effective.rule.id} blocks and does not say what to do"
            yield Complaint(effective.rule.id, span, told)

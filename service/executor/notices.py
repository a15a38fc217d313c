"""Announcements: which team is told of which scheduled rule, ordered once and recorded.

A message is a row first and an effect second: both are written in one transaction, so none is lost
and none is ordered twice. What a process that died may repeat is the sending itself; every attempt
carries the same key.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from policies.findings import Enforcement, Result
from policies.formats import read_pipelines
from policies.rego.port import Rego
from policies.ruleset import Setting, Step, StepKey
from policies.tree import Tree
from policies.windows import zone as zone_of
from service.executor.definitions import (
    claim_organization,
    definition,
    has_organization,
    organization,
)
from service.executor.excepted import judged
from service.executor.ground import Ground
from service.executor.linting import linted
from service.executor.outbox import noted
from service.promotions.notices import Campaign, Letter, Moment, Told, letter, moment, told_at
from service.reports.compliance import Judged, below
from service.store.tables import Blob, NoticeRow, PipelineRow

#: What could not be delivered is tried anew after this time.
_AGAIN: Final = timedelta(hours=1)


def announce(ground: Ground) -> list[str]:
    """Order every message that is due; gives their keys."""
    rows = _due(ground)
    if not rows and not _any_stuck(ground):
        return []
    with ground.engines.transaction() as session:
        claim_organization(session)
        now = ground.ports.clock.within(session)
        new = [row for row in rows if session.get(NoticeRow, row.key) is None]
        session.add_all(new)
        session.flush()
        for row in (*new, *_stuck(session, now)):
            row.ordered_at = now
            row.attempts += 1
            ground.durable.order_notice(session, row.key, row.attempts)
    return [row.key for row in new]


def _due(ground: Ground) -> list[NoticeRow]:
    """Messages whose moment has come and that are not sent, found without holding a lock.

    Judging every failing pipeline anew takes a while, in which nobody else should wait.
    """
    if not ground.ports.notifiers:
        return []
    with ground.engines.reading() as session:
        if not has_organization(session):
            return []
        now = ground.ports.clock.within(session)
        looking = _Looking(session, organization(session), now, ground.ports.rego)
        rows = [
            noted(each, notifier.via, now)
            for each in looking.letters()
            for notifier in ground.ports.notifiers
        ]
        sent = set(session.exec(select(NoticeRow.key).where(col(NoticeRow.sent_at).is_not(None))))
    return [row for row in rows if row.key not in sent]


def deliver(ground: Ground, key: str) -> str | None:
    """Send one message by its way; None where it was sent before."""
    # A database that is away is no failure of the way, which would be tried an hour later.
    row = ground.engines.patiently(lambda: _ordered(ground, key))
    if row.sent_at is not None:
        return None
    ways = {each.via: each for each in ground.ports.notifiers}
    if row.via not in ways:
        raise LookupError(f"nothing is set up to tell teams by {row.via}")
    ways[row.via].send(Letter(row.key, row.team, row.channel, row.subject, row.text, row.message))
    return row.via


def _ordered(ground: Ground, key: str) -> NoticeRow:
    with ground.engines.reading() as session:
        return session.get_one(NoticeRow, key)


def record(ground: Ground, key: str, error: str) -> None:
    """Keep that a message was sent, or why it could not be."""
    with ground.engines.transaction() as session:
        row = session.get_one(NoticeRow, key)
        row.error = error
        if not error:
            row.sent_at = ground.ports.clock.within(session)


@dataclass(slots=True)
class _Looking:
    """The registered pipelines as they are judged now, and the rules on their way."""

    session: Session
    tree: Tree
    now: datetime
    rego: Rego | None

    def letters(self) -> Iterator[Letter]:
        for key, setting, step, start in self._steps():
            campaign = self._campaign(key, setting, step, start)
            at = moment(campaign, self.now)
            if at is not None:
                failing = [
                    each
                    for each in judged(self.session, self.now, {key.rule})
                    if dict(each.results).get(key.rule) == Result.FAIL
                    and self._meets(key, setting, step, each, at)
                ]
                yield from self._to_teams(key, campaign, at, failing)

    def _steps(self) -> Iterator[tuple[StepKey, Setting, Step, datetime]]:
        """Steps that warn or block; one that a freeze holds without an end has no date to tell."""
        for node in self.tree.rulesets:
            asked = self.tree.asked(node, self.now)
            for key, setting, step, start in self.tree.place(node).chain.every_step(asked):
                if key.node == node and start and step.enforcement >= Enforcement.WARN:
                    yield key, setting, step, start

    def _campaign(self, key: StepKey, setting: Setting, step: Step, start: datetime) -> Campaign:
        place = self.tree.place(key.node)
        zone = zone_of(place.zone)
        said = setting.announced
        effective = place.chain.resolved(self.tree.asked(key.node, self.now)).rules[key.rule]
        return Campaign(
            rule=key.rule,
            level=step.enforcement.word,
            announced=datetime(said.year, said.month, said.day, tzinfo=zone) if said else None,
            starts=start,
            day=f"{start.astimezone(zone):%Y-%m-%d}",
            reason=effective.reason,
            debate=effective.debate,
            title=effective.rule.title,
        )

    def _meets(
        self, key: StepKey, setting: Setting, step: Step, pipeline: Judged, at: Moment
    ) -> bool:
        """Whether a step changes something for a pipeline: none that blocks it already does."""
        node = pipeline.organization
        if not (below(node, key.node) and step.covers(node) and self.tree.has(node)):
            return False
        earlier = setting.schedule[: setting.schedule.index(step)]
        if any(each.enforcement >= step.enforcement and each.covers(node) for each in earlier):
            return False
        level = self.tree.resolved(node, self.now).rules[key.rule].enforcement
        come = at in (Moment.DATE, Moment.WARNS)
        return come or level < step.enforcement

    def _to_teams(
        self, key: StepKey, campaign: Campaign, at: Moment, failing: Sequence[Judged]
    ) -> Iterator[Letter]:
        teams: dict[tuple[str, str], list[Told]] = defaultdict(list)
        for each in failing:
            row = self.session.get_one(PipelineRow, each.name)
            teams[self._owner(row)].extend(self._findings(row, key.rule))
        for (team, channel), found in sorted(teams.items()):
            scope = "+".join((key.node, *key.organizations))
            name = f"{scope}:{key.rule}:{key.day:%Y-%m-%d}:{at.value}:{team}"
            if found:
                yield letter(name, (team, channel), campaign, at, found)

    def _owner(self, row: PipelineRow) -> tuple[str, str]:
        pipeline = definition(self.session, row.definition, row.path, row.name)
        return told_at(pipeline, row.organization)

    def _findings(self, row: PipelineRow, rule: str) -> Iterator[Told]:
        text = self.session.get_one(Blob, row.definition).text
        read = read_pipelines(text.encode(), row.path)
        report = linted(self.session, read, self.now, self.rego, excepted=True)
        for each in report.findings:
            if each.rule == rule and each.result is Result.FAIL:
                yield Told(row.name, each.span.path, each.span.line, each.message, each.fix)


def _any_stuck(ground: Ground) -> bool:
    with ground.engines.reading() as session:
        return bool(_stuck(session, ground.ports.clock.within(session)))


def _stuck(session: Session, now: datetime) -> list[NoticeRow]:
    """Messages that could not be delivered, or got lost, and have waited long enough.

    One that is only late is not sent twice: it is looked at again before it is sent.
    """
    asked = select(NoticeRow).where(
        col(NoticeRow.sent_at).is_(None),
        col(NoticeRow.ordered_at) <= now - _AGAIN,
    )
    return list(session.exec(asked))

"""What leaders look at, looked up: every pipeline of a node, and how releases fared lately."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from policies.automation import automation
from policies.facts import Fact
from policies.findings import Enforcement, Result
from policies.pipeline import Pipeline
from policies.rule import AnyRule
from policies.ruleset import Effective, Resolved
from policies.tree import Tree
from policies.windows import zone as zone_of
from service.errors import NotFound
from service.executor.definitions import definition, has_organization, organization
from service.executor.excepted import waived, waivers
from service.executor.ground import Ground
from service.reports.compliance import below
from service.reports.flow import passage
from service.reports.overview import (
    Change,
    Following,
    Judgement,
    Member,
    Overview,
    Passage,
    Practice,
)
from service.store.adoption import changes
from service.store.journeys import journeys, outcomes
from service.store.snapshot import Snapshot
from service.store.tables import EventRow, LintRow, PipelineRow, StageRow

#: How far back releases count: four weeks have every weekday as often.
_LATELY: Final = timedelta(days=28)


def overview(ground: Ground, node: str) -> Overview:
    """One node and everything below it, the root where none is named; raises NotFound."""
    with ground.engines.reading() as session:
        now = ground.ports.clock.within(session)
        if not has_organization(session):
            return Overview(node, now, (), (), (), (), {})
        tree = organization(session)
        node = node or tree.root.name
        inside = _inside(session, tree, node)
        kept = {row.name: _definition(session, row) for row in inside}
        names, since = list(kept), now - _LATELY
        practices = tuple(_practices(tree.resolved(node, now)))
        announced = [each.rule for each in practices if each.next_level]
        return Overview(
            node=node,
            now=now,
            children=tuple(_children(node, inside)),
            members=tuple(_Judging(session, Snapshot(session, inside), tree, now).members(inside)),
            practices=practices,
            passages=tuple(_passages(session, kept, since)),
            ended=outcomes(session, names, since),
            changes=_changes(session, announced, kept),
        )


def followers(ground: Ground, rule: str, node: str) -> Following:
    """The pipelines below a node that a rule was applied to; raises NotFound."""
    with ground.engines.reading() as session:
        now = ground.ports.clock.within(session)
        if not has_organization(session):
            return Following(node, now, ())
        tree = organization(session)
        node = node or tree.root.name
        inside = _inside(session, tree, node)
        known = Snapshot(session, inside)
        found = _Judging(session, known, tree, now, rule).members(inside)
        practices = _practices(tree.resolved(node, now))
        practice = next((each for each in practices if each.rule == rule), None)
        announced = [rule] if practice and practice.next_level else []
        return Following(
            node=node,
            now=now,
            members=tuple(each for each in found if each.judgements),
            practice=practice,
            changes=_changes(session, announced, {row.name for row in inside}),
        )


def custom_rules(ground: Ground) -> tuple[AnyRule, ...]:
    """The rules that the organization's rulesets bring in, by their ids."""
    with ground.engines.reading() as session:
        if not has_organization(session):
            return ()
        rulesets = organization(session).rulesets.values()
    found = {name: rule for each in rulesets for name, rule in each.all_custom().items()}
    return tuple(found[name] for name in sorted(found))


def _inside(session: Session, tree: Tree, node: str) -> list[PipelineRow]:
    """Pipelines of a node and of what lies below it; those whose own node is gone are nowhere."""
    if not tree.has(node):
        raise NotFound("organization", node)
    rows = session.exec(select(PipelineRow).order_by(col(PipelineRow.name)))
    placed = [row for row in rows if tree.has(row.organization)]
    return [row for row in placed if below(row.organization, node)]


def automation_of(session: Session, name: str, pipeline: Pipeline) -> int:
    """The level of automation as the switches of the stages stand now."""
    asked = select(StageRow).where(StageRow.pipeline == name)
    switched = {row.stage: row.transition for row in session.exec(asked)}
    stages = tuple(
        replace(each, transition=Fact(switched[each.name], each.span))
        if each.name in switched
        else each
        for each in pipeline.stages
    )
    return automation(replace(pipeline, stages=stages)).least


def _definition(session: Session, row: PipelineRow) -> Pipeline:
    return definition(session, row.definition, row.path, row.name)


def _changes(
    session: Session, rules: Collection[str], pipelines: Collection[str]
) -> tuple[Change, ...]:
    return tuple(
        Change(each.rule, each.pipeline, each.at, each.result)
        for each in changes(session, rules, pipelines)
    )


def _children(node: str, inside: Iterable[PipelineRow]) -> Iterator[str]:
    """Nodes right below that have pipelines."""
    deep = len(node.split("/"))
    found = {tuple(row.organization.split("/")[: deep + 1]) for row in inside}
    yield from sorted("/".join(parts) for parts in found if len(parts) > deep)


@dataclass(frozen=True, slots=True)
class _Judging:
    """What lint said, under the rules as they hold now; of one rule where it is named."""

    session: Session
    known: Snapshot
    tree: Tree
    now: datetime
    rule: str = ""

    def members(self, inside: Iterable[PipelineRow]) -> Iterator[Member]:
        rows = list(inside)
        nodes = {row.organization for row in rows}
        rules = {node: self.tree.resolved(node, self.now).rules for node in nodes}
        activated = _activated(self.session, [row.name for row in rows])
        for row in rows:
            pipeline = _definition(self.session, row)
            yield Member(
                name=row.name,
                organization=row.organization,
                team=pipeline.owner.team.or_else(None) or "",
                tier=pipeline.tier.or_else(None),
                automation=automation_of(self.session, row.name, pipeline),
                judgements=tuple(self._judgements(row, rules[row.organization], activated)),
            )

    def _judgements(
        self,
        row: PipelineRow,
        rules: Mapping[str, Effective],
        activated: Mapping[tuple[str, str], datetime],
    ) -> Iterator[Judgement]:
        known = waivers(self.known, self.tree, row, self.now)
        asked = select(LintRow).where(LintRow.pipeline == row.name).order_by(col(LintRow.rule))
        asked = asked.where(LintRow.rule == self.rule) if self.rule else asked
        for each in self.session.exec(asked):
            by = waived(known, each)
            yield Judgement(
                each.rule,
                str(Result.WAIVED if by else each.result),
                rules[each.rule].enforcement.word if each.rule in rules else "off",
                by or each.message,
                each.line,
                activated.get((row.name, each.rule)),
            )


def _activated(session: Session, pipelines: list[str]) -> Mapping[tuple[str, str], datetime]:
    """When each rule got the level that it has, where the log tells it."""
    asked = select(EventRow).where(
        col(EventRow.pipeline).in_(pipelines), EventRow.kind == "ruleset.activated"
    )
    rows = session.exec(asked.order_by(col(EventRow.id)))
    return {(row.pipeline, str(row.data.get("rule", ""))): row.at for row in rows}


def _practices(resolved: Resolved) -> Iterator[Practice]:
    zone = zone_of(resolved.zone)
    for name, each in resolved.rules.items():
        if each.enforcement is Enforcement.OFF:
            continue
        coming = each.next
        yield Practice(
            name,
            each.rule.severity.value,
            each.enforcement.word,
            coming.enforcement.word if coming else "",
            f"{coming.at.astimezone(zone):%Y-%m-%d}" if coming else "",
        )


def _passages(session: Session, kept: Mapping[str, Pipeline], since: datetime) -> Iterator[Passage]:
    for each in journeys(session, list(kept), since):
        stages = kept[each.pipeline].stages
        needs = {stage.name: stage.needs for stage in stages}
        prod = [stage.name for stage in stages if stage.is_prod]
        if found := passage(each, needs, prod):
            yield found

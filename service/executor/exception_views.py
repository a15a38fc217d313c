"""Exemptions and opt-outs of both sources as people see them, and which are not needed any more."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col, func, select

from policies.exception_limits import opt_out_over_limit, over_limit
from policies.exceptions import Exceptions, Exemption, OptOut, Subject
from policies.findings import Result
from policies.tree import Tree
from policies.waivers import NEEDLESS, Waivers, last_day
from service.errors import NotFound
from service.executor.definitions import organization
from service.executor.excepted import waivers
from service.executor.ground import Ground
from service.promotions.exceptions import ExceptionView, Filter, State, state_at, who_may
from service.store.exceptions import exemption, opt_out, stored
from service.store.snapshot import Snapshot
from service.store.tables import DecisionRow, ExceptionRow, LintRow, PipelineRow

#: States in which an exception may be proposed for removal.
_STANDING = frozenset({State.REQUESTED, State.APPROVED})


def listing(ground: Ground, wanted: Filter) -> tuple[ExceptionView, ...]:
    """Files first, by node and id, then the store, newest last."""
    with ground.engines.reading() as session:
        views = every(session, organization(session), ground.ports.clock.within(session))
        return tuple(each for each in views if wanted.picks(each))


def one(ground: Ground, name: str) -> ExceptionView:
    """One of the service, else one of a file; raises NotFound."""
    found = [each for each in listing(ground, Filter()) if each.id == name]
    if not found:
        raise NotFound("exception", name)
    return next((each for each in found if each.source == "service"), found[0])


def every(session: Session, tree: Tree, now: datetime) -> Iterator[ExceptionView]:
    rows = {each.name: each for each in session.exec(select(PipelineRow))}
    looking = _Looking(session, tree, now, rows)
    for node, found in tree.files.items():
        listed: tuple[Exemption | OptOut, ...] = (*found.exemptions, *found.opt_outs)
        yield from (looking.of_file(node, found, each) for each in listed)
    for row in stored(session):
        yield looking.of_store(row)


@dataclass(frozen=True, slots=True)
class _Looking:
    session: Session
    tree: Tree
    now: datetime
    pipelines: dict[str, PipelineRow]

    def of_file(self, node: str, found: Exceptions, each: Exemption | OptOut) -> ExceptionView:
        """A file holds what was approved in its review; when and by whom, its history knows."""
        dated = isinstance(each, Exemption)
        kind = Subject.EXEMPTION if dated else Subject.OPT_OUT
        until = each.until if isinstance(each, Exemption) else each.review_by
        known = self.pipelines.get(each.pipeline)
        place = found.places[each.id]
        return self._judged(
            ExceptionView(
                id=each.id,
                kind=kind,
                pipeline=each.pipeline,
                organization=known.organization if known else node,
                rule=each.rule,
                finding=each.finding if isinstance(each, Exemption) else "",
                reason=each.reason,
                requested_by=each.requested_by if isinstance(each, Exemption) else "",
                requested_at=None,
                start=each.start if isinstance(each, Exemption) else None,
                until=until,
                state=state_at(State.APPROVED, kind, until, self.now),
                approved_by=each.approved_by,
                decided_by="",
                decided_at=None,
                decision="",
                source=f"{place.path}:{place.line}",
                last_day=last_day(until, self.tree.place(node).zone),
            ),
            each,
        )

    def of_store(self, row: ExceptionRow) -> ExceptionView:
        node = self.pipelines[row.pipeline].organization
        each = exemption(row) if row.kind == Subject.EXEMPTION else opt_out(row)
        zone = self.tree.place(node).zone if self.tree.has(node) else "UTC"
        return self._judged(
            ExceptionView(
                id=row.name,
                kind=row.kind,
                pipeline=row.pipeline,
                organization=node,
                rule=row.rule,
                finding=row.finding,
                reason=row.reason,
                requested_by=row.requested_by,
                requested_at=row.requested_at,
                start=row.start,
                until=row.until,
                state=state_at(row.state, row.kind, row.until, self.now),
                approved_by=row.approved_by,
                decided_by=row.decided_by,
                decided_at=row.decided_at,
                decision=row.decision,
                source="service",
                last_day=last_day(row.until, zone),
            ),
            each,
        )

    def _judged(self, view: ExceptionView, each: Exemption | OptOut) -> ExceptionView:
        """The view with what depends on limits, leaders and the results of today."""
        row = self.pipelines.get(view.pipeline)
        if row is None or not self.tree.has(row.organization):
            return view
        known = waivers(Snapshot(self.session, ()), self.tree, row, self.now)
        named = who_may(known.exceptions.approvers, known.policy)
        return replace(
            view,
            refused=self._refused(known, each),
            needless=view.state in _STANDING and self._needless(view),
            approvers=None if named is None else tuple(sorted(named)),
        )

    def _refused(self, known: Waivers, each: Exemption | OptOut) -> str:
        if isinstance(each, Exemption):
            return over_limit(known.policy, each)
        return opt_out_over_limit(known.policy, each, self.now)

    def _needless(self, view: ExceptionView) -> bool:
        """Whether the file and the newest decision of every stage pass; silence proves nothing."""
        linted = self.session.get(LintRow, (view.pipeline, view.rule))
        if view.finding:
            return linted is not None and view.finding not in linted.fingerprints
        said = [Result(linted.result)] if linted else []
        said += self._decided(view.pipeline, view.rule)
        return bool(said) and NEEDLESS.issuperset(said)

    def _decided(self, pipeline: str, rule: str) -> list[Result]:
        newest = (
            select(func.max(DecisionRow.id))
            .where(DecisionRow.pipeline == pipeline)
            .group_by(DecisionRow.stage)
        )
        rows = self.session.exec(select(DecisionRow).where(col(DecisionRow.id).in_(newest)))
        results = (each for row in rows for each in row.message["results"])
        return [Result(each["result"]) for each in results if each["rule"] == rule]

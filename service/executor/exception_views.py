"""Exemptions and opt-outs of both sources as people see them, and which are not needed any more."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

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
from service.promotions.places import Place, place_of
from service.store.exceptions import exemption, opt_out, stored
from service.store.snapshot import Snapshot
from service.store.tables import DecisionRow, ExceptionRow, LintRow, PipelineRow

#: States in which an exception may be proposed for removal.
_STANDING = frozenset({State.REQUESTED, State.APPROVED})


def listing(
    ground: Ground, wanted: Filter, after: str = "", limit: int | None = None
) -> tuple[ExceptionView, ...]:
    """Files first, by path and id, then the store, newest last; so many behind a place."""
    place = place_of(after)
    with ground.engines.reading() as session:
        now = ground.ports.clock.within(session)
        views = _every(session, organization(session), now, wanted, place)
        return tuple(islice(views, limit))


def one(ground: Ground, name: str) -> ExceptionView:
    """One of the service, else one of a file; raises NotFound."""
    found = [each for each in listing(ground, Filter()) if each.id == name]
    if not found:
        raise NotFound("exception", name)
    return next((each for each in found if each.source == "service"), found[0])


def _every(
    session: Session, tree: Tree, now: datetime, wanted: Filter, place: Place
) -> Iterator[ExceptionView]:
    looking = _Looking(session, tree, now)
    kept = [
        (found.places[each.id].path, each.id, node, found, each)
        for node, found in tree.files.items()
        for each in _listed(found)
    ]
    for path, name, node, found, each in sorted(kept, key=lambda one: one[:3]):
        if place.before(path, name) and wanted.picks(view := looking.of_file(node, found, each)):
            yield looking.judged(view, each)
    for row in stored(session, wanted.pipeline, wanted.rule, place.kept):
        if wanted.picks(view := looking.of_store(row)):
            yield looking.judged(view, exemption(row) if _dated(row) else opt_out(row))


def _listed(found: Exceptions) -> tuple[Exemption | OptOut, ...]:
    return (*found.exemptions, *found.opt_outs)


def _dated(row: ExceptionRow) -> bool:
    return row.kind == Subject.EXEMPTION


@dataclass(frozen=True, slots=True)
class _Looking:
    session: Session
    tree: Tree
    now: datetime

    def pipeline(self, name: str) -> PipelineRow | None:
        return self.session.get(PipelineRow, name)

    def of_file(self, node: str, found: Exceptions, each: Exemption | OptOut) -> ExceptionView:
        """A file holds what was approved in its review; when and by whom, its history knows."""
        dated = isinstance(each, Exemption)
        kind = Subject.EXEMPTION if dated else Subject.OPT_OUT
        until = each.until if isinstance(each, Exemption) else each.review_by
        known = self.pipeline(each.pipeline)
        place = found.places[each.id]
        return ExceptionView(
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
        )

    def of_store(self, row: ExceptionRow) -> ExceptionView:
        node = self.session.get_one(PipelineRow, row.pipeline).organization
        zone = self.tree.place(node).zone if self.tree.has(node) else "UTC"
        return ExceptionView(
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
        )

    def judged(self, view: ExceptionView, each: Exemption | OptOut) -> ExceptionView:
        """The view with what depends on limits, leaders and the results of today."""
        row = self.pipeline(view.pipeline)
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

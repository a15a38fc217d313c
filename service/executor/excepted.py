"""Which exceptions hold for a pipeline: files under review and the store, as one.

What lint said is kept without them, so a page or a report looks here what is waived when it is
read: an exemption that has ended stops counting everywhere at once.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, or_, select

from policies.exceptions import NO_EXCEPTIONS, NO_LIMITS, Exceptions, joined
from policies.findings import Result
from policies.tree import Tree
from policies.waivers import Waivers
from service.executor.definitions import organization
from service.store.exceptions import approved, approved_by_pipeline
from service.store.read import Registered
from service.store.snapshot import Snapshot
from service.store.tables import LintRow, PipelineRow

#: Results that an exception may set aside.
_SET_ASIDE: Final = frozenset({Result.FAIL, Result.UNKNOWN})


def exceptions(known: Snapshot, tree: Tree, node: str, pipeline: str) -> Exceptions:
    """Everything from both sources that is about one pipeline of a node."""
    return joined((tree.exceptions(node).of(pipeline), approved(known, pipeline)))


def waivers(known: Snapshot, tree: Tree, row: PipelineRow, now: datetime) -> Waivers:
    """What counts for a pipeline at an instant, under the limits of its organization.

    A pipeline whose node is gone is still shown; nothing is excepted for it until it has one again.
    """
    return _waivers(tree, row, approved(known, row.name), now)


def waived(known: Waivers, row: LintRow) -> str:
    """What sets aside everything that lint found by one rule, in words; empty where nothing does.

    Where every finding has an exemption of its own, the rule as a whole is waived.
    """
    if row.result not in _SET_ASIDE:
        return ""
    return _covered(known, row.pipeline, row.rule, row.fingerprints)


def judged(
    session: Session, now: datetime, rules: Collection[str] | None = None
) -> tuple[Registered, ...]:
    """Every registered pipeline with the result of each rule, exceptions counted as of now.

    ``rules`` leaves out all others, which is much less to read.
    """
    rows = session.exec(select(PipelineRow).order_by(col(PipelineRow.name))).all()
    if not rows:
        return ()
    looking = _Looking(organization(session), approved_by_pipeline(session), now)
    results = _results(session, rules)
    return tuple(
        Registered(
            row.name,
            row.organization,
            tuple((each[0], looking.result(row, *each)) for each in results[row.name]),
        )
        for row in rows
    )


def judged_rules(session: Session, node: str | None, after: str, limit: int | None) -> list[str]:
    """Rules that were applied to a pipeline of a subtree, by id, so many behind one."""
    asked = select(LintRow.rule).where(col(LintRow.rule) > after)
    if node is not None:
        inside = col(PipelineRow.organization)
        asked = asked.join(PipelineRow, col(PipelineRow.name) == LintRow.pipeline).where(
            or_(inside == node, inside.startswith(f"{node}/", autoescape=True))
        )
    return list(session.exec(asked.distinct().order_by(LintRow.rule).limit(limit)))


@dataclass(slots=True)
class _Looking:
    """What excepts, asked for once for all pipelines."""

    tree: Tree
    approved: Mapping[str, Exceptions]
    now: datetime
    known: dict[str, Waivers] = field(default_factory=dict)

    def result(self, row: PipelineRow, rule: str, result: str, fingerprints: list[str]) -> str:
        if result not in _SET_ASIDE:
            return result
        if row.name not in self.known:
            own = self.approved.get(row.name, NO_EXCEPTIONS)
            self.known[row.name] = _waivers(self.tree, row, own, self.now)
        covered = _covered(self.known[row.name], row.name, rule, fingerprints)
        return str(Result.WAIVED) if covered else result


def _results(
    session: Session, rules: Collection[str] | None
) -> dict[str, list[tuple[str, str, list[str]]]]:
    """Rule, result and fingerprints of all pipelines in one question, as plain values."""
    asked = select(LintRow.pipeline, LintRow.rule, LintRow.result, LintRow.fingerprints)
    if rules is not None:
        asked = asked.where(col(LintRow.rule).in_(rules))
    found: dict[str, list[tuple[str, str, list[str]]]] = defaultdict(list)
    for pipeline, rule, result, fingerprints in session.exec(asked.order_by(col(LintRow.rule))):
        found[pipeline].append((rule, result, list(fingerprints)))
    return found


def _covered(known: Waivers, pipeline: str, rule: str, fingerprints: Sequence[str]) -> str:
    found = [known.covering(pipeline, rule, each) for each in fingerprints or [""]]
    told = dict.fromkeys(each.told for each in found if each)
    return "; ".join(told) if all(found) else ""


def _waivers(tree: Tree, row: PipelineRow, own: Exceptions, now: datetime) -> Waivers:
    if not tree.has(row.organization):
        return Waivers(NO_EXCEPTIONS, NO_LIMITS, now)
    known = joined((tree.exceptions(row.organization).of(row.name), own))
    return Waivers(known, tree.place(row.organization).chain.limits, now)

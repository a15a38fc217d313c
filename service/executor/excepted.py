"""Which exceptions hold for a pipeline: files under review and the store, as one.

What lint said is kept without them, so a page or a report looks here what is waived when it is
read: an exemption that has ended stops counting everywhere at once.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
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
#: Of how many rules the results of all pipelines are held at once.
_AT_ONCE: Final = 4

#: A rule, its result for a pipeline, and the fingerprints of what it found.
_Said = tuple[str, str, list[str]]


def exceptions(known: Snapshot, tree: Tree, node: str, pipeline: str) -> Exceptions:
    """Everything from both sources that is about one pipeline of a node."""
    return joined((tree.exceptions(node).of(pipeline), approved(known, pipeline)))


def waivers(known: Snapshot, tree: Tree, row: PipelineRow, now: datetime) -> Waivers:
    """What counts for a pipeline at an instant, under the limits of its organization.

    A pipeline whose node is gone is still shown; nothing is excepted for it until it has one again.
    """
    return _waivers(tree, row.name, row.organization, approved(known, row.name), now)


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
    looking = _looking(session, now)
    return looking.judged(_results(session, rules)) if looking else ()


def judged_in_pages(
    session: Session, now: datetime, rules: Sequence[str]
) -> Iterator[tuple[Registered, ...]]:
    """The same for some rules after the others: no more is held than the results of a few."""
    looking = _looking(session, now) if rules else None
    for start in range(0, len(rules), _AT_ONCE):
        if looking:
            yield looking.judged(_results(session, rules[start : start + _AT_ONCE]))


def judged_rules(session: Session, node: str | None, after: str, limit: int | None) -> list[str]:
    """Rules that were applied to a pipeline of a subtree, by id, so many behind one."""
    asked = select(LintRow.rule).where(col(LintRow.rule) > after)
    if node is not None:
        inside = col(PipelineRow.organization)
        asked = asked.join(PipelineRow, col(PipelineRow.name) == LintRow.pipeline).where(
            or_(inside == node, inside.startswith(f"{node}/", autoescape=True))
        )
    return list(session.exec(asked.distinct().order_by(LintRow.rule).limit(limit)))


def _looking(session: Session, now: datetime) -> "_Looking | None":
    """None where no pipeline is registered."""
    asked = select(PipelineRow.name, PipelineRow.organization).order_by(col(PipelineRow.name))
    places = dict(session.exec(asked).all())
    if not places:
        return None
    return _Looking(places, organization(session), approved_by_pipeline(session), now)


@dataclass(slots=True)
class _Looking:
    """What excepts, asked for once for all pipelines; ``places`` are their nodes."""

    places: Mapping[str, str]
    tree: Tree
    approved: Mapping[str, Exceptions]
    now: datetime
    known: dict[str, Waivers] = field(default_factory=dict)

    def judged(self, results: Mapping[str, list[_Said]]) -> tuple[Registered, ...]:
        return tuple(
            Registered(
                name,
                node,
                tuple((each[0], self._result(name, node, *each)) for each in results.get(name, ())),
            )
            for name, node in self.places.items()
        )

    def _result(self, name: str, node: str, rule: str, result: str, fingerprints: list[str]) -> str:
        if result not in _SET_ASIDE:
            return result
        if name not in self.known:
            own = self.approved.get(name, NO_EXCEPTIONS)
            self.known[name] = _waivers(self.tree, name, node, own, self.now)
        covered = _covered(self.known[name], name, rule, fingerprints)
        return str(Result.WAIVED) if covered else result


def _results(session: Session, rules: Collection[str] | None) -> dict[str, list[_Said]]:
    """Rule, result and fingerprints of all pipelines in one question, as plain values."""
    asked = select(LintRow.pipeline, LintRow.rule, LintRow.result, LintRow.fingerprints)
    if rules is not None:
        asked = asked.where(col(LintRow.rule).in_(rules))
    found: dict[str, list[_Said]] = defaultdict(list)
    for pipeline, rule, result, fingerprints in session.exec(asked.order_by(col(LintRow.rule))):
        found[pipeline].append((rule, result, list(fingerprints)))
    return found


def _covered(known: Waivers, pipeline: str, rule: str, fingerprints: Sequence[str]) -> str:
    found = [known.covering(pipeline, rule, each) for each in fingerprints or [""]]
    told = dict.fromkeys(each.told for each in found if each)
    return "; ".join(told) if all(found) else ""


def _waivers(tree: Tree, name: str, node: str, own: Exceptions, now: datetime) -> Waivers:
    if not tree.has(node):
        return Waivers(NO_EXCEPTIONS, NO_LIMITS, now)
    known = joined((tree.exceptions(node).of(name), own))
    return Waivers(known, tree.place(node).chain.limits, now)

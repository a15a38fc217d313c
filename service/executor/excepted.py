"""Which exceptions hold for a pipeline: files under review and the store, as one.

What lint said is kept without them, so a page or a report looks here what is waived when it is
read: an exemption that has ended stops counting everywhere at once.
"""

from datetime import datetime

from sqlmodel import Session, col, select

from policies.exceptions import NO_EXCEPTIONS, NO_LIMITS, Exceptions, joined
from policies.findings import Result
from policies.tree import Tree
from policies.waivers import Waivers
from service.executor.definitions import organization
from service.store.exceptions import approved
from service.store.read import Registered
from service.store.tables import LintRow, PipelineRow


def exceptions(session: Session, tree: Tree, node: str, pipeline: str) -> Exceptions:
    """Everything from both sources that is about one pipeline of a node."""
    return joined((tree.exceptions(node).of(pipeline), approved(session, pipeline)))


def waivers(session: Session, tree: Tree, row: PipelineRow, now: datetime) -> Waivers:
    """What counts for a pipeline at an instant, under the limits of its organization.

    A pipeline whose node is gone is still shown; nothing is excepted for it until it has one again.
    """
    if not tree.has(row.organization):
        return Waivers(NO_EXCEPTIONS, NO_LIMITS, now)
    known = exceptions(session, tree, row.organization, row.name)
    return Waivers(known, tree.place(row.organization).chain.limits, now)


def waived(known: Waivers, row: LintRow) -> str:
    """What sets aside everything that lint found by one rule, in words; empty where nothing does.

    Where every finding has an exemption of its own, the rule as a whole is waived.
    """
    if row.result not in {Result.FAIL, Result.UNKNOWN}:
        return ""
    found = [known.covering(row.pipeline, row.rule, each) for each in row.fingerprints or [""]]
    told = dict.fromkeys(each.told for each in found if each)
    return "; ".join(told) if all(found) else ""


def judged(session: Session, now: datetime) -> tuple[Registered, ...]:
    """Every registered pipeline with the result of each rule, exceptions counted as of now."""
    found = []
    for row in session.exec(select(PipelineRow).order_by(col(PipelineRow.name))):
        known = waivers(session, organization(session), row, now)
        asked = select(LintRow).where(LintRow.pipeline == row.name).order_by(col(LintRow.rule))
        results = tuple(
            (each.rule, str(Result.WAIVED if waived(known, each) else each.result))
            for each in session.exec(asked)
        )
        found.append(Registered(row.name, row.organization, results))
    return tuple(found)

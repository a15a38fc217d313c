"""Which roles a person has for a pipeline, as its organization and its owner name them."""

from policies.granted import Reach
from policies.organization import LEADER, ONCALL, OWNER
from service.executor.turn import Turn


def roles_of(turn: Turn, person: str) -> tuple[str, ...]:
    """Every role of one person, in the order of the alphabet."""
    known = {LEADER, OWNER, ONCALL, *turn.tree().root.groups_at(turn.pipeline.organization)}
    return tuple(sorted(role for role in known if person in people_in(turn, role)))


def people_in(turn: Turn, role: str) -> frozenset[str]:
    """Who has a role: leaders up the tree, the owner's team or rota, else a group of that name."""
    root, node = turn.tree().root, turn.pipeline.organization
    if role == LEADER:
        return root.leaders_over(node, Reach.NODE) or frozenset()
    owner = turn.registered().owner
    names = {OWNER: owner.team.or_else(None), ONCALL: owner.oncall.or_else(None)}
    return root.groups_at(node).get(names.get(role, role) or "", frozenset())

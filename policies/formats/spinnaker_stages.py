"""The stages of a Spinnaker pipeline: a graph of references, or the order of the first releases.

A wait or a canary analysis is a stage of its own there; it is the bake of the deployment in front
of it here. A stage that goes on after a failure still gates where a later one asks for its result.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from policies.facts import UNSAID, Fact, Provenance, elsewhere, placed, unknown
from policies.fields import texts
from policies.findings import Span
from policies.formats.kubernetes import at, word
from policies.formats.spinnaker_canary import analysis
from policies.formats.spinnaker_deploys import deployment, place_of, targets_of
from policies.formats.spinnaker_steps import Node, goes_back, kept, step_of
from policies.formats.spinnaker_windows import windows_of
from policies.frozen import replace
from policies.graphs import Order, decoded, reachable, turned
from policies.guards import Analysis, Mutex
from policies.patterns import pattern
from policies.pipeline import (
    Approvals,
    Bake,
    Deploy,
    OnAlarm,
    Stage,
    StageKind,
    Step,
    StepKind,
)
from policies.source import Mapping, Scalar
from policies.source import Sequence as Listed

_OVERLAY: Final = "say it in bakegate.yaml"
_CANARIES: Final = frozenset({"kayentacanary", "canary"})
#: Types that put the version before back.
_BACK: Final = frozenset({"undorolloutmanifest", "rollbackcluster", "rollbackservergroup"})
#: A condition that holds after a failure.
_FAILED: Final = pattern(r"""!=\s*['"]SUCCEEDED|==\s*['"](?:TERMINAL|FAILED_CONTINUE|STOPPED)""")
_BUILDS: Final = frozenset({StepKind.BUILD, StepKind.PUBLISH})


def nodes_of(stages: Listed) -> list[Node]:
    """The stages as written, with names of their own: a name that comes twice gets its number."""
    found: list[Node] = []
    seen: set[str] = set()
    for index, item in enumerate(stages.items):
        if not isinstance(item, Mapping):
            continue
        ref = word(item, "refId")
        name = word(item, "name") or word(item, "type") or f"stage-{index + 1}"
        if name in seen:
            name = f"{name} ({ref or index + 1})"
        seen.add(name)
        requires = at(item, "requisiteStageRefIds")
        wanted = texts(requires) if requires is not None else None
        found.append(Node(name, _visible(item), word(item, "type"), ref, wanted, item))
    return found


def _visible(item: Mapping) -> Span:
    for key in ("name", "type", "refId"):
        found = item.get(key)
        if isinstance(found, Scalar):
            return found.span
    return item.span


def needs_of(nodes: Sequence[Node]) -> list[tuple[str, ...]]:
    """What each stage waits for; without references every stage waits for the one before it."""
    if not any(node.ref for node in nodes):
        return [(nodes[index - 1].name,) if index else () for index in range(len(nodes))]
    names = {node.ref: node.name for node in nodes if node.ref}
    return [tuple(names[ref] for ref in node.requires or () if ref in names) for node in nodes]


class Graph:
    """The stages of one pipeline, with what leads to each deployment and what follows it."""

    def __init__(self, nodes: Sequence[Node], pipeline: str, mutex: Fact[Mutex | None]) -> None:
        self.nodes = nodes
        self.pipeline = pipeline
        self.mutex = mutex
        self.needs = needs_of(nodes)
        order = Order([node.name for node in nodes], self.needs)
        self.index = order.index
        expressions = " ".join(node.expression for node in nodes)
        # Expressions quote a name in either way.
        expressions = expressions.replace('"', "'")
        asked = [f"'{node.name}'" in expressions for node in nodes]
        old = kept(nodes)
        deploying = [
            node.name not in old and _deploys(step_of(node, deployed=False, asked=False))
            for node in nodes
        ]
        bits = sum(1 << index for index, does in enumerate(deploying) if does)
        self.steps = [
            step_of(
                node,
                deployed=bool(order.above()[index] & bits),
                asked=asked[index],
                old=node.name in old,
            )
            for index, node in enumerate(nodes)
        ]
        # Only ways that lead over no other deployment.
        self.before = reachable(_without(order.needs(), deploying))
        self.after = reachable(_without(turned(order.needs()), deploying))

    def stages(self) -> tuple[Stage, ...]:
        return tuple(self._stage(index) for index in range(len(self.nodes)))

    def _stage(self, index: int) -> Stage:
        node, step = self.nodes[index], self.steps[index]
        deploys = _deploys(step)
        kind, where = place_of(node, self.pipeline) if deploys else (_quiet(step), "")
        absent: Fact[Any] = Fact(None, node.span)
        judges = self._judgment(index) if deploys else None
        after = list(decoded(self.after[index])) if deploys else []
        return Stage(
            name=node.name,
            span=node.span,
            kind=kind,
            needs=self.needs[index],
            steps=(step,),
            deploy=self._deploy(index) if deploys else None,
            wave=unknown(node.span, f"Spinnaker has no word for waves; {_OVERLAY}")
            if deploys
            else absent,
            exposure=unknown(node.span, "which share of customers it reaches is not written")
            if deploys
            else absent,
            bake=self._bake(node, after),
            bake_known=_bake_known(node),
            transition=Fact("manual", judges.span) if judges else Fact("automatic", node.span),
            approvals=Fact(_approvals(judges), judges.span) if judges else absent,
            configuration=placed(UNSAID, node.span),
            synthetics_known=False,
            targets=targets_of(node.node) if deploys else (),
            windows=windows_of(node.node),
            environment=where,
            mutex=self.mutex,
            analyses=Fact(tuple(self._analyses([index, *after])) or None, node.span),
        )

    def _judgment(self, index: int) -> Node | None:
        """A manual judgment that binds, right in front of a deployment."""
        for number in decoded(self.before[index]):
            step = self.steps[number]
            if step.kind.value is StepKind.APPROVAL and not step.soft.value:
                return self.nodes[number]
        return None

    def _deploy(self, index: int) -> Deploy:
        deploy = deployment(self.nodes[index])
        after = list(decoded(self.after[index]))
        back = [number for number in after if self._goes_back(number)]
        if not any(self._judgment(number) is None for number in back):
            return deploy
        place = self.nodes[back[0]].span
        judged = tuple(each.name for each in self._analyses(after) if not each.dry_run)
        events = frozenset({"failure", "alarm"} if judged else {"failure"})
        return replace(
            deploy,
            rollback_on=Fact(events, place, Provenance.INFERRED, 0.75),
            rollback_alarms=Fact(judged or None, place, Provenance.INFERRED, 0.75),
        )

    def _goes_back(self, number: int) -> bool:
        """Whether a stage undoes a deployment, or starts a pipeline because something failed."""
        node = self.nodes[number]
        if node.type.lower() in _BACK:
            return True
        back = node.type == "pipeline" or goes_back(node)
        asks = [node.expression]
        asks += [self.nodes[self.index[name]].expression for name in self.needs[number]]
        return back and any(_FAILED.search(each) for each in asks)

    def _bake(self, node: Node, after: Sequence[int]) -> Bake | None:
        waits = [self.steps[number].timeout for number in after if self._waits(number)]
        if not waits:
            return None
        nothing: Fact[Any] = Fact(None, node.span)
        hidden = next((wait for wait in waits if not wait.known), None)
        total = sum((wait.or_else(None) or timedelta() for wait in waits), timedelta())
        watched = [each for each in self._analyses(after) if not each.dry_run]
        at_first = watched[0].span if watched else node.span
        return Bake(
            span=waits[0].span,
            time=hidden or Fact(total or None, waits[0].span),
            positive=nothing,
            negative=nothing,
            alarms=Fact(tuple(each.name for each in watched) or None, at_first),
            on_alarm=Fact(OnAlarm.HALT if watched else None, at_first),
        )

    def _waits(self, number: int) -> bool:
        return self.steps[number].kind.value is StepKind.WAIT

    def _analyses(self, after: Sequence[int]) -> Iterator[Analysis]:
        for number in after:
            node, step = self.nodes[number], self.steps[number]
            if node.type.lower() in _CANARIES:
                yield analysis(node.name, node.node, node.span, soft=bool(step.soft.value))


def _bake_known(node: Node) -> Fact[bool]:
    """A child pipeline may wait inside."""
    if node.type == "pipeline":
        return elsewhere(node.span, "the child pipeline is not in this file")
    return Fact(value=True, span=node.span)


def _deploys(step: Step) -> bool:
    return step.kind.value is StepKind.DEPLOY


def _without(edges: list[list[int]], left_out: list[bool]) -> list[list[int]]:
    return [[target for target in targets if not left_out[target]] for targets in edges]


def _approvals(node: Node) -> Approvals:
    roles = texts(at(node.node, "selectedStageRoles"))
    return Approvals(1, roles, forbid_author=False)


def _quiet(step: Step) -> Fact[StageKind | None]:
    builds = step.kind.value in _BUILDS
    kind = StageKind.BUILD if builds else StageKind.TEST
    return Fact(kind, step.name.span, Provenance.INFERRED, 0.9)

"""What a Spinnaker stage does: by its type where that says it, else by the names that it uses.

``bake`` makes an image and is never a bake in time. Jobs of other systems and child pipelines are
only named here; a stage that deploys a Job runs a test or a task and changes no service.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from policies.classify import classify, construct, named, words
from policies.facts import Fact, Provenance, elsewhere
from policies.findings import Span
from policies.formats.kubernetes import at, listed, whole, word
from policies.formats.spinnaker_canary import lifetime
from policies.frozen import dataclass
from policies.patterns import pattern
from policies.pipeline import Step, StepKind
from policies.source import Mapping, Scalar

#: Types whose work is done by another system, which alone knows what it is.
_AWAY: Final = frozenset(
    {"jenkins", "travis", "wercker", "concourse", "pipeline", "script", "runjob", "gremlin"}
    | {"awscodebuild", "googlecloudbuild", "runjobmanifest", "webhook", "run"}
)
#: Words by which a child pipeline says that it brings a version somewhere.
_PROMOTES: Final = frozenset({"promote", "release", "upgrade"})
#: Kinds of manifests that change no version that serves somebody.
_QUIET: Final = frozenset(
    {"ConfigMap", "Secret", "Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole"}
    | {"ClusterRoleBinding", "PersistentVolume", "PersistentVolumeClaim", "NetworkPolicy"}
    | {"CustomResourceDefinition", "LimitRange", "ResourceQuota", "Service", "ServiceMonitor"}
    | {"HorizontalPodAutoscaler", "PodDisruptionBudget"}
)
#: Names of a way back.
_BACK: Final = pattern(
    r"\broll[-_ ]?back\b|\brevert\b|\brestore\b|\bto (?:the )?old\b", re.IGNORECASE
)
_TASKS: Final = frozenset({"Job", "Pod", "CronJob"})
#: The setting by which a pipeline goes on after a failed stage.
_CONTINUES: Final = "continuePipeline"


@dataclass(frozen=True, slots=True)
class Node:
    """One stage of a pipeline as the file says it; ``span`` is its visible name."""

    name: str
    span: Span
    type: str
    ref: str
    requires: tuple[str, ...] | None
    node: Mapping

    @property
    def expression(self) -> str:
        """The condition under which the stage runs, and those that it checks itself."""
        checks = (
            word(each, "context", "expression") for each in listed(self.node, "preconditions")
        )
        return " ".join((word(self.node, "stageEnabled", "expression"), *checks))


def kept(nodes: Sequence[Node]) -> frozenset[str]:
    """Names of stages that keep the version before running: the baseline beside a canary."""
    said = {node.name: set(words(node.name)) for node in nodes}
    canary = any("canary" in each for each in said.values())
    return frozenset(
        name for name, each in said.items() if canary and "baseline" in each - {"canary"}
    )


def goes_back(node: Node) -> bool:
    """Whether a stage's name says that it brings the version before back."""
    return bool(_BACK.search(node.name))


def step_of(node: Node, *, deployed: bool, asked: bool, old: bool = False) -> Step:
    """The one step of a stage.

    ``deployed`` says whether something runs already, ``asked`` whether a later stage asks for the
    result, so that going on after a failure is no softness; ``old`` that it starts no new version.
    """
    kind = _kind(node, deployed=deployed)
    if kind.value is StepKind.DEPLOY and (old or goes_back(node)):
        kind = Fact(StepKind.OTHER, node.span, Provenance.INFERRED, 0.85)
    return Step(
        name=Fact(node.name, node.span),
        kind=kind,
        run=Fact(None, node.span),
        uses=Fact("/".join(filter(None, (node.type, word(node.node, "job")))), node.span),
        soft=Fact(None, node.span) if asked else _soft(node),
        timeout=_length(node),
    )


def _kind(node: Node, *, deployed: bool) -> Fact[StepKind]:
    sure = construct("spinnaker", node.type)
    if sure is StepKind.DEPLOY:
        return _deploys(node, deployed=deployed)
    if sure:
        return Fact(sure, node.span)
    job = word(node.node, "job")
    kind = named(node.name)
    if kind is StepKind.UNIT and "unit" not in node.name.lower():
        # What is only called "test" asks what runs, once something is deployed.
        kind = StepKind.INTEGRATION if deployed else None
    told = named(job)
    if kind is None and (told is not StepKind.UNIT or "unit" in job.lower()):
        kind = told
    if node.type == "pipeline" and kind is None and _PROMOTES & set(words(node.name)):
        kind = StepKind.DEPLOY
    if node.type.lower() in _AWAY:
        note = f"what {node.type} does for {node.name} is not in this file"
        if kind is None or kind is StepKind.BUILD:
            return elsewhere(node.span, note)
        return Fact(kind, node.span, Provenance.INFERRED, 0.7, note)
    if node.type.lower() in ("terraform", "runterraform") and kind is StepKind.DEPLOY:
        return Fact(kind, node.span, Provenance.INFERRED, 0.7)
    return Fact(StepKind.OTHER, node.span, Provenance.INFERRED, 0.85)


def _deploys(node: Node, *, deployed: bool) -> Fact[StepKind]:
    """A stage that deploys, unless all that it applies serves nobody or is a task."""
    kinds = {kind_of(each) for each in listed(node.node, "manifests")}
    if kinds and kinds <= _QUIET:
        return Fact(StepKind.OTHER, node.span, Provenance.INFERRED, 0.9)
    if kinds and kinds <= _QUIET | _TASKS:
        guess, sure = classify(node.name, None, None)
        if guess is StepKind.UNIT and deployed:
            guess = StepKind.INTEGRATION
        task = StepKind.OTHER if guess is StepKind.DEPLOY else guess
        return Fact(task, node.span, Provenance.INFERRED, sure)
    return Fact(StepKind.DEPLOY, node.span)


def kind_of(manifest: Mapping) -> str:
    """The kind of a manifest; a service of Knative is a workload, unlike one of Kubernetes."""
    group = word(manifest, "apiVersion").partition("/")[0]
    kind = word(manifest, "kind")
    return f"{kind}.{group}" if group == "serving.knative.dev" else kind


def _soft(node: Node) -> Fact[str | None]:
    """Only ``continuePipeline`` goes on; without it a failure at least ends its own branch."""
    found = at(node.node, _CONTINUES)
    if isinstance(found, Scalar) and found.text.lower() == "true":
        return Fact(_CONTINUES, found.span)
    return Fact(None, node.span)


def _length(node: Node) -> Fact[timedelta | None]:
    """How long a stage waits, else how long it may take."""
    if node.type == "wait":
        written = at(node.node, "waitTime")
        seconds = whole(node.node, "waitTime")
        if seconds is None and written is not None:
            return elsewhere(written.span, "the time is an expression")
        length = timedelta(seconds=seconds) if seconds else None
        return Fact(length, written.span if written else node.span)
    if node.type.lower() in ("kayentacanary", "canary"):
        return lifetime(node.node, node.span)
    return timeout_of(node)


def timeout_of(node: Node) -> Fact[timedelta | None]:
    """The limit of a stage in milliseconds; Spinnaker's own default differs from type to type."""
    written = at(node.node, "stageTimeoutMs")
    milliseconds = whole(node.node, "stageTimeoutMs")
    if written is None or not milliseconds:
        return Fact(None, node.span)
    return Fact(timedelta(milliseconds=milliseconds), written.span)

"""What a deploying Spinnaker stage says of its deployment: clusters, inline manifests, strategies.

Red/black starts a full copy beside the running one and switches at once; rolling red/black moves
shares of the traffic. What manifests of artifacts say stands in those artifacts.
"""

from datetime import timedelta
from typing import Any, Final

from policies.classify import construct, environment, words
from policies.facts import Fact, Provenance, elsewhere, inferred, unknown
from policies.fields import texts
from policies.findings import Span
from policies.formats.kubernetes import (
    at,
    group,
    listed,
    on,
    place,
    pod_of,
    whole,
    word,
)
from policies.formats.naming import of_thing
from policies.formats.spinnaker_steps import Node, kind_of, timeout_of
from policies.formats.unsaid import unsaid_deploy
from policies.frozen import replace
from policies.pipeline import Deploy, StageKind, StepKind, Target
from policies.source import Mapping

_WORKLOADS: Final = frozenset(
    {"Deployment", "StatefulSet", "ReplicaSet", "DaemonSet", "Service.serving.knative.dev"}
)
#: Strategies of server groups and of Kubernetes traffic management in our words.
_STRATEGIES: Final = {
    "redblack": "blue-green",
    "bluegreen": "blue-green",
    "highlander": "blue-green",
    "rollingredblack": "linear",
    "monitored": "canary",
    "rollingpush": "rolling",
}
#: Names under which a slice of production runs beside the rest.
_SLICES: Final = frozenset({"canary", "baseline"})
#: Labels by which a workload says where it stands.
_LABELS: Final = ("environment", "env")
#: Time-outs that Spinnaker's console shows for stages that name none (``defaultTimeoutMs``).
_BOUNDS: Final = {
    "deploymanifest": timedelta(minutes=30),
    "deploycloudformation": timedelta(minutes=30),
    "deploy": timedelta(hours=2),
}
_CLOSE: Final = (StageKind.PROD, StageKind.PREPROD)
_WHOLE: Final = 100
Kind = Fact[StageKind | None]


def place_of(node: Node, pipeline: str) -> tuple[Kind, str]:
    """What a stage deploys to. An account is shared by many environments, so it counts last."""
    where = _location(node.node)
    names = _names(node.node)
    for hint, confidence in (
        (node.name, 0.85),
        *((stack, 0.75) for stack in _stacks(node.node)),
        *((each, 0.75) for each in (of_thing(where), *_labels(node.node))),
        *((name, 0.7) for name in names if environment(of_thing(name)) in _CLOSE),
        (of_thing(pipeline), 0.7),
    ):
        found = environment(" ".join(each for each in words(hint) if each not in _SLICES))
        if found:
            return Fact(found, node.span, Provenance.INFERRED, confidence), where or hint
    sliced = next((each for each in (node.name, *names) if _SLICES & set(words(each))), None)
    if sliced:
        # A canary is compared with what customers use.
        return Fact(StageKind.PROD, node.span, Provenance.INFERRED, 0.7), where or sliced
    for account in _accounts(node.node):
        found = environment(account)
        if found:
            return Fact(found, node.span, Provenance.INFERRED, 0.6), where or account
    note = "neither its name nor its cluster says which environment it deploys to"
    return unknown(node.span, note), where


def _workloads(node: Mapping) -> list[Mapping]:
    return [each for each in listed(node, "manifests") if kind_of(each) in _WORKLOADS]


def _labels(node: Mapping) -> list[str]:
    """What labels of the workloads that a stage itself holds say of their place."""
    return [word(each, "metadata", "labels", key) for each in _workloads(node) for key in _LABELS]


def _names(node: Mapping) -> list[str]:
    """Names of such workloads, also as labels have them.

    A name with "test" or "demo" in it is mostly that of an application, not of an environment.
    """
    found = [word(each, "metadata", "name") for each in _workloads(node)]
    return [*filter(None, found), *filter(None, _labels(node))]


def _clusters(node: Mapping) -> list[Mapping]:
    one = group(node, "cluster")
    return [*listed(node, "clusters"), *([one] if one else [])]


def _stacks(node: Mapping) -> list[str]:
    found = [word(each, key) for each in _clusters(node) for key in ("stack", "freeFormDetails")]
    return [each for each in found if each]


def _accounts(node: Mapping) -> list[str]:
    found = (word(each, "account") for each in (node, *_clusters(node)))
    return [each for each in found if each]


def _location(node: Mapping) -> str:
    for key in ("namespaceOverride", "namespace", "location"):
        if word(node, key):
            return word(node, key)
    found = (word(each, "metadata", "namespace") for each in listed(node, "manifests"))
    return next((each for each in found if each), "")


def targets_of(node: Mapping) -> tuple[Target, ...]:
    """The regions of a stage's clusters."""
    regions: list[str] = []
    for cluster in _clusters(node):
        zones = group(cluster, "availabilityZones")
        regions += zones.entries if zones else ()
    return tuple(Target(each, each) for each in dict.fromkeys(regions))


def deployment(node: Node) -> Deploy:
    beyond: Fact[Any] = unknown(node.span, "Spinnaker does not say this here")
    deploy = replace(
        unsaid_deploy(node.span, node.type, beyond),
        rollback_on=_rollback(node),
        deadline=_deadline(node),
        on_deadline=Fact("abort", node.span),
    )
    return _with_manifest(node, _with_strategy(node, deploy))


def _deadline(node: Node) -> Fact[timedelta | None]:
    """What the stage says, else the time after which Spinnaker itself ends one of its type."""
    said = timeout_of(node)
    if said.value is not None:
        return said
    if bound := _BOUNDS.get(node.type.lower()):
        return inferred(bound, node.span)
    return unknown(node.span, f"Spinnaker has a bound of its own for {node.type}")


def _rollback(node: Node) -> Fact[frozenset[str] | None]:
    for cluster in _clusters(node.node):
        back = group(cluster, "rollback")
        if back and on(back, "onFailure"):
            return Fact(frozenset({"failure"}), back.entries["onFailure"].key.span)
    if node.type == "pipeline":
        return unknown(node.span, "the child pipeline says how it goes back")
    if construct("spinnaker", node.type) is not StepKind.DEPLOY:
        return unknown(node.span, f"what {node.type} starts says how it goes back")
    return Fact(None, node.span)


def _with_strategy(node: Node, deploy: Deploy) -> Deploy:
    for found in (*_clusters(node.node), group(node.node, "trafficManagement", "options")):
        name = word(found, "strategy")
        if found is None or name not in _STRATEGIES:
            continue
        here = place(found, "strategy", node.span)
        shares = _shares(found, name)
        return replace(
            deploy,
            strategy=Fact(_STRATEGIES[name], here),
            exposures=Fact(shares, here),
            max_unavailable=Fact(0.0, here),
        )
    return deploy


def _shares(cluster: Mapping, name: str) -> tuple[float, ...] | None:
    """The shares of a rolling red/black, or of a monitored deployment."""
    written = texts(at(cluster, "targetPercentages")) or tuple(
        word(each, "percentage") for each in listed(cluster, "deploymentMonitor", "deploySteps")
    )
    if name not in ("rollingredblack", "monitored") or not written:
        return None
    shares = [
        int(each) / _WHOLE for each in written if each.isdecimal() and len(each) <= len("100")
    ]
    return (*shares, *(() if shares and shares[-1] >= 1 else (1.0,)))


def _with_manifest(node: Node, deploy: Deploy) -> Deploy:
    """What a workload that stands in the stage itself says."""
    for manifest in listed(node.node, "manifests"):
        if kind_of(manifest) in _WORKLOADS:
            return _of_workload(manifest, deploy, node.span)
    note = "the manifest or the image is an artifact that is named only"
    return replace(deploy, artifact=elsewhere(node.span, note))


def _of_workload(manifest: Mapping, deploy: Deploy, span: Span) -> Deploy:
    spec = group(manifest, "spec") or Mapping(span, {})
    settle = whole(spec, "minReadySeconds") or 0
    pod = pod_of(group(spec, "template"), settle, span, "the pod template is not written here")
    seconds = whole(spec, "progressDeadlineSeconds")
    strategy = "recreate" if word(spec, "strategy", "type") == "Recreate" else "rolling"
    here = place(spec, "strategy", span)
    return replace(
        deploy,
        hosts=Fact(whole(spec, "replicas"), place(spec, "replicas", span)),
        artifact=pod.artifact,
        checks=pod.checks,
        drain=pod.drain,
        strategy=deploy.strategy if deploy.strategy.known else Fact(strategy, here),
        deadline=deploy.deadline
        if seconds is None
        else Fact(timedelta(seconds=seconds), place(spec, "progressDeadlineSeconds", span)),
    )

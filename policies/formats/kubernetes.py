"""Parts of Kubernetes manifests that several tools read alike: names, numbers, durations, pods."""

import math
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

from policies.classify import environment
from policies.facts import Fact, Provenance, elsewhere, unknown
from policies.findings import Span
from policies.formats.naming import of_thing, unflattened
from policies.frozen import dataclass
from policies.patterns import pattern
from policies.pipeline import StageKind
from policies.references import Reference, ReferenceKind, image
from policies.source import Mapping, Node, Scalar, Sequence

_DURATION: Final = pattern(r"(?:\d+(?:\.\d+)?(?:ms|h|m|s))+")
_PART: Final = pattern(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_DIGITS: Final = pattern(r"\d{1,9}")
_SHARE: Final = pattern(r"(\d{1,3})%")
#: Folders whose children are named after environments.
_OVERLAYS: Final = frozenset({"env", "envs", "environment", "environments", "overlays", "clusters"})
#: Labels that name an environment.
_LABELS: Final = ("environment", "env", "app.kubernetes.io/environment", "stage")
#: How long Kubernetes waits for a container to end, in seconds, where nothing is said.
_GRACE: Final = 30
_WHOLE: Final = 100


def at(node: Node | None, *path: str) -> Node | None:
    """What stands under the keys of ``path``, None where one of them leads nowhere."""
    for key in path:
        if not isinstance(node, Mapping):
            return None
        node = node.get(key)
    return node


def group(node: Node | None, *path: str) -> Mapping | None:
    found = at(node, *path)
    return found if isinstance(found, Mapping) else None


def listed(node: Node | None, *path: str) -> Iterator[Mapping]:
    """The mappings of a list."""
    found = at(node, *path)
    for item in found.items if isinstance(found, Sequence) else ():
        if isinstance(item, Mapping):
            yield item


def word(node: Node | None, *path: str) -> str:
    found = at(node, *path)
    return found.text if isinstance(found, Scalar) else ""


def whole(node: Node | None, *path: str) -> int | None:
    """A whole number, which manifests may also write as text."""
    text = word(node, *path)
    return int(text) if _DIGITS.fullmatch(text) else None


def on(node: Node | None, *path: str) -> bool:
    return word(node, *path).lower() == "true"


def place(node: Mapping | None, key: str, default: Span) -> Span:
    """The key that says something, else the visible name of what does not."""
    entry = node.entries.get(key) if node else None
    return entry.key.span if entry else default


def duration(node: Node | None) -> timedelta | None:
    """``90s``, ``1h30m`` or a bare number of seconds; None for templates and other words."""
    text = node.text if isinstance(node, Scalar) else ""
    if _DIGITS.fullmatch(text):
        return timedelta(seconds=int(text))
    if not _DURATION.fullmatch(text):
        return None
    return timedelta(seconds=sum(float(n) * _UNITS[unit] for n, unit in _PART.findall(text)))


def part_of(node: Node | None, replicas: int, *, up: bool) -> float | None:
    """A number of pods or a percentage as a share of ``replicas``, rounded as the engine does."""
    text = node.text if isinstance(node, Scalar) else ""
    match = _SHARE.fullmatch(text)
    if match:
        pods = int(match[1]) * replicas / _WHOLE
        return (math.ceil(pods) if up else math.floor(pods)) / replicas
    return int(text) / replicas if _DIGITS.fullmatch(text) else None


def kind_of(root: Mapping, path: str, span: Span) -> tuple[Fact[StageKind | None], str]:
    """What a workload's place says it is for: its namespace, its labels, its name, its folder.

    A name with "test" or "demo" in it is mostly that of an application, not of an environment.
    """
    namespace = word(root, "metadata", "namespace")
    for hint, confidence in _hints(root, path):
        found = environment(hint)
        if found:
            return Fact(found, span, Provenance.INFERRED, confidence), namespace or hint
    named = environment(of_thing(word(root, "metadata", "name")))
    if named in (StageKind.PROD, StageKind.PREPROD):
        return Fact(named, span, Provenance.INFERRED, 0.7), namespace
    note = "which cluster and environment a manifest is applied to stands elsewhere"
    return unknown(span, note), namespace


def _hints(root: Mapping, path: str) -> Iterator[tuple[str, float]]:
    yield of_thing(word(root, "metadata", "namespace")), 0.85
    for label in _LABELS:
        yield word(root, "metadata", "labels", label), 0.85
    folders = unflattened(path).split("/")[:-1]
    for above, folder in pairwise(folders):
        if above in _OVERLAYS:
            yield folder, 0.7


@dataclass(frozen=True, slots=True)
class Pod:
    """What a pod template says about the release of its containers."""

    artifact: Fact[Reference | None]
    checks: Fact[tuple[str, ...] | None]
    drain: Fact[timedelta | None]


def pod_of(template: Mapping | None, settle: int, span: Span, note: str) -> Pod:
    """``settle`` are the seconds that a pod must stay ready; ``note`` says where a template is."""
    spec = group(template, "spec")
    if spec is None:
        away: Fact[Any] = elsewhere(span, note)
        return Pod(away, away, away)
    containers = list(listed(spec, "containers"))
    return Pod(_artifact(containers, span), _probes(containers, settle, span), _drain(spec, span))


def _artifact(containers: list[Mapping], span: Span) -> Fact[Reference | None]:
    found = at(containers[0], "image") if containers else None
    if not isinstance(found, Scalar):
        return elsewhere(span, "the image is filled in elsewhere")
    return Fact(image(found.text, ReferenceKind.ARTIFACT, found.span), found.span)


def _probes(containers: list[Mapping], settle: int, span: Span) -> Fact[tuple[str, ...] | None]:
    """Readiness counts when it has to last: a pod that answers once may fall over at once."""
    for container in containers:
        probe = container.entries.get("readinessProbe")
        if probe and settle > 0:
            return Fact(("readiness",), probe.key.span)
    return Fact(None, span)


def _drain(spec: Mapping, span: Span) -> Fact[timedelta | None]:
    seconds = whole(spec, "terminationGracePeriodSeconds")
    grace = _GRACE if seconds is None else seconds
    at_key = place(spec, "terminationGracePeriodSeconds", span)
    for container in listed(spec, "containers"):
        hook = group(container, "lifecycle")
        if hook and "preStop" in hook.entries:
            return Fact(timedelta(seconds=grace), hook.entries["preStop"].key.span)
    return Fact(timedelta(0) if seconds == 0 else None, at_key)

"""Argo Rollouts into the model: one rollout is one pipeline of one stage.

The stage's own steps are those of the strategy; analysis templates are taken from other documents
of the same file. Which cluster a manifest reaches, who applied it, what was tested before and when
it may be applied stand elsewhere.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from policies.facts import UNSAID, Fact, Provenance, elsewhere, placed, unknown
from policies.findings import Span
from policies.formats.argo_analysis import KINDS, Templates
from policies.formats.argo_strategies import Strategy, strategy_of
from policies.formats.duplicates import written_twice
from policies.formats.kubernetes import (
    Pod,
    group,
    kind_of,
    listed,
    on,
    place,
    pod_of,
    whole,
    word,
)
from policies.formats.model import Beside, Unreadable
from policies.formats.naming import slug
from policies.formats.unsaid import unsaid_deploy
from policies.frozen import replace
from policies.guards import Mutex, Queue
from policies.phrases import listed as listed_words
from policies.pipeline import Approvals, Deploy, Origin, Owner, Pipeline, Stage
from policies.source import Mapping, Source

_GROUP: Final = "argoproj.io/"
_ROLLOUT: Final = "Rollout"
#: Where nothing is said: seconds until a rollout counts as stuck, and earlier versions kept.
_DEADLINE: Final = 600
_RETAINED: Final = 10
#: Notifications of the controller's catalogue that tell of something gone wrong.
_SUBSCRIBE: Final = "notifications.argoproj.io/subscribe."
_FAILURES: Final = ("aborted", "degraded", "error", "failed")


def detect(source: Source) -> bool:
    """Only the kinds of Argo Rollouts; Argo CD and Argo Workflows share their API group."""
    return any(_is(root, {_ROLLOUT, *KINDS}) for root in _objects(source.root))


def _is(root: Mapping, kinds: set[str]) -> bool:
    return word(root, "apiVersion").startswith(_GROUP) and word(root, "kind") in kinds


def _objects(root: object) -> Iterator[Mapping]:
    """The objects of a document: itself, or what a List holds."""
    if not isinstance(root, Mapping):
        return
    if word(root, "kind") == "List":
        yield from listed(root, "items")
    else:
        yield root


def read(source: Source, beside: Beside) -> tuple[tuple[Pipeline, ...], tuple[Unreadable, ...]]:
    templates = beside.once(Templates)
    problems = list(written_twice(source, "kubectl"))
    pipelines = []
    for root in _objects(source.root):
        if not _is(root, {_ROLLOUT}):
            continue
        if "{{" in word(root, "metadata", "name") + word(root, "metadata", "namespace"):
            message = "this is a template (Helm) in the form of YAML; check what it renders to"
            problems.append(Unreadable(_visible(root), message, templated=True))
        else:
            pipelines.append(_pipeline(root, source.path, templates))
    return tuple(pipelines), tuple(problems)


def _pipeline(root: Mapping, path: str, templates: Templates) -> Pipeline:
    name = word(root, "metadata", "name") or slug(path)
    span = _visible(root)
    spec = group(root, "spec") or Mapping(span, {})
    patch = not ({"strategy", "template", "workloadRef"} & set(spec.entries))
    nothing: Fact[Any] = Fact(None, span)
    beyond: Fact[Any] = unknown(span, "who applies the manifest, and when, stands elsewhere")
    return Pipeline(
        name=name,
        format="argo-rollouts",
        span=span,
        organization=nothing,
        kind=Fact(None, span, Provenance.INFERRED),
        tier=nothing,
        owner=Owner(nothing, nothing, nothing, nothing),
        origin=Origin(beyond, beyond, beyond),
        stages=(_stage(root, spec, name, path, templates, patch=patch),),
        alarms=unknown(span, "thresholds of metrics stand in queries of analysis templates"),
        windows=unknown(span, "a rollout has no time windows; Argo CD sync windows do"),
        complete=unknown(span, "what runs before the manifest is applied stands elsewhere"),
        artifact=unknown(span, "the image of the pod template is what is released"),
        notifies=_notifies(root, span),
    )


def _visible(root: Mapping) -> Span:
    metadata = group(root, "metadata")
    named = metadata.get("name") if metadata else None
    return named.span if named else place(root, "kind", root.span)


def _stage(
    root: Mapping, spec: Mapping, name: str, path: str, templates: Templates, *, patch: bool
) -> Stage:
    span = _visible(root)
    kind, where = kind_of(root, path, span)
    replicas = whole(spec, "replicas")
    strategy = strategy_of(spec, name, replicas, span, templates)
    deploy = _deploy(spec, span, strategy, replicas)
    away: Fact[Any] = elsewhere(span, "this is a patch; the strategy stands in what it patches")
    approvals = away if patch else _approvals(strategy, span)
    absent: Fact[Any] = Fact(None, span)
    return Stage(
        name=name,
        span=span,
        kind=kind,
        needs=(),
        steps=strategy.steps,
        deploy=_patched(deploy, away) if patch else deploy,
        wave=absent,
        exposure=away if patch else absent,
        bake=strategy.bake,
        bake_known=away if patch else Fact(value=True, span=span),
        transition=Fact("manual", strategy.held) if strategy.held else Fact("automatic", span),
        approvals=approvals,
        configuration=placed(UNSAID, span),
        synthetics_known=False,
        environment=where,
        mutex=Fact(Mutex(name, Queue.LATEST, span), span),
        branches=unknown(span, "which branch a manifest comes from stands elsewhere"),
        analyses=away if patch else Fact(strategy.analyses or None, span),
    )


def _approvals(strategy: Strategy, span: Span) -> Fact[Approvals | None]:
    if strategy.held is None:
        return Fact(None, span)
    return Fact(Approvals(1, (), forbid_author=False), strategy.held)


def _patched(deploy: Deploy, away: Fact[Any]) -> Deploy:
    return replace(deploy, rollback_on=away, rollback_alarms=away, exposures=away, strategy=away)


def _deploy(spec: Mapping, span: Span, strategy: Strategy, replicas: int | None) -> Deploy:
    aborts = on(spec, "progressDeadlineAbort")
    seconds = whole(spec, "progressDeadlineSeconds")
    pod = _pod(spec, span)
    beyond: Fact[Any] = unknown(span, "Argo Rollouts does not say this")
    events = set(strategy.rolls_back) | ({"failure", "deadline"} if aborts else set())
    back = place(spec, "progressDeadlineAbort", span) if aborts else span
    # Where some judge the whole rollout, those of single steps are no alarms of it.
    throughout = [each for each in strategy.analyses if each.background] or strategy.analyses
    names = tuple(dict.fromkeys(each.name for each in throughout))
    return replace(
        unsaid_deploy(span, "argo-rollouts", beyond),
        hosts=Fact(replicas, place(spec, "replicas", span)),
        deadline=Fact(timedelta(seconds=_DEADLINE if seconds is None else seconds), span),
        on_deadline=Fact("abort" if aborts else "report", back),
        rollback_on=Fact(frozenset(events) or None, strategy.judged or back),
        rollback_alarms=Fact(names or None, strategy.judged or span),
        checks=_checks(strategy, pod),
        strategy=Fact(strategy.name, strategy.span),
        exposures=strategy.exposures,
        max_unavailable=strategy.max_unavailable,
        surge=strategy.surge,
        drain=strategy.drain or pod.drain,
        retained=_retained(spec, span),
        artifact=pod.artifact,
    )


def _pod(spec: Mapping, span: Span) -> Pod:
    note = "the pod template stands in the workload that workloadRef names"
    if "workloadRef" not in spec.entries:
        note = "the pod template stands in what this manifest patches"
    settle = whole(spec, "minReadySeconds") or 0
    return pod_of(group(spec, "template"), settle, place(spec, "workloadRef", span), note)


def _checks(strategy: Strategy, pod: Pod) -> Fact[tuple[str, ...] | None]:
    """Analyses in front of customers, and readiness that has to last."""
    if strategy.before:
        found = tuple(each.name for each in strategy.before)
        return Fact((*found, *(pod.checks.or_else(()) or ())), strategy.before[0].span)
    return pod.checks


def _retained(spec: Mapping, span: Span) -> Fact[int | None]:
    count = whole(spec, "revisionHistoryLimit")
    return Fact(_RETAINED if count is None else count, place(spec, "revisionHistoryLimit", span))


def _notifies(root: Mapping, span: Span) -> Fact[tuple[str, ...] | None]:
    """Subscriptions to failures; others of the controller may stand in its own configuration."""
    annotations = group(root, "metadata", "annotations")
    found = [
        entry
        for key, entry in (annotations.entries.items() if annotations else ())
        if key.startswith(_SUBSCRIBE) and any(each in key for each in _FAILURES)
    ]
    if not found:
        return placed(UNSAID, span)
    told = listed_words(dict.fromkeys(word(entry.value) for entry in found))
    return unknown(found[0].key.span, f"the controller tells {told}; who reads it is not said")

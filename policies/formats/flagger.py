"""Flagger's Canary resources into the model: one canary is one pipeline of one stage.

Flagger goes back by itself when more checks fail than ``threshold``, when the deadline passes, and
when a metric has no data. Its webhooks may ask a person, run a test or make load.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from policies.classify import classify
from policies.facts import UNSAID, Fact, Provenance, elsewhere, placed, unknown
from policies.fields import texts
from policies.findings import Span
from policies.formats.duplicates import written_twice
from policies.formats.kubernetes import (
    at,
    duration,
    group,
    kind_of,
    listed,
    on,
    place,
    whole,
    word,
)
from policies.formats.model import Beside, Unreadable
from policies.formats.naming import slug
from policies.formats.unsaid import unsaid_deploy
from policies.frozen import replace
from policies.guards import Analysis, Mutex, Queue
from policies.pipeline import (
    Approvals,
    Bake,
    Deploy,
    OnAlarm,
    Origin,
    Owner,
    Pipeline,
    Stage,
    Step,
    StepKind,
)
from policies.source import Mapping, Scalar, Source

_GROUP: Final = "flagger.app/"
#: Seconds until a canary that makes no progress is rolled back, where nothing is said.
_DEADLINE: Final = 600
_WHOLE: Final = 100
#: Webhooks that hold the canary until somebody or something agrees.
_CONFIRMS: Final = frozenset({"confirm-rollout", "confirm-traffic-increase", "confirm-promotion"})


def detect(source: Source) -> bool:
    root = source.root
    return isinstance(root, Mapping) and _is(root)


def _is(root: Mapping) -> bool:
    return word(root, "apiVersion").startswith(_GROUP) and word(root, "kind") == "Canary"


def read(source: Source, _beside: Beside) -> tuple[tuple[Pipeline, ...], tuple[Unreadable, ...]]:
    root = source.root
    if not isinstance(root, Mapping):
        raise TypeError("detect lets mappings pass only")
    return (_pipeline(root, source.path),), tuple(written_twice(source, "kubectl"))


def _pipeline(root: Mapping, path: str) -> Pipeline:
    metadata = group(root, "metadata")
    named = metadata.get("name") if metadata else None
    span = named.span if named else place(root, "kind", root.span)
    nothing: Fact[Any] = Fact(None, span)
    beyond: Fact[Any] = unknown(span, "who applies the manifest, and when, stands elsewhere")
    return Pipeline(
        name=word(root, "metadata", "name") or slug(path),
        format="flagger",
        span=span,
        organization=nothing,
        kind=Fact(None, span, Provenance.INFERRED),
        tier=nothing,
        owner=Owner(nothing, nothing, nothing, nothing),
        origin=Origin(beyond, beyond, beyond),
        stages=(_stage(root, span, path),),
        alarms=unknown(span, "metrics stand in metric templates"),
        windows=unknown(span, "a canary of Flagger has no time windows"),
        complete=unknown(span, "what runs before the manifest is applied stands elsewhere"),
        artifact=unknown(span, "the workload that targetRef names has the image"),
        notifies=_notifies(root, span),
    )


def _notifies(root: Mapping, span: Span) -> Fact[tuple[str, ...] | None]:
    names = tuple(word(each, "name") for each in listed(_analysis(root), "alerts"))
    return Fact(names, span) if names else placed(UNSAID, span)


def _analysis(root: Mapping) -> Mapping | None:
    """Its first releases called it ``canaryAnalysis``."""
    return group(root, "spec", "analysis") or group(root, "spec", "canaryAnalysis")


def _stage(root: Mapping, span: Span, path: str) -> Stage:
    kind, where = kind_of(root, path, span)
    spec = group(root, "spec") or Mapping(span, {})
    name = word(root, "metadata", "name") or slug(path)
    analysis = _analysis(root) or Mapping(span, {})
    skipped = on(spec, "skipAnalysis")
    judged = _judged(analysis, span, skipped=skipped)
    steps = tuple(_webhooks(analysis, span))
    confirm = next((step for step in steps if step.kind.value is StepKind.APPROVAL), None)
    absent: Fact[Any] = Fact(None, span)
    deploys = Step(Fact(name, span), Fact(StepKind.DEPLOY, span), absent, absent, absent, absent)
    return Stage(
        name=name,
        span=span,
        kind=kind,
        needs=(),
        steps=(deploys, *steps),
        deploy=_deploy(spec, analysis, span, judged),
        wave=absent,
        exposure=absent,
        bake=_bake(analysis, span, judged),
        bake_known=Fact(value=True, span=span),
        transition=Fact("manual", confirm.name.span) if confirm else Fact("automatic", span),
        approvals=Fact(Approvals(1, (), forbid_author=False), confirm.name.span)
        if confirm
        else absent,
        configuration=placed(UNSAID, span),
        synthetics_known=False,
        environment=where,
        mutex=Fact(Mutex(name, Queue.LATEST, span), span),
        branches=unknown(span, "which branch a manifest comes from stands elsewhere"),
        analyses=Fact((judged,), judged.span),
    )


def _judged(analysis: Mapping, span: Span, *, skipped: bool) -> Analysis:
    return Analysis(
        name="analysis",
        span=place(analysis, "metrics", span),
        metrics=tuple(word(each, "name") for each in listed(analysis, "metrics")),
        failure_limit=whole(analysis, "threshold"),
        # No data counts as a failed check, so that nothing goes on by silence.
        inconclusive="hold",
        skipped=skipped,
        background=True,
    )


def _webhooks(analysis: Mapping, span: Span) -> Iterator[Step]:
    for hook in listed(analysis, "webhooks"):
        name = word(hook, "name") or word(hook, "type")
        at_name = at(hook, "name")
        here = at_name.span if isinstance(at_name, Scalar) else span
        command = word(hook, "metadata", "cmd")
        kind, sure = classify(name, command or None, None)
        if word(hook, "type") in _CONFIRMS:
            kind, sure = StepKind.APPROVAL, 0.9
        nothing: Fact[Any] = Fact(None, here)
        yield Step(
            name=Fact(name, here),
            kind=Fact(kind, here, Provenance.INFERRED, sure),
            run=Fact(command or None, here),
            uses=Fact(word(hook, "type") or "rollout", here),
            soft=nothing,
            timeout=nothing,
        )


def _weights(analysis: Mapping) -> tuple[float, ...]:
    if "stepWeights" in analysis.entries:
        written = texts(analysis.get("stepWeights"))
        found = [int(text) for text in written if text.isdecimal() and len(text) <= len("100")]
    else:
        step, most = whole(analysis, "stepWeight"), whole(analysis, "maxWeight")
        if not step:
            return ()
        found = list(range(step, min(most or _WHOLE, _WHOLE) + 1, step))
    return tuple(each / _WHOLE for each in found)


def _deploy(spec: Mapping, analysis: Mapping, span: Span, judged: Analysis) -> Deploy:
    beyond: Fact[Any] = elsewhere(span, "the workload that targetRef names says it")
    weights = _weights(analysis)
    key = "stepWeights" if "stepWeights" in analysis.entries else "stepWeight"
    events = frozenset({"failure", "deadline"}) | (frozenset() if judged.skipped else {"alarm"})
    seconds = whole(spec, "progressDeadlineSeconds")
    names = (*judged.metrics, *(("analysis",) if not judged.metrics else ()))
    return replace(
        unsaid_deploy(span, "flagger", beyond),
        deadline=Fact(timedelta(seconds=_DEADLINE if seconds is None else seconds), span),
        on_deadline=Fact("abort", span),
        rollback_on=Fact(events, place(spec, "analysis", span)),
        rollback_alarms=Fact(None if judged.skipped else names, judged.span),
        strategy=Fact("canary" if weights else "blue-green", place(analysis, key, span)),
        exposures=Fact((*weights, 1.0) if weights else None, place(analysis, key, span)),
        max_unavailable=Fact(0.0, span),
        surge=Fact(1.0, span),
    )


def _bake(analysis: Mapping, span: Span, judged: Analysis) -> Bake | None:
    """One interval for each step of weight, or for each iteration, all of them watched."""
    interval = duration(analysis.get("interval"))
    rounds = whole(analysis, "iterations") or len(_weights(analysis))
    if interval is None or not rounds or judged.skipped:
        return None
    here = place(analysis, "interval", span)
    nothing: Fact[Any] = Fact(None, here)
    return Bake(
        span=here,
        time=Fact(interval * rounds, here, Provenance.INFERRED, note="interval times steps"),
        positive=nothing,
        negative=nothing,
        alarms=Fact(judged.metrics or None, judged.span),
        on_alarm=Fact(OnAlarm.ROLLBACK, judged.span),
    )

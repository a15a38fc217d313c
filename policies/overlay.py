"""``bakegate.yaml``: what pipeline files of other tools cannot say, laid over what was read.

Every fact that comes from here carries the provenance ``overlay`` and its place in the overlay.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from policies.documents import Document, DocumentError, Issue, nearest, read_document
from policies.durations import parse_duration, parse_share
from policies.facts import Fact, Provenance
from policies.fields import Fields, texts, windows_of
from policies.frozen import dataclass, replace
from policies.pipeline import (
    Bake,
    Deploy,
    Owner,
    Pipeline,
    PipelineKind,
    Stage,
    StageKind,
    Step,
    StepKind,
)
from policies.source import Mapping
from policies.stage_parts import read_approvals, read_bake, read_synthetics
from policies.traits import DEPLOYMENT, PIPELINE, STAGE, read_targets
from policies.traits import said as declared

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Overlay:
    """A checked overlay file; ``entries`` are its pipelines by path, or by ``path#name``."""

    path: str
    document: Document
    entries: dict[str, Fields]

    def of(self, file_path: str, name: str) -> Fields | None:
        return self.entries.get(f"{file_path}#{name}") or self.entries.get(file_path)


def read_overlay(text: bytes | str, path: str) -> Overlay:
    """Read an overlay; raises DocumentError with all of its errors."""
    document = read_document(text, path, "overlay")
    root = document.source.root
    top = Fields(root if isinstance(root, Mapping) else Mapping(root.span, {}), root.span)
    return Overlay(path, document, {each.name: each for each in top.named("pipelines")})


def apply(overlay: Overlay, pipeline: Pipeline, file_path: str) -> Pipeline:
    """The pipeline with the overlay's facts; raises DocumentError for names that lead nowhere."""
    fields = overlay.of(file_path, pipeline.name)
    if fields is None:
        return pipeline
    unknown = [*_unknown_stages(fields, pipeline), *_unknown_steps(fields, pipeline)]
    if unknown:
        raise DocumentError(unknown)
    stages = _with_steps(fields, pipeline)
    said = {each.name: each for each in fields.named("stages")}
    windows = fields.node.get("time_windows")
    return replace(
        pipeline,
        name=fields.text("name", pipeline.name),
        organization=_laid(fields, "organization", pipeline.organization, str),
        kind=_laid(fields, "kind", pipeline.kind, PipelineKind),
        tier=_laid(fields, "tier", pipeline.tier, int),
        owner=_owner(fields.group("owner"), pipeline.owner),
        stages=tuple(
            _stage(said[stage.name], stage) if stage.name in said else stage for stage in stages
        ),
        windows=pipeline.windows.overlaid(windows_of(fields, None), fields.place("time_windows"))
        if windows
        else pipeline.windows,
        **declared(fields, PIPELINE, Provenance.OVERLAY),
    )


def _laid(
    fields: Fields, key: str, fact: Fact[T | None], convert: Callable[[str], T]
) -> Fact[T | None]:
    found = fields.scalar(key)
    return fact.overlaid(convert(found.text), found.span) if found else fact


def _owner(fields: Fields | None, owner: Owner) -> Owner:
    if fields is None:
        return owner
    return Owner(
        team=_laid(fields, "team", owner.team, str),
        oncall=_laid(fields, "oncall", owner.oncall, str),
        channel=_laid(fields, "channel", owner.channel, str),
        ttr=_laid(fields, "ttr", owner.ttr, lambda text: parse_duration(text).exact),
    )


def _unknown_stages(fields: Fields, pipeline: Pipeline) -> Iterator[Issue]:
    known = [stage.name for stage in pipeline.stages]
    for each in fields.named("stages"):
        if each.name not in known:
            message = f"{pipeline.name} has no stage '{each.name}'; {nearest(each.name, known)}"
            yield Issue(each.span, message)


def _unknown_steps(fields: Fields, pipeline: Pipeline) -> Iterator[Issue]:
    known = [name for stage in pipeline.stages for name in _step_names(stage)]
    for each in fields.named("steps"):
        if each.name not in known:
            message = f"{pipeline.name} has no step '{each.name}'; {nearest(each.name, known)}"
            yield Issue(each.span, message)


def _step_names(stage: Stage) -> Iterator[str]:
    """How an overlay may name the steps of a stage: by name, by job and index, by job if alone."""
    for index, step in enumerate(stage.steps):
        yield f"{stage.name}/{index}"
        yield str(step.name.value)
    if len(stage.steps) == 1:
        yield stage.name


def _with_steps(fields: Fields, pipeline: Pipeline) -> list[Stage]:
    labels = {
        each.name: Fact(StepKind(kind.text), kind.span, Provenance.OVERLAY)
        for each in fields.named("steps")
        if (kind := each.scalar("kind"))
    }
    return [
        replace(stage, steps=tuple(_labelled(stage, index, labels) for index in _indexes(stage)))
        if labels
        else stage
        for stage in pipeline.stages
    ]


def _indexes(stage: Stage) -> range:
    return range(len(stage.steps))


def _labelled(stage: Stage, index: int, labels: dict[str, Fact[StepKind]]) -> Step:
    """The step under its most exact label: job and index, then its name, then its job alone."""
    step = stage.steps[index]
    names = [f"{stage.name}/{index}", str(step.name.value)]
    if len(stage.steps) == 1:
        names.append(stage.name)
    found = next((labels[name] for name in names if name in labels), None)
    return replace(step, kind=found) if found else step


def _stage(fields: Fields, stage: Stage) -> Stage:
    bake = fields.group("bake")
    approvals = read_approvals(fields)
    laid = replace(
        stage,
        kind=_laid(fields, "kind", stage.kind, StageKind),
        wave=_laid(fields, "wave", stage.wave, int),
        exposure=_laid(fields, "exposure", stage.exposure, parse_share),
        transition=_laid(fields, "transition", stage.transition, str),
        configuration=_laid(fields, "configuration", stage.configuration, str),
        deploy=_deploy(fields, stage.deploy),
        **declared(fields, STAGE, Provenance.OVERLAY),
    )
    if fields.node.get("targets"):
        laid = replace(laid, targets=read_targets(fields))
    if fields.group("approvals"):
        laid = replace(laid, approvals=_as_overlay(approvals))
    if fields.node.get("synthetics"):
        laid = replace(laid, synthetics=read_synthetics(fields), synthetics_known=True)
    if fields.node.get("time_windows"):
        laid = replace(laid, windows=windows_of(fields, None))
    if bake:
        known = stage.bake_known.overlaid(value=True, span=bake.span)
        return replace(laid, bake=_bake(fields, bake), bake_known=known)
    return laid


def _bake(fields: Fields, bake: Fields) -> Bake:
    """The bake with the stage's alarms, where it names none of its own."""
    found = read_bake(bake)
    alarms = found.alarms if found.alarms.value else fields.names("alarms")
    return Bake(
        span=found.span,
        time=_as_overlay(found.time),
        positive=_as_overlay(found.positive),
        negative=_as_overlay(found.negative),
        alarms=_as_overlay(alarms),
        on_alarm=_as_overlay(found.on_alarm),
    )


def _deploy(fields: Fields, deploy: Deploy | None) -> Deploy | None:
    if deploy is None:
        return None
    alarms, events = fields.node.get("alarms"), fields.node.get("rollback_on")
    if alarms:
        named = deploy.rollback_alarms.overlaid(texts(alarms), fields.place("alarms"))
        deploy = replace(deploy, rollback_alarms=named)
    if events:
        words = frozenset(texts(events))
        said = deploy.rollback_on.overlaid(words, fields.place("rollback_on"))
        deploy = replace(deploy, rollback_on=said)
    inside = fields.group("deploy")
    return replace(deploy, **declared(inside, DEPLOYMENT, Provenance.OVERLAY)) if inside else deploy


def _as_overlay(fact: Fact[T]) -> Fact[T]:
    return replace(fact, provenance=Provenance.OVERLAY)

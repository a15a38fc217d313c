"""What the jobs of one pipeline say of one another: ways back, tests of what runs, waits."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies.classify import NAMED, classify, commands
from policies.facts import Fact, Provenance, placed
from policies.findings import Span
from policies.frozen import replace
from policies.pipeline import Bake, Pipeline, PipelineKind, Stage, Step, StepKind

#: Tools that apply a description of resources.
_APPLYING: Final = ("terraform", "terragrunt", "tofu", "pulumi")


def turned_back(
    pipeline: Pipeline,
    after_failure: Mapping[str, Span],
    waits: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Pipeline:
    """The pipeline with the rollbacks that stand in jobs of their own.

    ``after_failure`` are the jobs that undo something after a failure, by name, and their places:
    whatever was deployed in front of such a job goes back by itself. ``waits`` are the jobs that
    such a job waits for without needing their success.
    """
    found: dict[str, Span] = {}
    for name, span in after_failure.items():
        for stage in filter(None, map(pipeline.stage, (name, *waits.get(name, ())))):
            above = pipeline.upstream(stage)
            for each in above if stage.name == name else (stage, *above):
                found.setdefault(each.name, span)
    if not found:
        return pipeline
    return replace(
        pipeline, stages=tuple(_undone(each, found.get(each.name)) for each in pipeline.stages)
    )


def _undone(stage: Stage, span: Span | None) -> Stage:
    if span is None or stage.deploy is None or stage.deploy.rollback_on.value:
        return stage
    event: Fact[frozenset[str] | None] = Fact(
        frozenset({"failure"}), span, Provenance.INFERRED, 0.85
    )
    return replace(stage, deploy=replace(stage.deploy, rollback_on=event))


def told_by_tools(pipeline: Pipeline) -> Pipeline:
    """The pipeline as one of infrastructure, where nothing else is deployed by it.

    Only where it says nothing of its kind itself, and only from tools that apply descriptions.
    """
    steps = [
        step
        for stage in pipeline.stages
        if stage.deploy
        for step in stage.steps
        if step.kind.value is StepKind.DEPLOY
    ]
    if pipeline.kind.value is not None or not steps or not all(map(_applies, steps)):
        return pipeline
    place = steps[0].name.span
    return replace(pipeline, kind=Fact(PipelineKind.INFRA, place, Provenance.INFERRED, 0.7))


def _applies(step: Step) -> bool:
    """Whether a step deploys by nothing but a tool that applies a description of resources."""
    uses, run = step.uses.or_else(None), step.run.or_else(None) or ""
    if uses:
        return uses.lower().startswith(_APPLYING)
    words = {
        word
        for word, rest in commands(run)
        if classify("", f"{word} {rest}", None)[0] is StepKind.DEPLOY
    }
    return bool(words) and words <= {*_APPLYING}


def tested_after(pipeline: Pipeline) -> Pipeline:
    """Tests of no telling kind that wait for a deployment ask what was deployed.

    Only steps that are read by their names alone are taken so; a command says what it runs.
    """
    deploying = {stage.name for stage in pipeline.stages if stage.deploy}
    asking = {
        stage.name: _asking(stage)
        for stage in pipeline.stages
        if stage.deploy is None
        and not deploying.isdisjoint(stage.needs)
        and any(_by_name(step) for step in stage.steps)
    }
    if not asking:
        return pipeline
    stages = tuple(asking.get(stage.name, stage) for stage in pipeline.stages)
    return replace(pipeline, stages=stages)


def _asking(stage: Stage) -> Stage:
    steps = (
        replace(step, kind=replace(step.kind, value=StepKind.INTEGRATION))
        if _by_name(step)
        else step
        for step in stage.steps
    )
    return replace(stage, steps=tuple(steps))


def _by_name(step: Step) -> bool:
    return step.kind.value is StepKind.UNIT and step.kind.confidence <= NAMED


def with_bakes(pipeline: Pipeline, bakes: Mapping[str, Bake]) -> Pipeline:
    """The pipeline with the bakes of its stages, by their names."""
    if not bakes:
        return pipeline
    return replace(
        pipeline, stages=tuple(_baking(each, bakes.get(each.name)) for each in pipeline.stages)
    )


def _baking(stage: Stage, bake: Bake | None) -> Stage:
    if bake is None:
        return stage
    return replace(stage, bake=bake, bake_known=Fact(value=True, span=bake.span))


def limited(pipeline: Pipeline, whole: Fact[tuple[str, ...] | None]) -> Pipeline:
    """The pipeline with what the file as a whole says of branches, where a job says nothing.

    Without a limit of the whole, branches that may reach an environment may still be a setting.
    """
    return replace(
        pipeline,
        stages=tuple(
            replace(stage, branches=placed(whole, stage.span))
            if stage.branches.known and not stage.branches.value
            else stage
            for stage in pipeline.stages
        ),
    )

"""A pipeline as custom rules see it: the one place where its facts enter the document.

A new fact of ``policies.pipeline`` is written here and described in the schema ``input``; a test
compares the two. What a document once had it keeps: a change of meaning is a new version.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from policies.alarm import Alarm
from policies.facts import Fact, Unknown
from policies.findings import Span
from policies.guards import Analysis, Mutex, Permissions
from policies.history import History
from policies.neighbours import ConfigSource, Writer
from policies.pipeline import (
    Approvals,
    Bake,
    Deploy,
    Pipeline,
    Stage,
    Step,
    Synthetic,
    Target,
)
from policies.references import Reference
from policies.rego.document import Part
from policies.scripted import Request


class _Placed(Protocol):
    """Something that was read at one place of a file."""

    @property
    def span(self) -> Span: ...


Read = TypeVar("Read", bound=_Placed)


def pipeline_part(part: Part, pipeline: Pipeline) -> None:
    part.say("name", pipeline.name)
    part.say("format", pipeline.format)
    for name, fact in (
        ("organization", pipeline.organization),
        ("kind", pipeline.kind),
        ("tier", pipeline.tier),
        ("artifact", pipeline.artifact),
        ("maturity", pipeline.maturity),
        ("has_ui", pipeline.has_ui),
        ("has_consumers", pipeline.has_consumers),
        ("preprod", pipeline.preprod),
        ("operations", pipeline.operations),
        ("dependencies", pipeline.dependencies),
        ("notifies", pipeline.notifies),
        ("owned_path", pipeline.owned_path),
    ):
        part.fact(name, fact, pipeline.span)
    _owner(part.part("owner", pipeline.span), pipeline)
    _origin(part.part("source", pipeline.span), pipeline)
    _fact_list(part, "alarms", pipeline.alarms, pipeline.span, _alarm)
    _fact_list(part, "config_sources", pipeline.config_sources, pipeline.span, _config_source)
    _fact_list(part, "writers", pipeline.writers, pipeline.span, _writer)
    _fact_object(part, "permissions", pipeline.permissions, pipeline.span, _permissions)
    _references(part, pipeline.references)
    _fact_object(part, "history", pipeline.history, pipeline.span, _runs)
    complete = pipeline.complete
    known = complete.known and bool(complete.or_else(default=False))
    part.known("stages", pipeline.span, known=known, note=complete.note)
    stages = part.items("stages", [each.span for each in pipeline.stages])
    for made, stage in zip(stages, pipeline.stages, strict=True):
        stage_part(made, stage)


def stage_part(part: Part, stage: Stage) -> None:
    part.say("name", stage.name)
    part.say("environment", stage.environment)
    part.say("needs", stage.needs)
    part.say("parallel", stage.parallel)
    part.say("checklist", stage.checklist)
    part.say("rollback", stage.rollback)
    part.say("timeout_s", stage.timeout)
    for name, fact in (
        ("kind", stage.kind),
        ("wave", stage.wave),
        ("exposure", stage.exposure),
        ("transition", stage.transition),
        ("configuration", stage.configuration),
        ("branches", stage.branches),
        ("variables", stage.variables),
        ("callers", stage.callers),
    ):
        part.fact(name, fact, stage.span)
    _fact_object(part, "approvals", stage.approvals, stage.span, _approvals)
    _fact_object(part, "mutex", stage.mutex, stage.span, _mutex)
    _fact_object(part, "permissions", stage.permissions, stage.span, _permissions)
    _fact_list(part, "analyses", stage.analyses, stage.span, _analysis)
    _list(part, "steps", stage.steps, _step, lambda step: step.name.span)
    _list(part, "targets", stage.targets, _target, lambda _: stage.span)
    part.known("synthetics", stage.span, known=stage.synthetics_known)
    _list(part, "synthetics", stage.synthetics, _synthetic, lambda each: each.span)
    if stage.deploy:
        _deploy(part.part("deploy", stage.deploy.span), stage.deploy)
    if stage.bake:
        _bake(part.part("bake", stage.bake.span), stage.bake)
    else:
        known = stage.bake_known
        part.known("bake", stage.span, known=known.known, note=known.note)


def _owner(part: Part, pipeline: Pipeline) -> None:
    owner, span = pipeline.owner, pipeline.span
    part.fact("team", owner.team, span)
    part.fact("oncall", owner.oncall, span)
    part.fact("channel", owner.channel, span)
    part.fact("ttr_s", owner.ttr, span)


def _origin(part: Part, pipeline: Pipeline) -> None:
    origin, span = pipeline.origin, pipeline.span
    part.fact("repository", origin.repository, span)
    part.fact("branches", origin.branches, span)
    part.fact("start", origin.start, span)


def _alarm(part: Part, alarm: Alarm) -> None:
    part.say("name", alarm.name)
    part.say("negative_ratio", alarm.negative_ratio)
    part.say("negatives", alarm.negatives)
    part.say("reported", alarm.reported)
    part.say("minimum", alarm.minimum)
    part.say("periods", alarm.periods)
    part.say("of", alarm.of)
    part.say("period_s", alarm.period)
    part.say("missing", alarm.missing)
    part.say("scope", alarm.scope)
    part.say("signals", alarm.signals)


def _step(part: Part, step: Step) -> None:
    part.fact("name", step.name, step.name.span)
    for name, fact in (
        ("kind", step.kind),
        ("run", step.run),
        ("uses", step.uses),
        ("soft", step.soft),
        ("timeout_s", step.timeout),
        ("untrusted", step.untrusted),
    ):
        part.fact(name, fact, step.name.span)
    part.say("retries", step.retries)
    part.say("reports", dict(step.reports))
    part.say("secrets", step.secrets)
    _references(part, step.references)


def _deploy(part: Part, deploy: Deploy) -> None:
    part.say("name", deploy.name)
    for name, fact in (
        ("engine", deploy.engine),
        ("hosts", deploy.hosts),
        ("batch", deploy.batch),
        ("min_healthy", deploy.min_healthy),
        ("deadline_s", deploy.deadline),
        ("on_deadline", deploy.on_deadline),
        ("rollback_on", deploy.rollback_on),
        ("rollback_alarms", deploy.rollback_alarms),
        ("rollback_batch", deploy.rollback_batch),
        ("checks", deploy.checks),
        ("strategy", deploy.strategy),
        ("max_unavailable", deploy.max_unavailable),
        ("surge", deploy.surge),
        ("drain_s", deploy.drain),
        ("retained", deploy.retained),
        ("availability", deploy.availability),
        ("forward_only", deploy.forward_only),
        ("exposures", deploy.exposures),
    ):
        part.fact(name, fact, deploy.span)
    _fact_object(part, "artifact", deploy.artifact, deploy.span, _reference)
    if deploy.hooks:
        hooks = part.part("hooks", deploy.span)
        hooks.fact("stop", deploy.hooks.stop, deploy.span)
        hooks.fact("start", deploy.hooks.start, deploy.span)
        hooks.fact("validate", deploy.hooks.validate, deploy.span)


def _bake(part: Part, bake: Bake) -> None:
    part.fact("time_s", bake.time, bake.span)
    part.fact("positive", bake.positive, bake.span)
    part.fact("negative", bake.negative, bake.span)
    part.fact("alarms", bake.alarms, bake.span)
    part.fact("on_alarm", bake.on_alarm, bake.span)


def _synthetic(part: Part, synthetic: Synthetic) -> None:
    part.say("name", synthetic.name)
    part.fact("every_s", synthetic.every, synthetic.span)
    part.fact("outside", synthetic.outside, synthetic.span)
    part.say("operations", synthetic.operations)
    part.say("dependencies", synthetic.dependencies)
    _list(part, "requests", synthetic.requests, _request, lambda _: synthetic.span)


def _target(part: Part, target: Target) -> None:
    for name in ("name", "region", "zone", "cell", "traffic"):
        part.say(name, getattr(target, name))


def _request(part: Part, request: Request) -> None:
    part.say("method", request.method)
    part.say("path", request.path)
    part.say("status", request.status)


def _approvals(part: Part, approvals: Approvals) -> None:
    part.say("count", approvals.count)
    part.say("roles", approvals.roles)
    part.say("forbid_author", approvals.forbid_author)


def _mutex(part: Part, mutex: Mutex) -> None:
    part.say("key", mutex.key)
    part.say("queue", mutex.queue)


def _permissions(part: Part, permissions: Permissions) -> None:
    part.say("writes", permissions.writes)


def _analysis(part: Part, analysis: Analysis) -> None:
    for name in (
        "name",
        "metrics",
        "metrics_known",
        "dry_run",
        "failure_limit",
        "inconclusive",
        "baseline",
        "skipped",
        "background",
    ):
        part.say(name, getattr(analysis, name))


def _config_source(part: Part, source: ConfigSource) -> None:
    part.say("name", source.name)
    part.say("kind", source.kind)
    part.say("pipeline", source.pipeline)


def _writer(part: Part, writer: Writer) -> None:
    part.say("pipeline", writer.pipeline)
    part.say("path", writer.path)
    part.say("environment", writer.environment)


def _reference(part: Part, reference: Reference) -> None:
    part.say("text", reference.text)
    part.say("kind", reference.kind)
    part.say("pin", reference.pin)
    part.say("repository", reference.repository)
    part.say("local", reference.local)


def _references(part: Part, references: tuple[Reference, ...]) -> None:
    _list(part, "references", references, _reference, lambda each: each.span)


def _runs(part: Part, history: History) -> None:
    part.say("window_s", history.window)
    part.say("releases", history.releases)
    part.say("runs", history.runs)
    part.say("red_since", history.red_since)
    part.say("merges_on_red", history.merges_on_red)
    part.say("executed_tests", history.executed_tests)
    part.say("first_customer_s", history.first_customer)
    part.say("all_customers_s", history.all_customers)


def _list(
    part: Part,
    name: str,
    items: tuple[Any, ...],
    write: Callable[[Part, Any], None],
    place: Callable[[Any], Span],
) -> None:
    made = part.items(name, [place(each) for each in items])
    for one, item in zip(made, items, strict=True):
        write(one, item)


def _fact_list(
    part: Part,
    name: str,
    fact: Fact[tuple[Read, ...] | None],
    at: Span,
    write: Callable[[Part, Read], None],
) -> None:
    """A list that is one fact: unknown, absent, or items with places of their own."""
    part.placed(name, fact, at)
    if not isinstance(fact.value, Unknown) and fact.value is not None:
        _list(part, name, fact.value, write, lambda each: each.span)


def _fact_object(
    part: Part, name: str, fact: Fact[Any], at: Span, write: Callable[[Part, Any], None]
) -> None:
    """An object that is one fact; its parts lie where it does."""
    part.placed(name, fact, at)
    if not isinstance(fact.value, Unknown) and fact.value is not None:
        write(part.part(name), fact.value)

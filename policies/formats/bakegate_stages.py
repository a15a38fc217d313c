"""Stages, steps, deployers and bakes of Bakegate's own format."""

from typing import Any, Final

from policies.classify import classify
from policies.durations import parse_share
from policies.facts import Fact, Provenance
from policies.fields import Calendars, Fields, texts, windows_of
from policies.findings import Span
from policies.formats.bakegate_ssh import reached
from policies.formats.softeners import softener
from policies.frozen import replace
from policies.guards import Mutex, Queue
from policies.pipeline import (
    Bake,
    Deploy,
    Hooks,
    OnAlarm,
    Stage,
    StageKind,
    Step,
    StepKind,
)
from policies.references import Pin, Reference, ReferenceKind
from policies.remote import Remote
from policies.source import Mapping, Scalar
from policies.stage_parts import (
    duration,
    read_approvals,
    read_bake,
    read_requests,
    read_synthetics,
    read_transition,
)
from policies.traits import DEPLOYMENT, STAGE, all_of, read_targets

#: Kinds by their words, in a fifth of the time that an enumeration takes to find one.
_STAGES: Final = {str(each): each for each in StageKind}
_STEPS: Final = {str(each): each for each in StepKind}


class Stages:
    """All stages of one file; ``alarms`` are the names that the file declares."""

    def __init__(
        self, top: Fields, alarms: tuple[str, ...], calendars: Calendars, lines: list[str]
    ) -> None:
        self.top = top
        self.lines = lines
        self.calendars = calendars
        source = top.group("source")
        self.branches = source.names("branch") if source else Fact(None, top.span)
        self.deployers = tuple(_deployer(each, alarms) for each in top.named("deployers"))
        named = zip(self.deployers, top.named("deployers"), strict=True)
        self.named = {fields.name: (deploy, fields) for deploy, fields in named}

    def read(self) -> tuple[Stage, ...]:
        stages: list[Stage] = []
        build = self.top.group("build")
        if build:
            stages.append(_build(build, self.lines))
        for fields in self.top.listed("stages"):
            before = (stages[-1].name,) if stages else ()
            needs = fields.node.get("needs")
            stages.append(self._stage(fields, texts(needs) if needs else before))
        return tuple(stages)

    def _stage(self, fields: Fields, needs: tuple[str, ...]) -> Stage:
        bake = fields.group("bake")
        return Stage(
            name=fields.name,
            span=fields.span,
            kind=fields.fact("kind", _STAGES.__getitem__),
            needs=needs,
            steps=tuple(_step(each, self.lines) for each in fields.listed("tests")),
            deploy=self._deploy(fields),
            wave=fields.fact("wave", int),
            exposure=fields.fact("exposure", parse_share),
            bake=_bake(bake) if bake else None,
            bake_known=Fact(value=True, span=fields.span),
            transition=read_transition(fields),
            approvals=read_approvals(fields),
            configuration=fields.word("configuration"),
            targets=read_targets(fields),
            parallel=int(fields.text("parallel", "1")),
            checklist=fields.texts("checklist"),
            synthetics=read_synthetics(fields),
            windows=windows_of(fields, self.calendars),
            rollback=fields.text("rollback"),
            **self._guarded(fields),
        )

    def _guarded(self, fields: Fields) -> dict[str, Any]:
        """What holds of every stage because our own executor runs it, and what is declared."""
        place = fields.span
        found = all_of(fields, STAGE)
        found["mutex"] = Fact(Mutex(fields.name, Queue.LATEST, place), place)
        found["branches"] = self.branches
        found["analyses"] = fields.nothing
        return found

    def _deploy(self, fields: Fields) -> Deploy | None:
        node = fields.node.get("deploy")
        match node:
            case Scalar(text=name, span=span):
                return self._deployer(name, span, fields)
            case Mapping():
                inner = Fields(node, fields.place("deploy"))
                use = inner.required("use")
                found = self._deployer(use.text, use.span, fields)
                return _resized(found, inner) if inner.scalar("hosts") else found
            case _:
                return None

    def _deployer(self, name: str, span: Span, stage: Fields) -> Deploy:
        found, fields = self.named[name]
        return reached(replace(found, span=span), fields, stage)


def _resized(deploy: Deploy, fields: Fields) -> Deploy:
    """The deployer for another number of hosts; what no longer fits shrinks with it.

    One host cannot stay up while it is replaced, so there ``min_healthy`` is 0.
    """
    hosts = fields.fact("hosts", int)
    count = hosts.or_else(1) or 1
    batch = min(deploy.batch.or_else(1) or 1, count)
    healthy = min(deploy.min_healthy.or_else(0) or 0, count - batch)
    return replace(
        deploy,
        hosts=hosts,
        batch=replace(deploy.batch, value=batch),
        min_healthy=replace(deploy.min_healthy, value=healthy),
    )


def _deployer(fields: Fields, alarms: tuple[str, ...]) -> Deploy:
    engine = fields.required("type")
    hooks = fields.group("hooks")
    events = fields.names("rollback_on")
    rollback = None if events.value is None else frozenset(events.or_else(()) or ())
    named = fields.names("rollback_alarms")
    if named.value is None and rollback and "alarm" in rollback:
        named = Fact(alarms, fields.place("rollback_on"))
    validates = hooks is not None and hooks.scalar("validate") is not None
    checks = hooks.place("validate") if hooks and validates else fields.span
    return Deploy(
        span=fields.span,
        engine=Fact(engine.text, engine.span),
        hosts=fields.fact("hosts", int),
        batch=fields.fact("batch", int),
        min_healthy=fields.fact("min_healthy", int),
        rollback_on=Fact(rollback, events.span),
        rollback_alarms=named,
        checks=Fact(("validate",) if validates else None, checks),
        hooks=_hooks(hooks) if hooks else None,
        remote=_remote(fields),
        name=fields.name,
        **_conduct(fields),
    )


def _conduct(fields: Fields) -> dict[str, Any]:
    """How the deployment works inside: what is declared, and what our own deployers always do."""
    place = fields.span
    always: dict[str, Fact[Any]] = {
        "strategy": Fact("rolling", place),
        "on_deadline": Fact("abort", place),
        "artifact": Fact(Reference("", ReferenceKind.ARTIFACT, Pin.DIGEST, place), place),
        "exposures": fields.nothing,
    }
    declared = all_of(fields, DEPLOYMENT)
    return always | {
        name: fact
        for name, fact in declared.items()
        if fact.value is not None or name not in always
    }


def _remote(fields: Fields) -> Remote | None:
    given = fields.group("options")
    options = tuple((key, given.text(key)) for key in given.entries) if given else ()
    if not (options or fields.scalar("url") or fields.scalar("secret")):
        return None
    return Remote(fields.word("url"), fields.word("secret"), options=options)


def _hooks(fields: Fields) -> Hooks:
    return Hooks(*(fields.word(key) for key in ("stop", "start", "validate")))


def _build(fields: Fields, lines: list[str]) -> Stage:
    """The build section as a stage, which deploys nothing, waits for nothing and bakes nothing."""
    nothing = fields.nothing
    timeout = fields.fact("timeout", duration)
    return Stage(
        name="build",
        span=fields.span,
        kind=Fact(StageKind.BUILD, fields.span),
        needs=(),
        steps=tuple(_step(each, lines) for each in fields.listed("steps")),
        deploy=None,
        wave=nothing,
        exposure=nothing,
        bake=None,
        bake_known=Fact(value=True, span=fields.span),
        transition=Fact("automatic", fields.span),
        approvals=nothing,
        configuration=nothing,
        timeout=timeout.or_else(None),
    )


def _bake(fields: Fields) -> Bake:
    """A bake that names alarms and does not say what they do goes back when one fires."""
    bake = read_bake(fields)
    if bake.alarms.value and bake.on_alarm.value is None:
        return replace(bake, on_alarm=Fact(OnAlarm.ROLLBACK, bake.alarms.span))
    return bake


def _step(fields: Fields, lines: list[str]) -> Step:
    name = fields.required("name")
    run, uses = fields.word("run"), fields.word("uses")
    given = fields.scalar("kind")
    if given:
        kind: Fact[StepKind] = Fact(_STEPS[given.text], given.span)
    else:
        guess, sure = classify(name.text, run.or_else(None), uses.or_else(None))
        kind = Fact(guess, name.span, Provenance.INFERRED, sure)
    reports = fields.group("reports")
    return Step(
        name=Fact(name.text, name.span),
        kind=kind,
        run=run,
        uses=uses,
        soft=_soft(fields, lines) or fields.nothing,
        timeout=fields.fact("timeout", duration),
        retries=int(fields.text("retries", "0")),
        reports=tuple((key, reports.text(key)) for key in reports.entries) if reports else (),
        secrets=fields.texts("secrets"),
        requests=read_requests(fields),
    )


def _soft(fields: Fields, lines: list[str]) -> Fact[str | None] | None:
    if fields.flag("soft_fail"):
        return Fact("soft_fail", fields.place("soft_fail"))
    run = fields.scalar("run")
    return softener(run, lines) if run else None

"""Gate: every rule that guards a stage, on one snapshot at one instant, to one decision.

Nothing is read here but the inputs, so the same inputs give the same decision. What lint alone
judges is not judged again: a pipeline file was accepted or refused when it was registered. Inline
ignores do not count either: an author's comment beside a line is no word about a release.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, assert_never

from policies.decision import Condition, Decision, Definition, GateInputs, GateResult
from policies.decision import inputs_from_json as _inputs_from_json
from policies.decision import inputs_json as _inputs_json
from policies.engine.announcement import announced
from policies.engine.kinds import Meets, meets
from policies.engine.tiers import at_tier, tier_of
from policies.findings import Enforcement, Result, Verdict
from policies.formats import File, Files, Read, read_pipelines
from policies.frozen import dataclass, replace
from policies.overlay import read_overlay
from policies.pipeline import Pipeline, Stage, StageKind
from policies.plain import instant_text, nearest
from policies.record import release_from_json
from policies.release import ReleaseKind
from policies.rule import AnyRule, Case, Outcome
from policies.ruleset import Effective
from policies.ruleset.impact import with_impact
from policies.waivers import Waivers
from policies.windows import (
    WindowSet,
    for_release,
    freeze_state,
    state,
    tzdata_version,
    without_freezes,
    without_soft,
)

if TYPE_CHECKING:
    from policies.engine.custom import Heard
    from policies.rego.port import Rego

_ON_UNKNOWN: Final = {
    "ignore": Verdict.ALLOW,
    "warn": Verdict.WARN,
    "hold": Verdict.HOLD,
    "block": Verdict.BLOCK,
}


class GateError(Exception):
    """A question that cannot be asked: no such pipeline or stage, or a file that is unreadable."""


def gate(inputs: GateInputs, rego: "Rego | None" = None) -> Decision:
    """Decide whether one release may enter one stage now; raises GateError.

    ``rego`` is asked once for all custom rules that guard the stage. What it answers is stored with
    the other inputs, so a recomputation asks nobody.
    """
    stored = _inputs_json(inputs)
    # What is judged is what is stored, to the second that a record can say.
    inputs = replace(inputs, release=release_from_json(stored["record"], "record"))
    pipeline = with_impact(_pipeline(inputs), inputs.resolved)
    stage = _stage(pipeline, inputs.stage)
    case = _case(inputs, pipeline, stage)
    held = (at_tier(each, pipeline) for each in inputs.resolved.rules.values())
    guards = [each for each in held if _guards(each, stage)]
    heard = _heard(inputs, case, guards, rego)
    if heard:
        stored["custom"] = heard.stored
    run = _Run(inputs, pipeline, stage, case, heard)
    return Decision(
        at=inputs.at,
        subject={
            "pipeline": pipeline.name,
            "release": inputs.release.id,
            "stage": stage.name,
            "kind": inputs.release.kind.value,
            "artifact": inputs.release.artifact.digest,
        },
        results=tuple(run.result(each) for each in guards),
        conditions=tuple(run.condition(each) for each in inputs.conditions),
        ruleset={
            "organization": inputs.resolved.organization,
            "digest": inputs.resolved.digest,
        },
        tzdata=tzdata_version(),
        inputs=stored,
        resolved=inputs.resolved,
    )


def recompute(stored: Mapping[str, Any]) -> Decision:
    """The decision that this engine gives on stored inputs."""
    return gate(_inputs_from_json(stored))


@lru_cache(maxsize=512)
def read_definition(definition: Definition) -> Read:
    """A file means the same every time, and each stage of each release asks about it."""
    overlay = None
    if definition.overlay_text:
        overlay = read_overlay(definition.overlay_text, definition.overlay_path)
    calendars = dict(definition.calendars)
    text, load = definition.text.encode(), calendars.__getitem__
    files = None
    if definition.home:
        # What a pattern matched was kept with the pipeline, and nothing else is there to match.
        kept = (definition.home, *(path for path, _ in definition.files))
        files = Files(definition.home, _kept(definition), below=lambda _: kept)
    return read_pipelines(text, definition.path, overlay, calendars=load, files=files)


def _kept(definition: Definition) -> Callable[[str], File | None]:
    """Gives the files that were brought in when the pipeline was read first."""
    texts = dict(definition.files)

    def load(name: str) -> File | None:
        return File(name, texts[name].encode()) if name in texts else None

    return load


def _pipeline(inputs: GateInputs) -> Pipeline:
    definition = inputs.definition
    read = read_definition(definition)
    found = {each.name: each for each in read.pipelines}
    name = inputs.release.pipeline
    if name in found:
        return found[name]
    told = [f"{each.span.path}:{each.span.line}: {each.message}" for each in read.problems]
    missing = f"{definition.path} holds no pipeline {name!r}{nearest(name, found)}"
    raise GateError("\n".join((missing, *told)))


def _stage(pipeline: Pipeline, name: str) -> Stage:
    stage = pipeline.stage(name)
    if stage is None:
        names = [each.name for each in pipeline.stages]
        told = f"pipeline {pipeline.name!r} has no stage {name!r}{nearest(name, names)}"
        raise GateError(f"{told}; its stages are {', '.join(names)}")
    return stage


def _guards(effective: Effective, stage: Stage) -> bool:
    """Whether the rule guards this stage; one of unknown kind is guarded like production."""
    rule = effective.rule
    kind = stage.kind.value
    word = kind.value if isinstance(kind, StageKind) else StageKind.PROD.value
    return rule.gates and effective.enforcement > Enforcement.OFF and word in rule.stages


def _heard(
    inputs: GateInputs, case: Case, guards: Iterable[Effective], rego: "Rego | None"
) -> "Heard | None":
    """What the custom rules of this gate answer; None where there is none to ask."""
    kind = inputs.release.kind
    asked = [each for each in guards if each.rule.module and meets(kind, each.rule) != Meets.NEVER]
    if not asked:
        return None
    # Imported here: a gate without custom rules needs nothing of them.
    from policies.engine.custom import ask_gate, heard_before  # noqa: PLC0415 - see above

    if inputs.custom is not None:
        return heard_before(inputs.custom, inputs.resolved, case, asked)
    return ask_gate(rego, inputs.resolved, case, asked)


def _case(inputs: GateInputs, pipeline: Pipeline, stage: Stage) -> Case:
    windows = _windows(inputs, pipeline, stage)
    kind, tier = inputs.release.kind.value, tier_of(pipeline)
    ruled = for_release(inputs.resolved.windows, kind, tier)
    return Case(
        pipeline=pipeline,
        release=inputs.release,
        stage=stage,
        now=inputs.at,
        window=state(_agreed(inputs, pipeline, stage), inputs.at),
        blocklist=inputs.blocklist,
        params={name: each.params for name, each in inputs.resolved.rules.items()},
        granted=_waivers(inputs).granted(pipeline.name, inputs.resolved.zone),
        windows=windows,
        freeze=freeze_state(ruled, inputs.at),
    )


def _waivers(inputs: GateInputs) -> Waivers:
    return Waivers(inputs.exceptions, inputs.resolved.exceptions, inputs.at)


def _windows(inputs: GateInputs, pipeline: Pipeline, stage: Stage) -> tuple[WindowSet, ...]:
    """The time of every place together: each organization node, the pipeline, the stage."""
    places = (*inputs.resolved.windows, *_own(pipeline, stage))
    # A soft freeze warns and holds nothing.
    return without_soft(for_release(places, inputs.release.kind.value, tier_of(pipeline)))


def _agreed(inputs: GateInputs, pipeline: Pipeline, stage: Stage) -> tuple[WindowSet, ...]:
    """The same without the freezes of rulesets, which a rule of their own reports."""
    places = (*without_freezes(inputs.resolved.windows), *_own(pipeline, stage))
    return for_release(places, inputs.release.kind.value, tier_of(pipeline))


def _own(pipeline: Pipeline, stage: Stage) -> tuple[WindowSet, WindowSet]:
    return (
        WindowSet(f"pipeline {pipeline.name}", pipeline.windows.or_else(()) or ()),
        WindowSet(f"stage {stage.name}", stage.windows),
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """One case under the rules that guard its stage."""

    inputs: GateInputs
    pipeline: Pipeline
    stage: Stage
    case: Case
    heard: "Heard | None"

    def result(self, effective: Effective) -> GateResult:
        rule = effective.rule
        met = meets(self.inputs.release.kind, rule)
        if met is Meets.NEVER:
            kind = self.inputs.release.kind.value
            outcome = Outcome(Result.NOT_APPLICABLE, f"not asked of a release of kind {kind}")
        else:
            outcome = self._excepted(rule, self._asked(effective))
        level = effective.enforcement
        verdict = _verdict(outcome, effective)
        softened = met is Meets.WARNS or outcome.warns_only
        if softened or self.inputs.release.kind is ReleaseKind.ROLLBACK:
            verdict = min(verdict, Verdict.WARN)
        told = outcome.message
        if outcome.result in (Result.FAIL, Result.UNKNOWN):
            told = announced(told, effective, self.inputs.resolved.zone)
        return GateResult(
            rule=rule.id,
            result=outcome.result,
            enforcement=level,
            verdict=verdict,
            message=told,
            would_pass=outcome.would_pass,
            until=outcome.until if verdict is Verdict.HOLD else None,
            facts=outcome.used,
        )

    def condition(self, condition: Condition) -> Condition:
        """A condition as it stands; nothing holds the way back."""
        if self.inputs.release.kind is ReleaseKind.ROLLBACK:
            return replace(condition, verdict=min(condition.verdict, Verdict.WARN), until=None)
        return condition

    def _asked(self, effective: Effective) -> Outcome:
        ask = effective.rule.gate
        try:
            if self.heard and effective.rule.module:
                return self.heard.outcome(effective.rule)
            if ask:
                return ask(self.case, effective.params)
        except Exception as error:  # noqa: BLE001 - one crashed rule is unknown, the others still count
            told = f"rule {effective.rule.id!r} crashed ({type(error).__name__}: {error})"
            return Outcome(Result.UNKNOWN, told)
        return Outcome(Result.NOT_APPLICABLE, "this rule has no gate")

    def _excepted(self, rule: AnyRule, outcome: Outcome) -> Outcome:
        """The outcome after exemptions and overrides; what passes needs neither."""
        if outcome.result not in (Result.FAIL, Result.UNKNOWN):
            return outcome
        inputs, waivers = self.inputs, _waivers(self.inputs)
        waiver = waivers.covering(self.pipeline.name, rule.id)
        if waiver:
            return _lifted(outcome, Result.WAIVED, waiver.told)
        override = waivers.overriding(inputs.release, self.stage.name, rule.id)
        if override:
            until = instant_text(override.until)
            told = f"override {override.id} by {override.by} until {until}: {override.reason}"
            return _lifted(outcome, Result.OVERRIDDEN, told)
        return outcome


def _lifted(outcome: Outcome, result: Result, by: str) -> Outcome:
    return Outcome(result, f"{by} (without it: {outcome.message})", used=outcome.used)


def _verdict(outcome: Outcome, effective: Effective) -> Verdict:
    """The table of results against enforcement."""
    match outcome.result:
        case Result.PASS | Result.NOT_APPLICABLE | Result.WAIVED | Result.OVERRIDDEN:
            return Verdict.ALLOW
        case Result.FAIL:
            blocking = _failed(outcome)
        case Result.UNKNOWN:
            blocking = _ON_UNKNOWN[effective.on_unknown_gate]
        case _:
            assert_never(outcome.result)
    match effective.enforcement:
        case Enforcement.BLOCK:
            return blocking
        case Enforcement.WARN:
            return min(blocking, Verdict.WARN)
        case Enforcement.OBSERVE | Enforcement.OFF:
            return Verdict.ALLOW
        case _:
            assert_never(effective.enforcement)


def _failed(outcome: Outcome) -> Verdict:
    if outcome.inferred:
        return Verdict.WARN
    cured = outcome.waits or outcome.until is not None
    return Verdict.HOLD if cured else Verdict.BLOCK

"""Laws of every rule: unknown is not failure, tightening forgives nothing, waiting helps."""

from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.facts import Fact, unknown
from policies.findings import Result, Span
from policies.formats import read_pipelines
from policies.pipeline import Pipeline, Stage
from policies.release import AlarmState, DataPoints, Release, ReleaseKind, StageRun
from policies.release import Artifact as Built
from policies.rule import AnyRule, Case, Outcome, ParamSpec, Stricter, Unit, specs
from policies.rules import CATALOGUE
from policies.surroundings import UNRESOLVED, Surroundings
from policies.windows import WindowState
from tests.properties.examples import examples
from tests.properties.reported import reported

#: Each law is asked of each rule, so that a few examples of one are hundreds of the law.
few = settings(max_examples=examples(8))

NOW: Final = datetime(2026, 11, 24, 10, 22, 48, tzinfo=UTC)
TEXT: Final = """schema: bakegate/pipeline/v1
name: shop
organization: retail
tier: 1
source: {{repository: ., branch: main, start: push}}
build:
  steps: [{{name: unit, kind: {unit}, run: ./unit, soft_fail: {soft}, timeout: {timeout}m}}]
  artifact: app.tar
alarms:
  errors: {{negative_ratio: 1%, minimum: 50, periods: 3 of 5, period: 1m, missing: ok,
           scope: service}}
deployers:
  hosts: {{type: local, hosts: 3, rollback_on: [{events}], hooks: {{start: ./start}}}}
stages:
  - {{name: gamma, kind: preprod, deploy: hosts,
     tests: [{{name: api, kind: integration, run: ./api}}]}}
  - {{name: one-box, kind: prod, wave: 1, exposure: {exposure}%, deploy: hosts,
     bake: {{time: {bake}m, alarms: [errors], on_alarm: {on_alarm}}}}}
  - {{name: cell-1, kind: prod, wave: 1, deploy: hosts, bake: {{time: {bake}m}}}}
  - {{name: wave-2, kind: prod, wave: 2, deploy: hosts}}
"""
LINTED: Final = [each for each in CATALOGUE if each.lint]
GATED: Final = [each for each in CATALOGUE if each.gate]


@cache
def read(text: str) -> Pipeline:
    found = read_pipelines(text.encode(), "pipeline.yaml")
    assert found.problems == ()
    (pipeline,) = found.pipelines
    return replace(pipeline, around=Surroundings(windows=False))


pipelines = st.builds(
    lambda **values: read(TEXT.format(**values)),
    unit=st.sampled_from(["unit", "lint", "integration"]),
    soft=st.sampled_from(["true", "false"]),
    timeout=st.integers(1, 40),
    events=st.sampled_from(["failure", "failure, deadline", "alarm", "failure, deadline, alarm"]),
    exposure=st.integers(0, 60),
    bake=st.integers(1, 900),
    on_alarm=st.sampled_from(["rollback", "halt", "none"]),
)


def runs(stage: str) -> st.SearchStrategy[StageRun]:
    """A run that was deployed some hours ago and watched, with data, for a part of them."""
    return st.builds(
        lambda ago, part, positive, negative, exposure: StageRun(
            stage=stage,
            state="baking",
            deployed_at=NOW - timedelta(seconds=ago),
            baked_s=ago * part,
            bake_observed_at=NOW,
            exposure=exposure / 100,
            data_points=DataPoints(positive, negative, NOW),
        ),
        ago=st.integers(1, 100_000),
        part=st.floats(0, 1),
        positive=st.integers(0, 6000),
        negative=st.integers(0, 3),
        exposure=st.integers(0, 100),
    )


alarms = st.lists(
    st.builds(
        lambda state, ago, seen: AlarmState(
            name="errors",
            scope="service",
            state=state,
            since=NOW - timedelta(seconds=ago + seen),
            observed_at=NOW - timedelta(seconds=seen),
        ),
        state=st.sampled_from(["ok", "alarm", "unknown"]),
        ago=st.integers(0, 900),
        seen=st.integers(0, 600),
    ),
    max_size=3,
)


@st.composite
def gate_cases(draw: st.DrawFn, subject: AnyRule) -> Case:
    pipeline = draw(pipelines)
    stage = draw(st.sampled_from(pipeline.prod))
    opens = NOW + timedelta(minutes=draw(st.integers(1, 5000)))
    release = Release(
        id="shop:7",
        pipeline="shop",
        kind=draw(st.sampled_from(ReleaseKind)),
        created_at=NOW - timedelta(days=2),
        created_by="kim",
        artifact=Built(digest="sha256:" + "7" * 64, commit="a" * 40),
        stages=(draw(runs("one-box")), draw(runs("cell-1"))),
    )
    context = replace(release.context, alarms=tuple(draw(alarms)))
    return Case(
        pipeline=pipeline,
        release=reported(draw, subject.id, replace(release, context=context)),
        stage=stage,
        now=NOW,
        window=WindowState(draw(st.booleans()), configured=True, until=opens, by="staffed"),
        blocklist=(),
        params={subject.id: subject.params()},
    )


def forget(value: Any) -> Any:
    """The same structure with every fact unknown."""
    match value:
        case Fact():
            return unknown(value.span, "nobody said it")
        case Span():
            return value
        case tuple():
            return tuple(forget(each) for each in value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            said = (each for each in fields(value) if each.init)
            changed = {each.name: forget(getattr(value, each.name)) for each in said}
            return type(value)(**changed)
        case _:
            return value


def in_production(stage: Stage, like: Stage) -> Stage:
    return replace(stage, kind=like.kind, synthetics_known=False)


@pytest.mark.parametrize("subject", LINTED, ids=[each.id for each in LINTED])
@few
@given(data=st.data())
def test_unknown_facts_never_fail(subject: AnyRule, data: st.DataObject) -> None:
    pipeline = data.draw(pipelines)
    forgotten: Pipeline = forget(pipeline)
    kept = zip(forgotten.stages, pipeline.stages, strict=True)
    # The stages keep their kinds, so that rules about production have something to ask.
    forgotten = replace(forgotten, stages=tuple(in_production(*pair) for pair in kept))
    assert subject.lint is not None

    problems = list(subject.lint(replace(forgotten, around=UNRESOLVED), subject.params()))

    assert [each.message for each in problems if each.result is Result.FAIL] == []


@pytest.mark.parametrize("subject", GATED, ids=[each.id for each in GATED])
@few
@given(data=st.data())
def test_an_empty_record_never_fails(subject: AnyRule, data: st.DataObject) -> None:
    case = data.draw(gate_cases(subject))
    empty = replace(
        case,
        pipeline=forget(case.pipeline),
        stage=in_production(forget(case.stage), case.stage),
        release=bare(case.release),
        window=WindowState(open=True, configured=False, until=None),
        blocklist=None,
    )

    assert judged(subject, empty, subject.params()).result is not Result.FAIL


def bare(release: Release) -> Release:
    """A release of which nothing was reported but that it exists."""
    return Release(
        release.id,
        release.pipeline,
        release.kind,
        release.created_at,
        release.created_by,
        Built(release.artifact.digest, release.artifact.commit),
    )


def judged(subject: AnyRule, case: Case, params: Any) -> Outcome:
    assert subject.gate is not None
    return subject.gate(case, params)


def pair(spec: ParamSpec) -> st.SearchStrategy[tuple[Any, Any]]:
    """A loose and a tight value of one parameter, in this order."""
    match spec.unit:
        case Unit.WORDS:
            # Where any word is allowed, those of the default tell as much as others.
            known = spec.allowed or sorted(spec.default) or ["actions/*", "our-org/*"]
            words = st.frozensets(st.sampled_from(known))
            both = st.tuples(words, words).map(lambda two: (two[0] & two[1], two[0] | two[1]))
            return both if spec.stricter is Stricter.SUPERSET else both.map(lambda two: two[::-1])
        case Unit.FLAG:
            return st.just((spec.stricter is Stricter.LESS, spec.stricter is Stricter.MORE))
        case Unit.DURATION:
            values: st.SearchStrategy[Any] = st.integers(1, 100_000).map(
                lambda seconds: timedelta(seconds=seconds)
            )
        case Unit.SHARE:
            values = st.floats(0, 1)
        case _:
            values = st.integers(0, 5000)
    ordered = st.tuples(values, values).map(sorted)
    return ordered.map(
        lambda two: (two[0], two[1]) if spec.stricter is Stricter.MORE else (two[1], two[0])
    )


DIRECTED: Final = [
    (subject, spec)
    for subject in CATALOGUE
    for spec in specs(subject.params)
    if spec.stricter is not Stricter.NEITHER
]


@pytest.mark.parametrize(
    ("subject", "spec"), DIRECTED, ids=[f"{rule.id}:{spec.name}" for rule, spec in DIRECTED]
)
@few
@given(data=st.data())
def test_tightening_never_turns_fail_into_pass(
    subject: AnyRule, spec: ParamSpec, data: st.DataObject
) -> None:
    loose, tight = (subject.params(**{spec.name: each}) for each in data.draw(pair(spec)))
    if subject.gate:
        case = data.draw(gate_cases(subject))
        if judged(subject, case, loose).result is Result.FAIL:
            assert judged(subject, case, tight).result in (Result.FAIL, Result.UNKNOWN)
    if subject.lint:
        pipeline = data.draw(pipelines)
        if any(each.result is Result.FAIL for each in subject.lint(pipeline, loose)):
            assert any(each.result is Result.FAIL for each in subject.lint(pipeline, tight))


@pytest.mark.parametrize("subject", GATED, ids=[each.id for each in GATED])
@few
@given(data=st.data())
def test_waiting_until_the_named_time_is_enough(subject: AnyRule, data: st.DataObject) -> None:
    case = data.draw(gate_cases(subject))
    outcome = judged(subject, case, subject.params())
    if outcome.until is None:
        return
    assert outcome.waits
    assert outcome.until > case.now

    assert judged(subject, later(case, outcome.until), subject.params()).result is not Result.FAIL


def later(case: Case, at: datetime) -> Case:
    """The same facts at ``at``, observed anew; what bakes went on baking, and a window opened."""
    passed = (at - case.now).total_seconds()
    stages = tuple(
        replace(run, baked_s=(run.baked_s or 0) + passed, bake_observed_at=at)
        for run in case.release.stages
    )
    # A report keeps its age: a fresh one is renewed, and what was stale tells nothing new.
    seen = tuple(
        replace(each, observed_at=each.observed_at + (at - case.now))
        for each in case.release.context.alarms or ()
    )
    context = replace(case.release.context, alarms=seen)
    return replace(
        case,
        now=at,
        release=replace(case.release, stages=stages, context=context),
        window=replace(case.window, open=True),
    )

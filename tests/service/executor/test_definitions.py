"""A pipeline file that changes under a release in flight: the release keeps its own."""

import pytest

from service.errors import NotFound
from service.executor.watching import Places
from tests.service.executor.conftest import PIPELINE, Field
from tests.twins.ports import digest_of

WIDE = PIPELINE.replace(
    "  - name: cell-1\n    kind: prod\n    wave: 1\n",
    "  - name: cell-1\n    kind: prod\n    wave: 1\n    targets: [{name: east}, {name: west}]\n",
)
NARROW = WIDE.replace("{name: east}, {name: west}", "{name: east}")


def test_a_release_goes_on_to_targets_and_stages_that_are_gone(field: Field) -> None:
    field.executor.register_pipeline(WIDE, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    assert field.release(release).differs is None
    without = NARROW.replace("  - name: one-box\n", "  - name: canary\n")
    field.executor.register_pipeline(without, "pipeline.yaml", ".", "tester")
    differs = field.release(release).differs
    assert differs is not None
    assert differs.gone == ("stage one-box", "target west of cell-1")
    lines = differs.diff.splitlines()
    assert lines[:2] == ["--- pipeline.yaml of this release", "+++ pipeline.yaml now"]
    assert "-  - name: one-box" in lines
    assert "+  - name: canary" in lines
    # Its bake in the stage that is gone still hears the answers there, and ends.
    assert {(each.stage, each.target) for each in Places(field.executor.ground).now()} == {
        ("beta", "beta"),
        ("one-box", "one-box"),
    }
    while field.release(release).outcome is None:
        field.passing(5)
    view = field.release(release)
    assert [(run.stage, run.outcome) for run in view.runs] == [
        ("build", "succeeded"),
        ("beta", "succeeded"),
        ("one-box", "succeeded"),
        ("cell-1", "succeeded"),
    ]
    assert view.differs is None
    assert field.stage("cell-1").running == dict.fromkeys(("east", "west"), digest_of("a" * 40))
    left = field.executor.pipeline("shop").left
    assert [(each.stage, each.target, each.release) for each in left] == [
        ("cell-1", "west", release),
        ("one-box", "one-box", release),
    ]


def test_a_target_without_answers_is_named(field: Field) -> None:
    field.executor.register_pipeline(WIDE, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    field.passing(65)
    assert field.state(release, "cell-1") == "baking"
    field.deployer.placed.pop(("shop", "cell-1", "west"))
    field.passing(30)
    run = next(run for run in field.release(release).runs if run.stage == "cell-1")
    assert "the clock stands still since 09:01:10: no data of west" in run.message


def test_a_file_switches_the_transitions_that_it_says_otherwise(field: Field) -> None:
    by_hand = PIPELINE.replace("    exposure: 1%\n", "    exposure: 1%\n    transition: manual\n")
    field.executor.register_pipeline(by_hand, "pipeline.yaml", ".", "lee")
    kept = field.stage("one-box")
    assert (kept.transition, kept.reason) == ("manual", "the pipeline file says so")
    field.executor.switch_transition("shop", "one-box", "automatic", "all is well", "kim")
    # The file says what it said: what somebody switched since stays.
    field.executor.register_pipeline(by_hand + "# more\n", "pipeline.yaml", ".", "lee")
    assert field.stage("one-box").transition == "automatic"
    field.executor.switch_transition("shop", "one-box", "manual", "watch it", "kim")
    waiting = field.submit("a")
    assert field.state(waiting, "one-box") == "waiting"
    field.executor.register_pipeline(PIPELINE, "pipeline.yaml", ".", "lee")
    field.settle()
    assert field.stage("one-box").transition == "automatic"
    assert field.state(waiting, "one-box") == "baking"


def test_nobody_answers_for_a_target_that_never_was(field: Field) -> None:
    field.submit("a")
    with pytest.raises(NotFound, match="target of one-box 'west'"):
        field.executor.record_data_points("shop", "one-box", "west", digest_of("a" * 40), 1, 0)

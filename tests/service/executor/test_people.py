"""Approvals, manual steps, overrides and pauses, on SQLite and PostgreSQL alike."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service.errors import Conflict, NotFound
from service.executor import facts
from service.promotions.commands import Approve, Command, Override, Pause, Resume, Tick, Word
from service.store.read import events
from service.store.tables import RunRow
from tests.service.executor.conftest import ORGANIZATION, PIPELINE, Field
from tests.twins.ports import digest_of

ASKING = PIPELINE.replace(
    "    exposure: 1%\n",
    "    exposure: 1%\n    approvals: {count: 2, forbid_author: true}\n"
    "    checklist: [look at the dashboard, tell support]\n",
)


def held(field: Field, release: str, stage: str = "one-box") -> list[tuple[str, str]]:
    """The conditions of the newest decision that keep the release out."""
    run = next(run for run in field.release(release).runs if run.stage == stage)
    assert run.decision is not None
    said = run.decision.message["conditions"]
    return [(each["condition"], each["message"]) for each in said]


def approve(field: Field, release: str, by: str, *, stage: str = "one-box") -> None:
    field.executor.carry_out(Approve(release, stage), by)
    field.settle()


@pytest.mark.both_databases
def test_a_stage_waits_for_its_approvals_and_manual_steps(field: Field) -> None:
    field.executor.register_pipeline(ASKING, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    assert held(field, release) == [
        (
            "manual-transition",
            "2 of 2 manual steps are open: look at the dashboard and tell support",
        ),
        ("approval", "0 of 2 approvals of this artifact were given"),
    ]
    approve(field, release, "lee")
    approve(field, release, "lee")
    field.executor.carry_out(Tick(release, "one-box", "tell support"), "kim")
    assert held(field, release) == [
        ("manual-transition", "1 of 2 manual steps are open: look at the dashboard"),
        ("approval", "1 of 2 approvals of this artifact were given"),
    ]
    field.executor.carry_out(Tick(release, "one-box", "look at the dashboard"), "kim")
    assert field.state(release, "one-box") == "waiting"
    approve(field, release, "kim")
    assert field.state(release, "one-box") == "baking"
    view = field.release(release)
    assert [(each.by, each.word, bool(each.voided)) for each in view.approvals] == [
        ("lee", "approved", True),
        ("lee", "approved", False),
        ("kim", "approved", False),
    ]
    assert [(each.item, each.by) for each in view.checklist] == [
        ("look at the dashboard", "kim"),
        ("tell support", "kim"),
    ]
    kinds = [each.kind for each in view.events]
    assert (kinds.count("approval.given"), kinds.count("checklist.ticked")) == (3, 2)


def test_nobody_approves_what_is_their_own(field: Field) -> None:
    field.executor.register_pipeline(ASKING, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    for author in ("engineer", "tester"):
        with pytest.raises(Conflict) as refused:
            approve(field, release, author)
        assert str(refused.value) == (
            f"{author} made a change of {release}, or the release itself; somebody else approves it"
        )


def test_an_approval_ends(field: Field) -> None:
    field.executor.register_pipeline(ASKING, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    approve(field, release, "lee")
    field.clock.move(timedelta(days=7))
    field.executor.sweep.once()
    assert ("approval", "0 of 2 approvals of this artifact were given") in held(field, release)


def test_a_rejection_blocks_until_the_same_person_approves(field: Field) -> None:
    field.executor.register_pipeline(ASKING, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    with pytest.raises(Conflict, match="say why you reject it"):
        field.executor.carry_out(Approve(release, "one-box", Word.REJECTED), "lee")
    field.executor.carry_out(Approve(release, "one-box", Word.REJECTED, "too slow"), "lee")
    assert ("approval", "lee rejected this artifact: too slow") in held(field, release)
    approve(field, release, "lee")
    assert ("approval", "1 of 2 approvals of this artifact were given") in held(field, release)


def test_superseding_voids_approvals_visibly(field: Field) -> None:
    field.executor.register_pipeline(ASKING, "pipeline.yaml", ".", "tester")
    old = field.submit("a")
    approve(field, old, "lee")
    new = field.submit("b")
    view = field.release(old)
    (approval,) = view.approvals
    assert approval.voided == f"the release was superseded by {new}"
    voided = next(each for each in view.events if each.kind == "approval.voided")
    assert voided.data == {"by": "lee", "reason": approval.voided}
    assert ("approval", "0 of 2 approvals of this artifact were given") in held(field, new)
    with pytest.raises(Conflict, match="is superseded at one-box; it no longer waits"):
        approve(field, old, "kim")


def test_leaders_are_known_by_the_organization(field: Field) -> None:
    led = ORGANIZATION | {
        "organization.yaml": ORGANIZATION["organization.yaml"] + "leaders: [lee]\n"
    }
    field.executor.register_organization(led, "tester")
    asking = PIPELINE.replace(
        "    exposure: 1%\n", "    exposure: 1%\n    approvals: {roles: [leader]}\n"
    )
    field.executor.register_pipeline(asking, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    with pytest.raises(Conflict, match="only leader may approve, and kim is not known as one"):
        approve(field, release, "kim")
    approve(field, release, "lee")
    assert field.state(release, "one-box") == "baking"


GROUPED = ORGANIZATION | {
    "organization.yaml": ORGANIZATION["organization.yaml"]
    + "groups: {orders: [lee, kim], on-call: [kim], sre: [ada, engineer], orders-2: [ben]}\n"
}


@pytest.mark.parametrize(
    ("roles", "may"),
    [("[owner]", "lee"), ("[oncall]", "kim"), ("[sre]", "ada"), ("[leader, orders-2]", "ben")],
)
def test_roles_are_those_of_the_organization(field: Field, roles: str, may: str) -> None:
    """The owner's team and rota are groups, and so is any other name."""
    field.executor.register_organization(GROUPED, "tester")
    asked = f"    exposure: 1%\n    approvals: {{roles: {roles}, forbid_author: true}}\n"
    asking = PIPELINE.replace("    exposure: 1%\n", asked).replace(
        "oncall: orders", "oncall: on-call"
    )
    field.executor.register_pipeline(asking, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    told = " or ".join(roles.strip("[]").split(", "))
    assert held(field, release) == [
        ("approval", f"0 of 1 approvals of this artifact were given; {told} may give them")
    ]
    for other in {"lee", "ada", "ben"} - {may}:
        with pytest.raises(Conflict, match=f"only {told} may approve, and {other} is not known"):
            approve(field, release, other)
    with pytest.raises(Conflict, match="engineer made a change of"):
        approve(field, release, "engineer")
    approve(field, release, may)
    assert field.state(release, "one-box") == "baking"


def test_a_role_that_nobody_has_is_told(field: Field) -> None:
    asking = PIPELINE.replace(
        "    exposure: 1%\n", "    exposure: 1%\n    approvals: {roles: [sre]}\n"
    )
    field.executor.register_pipeline(asking, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    with pytest.raises(Conflict, match="groups; it names nobody as sre"):
        approve(field, release, "lee")


def test_the_ruleset_asks_for_roles_too(field: Field) -> None:
    """The rule sees which of its roles an approver has, and who wrote a change under a name."""
    rules = (
        "  no-manual-prod-gate: off\n"
        "  prod-approval: {enforcement: block, parameters: {roles: [sre]}}\n"
    )
    grouped = GROUPED | {"rules.yaml": ORGANIZATION["rules.yaml"] + rules}
    field.executor.register_organization(grouped, "tester")
    release = field.submit("a")
    approve(field, release, "engineer")
    approve(field, release, "kim")
    assert field.state(release, "one-box") == "waiting"
    decision = field.release(release).decisions[-1].message
    (why,) = [each for each in decision["results"] if each["verdict"] == "hold"]
    assert why["message"].endswith("engineer wrote part of it; kim has the role on-call")
    approve(field, release, "ada")
    assert field.state(release, "one-box") == "baking"


def test_an_emergency_is_approved_after_the_fact(field: Field) -> None:
    field.executor.register_pipeline(
        PIPELINE.replace("    exposure: 1%\n", "    exposure: 1%\n    approvals: {count: 1}\n"),
        "pipeline.yaml",
        ".",
        "tester",
    )
    why = {"reason": "orders are lost", "incident": "INC-31"}
    urgent = field.executor.submit("shop", "a" * 40, "tester", kind="emergency", **why)
    field.settle()
    assert field.state(urgent, "one-box") == "baking"
    told = "0 of 1 approvals of this artifact were given; those of an emergency may follow"
    assert held(field, urgent) == [("approval", told)]
    approve(field, urgent, "lee")
    assert [each.by for each in field.release(urgent).approvals] == ["lee"]
    with pytest.raises(Conflict, match="is baking at one-box; it no longer waits"):
        field.executor.carry_out(Approve(urgent, "one-box", Word.REJECTED, "late"), "kim")


def test_an_approval_lets_one_release_through_a_manual_transition(field: Field) -> None:
    field.executor.switch_transition("shop", "one-box", "manual", "watch it", "tester")
    release = field.submit("a")
    told = "the transition into one-box is manual: watch it; a person approves it or switches it"
    assert held(field, release) == [("manual-transition", told)]
    approve(field, release, "lee")
    assert field.state(release, "one-box") == "baking"
    assert field.stage("one-box").transition == "manual"


def test_an_unknown_step_is_refused_with_the_nearest(field: Field) -> None:
    field.executor.register_pipeline(ASKING, "pipeline.yaml", ".", "tester")
    release = field.submit("a")
    with pytest.raises(Conflict) as refused:
        field.executor.carry_out(Tick(release, "one-box", "tell suport"), "kim")
    assert str(refused.value) == (
        "the checklist of one-box has no step 'tell suport'; did you mean 'tell support'?"
    )


REVIEWED = "  code-reviewed: {enforcement: block, on_unknown: {gate: block}}\n"
WHY = "The reviewers are on the same train as I am."


def blocked(field: Field, more: str = "") -> str:
    """A release whose reviews nobody knows, which keeps it out of the one-box."""
    rules = ORGANIZATION["rules.yaml"] + REVIEWED + more
    field.executor.register_organization(ORGANIZATION | {"rules.yaml": rules}, "tester")
    release = field.submit("b")
    assert field.state(release, "one-box") == "waiting"
    return release


@pytest.mark.both_databases
def test_an_override_lets_one_release_pass_one_rule_at_one_stage(field: Field) -> None:
    release = blocked(field)
    assert field.release(release).least_reason == 20
    given = Override(release, "one-box", "code-reviewed", WHY, 4, incident="INC-31")
    assert field.executor.carry_out(given, "lee") == "ov-1"
    field.settle()
    assert field.state(release, "one-box") == "baking"
    (kept,) = field.release(release).overrides
    assert (kept.rule, kept.by, kept.until - kept.at, kept.incident) == (
        "code-reviewed",
        "lee",
        timedelta(hours=4),
        "INC-31",
    )
    event = next(each for each in field.release(release).events if each.kind == "override.given")
    assert (event.actor, event.data["reason"], event.data["incident"]) == ("lee", WHY, "INC-31")
    with field.executor.ground.turn("shop", "tester") as turn:
        record = facts.record(turn, turn.release(release))
    assert [each.incident for each in record.overrides] == ["INC-31"]


def test_an_override_ends(field: Field) -> None:
    release = blocked(field)
    field.executor.switch_transition("shop", "one-box", "manual", "watch it", "tester")
    given = Override(release, "one-box", "code-reviewed", WHY, 1)
    field.executor.carry_out(given, "lee")
    field.clock.move(timedelta(hours=1))
    approve(field, release, "lee")
    assert field.state(release, "one-box") == "waiting"


def test_an_override_that_fits_to_nothing(field: Field) -> None:
    release = blocked(field)
    other = digest_of("a" * 40)
    good = Override(release, "one-box", "code-reviewed", WHY, 4)
    told = {
        replace(good, hours=25): "an override lasts 1 to 24 hours, not 25",
        replace(good, reason=" "): "say why you override it",
        replace(good, reason=" it is urgent "): (
            "the reason has 12 characters; write at least 20: what breaks if it waits?"
        ),
        replace(good, hours=5): (
            "an override lasts 4h at most here, not 5 h; it can be given again when it has ended"
        ),
        replace(good, rule="build-once"): "nothing overrides build-once here",
        replace(good, rule="unit-test"): "there is no rule 'unit-test'; did you mean 'unit-tests'?",
        replace(good, digest=other): (
            f"{release} is {digest_of('b' * 40)}, not {other}; an override holds for one artifact"
        ),
    }
    for wrong, sentence in told.items():
        with pytest.raises(Conflict) as refused:
            field.executor.carry_out(wrong, "lee")
        assert str(refused.value) == sentence


def test_where_two_persons_must_agree_the_second_confirms(field: Field) -> None:
    release = blocked(field, "exceptions: {second_person: [override]}\n")
    given = Override(release, "one-box", "code-reviewed", WHY, 4)
    assert field.executor.carry_out(given, "lee") == "ov-1"
    assert field.state(release, "one-box") == "waiting"
    assert field.executor.carry_out(given, "kim") == "ov-1"
    field.settle()
    assert field.state(release, "one-box") == "baking"


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("scope", "stage"),
    [
        (Pause("the database moves", "shop", "one-box"), "one-box"),
        (Pause("the database moves", organization="corner"), "build"),
    ],
)
def test_a_pause_lets_nothing_enter_until_it_ends(field: Field, scope: Pause, stage: str) -> None:
    first = field.submit("a")
    assert field.state(first, "one-box") == "baking"
    pause = field.executor.carry_out(scope, "lee")
    second = field.submit("b")
    assert field.state(second, stage) == "waiting"
    # What acts goes on: the first release bakes to its end.
    field.passing(70)
    assert field.state(first, "one-box") == "succeeded"
    assert field.state(second, stage) == "waiting"
    field.executor.carry_out(Resume(pause), "lee")
    field.settle()
    assert field.state(second, stage) in {"baking", "succeeded"}
    with pytest.raises(Conflict, match="pa-1 has ended already"):
        field.executor.carry_out(Resume(pause), "lee")
    with field.engines.reading() as session:
        told = next(e for e in events(session, "shop", 0, 1000) if e.kind == "stage.paused")
    assert (told.actor, told.stage, told.data["organization"], told.data["reason"]) == (
        "lee",
        scope.stage or None,
        scope.organization,
        "the database moves",
    )


def test_a_pause_ends_by_itself_and_is_said_by_the_gate(field: Field) -> None:
    until = field.clock.now() + timedelta(minutes=3)
    field.executor.carry_out(Pause("moving", "shop", "one-box", until=until), "lee")
    release = field.submit("a")
    assert held(field, release) == [("paused", "one-box is paused by lee: moving")]
    (shown,) = field.executor.pipeline("shop").pauses
    assert (shown.id, shown.until) == ("pa-1", until)
    with field.engines.reading() as session:
        run = session.get_one(RunRow, 3)
    assert (run.stage, run.due) == ("one-box", until)
    field.clock.move(timedelta(minutes=3))
    field.executor.sweep.once()
    field.settle()
    assert field.state(release, "one-box") == "baking"
    assert field.executor.pipeline("shop").pauses == ()


def test_a_release_keeps_what_its_own_definition_asks(field: Field) -> None:
    release = field.submit("a")
    waiting = field.submit("b")
    field.executor.register_pipeline(ASKING, "pipeline.yaml", ".", "tester")
    assert [name for name, _ in held(field, waiting)] == ["stage-busy"]
    field.passing(70)
    assert field.state(waiting, "one-box") == "baking"
    assert field.state(release, "one-box") == "succeeded"


def test_a_pause_that_fits_to_nothing(field: Field) -> None:
    wrong: dict[Command, str] = {
        Pause("x"): "name either a pipeline or an organization",
        Pause("x", organization="corner", stage="beta"): "together with the name of its pipeline",
        Pause(" ", "shop"): "say why you pause it",
        Pause("x", "shop", "bet"): "there is no stage 'shop/bet'; did you mean 'beta'?",
        Pause("x", organization="corners"): "there is no organization 'corners'",
        Resume("pa-9"): "there is no pause 'pa-9'",
    }
    for command, told in wrong.items():
        with pytest.raises((Conflict, NotFound), match=told):
            field.executor.carry_out(command, "lee")

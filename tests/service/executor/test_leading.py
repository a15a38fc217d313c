"""What leaders look at, read from a real store on SQLite and PostgreSQL."""

from datetime import timedelta

import pytest

from service.errors import NotFound
from service.reports.campaigns import campaign as campaign_of
from service.reports.campaigns import campaigns
from tests.service.executor.conftest import ORGANIZATION, PIPELINE, Field
from tests.service.executor.test_custom_rules import FILES

DEEP = {
    **ORGANIZATION,
    "organization.yaml": ORGANIZATION["organization.yaml"]
    + "children: [{name: food}, {name: toys}]\n",
}


@pytest.mark.both_databases
def test_a_node_has_what_lies_below_it(field: Field) -> None:
    field.executor.register_organization(DEEP, "tester")
    for name, node in (("bread", "corner/food"), ("balls", "corner/toys")):
        text = PIPELINE.replace("name: shop", f"name: {name}").replace(
            "organization: corner", f"organization: {node}"
        )
        field.executor.register_pipeline(text, "pipeline.yaml", ".", "tester")
    seen = field.executor.overview("")
    assert seen.node == "corner"
    assert seen.children == ("corner/food", "corner/toys")
    assert [each.name for each in seen.members] == ["balls", "bread", "shop"]
    food = field.executor.overview("corner/food")
    assert [(each.name, each.team, each.tier) for each in food.members] == [("bread", "orders", 1)]
    with pytest.raises(NotFound):
        field.executor.overview("corner/drinks")
    with pytest.raises(NotFound):
        field.executor.followers("unit-tests", "corner/drinks")


def test_rules_have_their_level_and_results(field: Field) -> None:
    seen = field.executor.overview("corner")
    levels = {each.rule: each.level for each in seen.practices}
    assert (levels["unit-tests"], levels["bake-time"]) == ("block", "block")
    assert "off" not in levels.values()
    (shop,) = seen.members
    said = {each.rule: each for each in shop.judgements}
    assert (said["unit-tests"].result, said["unit-tests"].level) == ("pass", "block")
    (member,) = field.executor.followers("unit-tests", "").members
    assert [(each.rule, each.result) for each in member.judgements] == [("unit-tests", "pass")]
    assert field.executor.followers("artifact-blocklist", "").members == ()


def test_automation_falls_where_a_person_switches_a_transition(field: Field) -> None:
    (before,) = field.executor.overview("").members
    field.executor.switch_transition("shop", "beta", "manual", "look first", "kim")
    (after,) = field.executor.overview("").members
    assert after.automation < before.automation


@pytest.mark.both_databases
def test_releases_of_the_last_weeks_tell_where_time_goes(field: Field) -> None:
    release = field.through("a")
    field.builder.failing.add("b" * 40)
    field.submit("b")
    seen = field.executor.overview("")
    assert seen.ended == {"succeeded": 1, "failed": 1}
    (found,) = seen.passages
    view = field.release(release)
    last = next(run for run in view.runs if run.stage == "cell-1")
    assert last.deployed_at is not None
    assert found.whole == last.deployed_at - view.created_at
    assert sum(found.parts.values(), timedelta()) == found.whole
    assert found.parts["bake"] >= timedelta(seconds=60)
    field.clock.move(timedelta(days=29))
    assert (field.executor.overview("").passages, field.executor.overview("").ended) == ((), {})


def test_what_lint_says_of_an_announced_rule_is_kept_from_when_it_changed(field: Field) -> None:
    steps = "{announced: 2026-11-01, steps: [{from: 2026-12-08, enforcement: block}]}"
    announced = f"  owner-declared: {{enforcement: warn, schedule: {steps}}}\n"
    rules = ORGANIZATION["rules.yaml"] + announced
    field.executor.register_organization(ORGANIZATION | {"rules.yaml": rules}, "tester")
    began = field.clock.now()
    owner = next(line for line in PIPELINE.splitlines(keepends=True) if line.startswith("owner:"))
    for said in (owner, "", "", owner):
        field.clock.move(timedelta(days=1))
        text = PIPELINE.replace(owner, said)
        field.executor.register_pipeline(text, "pipeline.yaml", ".", "tester")
    seen = field.executor.overview("")
    assert [(each.result, each.at - began) for each in seen.changes] == [
        ("pass", timedelta()),
        ("fail", timedelta(days=2)),
        ("pass", timedelta(days=4)),
    ]
    (campaign,) = campaigns(seen)
    assert (campaign.practice.rule, campaign.now.passing) == ("owner-declared", 1)
    # The page of the rule shows the same.
    assert campaign_of(field.executor.followers("owner-declared", "")) == campaign
    assert campaign_of(field.executor.followers("unit-tests", "")) is None


def test_rules_of_the_organization_are_listed(field: Field) -> None:
    assert field.executor.custom_rules() == ()
    field.executor.register_organization(FILES, "tester")
    (rule,) = field.executor.custom_rules()
    assert rule.module is not None
    assert (rule.id, rule.module.owner) == ("no-letter-b", "release-engineering")

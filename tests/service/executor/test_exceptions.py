"""Exemptions and opt-outs through the executor, on SQLite and PostgreSQL alike."""

from datetime import timedelta

import pytest

from policies.exceptions import Subject
from service.errors import Conflict, NotFound
from service.promotions.exceptions import ExceptionView, Filter, Verb, Wanted
from service.store.read import events
from tests.service.executor.conftest import ORGANIZATION, PIPELINE, Field

DAY = timedelta(days=1)

LED = """\
schema: bakegate/organization/v1
name: corner
ruleset: rules.yaml
exceptions: exceptions.yaml
leaders: [ada]
"""
LIMITS = "exceptions: {longest: 60d, review: 180d, most: 1, second_person: [exemption]}\n"
UNDER_REVIEW = """\
schema: bakegate/exceptions/v1
opt_outs:
  - {id: oo-9, pipeline: shop, rule: unit-tests, reason: the library tests itself,
     approved_by: ada, review_by: 2027-03-01}
"""


def led(field: Field, limits: str = "", *, owner: str = "ada") -> None:
    """The same organization with leaders, limits and a file of exceptions."""
    files = {
        "organization.yaml": LED.replace("ada", owner),
        "rules.yaml": ORGANIZATION["rules.yaml"] + limits,
        "exceptions.yaml": "schema: bakegate/exceptions/v1\n",
    }
    field.executor.register_organization(files, "tester")


def wanted(field: Field, rule: str = "bake-time", days: int = 30, finding: str = "") -> Wanted:
    until = field.clock.now() + days * DAY
    return Wanted(Subject.EXEMPTION, "shop", rule, "moving", until, finding=finding)


def shown(field: Field, name: str) -> ExceptionView:
    return field.executor.exception(name)


@pytest.mark.both_databases
def test_an_exemption_counts_from_its_approval_to_its_end(field: Field) -> None:
    led(field)
    name = field.executor.request_exception(wanted(field), "kim")
    asked = shown(field, name)
    assert (asked.state, asked.approvers, asked.source) == ("requested", ("ada",), "service")
    field.executor.decide_exception(name, Verb.APPROVE, "", "ada")
    assert (shown(field, name).state, shown(field, name).approved_by) == ("approved", "ada")
    assert field.executor.exception(name).approvers == ("ada",)
    field.clock.move(30 * DAY)
    assert shown(field, name).state == "ended"
    with field.engines.reading() as session:
        told = [
            (each.actor, each.data["state"])
            for each in events(session, "shop", 0, 1000)
            if each.kind == "exemption.changed"
        ]
    assert told == [("kim", "requested"), ("ada", "approved")]


def test_a_gate_waives_what_is_exempted_and_holds_again_when_it_is_revoked(field: Field) -> None:
    name = field.executor.request_exception(wanted(field, "min-data-points"), "kim")
    field.executor.decide_exception(name, Verb.APPROVE, "", "ada")
    release = field.submit("a")

    def result() -> str:
        message = field.executor.gate(
            "shop", release, "cell-1", dry_run=True, at=None, record=None, actor="me"
        )
        return {each["rule"]: str(each["result"]) for each in message["results"]}["min-data-points"]

    assert result() == "waived"
    field.executor.decide_exception(name, Verb.REVOKE, "no longer", "kim")
    assert result() == "unknown"


def test_only_who_leads_above_decides_and_nobody_alone_where_two_are_asked_for(
    field: Field,
) -> None:
    led(field, LIMITS)
    name = field.executor.request_exception(wanted(field), "ada")
    with pytest.raises(Conflict, match="kim does not approve for corner; ada may"):
        field.executor.decide_exception(name, Verb.APPROVE, "", "kim")
    with pytest.raises(Conflict, match="ada asked for ex-1; a second person decides"):
        field.executor.decide_exception(name, Verb.APPROVE, "", "ada")
    with pytest.raises(Conflict, match="say why you deny it"):
        field.executor.decide_exception(name, Verb.DENY, " ", "ada")
    field.executor.decide_exception(name, Verb.DENY, "bake at night", "ada")
    with pytest.raises(Conflict, match="ex-1 is denied already"):
        field.executor.decide_exception(name, Verb.APPROVE, "", "ada")
    with pytest.raises(Conflict, match="nothing to revoke"):
        field.executor.decide_exception(name, Verb.REVOKE, "away", "ada")


def test_limits_refuse_what_is_asked_for(field: Field) -> None:
    led(field, LIMITS)
    asked = field.executor.request_exception
    with pytest.raises(Conflict, match="it lasts 61d, longer than the 60d that are allowed"):
        asked(wanted(field, days=61), "kim")
    with pytest.raises(Conflict, match="it would end before it begins"):
        asked(wanted(field, days=0), "kim")
    with pytest.raises(Conflict, match="there is no rule 'bake-tim'; did you mean 'bake-time'"):
        asked(wanted(field, "bake-tim"), "kim")
    with pytest.raises(Conflict, match="no exception reaches exemption-valid"):
        asked(wanted(field, "exemption-valid"), "kim")
    with pytest.raises(NotFound):
        asked(Wanted(Subject.EXEMPTION, "shoes", "bake-time", "x", field.clock.now() + DAY), "kim")
    first = asked(wanted(field), "kim")
    with pytest.raises(Conflict, match="ex-1 from bake-time is requested already"):
        asked(wanted(field), "lee")
    field.executor.decide_exception(first, Verb.APPROVE, "", "ada")
    with pytest.raises(Conflict, match="1 exceptions of shop count already, 1 are allowed"):
        asked(wanted(field, "canary-first"), "kim")


@pytest.mark.both_databases
def test_files_and_store_are_listed_as_one(field: Field) -> None:
    led(field)
    files = {
        "organization.yaml": LED,
        "rules.yaml": ORGANIZATION["rules.yaml"],
        "exceptions.yaml": UNDER_REVIEW,
    }
    field.executor.register_organization(files, "tester")
    field.executor.request_exception(wanted(field), "kim")
    found = field.executor.exceptions(Filter(pipeline="shop"))
    assert [(each.id, each.state, each.source) for each in found] == [
        ("oo-9", "approved", "exceptions.yaml:3"),
        ("ex-1", "requested", "service"),
    ]
    assert [each.id for each in field.executor.exceptions(Filter(state="requested"))] == ["ex-1"]
    assert field.executor.exceptions(Filter(node="corner/else")) == ()
    with pytest.raises(NotFound):
        field.executor.decide_exception("oo-9", Verb.REVOKE, "away", "ada")


def test_a_report_counts_what_is_waived_until_the_end_and_says_what_is_not_needed(
    field: Field,
) -> None:
    field.executor.register_pipeline(
        PIPELINE.replace("tier: 1\n", ""), "pipeline.yaml", ".", "tester"
    )
    needed = field.executor.request_exception(wanted(field, "owner-declared"), "kim")
    needless = field.executor.request_exception(wanted(field, "unit-tests"), "kim")
    for name in (needed, needless):
        field.executor.decide_exception(name, Verb.APPROVE, "", "ada")

    def result(rule: str) -> str:
        rows = {row["rule"]: row for row in field.executor.compliance(None)}
        return str(rows[rule]["pipelines"]["shop"])

    assert result("owner-declared") == "waived"
    findings = {each.rule: each for each in field.executor.pipeline("shop").findings}
    assert findings["owner-declared"].message == f"exemption {needed}: moving"
    assert [shown(field, name).needless for name in (needed, needless)] == [False, True]
    field.clock.move(30 * DAY)
    assert result("owner-declared") == "fail"


def test_one_finding_may_be_exempted_by_its_fingerprint(field: Field) -> None:
    with pytest.raises(Conflict, match="an opt-out is of a whole rule"):
        field.executor.request_exception(
            Wanted(Subject.OPT_OUT, "shop", "bake-time", "x", field.clock.now() + DAY, None, "f1"),
            "kim",
        )
    name = field.executor.request_exception(wanted(field, "bake-time", finding="f1"), "kim")
    field.executor.decide_exception(name, Verb.APPROVE, "", "ada")
    assert shown(field, name).needless

"""Pages as they arrive: what stands on them, and what an error looks like."""

import logging
import re
from dataclasses import replace

import pytest

from policies.ruleset.custom import read_custom
from service.app import create_app
from tests.service.executor.test_custom_rules import FILES
from tests.twins.backend import MemoryBackend
from tests.twins.client import Client
from tests.twins.examples import RELEASE, quiet
from tests.twins.overviews import OVERVIEW
from tests.twins.sights import bake, condition, decision, ended, stage, waits


def words(html: str) -> str:
    """What a reader reads, with single spaces."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_pipelines_stand_under_their_node_with_what_needs_a_person_first(client: Client) -> None:
    page = words(client.get("/").text)
    order = ["retail / commerce / orders", "payments-api", "mailer", "no organization", "new-app"]
    places = [page.index(each) for each in order]
    assert places == sorted(places)
    assert "1 pipeline needs a person." in page


def test_an_empty_list_says_what_to_do() -> None:
    page = Client(create_app(MemoryBackend(()), lambda: "ada")).get("/").text
    assert "No pipeline yet." in page
    assert "bakegate demo --keep" in page


def test_a_pipeline_says_its_answer_first(client: Client) -> None:
    page = words(client.get("/pipelines/payments-api").text)
    assert page.index("Release 1846 waits for a person before wave-3.") < page.index("Stages")
    assert "1,904 of 3,000" in page
    assert "1848 waits until 2026-11-25 09:00: closed by nights of organization retail" in page


def test_findings_that_pass_are_folded(client: Client) -> None:
    page = client.get("/pipelines/payments-api").text
    assert "2 rules pass or do not apply" in page
    assert '<a href="/rules/rollback-on-alarm">rollback-on-alarm</a>' in page


def test_a_release_shows_its_decision_with_what_would_make_it_pass(client: Client) -> None:
    page = words(client.get("/releases/payments-api:1846").text)
    assert "Decision: may 1846 enter wave-3?" in page
    assert "What would make it pass" in page
    assert "wait until 11:16 UTC" in page
    assert "stage.wave-2.deployed_at" in page
    assert [page.count(name) > 0 for name in ("d-58100", "d-58102", "d-58213")] == [True] * 3


def test_what_holds_a_release_stands_before_what_only_warns(backend: MemoryBackend) -> None:
    asks = RELEASE.runs[-1]
    assert asks.decision is not None
    message = asks.decision.message
    turned = replace(asks.decision, message={**message, "results": message["results"][::-1]})
    runs = (*RELEASE.runs[:-1], replace(asks, decision=turned))
    backend.known[RELEASE.id] = replace(RELEASE, runs=runs)
    html = Client(create_app(backend, lambda: "ada")).get(f"/releases/{RELEASE.id}").text
    table = html[html.index('class="t fold results"') :]
    assert table.index('"/rules/bake-time"') < table.index('"/rules/rollback-on-alarm"')


def test_a_stage_whose_bake_is_over_does_not_say_until(backend: MemoryBackend) -> None:
    over = replace(ended(3, "one-box", "succeeded", bake=bake()), state="baking")
    backend.show(replace(quiet(), stages=(stage("one-box", "prod", last=over),)))
    told = words(Client(create_app(backend, lambda: "ada")).get("/pipelines/mailer").text)
    assert "succeeded 10:08" in told
    assert "succeeded until" not in told


def test_a_release_that_wants_approvals_is_one_click_away(backend: MemoryBackend) -> None:
    wanted = condition("approval", "hold", "0 of 1 approvals of this artifact were given")
    held = waits(3, "cell-1", decision("d-9", "cell-1", "hold", wanted), pipeline="mailer")
    backend.show(replace(quiet(), stages=(stage("cell-1", "prod", waiting=held),)))
    html = Client(create_app(backend, lambda: "ada")).get("/pipelines/mailer").text
    assert 'class="btn main" href="/releases/mailer:3#people">Review 3 before cell-1' in html


def test_a_rule_has_a_page_made_of_its_own_words(client: Client) -> None:
    page = words(client.get("/rules/bake-time").text)
    assert "Leave each production stage running for a fixed time before the next." in page
    assert "Why it matters" in page
    assert "first_wave" in page


def test_a_rule_says_who_follows_it_who_fails_first(client: Client) -> None:
    page = words(client.get("/rules/unit-tests?node=retail").text)
    assert "Who follows it 2 of 3 of retail" in page
    names = [page.index(each) for each in ("price-engine pricing", "mailer", "payments-api")]
    assert names == sorted(names)
    assert "It was applied to no pipeline yet." in words(client.get("/rules/canary-first").text)
    gate_only = words(client.get("/rules/artifact-blocklist").text)
    assert "It is asked at gates alone" in gate_only


def test_a_rule_of_the_organization_has_a_page_like_the_others(backend: MemoryBackend) -> None:
    backend.own = (read_custom(FILES["no-letter-b.rego"], "no-letter-b.rego"),)
    client = Client(create_app(backend, lambda: "ada"))
    page = words(client.get("/rules/no-letter-b").text)
    assert "No release of the letter b." in page
    assert "rule of the organization" in page
    assert "release-engineering answers for it. To pass: Take another letter." in page
    assert "asked at the gate" in page
    assert "startswith(input.release.artifact.commit" in page
    assert "No release of the letter b" in words(client.get("/rules").text)


def test_an_organization_shows_who_follows_what_and_where_time_goes(client: Client) -> None:
    html = client.get("/organization/retail").text
    page = words(html)
    told = "66.6% of what must hold does hold. A change reaches all customers in 2h."
    assert told in page
    assert "1 rule starts to block on a day that is set, and 1 result still fails." in page
    assert "rollback-on-alarm blocks from 2026-12-08" in page
    assert 'href="/pipelines/price-engine#h-find" aria-label="unit-tests, price-engine:' in html
    assert 'class="h5"' in html
    assert "payments-api: work 3600 s, bake 50400 s, window 32400 s, people 3600 s" in html
    assert page.index("price-engine team pricing, tier 0 12") < page.index("9 points")
    assert "Releases rolled back 1 of 3" in page


def test_an_organization_shows_its_campaigns_and_gives_its_table_away(client: Client) -> None:
    html = client.get("/organization/retail").text
    told = "rollback-on-alarm: 1 of 2 pipelines pass now; blocks from 2026-12-08"
    assert f'role="img" aria-label="{told}"' in html
    assert "1 pipeline left" in words(html)
    answer = client.get("/organization.csv?node=retail")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == (
        'attachment; filename="practices-retail-2026-11-24.csv"'
    )
    assert '<a class="plain" href="/organization.csv?node=retail" download>' in html
    lines = answer.text.splitlines()
    assert len(lines) == 1 + html.count('<tr><th scope="row"><a class="plain" href="/rules/')
    assert client.get("/organization.csv?node=nowhere").status_code == 404


def test_what_a_step_printed_is_short_where_it_is_told_and_whole_where_it_is_asked_for(
    client: Client, backend: MemoryBackend
) -> None:
    said = "step unit failed: first\n<second>\n" + "last " * 300
    failed = replace(RELEASE.runs[0], outcome="failed", message=said)
    backend.known[RELEASE.id] = replace(RELEASE, outcome="failed", runs=(failed,))
    html = client.get(f"/releases/{RELEASE.id}").text
    short = f"Step unit failed: first ... {('last ' * 300)[:1000]}..."
    assert html.count(short) == 1
    assert f">{said.replace('<second>', '&lt;second&gt;')}</pre>" in html


def test_a_rule_shows_its_campaign_where_it_has_one(client: Client) -> None:
    told = "rollback-on-alarm: 1 of 2 pipelines pass now; blocks from 2026-12-08"
    html = client.get("/rules/rollback-on-alarm?node=retail").text
    assert f'role="img" aria-label="{told}"' in html
    assert "On its way to block in retail warn now, block from 2026-12-08." in words(html)
    assert '<a href="/rules/rollback-on-alarm?node=retail#who">1 pipeline left</a>' in html
    assert "On its way" not in client.get("/rules/unit-tests?node=retail").text


def test_an_organization_without_pipelines_says_what_to_do(backend: MemoryBackend) -> None:
    backend.seen = replace(OVERVIEW, node="", members=(), practices=(), passages=(), ended={})
    page = words(Client(create_app(backend, lambda: "ada")).get("/organization").text)
    assert "No pipeline is judged here yet." in page
    assert "bakegate ruleset publish" in page


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/organization/no/where", "There is no organization 'no/where'."),
        ("/rules/unit-tests?node=nope", "There is no organization 'nope'."),
        ("/pipelines/nope", "There is no pipeline 'nope'."),
        ("/releases/nope:1", "There is no release 'nope:1'."),
        ("/rules/nope", "There is no rule 'nope'."),
        ("/nowhere", "Not Found."),
    ],
)
def test_what_is_not_there_is_a_page(client: Client, path: str, told: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert told.replace("'", "&#39;") in answer.text


@pytest.mark.parametrize("path", ["/pipelines/payments-api", "/v1/pipelines/payments-api"])
def test_a_defect_of_ours_is_an_id_and_no_traceback(
    client: Client, backend: MemoryBackend, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    backend.defect = RuntimeError("secret of the store")
    with caplog.at_level(logging.ERROR, "service.app"):
        answer = client.get(path)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    (told,) = re.findall(r"e-[0-9a-f]{8}", answer.text)
    assert caplog.messages == [f"{told}: GET {path}"]


def test_a_name_with_markup_is_text(client: Client) -> None:
    page = client.get("/pipelines/%3Cscript%3Ealert(1)%3C%2Fscript%3E").text
    assert "<script>alert" not in page


def test_the_theme_is_kept_in_a_cookie(client: Client) -> None:
    assert "data-theme" not in client.get("/").text
    answer = client.post("/theme", data={"theme": "dark", "back": "/rules"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules")
    assert '<html lang="en" data-theme="dark">' in client.get("/").text


@pytest.mark.parametrize("back", ["//attacker.example", "/\\attacker.example", "http://a.example"])
def test_the_way_back_never_leads_to_another_site(client: Client, back: str) -> None:
    answer = client.post("/theme", data={"theme": "dark", "back": back})
    assert answer.headers["location"] == "/"


def test_automatic_without_a_reason_asks_again(client: Client, backend: MemoryBackend) -> None:
    path = "/pipelines/payments-api/stages/wave-3/transition"
    answer = client.post(path, data={"mode": "automatic", "reason": " "})
    assert (answer.status_code, backend.written) == (409, [])
    assert 'aria-invalid="true"' in answer.text
    assert "say why the transition may be automatic again" in answer.text

"""Pages of exceptions and of the blocklist: what stands on them, and their forms."""

from dataclasses import replace

from policies.rule import BlocklistEntry
from service.app import create_app
from service.promotions.exceptions import Filter
from service.promotions.views import PAGE
from tests.service.web.test_pages import words
from tests.twins.backend import MemoryBackend
from tests.twins.client import Client
from tests.twins.overviews import member

ASKED = {
    "kind": "exemption",
    "pipeline": "payments-api",
    "rule": "bake-time",
    "until": "2027-01-31",
    "reason": "the hosts arrive",
}


def test_an_exemption_is_asked_for_and_approved(client: Client, backend: MemoryBackend) -> None:
    assert "Nobody waits for a decision." in words(client.get("/exceptions").text)
    answer = client.post("/exceptions", data=ASKED)
    assert (answer.status_code, answer.headers["location"]) == (303, "/exceptions")
    page = words(client.get("/exceptions").text)
    assert "1 request waits for somebody to decide." in page
    assert "Approve ex-1" in page
    approved = client.post("/exceptions/ex-1/approve", data={"reason": ""})
    assert approved.headers["location"] == "/exceptions#ex-1"
    assert backend.exception("ex-1").approved_by == "ada"
    rule = words(client.get("/rules/bake-time").text)
    assert "payments-api the hosts arrive (until 2027-01-30)" in rule


def test_what_is_refused_is_said_on_the_page(client: Client) -> None:
    wrong = client.post("/exceptions", data=ASKED | {"until": "2027-02-30"})
    assert wrong.status_code == 409
    assert "'2027-02-30' is not a day of the calendar" in wrong.text.replace("&#39;", "'")
    assert 'value="payments-api"' in wrong.text
    client.post("/exceptions", data=ASKED)
    silent = client.post("/exceptions/ex-1/deny", data={"reason": ""})
    assert (silent.status_code, "say why you deny it" in silent.text) == (409, True)


def test_an_entry_is_shown_and_removed(client: Client, backend: MemoryBackend) -> None:
    assert "Nothing is blocked." in words(client.get("/blocklist").text)
    entry = BlocklistEntry("", "leaks cookies", "security", package="pkg:pypi/urllib3")
    backend.add_blocklist(entry, "ada")
    page = words(client.get("/blocklist").text)
    assert "bl-1" in page
    assert "pkg:pypi/urllib3" in page
    assert client.post("/blocklist/bl-1/remove", data={"reason": ""}).status_code == 409
    removed = client.post("/blocklist/bl-1/remove", data={"reason": "mended"})
    assert removed.headers["location"] == "/blocklist#bl-1"
    assert "Nothing is blocked." in words(client.get("/blocklist").text)
    assert client.post("/blocklist/bl-1/confirm").status_code == 409


def test_long_lists_are_shown_a_page_at_a_time(client: Client, backend: MemoryBackend) -> None:
    for number in range(PAGE + 2):
        entry = BlocklistEntry(f"bl-{number:03}", "slow", "security", package=f"pkg:pypi/p{number}")
        backend.add_blocklist(entry, "ada")
    backend.remove_blocklist("bl-000", "mended", "ada")
    first = client.get("/blocklist").text
    assert "more than 100 entries" in words(first)
    assert ('id="bl-100"' in first, 'id="bl-101"' in first, 'id="bl-000"' in first) == (
        True,
        False,
        True,
    )
    address = "/blocklist?listed=service%3Abl-100#h-listed"
    assert f'<a href="{address}">The next ones</a>' in first
    second = client.get(address.partition("#")[0]).text
    assert ('id="bl-100"' in second, 'id="bl-101"' in second, 'id="bl-000"' in second) == (
        False,
        True,
        True,
    )
    assert '<a href="/blocklist#h-listed">The first ones</a>' in second
    assert client.get("/blocklist?listed=nowhere").status_code == 409


def test_who_follows_a_rule_is_shown_a_page_at_a_time(backend: MemoryBackend) -> None:
    names = [f"app-{number:03}" for number in range(PAGE + 1)]
    members = tuple(
        member(name, "orders", 1, {"unit-tests": "fail" if name == "app-100" else "pass"})
        for name in names
    )
    backend.seen = replace(backend.seen, members=members)
    client = Client(create_app(backend, lambda: "ada"))
    first = client.get("/rules/unit-tests?node=retail").text
    # Who fails stands first, and the last of those who pass behind the page.
    assert first.index("app-100") < first.index("app-000")
    assert ("app-098" in first, "app-099" in first) == (True, False)
    assert "100 of 101" in words(first)
    address = "/rules/unit-tests?who=4+app-098&amp;node=retail#h-who"
    assert f'<a href="{address}">The next ones</a>' in first
    second = client.get(address.partition("#")[0].replace("&amp;", "&")).text
    assert ("app-098" in second, "app-099" in second, "100 of 101" in words(second)) == (
        False,
        True,
        True,
    )


def test_what_waits_is_found_on_a_long_list(client: Client, backend: MemoryBackend) -> None:
    for number in range(PAGE + 1):
        client.post("/exceptions", data=ASKED | {"rule": f"rule-{number}"})
    page = client.get("/exceptions").text
    assert "More than 100 requests wait for somebody to decide." in words(page)
    assert "Nobody waits" not in words(client.get("/exceptions?waiting=service%3Aex-100").text)
    assert len(backend.exceptions(Filter(state="requested"))) == PAGE + 1

"""Pages of exceptions and of the blocklist: what stands on them, and their forms."""

from policies.rule import BlocklistEntry
from tests.service.web.test_pages import words
from tests.twins.backend import MemoryBackend
from tests.twins.client import Client

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

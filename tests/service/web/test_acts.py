"""Forms by which people act: what stands on the page, which command a form is, and errors."""

from dataclasses import replace
from datetime import timedelta

from service.promotions.commands import (
    Abort,
    Approve,
    ClearProblem,
    Override,
    Pause,
    ReportProblem,
    Resume,
    Retry,
    RollBack,
    Tick,
    Word,
)
from service.promotions.views import ApprovalView, PauseView, ProblemView, StepView
from tests.twins.backend import MemoryBackend
from tests.twins.client import Client
from tests.twins.examples import PIPELINE, RELEASE
from tests.twins.sights import NOW

NAME = RELEASE.id


def test_a_release_s_page_takes_words_of_people(client: Client, backend: MemoryBackend) -> None:
    said = ApprovalView("ap-1", "wave-3", "approved", "", "lee", NOW, NOW, "superseded")
    steps = (StepView("wave-3", "tell support", "", None), StepView("wave-3", "look", "kim", NOW))
    seen = ProblemView("pr-1", "charged twice", "kim", NOW, None, "", "")
    backend.known[NAME] = replace(RELEASE, approvals=(said,), checklist=steps, problems=(seen,))
    page = client.get(f"/releases/{NAME}").text
    assert "void: superseded" in page
    assert "done by kim" in page
    assert 'aria-label="Tick tell support of wave-3"' in page
    assert "Override bake-time" in page
    assert "kim reported a problem" in page
    assert "Clear the problem" in page
    for act, command in {
        "approve": Approve(NAME, "wave-3", Word.APPROVED, "good"),
        "reject": Approve(NAME, "wave-3", Word.REJECTED, "good"),
        "tick": Tick(NAME, "wave-3", "tell support"),
        "override": Override(NAME, "wave-3", "bake-time", "good", 4, incident="INC-3"),
        "rollback": RollBack(NAME, "good", "wave-3"),
        "abort": Abort(NAME, "good"),
        "retry": Retry(NAME, "wave-3", "good"),
        "report": ReportProblem(NAME, "good"),
        "clear": ClearProblem("pr-1", "good"),
    }.items():
        fields = {
            "act": act,
            "stage": "wave-3",
            "reason": "good",
            "item": "tell support",
            "rule": "bake-time",
            "hours": "4",
            "incident": "INC-3",
            "problem": "pr-1",
        }
        answer = client.post(f"/releases/{NAME}/acts", data=fields)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/releases/{NAME}#people")
        assert backend.written[-1] == (command, "ada")


def test_a_pipeline_s_page_pauses_and_resumes(client: Client, backend: MemoryBackend) -> None:
    paused = PauseView("pa-3", "", PIPELINE.name, "", "the database moves", "lee", NOW, None)
    backend.show(replace(PIPELINE, pauses=(paused,)))
    page = client.get(f"/pipelines/{PIPELINE.name}").text
    assert "5 of 6 transitions automatic." in page
    assert "Resume payments-api" in page
    path = f"/pipelines/{PIPELINE.name}/acts"
    assert client.post(path, data={"act": "resume", "pause": "pa-3"}).status_code == 303
    assert (
        client.post(path, data={"act": "pause", "stage": "beta", "reason": "x"}).status_code == 303
    )
    given = {"act": "pause", "stage": "", "reason": "x", "hours": "2"}
    assert client.post(path, data=given).status_code == 303
    assert [each[0] for each in backend.written] == [
        Resume("pa-3"),
        Pause("x", PIPELINE.name, "beta"),
        Pause("x", PIPELINE.name, "", until=PIPELINE.now + timedelta(hours=2)),
    ]
    assert "A pause lasts whole hours" in client.post(path, data=given | {"hours": "soon"}).text


def test_a_pipeline_s_page_shows_how_far_it_goes_by_itself(client: Client) -> None:
    page = client.get(f"/pipelines/{PIPELINE.name}").text
    assert "Automation level 4" in page
    assert 'aria-current="step"><span class="n">4</span>' in page
    way = f"/pipelines/{PIPELINE.name}/stages/wave-3/transition"
    assert f'<a href="{way}">switch wave-3 to automatic</a>' in page


def test_an_override_that_is_refused_keeps_what_was_typed(
    client: Client, backend: MemoryBackend
) -> None:
    backend.known[NAME] = replace(RELEASE, least_reason=20)
    typed = {"act": "override", "stage": "wave-3", "rule": "bake-time", "reason": "<urgent>"}
    answer = client.post(f"/releases/{NAME}/acts", data=typed | {"hours": "3", "incident": "INC-3"})
    assert answer.status_code == 409
    assert "the reason has 8 characters; write at least 20: what breaks if it waits?" in answer.text
    assert "&lt;urgent&gt;</textarea>" in answer.text
    assert answer.text.count("autofocus") == 1
    assert 'value="INC-3"' in answer.text
    assert 'value="3" required' in answer.text
    assert backend.written == []


def test_a_form_that_says_nothing_is_refused(client: Client, backend: MemoryBackend) -> None:
    for path in (f"/releases/{NAME}/acts", f"/pipelines/{PIPELINE.name}/acts"):
        answer = client.post(path, data={"act": "explode"})
        assert answer.status_code == 409
        assert "obody knows how to explode" in answer.text
    given = {"act": "override", "stage": "wave-3", "reason": "good", "hours": "many"}
    for rule in ("bake-time", "no-such-rule"):
        answer = client.post(f"/releases/{NAME}/acts", data=given | {"rule": rule})
        assert answer.text.count("an override lasts whole hours, not &#39;many&#39;") == 1
    assert backend.written == []

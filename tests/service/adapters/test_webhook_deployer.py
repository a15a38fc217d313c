"""Deployments by a web service: a real one, which loses answers, is late, repeats and refuses."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from policies.formats import read_pipelines
from policies.pipeline import Deploy
from policies.remote import Remote
from service.adapters.webhook_deployer import WebhookDeployer, signature
from service.promotions.ports import DeployOrder, DeployProgress, Fenced, Host
from tests.service.adapters.conftest import deploy, fact
from tests.twins.far_side import KEY, Far, serving


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    monkeypatch.setenv("DEPLOY_KEY", KEY)
    side = Far()
    with serving(side):
        yield side


@pytest.fixture
def hooked(tmp_path: Path) -> WebhookDeployer:
    return WebhookDeployer(tmp_path / "hooked")


def order(far: Far, key: str = "k1", *, epoch: int = 1, seconds: float = 20) -> DeployOrder:
    how = replace(
        deploy(hosts=2),
        remote=Remote(fact(far.url), fact("DEPLOY_KEY")),
        deadline=fact(timedelta(seconds=seconds)),
    )
    digest = f"sha256:{'1' * 64}"
    names = ("DEPLOY_KEY",)
    return DeployOrder(key, epoch, "r1", "shop", "prod", "eu-1", digest, how, False, names)  # noqa: FBT003 - as the port has it


def test_it_starts_and_asks_until_it_is_done(far: Far, hooked: WebhookDeployer) -> None:
    one = order(far)
    assert hooked.advance(one) == DeployProgress("succeeded", 2, 2, 1)
    assert far.asked == ["start", "progress"]
    assert hooked.hosts("shop", "prod", "eu-1") == (Host("eu-1", "http://shop.test", one.digest),)
    assert hooked.hosts("shop", "prod", "us-1") == ()
    assert hooked.advance(replace(one, epoch=2)).state == "succeeded"
    assert far.asked == ["start", "progress"]


def test_a_call_ends_while_the_deployment_runs(far: Far, tmp_path: Path) -> None:
    hooked = WebhookDeployer(tmp_path / "hooked", patience=0)
    assert hooked.advance(order(far)) == DeployProgress("running", 1, 2, 1)
    # Another attempt, as after a crash, starts under the same key.
    assert hooked.advance(order(far, epoch=2)).state == "succeeded"
    assert (far.started, far.highest) == (["k1"], {"eu-1": 2})


def test_repeated_orders_and_lost_answers_start_once(far: Far, hooked: WebhookDeployer) -> None:
    far.repeats, far.lost, far.rounds = 2, 1, 3
    assert hooked.advance(order(far)).state == "succeeded"
    assert far.started == ["k1"]
    assert far.asked == ["start"] * 4


def test_what_it_refuses_fails_and_is_kept(far: Far, hooked: WebhookDeployer) -> None:
    far.instead = lambda _: (422, "no such target")
    failed = hooked.advance(order(far))
    told = f"{far.url} answered 422: no such target"
    assert failed == DeployProgress("failed", 0, 2, 0, told, "failure")
    assert hooked.advance(order(far, epoch=2)) == failed
    assert far.asked == ["start"]


def test_a_failure_is_told_in_its_words(far: Far, hooked: WebhookDeployer) -> None:
    said = {"state": "failed", "replaced": 1, "hosts": 2, "message": "host b is ill"}
    far.instead = lambda _: (200, said)
    assert hooked.advance(order(far)) == DeployProgress(
        "failed", 1, 2, 0, "host b is ill", "failure"
    )


def test_what_is_no_answer_fails(far: Far, hooked: WebhookDeployer) -> None:
    far.instead = lambda _: (200, {"state": "fine"})
    told = hooked.advance(order(far)).message
    assert told == (
        f"{far.url} answered 200, and state is wrong: "
        "Input should be 'running', 'succeeded' or 'failed'"
    )
    far.instead = lambda _: (200, "x" * 70_000)
    told = hooked.advance(order(far, "k2")).message
    assert told == f"{far.url} answered with more than 65536 bytes"


def test_an_outage_is_no_failure(far: Far, hooked: WebhookDeployer) -> None:
    far.instead = lambda _: (503, "") if len(far.asked) < 3 else None
    assert hooked.advance(order(far)).state == "succeeded"
    assert far.asked == ["start", "start", "start", "progress"]


def test_the_deadline_aborts(far: Far, hooked: WebhookDeployer) -> None:
    far.rounds = 100
    late = hooked.advance(order(far, seconds=1))
    assert (late.state, late.cause, far.aborted) == ("failed", "deadline", ["k1"])
    assert late.message == "eu-1 was not done within 1s; it was told to abort"


def test_the_deadline_ends_waiting_for_nobody(far: Far, hooked: WebhookDeployer) -> None:
    far.instead = lambda _: (503, "")
    late = hooked.advance(order(far, seconds=1))
    said = f"{far.url} answered 503"
    assert (late.state, late.cause) == ("failed", "deadline")
    assert late.message == (
        f"eu-1 was not done within 1s; {said}; the abort did not arrive: {said}"
    )


def test_an_older_attempt_is_fenced_on_both_sides(far: Far, hooked: WebhookDeployer) -> None:
    hooked.advance(order(far, epoch=5))
    with pytest.raises(Fenced, match="k0 has epoch 4; target eu-1 of stage prod has seen 5"):
        hooked.advance(order(far, "k0", epoch=4))
    elsewhere = WebhookDeployer(hooked.folder / "of-another-machine")
    with pytest.raises(Fenced, match="answered 409"):
        elsewhere.advance(order(far, "k0", epoch=4))
    assert far.started == ["k1"]


def test_without_the_key_nothing_is_sent(
    far: Far, hooked: WebhookDeployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "no key to sign with: the variable DEPLOY_KEY is empty or not among the pipeline's"
    assert hooked.advance(replace(order(far), environment=())).message == f"{told} environment"
    monkeypatch.setenv("DEPLOY_KEY", "")
    assert hooked.advance(order(far, "k2")).message == f"{told} environment"
    monkeypatch.setenv("DEPLOY_KEY", "another key")
    assert hooked.advance(order(far, "k3")).message.endswith("401: the signature is wrong")
    assert far.asked == []


def test_the_signature_is_the_one_of_the_documentation() -> None:
    # Made with: printf '1764064800.{}' | openssl dgst -sha256 -hmac key
    signed = "t=1764064800,v1=36c5c1e1e41f576c8c8db4e6fec61f46707fc132d52f51455bab71a6fbc766c9"
    assert signature(b"key", 1764064800, b"{}") == signed
    page = Path(__file__).parents[3] / "docs" / "deployers.md"
    assert signed in page.read_text(encoding="utf-8")


PIPELINE = """\
schema: bakegate/pipeline/v1
name: shop
organization: corner
environment: [DEPLOY_KEY]
build: {steps: [{name: unit, kind: unit, run: ./unit}], artifact: dist/app.tar.gz}
deployers:
  site: {type: webhook, hosts: 2, url: "https://deploy.example/v1", secret: DEPLOY_KEY}
stages: [{name: prod, kind: prod, wave: 1, deploy: site}]
"""


def remote_of(text: str) -> Deploy:
    (pipeline,) = read_pipelines(text.encode(), "pipeline.yaml").pipelines
    stage = pipeline.stage("prod")
    assert stage is not None
    assert stage.deploy is not None
    return stage.deploy


def problems(text: str) -> list[str]:
    read = read_pipelines(text.encode(), "pipeline.yaml")
    return [f"{each.span.line}: {each.message}" for each in read.problems]


def test_the_pipeline_names_address_and_key() -> None:
    remote = remote_of(PIPELINE).remote
    assert remote is not None
    assert (remote.url.value, remote.secret.value) == ("https://deploy.example/v1", "DEPLOY_KEY")


def test_what_is_missing_or_too_much_is_told_at_its_place() -> None:
    lacking = PIPELINE.replace(", secret: DEPLOY_KEY", "")
    assert problems(lacking) == ["7: a webhook needs secret; write it beside type"]
    assert problems(PIPELINE.replace("[DEPLOY_KEY]", "[OTHER]")) == [
        "7: DEPLOY_KEY is not among the variables of environment; add it there"
    ]
    assert problems(PIPELINE.replace("webhook", "local")) == [
        "7: url is for the type webhook; remove it",
        "7: secret is for the type webhook; remove it",
    ]


def test_an_abort_is_signed_and_repeated_until_it_is_answered(
    far: Far, hooked: WebhookDeployer
) -> None:
    far.rounds = 1_000_000
    hasty = WebhookDeployer(hooked.folder, patience=0.1)
    assert hasty.advance(order(far)).state == "running"
    far.lost = 1
    aborted = DeployProgress("failed", 1, 2, 1, "it was told to abort: stopped", "abort")
    assert WebhookDeployer(hooked.folder, patience=5).abort(order(far, epoch=2)) == aborted
    assert far.aborted == ["k1", "k1"]
    assert hooked.abort(order(far, epoch=3)) == aborted
    assert far.aborted == ["k1", "k1"]
    # A start that was delayed on its way comes late, by whichever way.
    with pytest.raises(Fenced, match="k1 has epoch 2"):
        hooked.advance(order(far, epoch=2))
    elsewhere = WebhookDeployer(hooked.folder / "elsewhere")
    with pytest.raises(Fenced, match="answered 409: a newer attempt than epoch 1 has eu-1"):
        elsewhere.advance(order(far, epoch=1))
    assert far.started == ["k1"]


def test_an_abort_that_nobody_takes_is_tried_until_the_deadline(
    far: Far, hooked: WebhookDeployer
) -> None:
    far.instead = lambda said: (503, "busy") if said["action"] == "abort" else None
    far.rounds = 1_000_000
    hasty = WebhookDeployer(hooked.folder, patience=0.1)
    hasty.advance(order(far, seconds=2))
    told = hasty.abort(order(far, epoch=2, seconds=2))
    assert (told.state, told.message) == ("running", f"{far.url} answered 503")
    while told.state == "running":
        told = hasty.abort(order(far, epoch=2, seconds=2))
    assert told.message == f"the abort did not arrive: {far.url} answered 503"
    assert (told.state, told.cause) == ("failed", "abort")


def test_what_had_succeeded_before_the_abort_came_has_succeeded(
    far: Far, hooked: WebhookDeployer
) -> None:
    far.rounds, far.lost = 0, 1
    assert WebhookDeployer(hooked.folder, patience=0).advance(order(far)).state == "running"
    assert hooked.abort(order(far, epoch=2)) == DeployProgress("succeeded", 2, 2, 1)


def test_an_abort_that_is_refused(far: Far, hooked: WebhookDeployer) -> None:
    far.instead = lambda _: (400, "no abort here")
    told = hooked.abort(order(far))
    assert told.message == f"the abort was refused: {far.url} answered 400: no abort here"
    assert (told.state, told.cause) == ("failed", "abort")

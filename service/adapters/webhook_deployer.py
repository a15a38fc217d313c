"""A deployer that hands each deployment to a web service, and asks it how it goes.

It posts ``bakegate.deployment/v1`` to the pipeline's ``url``, with an ``action``: ``start``, then
``progress`` until the answer is no longer ``running``, and ``abort`` at the deadline or when it is
ended otherwise. Three headers
go with it. ``Idempotency-Key`` stays the same for one deployment, however often it is started.
``Bakegate-Epoch`` grows with every attempt: the service refuses a lower one than it has seen for a
target, with 409. ``Bakegate-Signature`` is ``t=SECONDS,v1=HEX``: HMAC-SHA-256 of the seconds since
1970, a dot and the body, so that an old order cannot be sent again.
"""

import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from policies.durations import format_duration
from service.adapters.host_change import DeploymentError, Unreached, since_boot
from service.adapters.host_fence import Fence, kept_answer
from service.adapters.host_files import TargetRecord, read_target, target_folder
from service.promotions.ports import DEPLOY_WITHIN, DeployOrder, DeployProgress, Fenced, Host

#: Seconds to connect, and between two pieces of an answer.
_TIMEOUT: Final = 10.0
#: Seconds that one call watches before it says that the deployment still runs.
_PATIENCE: Final = 5.0
_POLL: Final = 0.5
#: Bytes of an answer.
_LONGEST: Final = 65_536
#: What a service answers that may take the same order later.
_LATER: Final = frozenset({408, 425, 429})


class Answer(BaseModel):
    """What the other side says. Numbers are of hosts; ``url`` is where the target answers."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: Literal["running", "succeeded", "failed"]
    replaced: int = Field(default=0, ge=0)
    hosts: int = Field(default=1, ge=1)
    in_service: int = Field(default=0, ge=0)
    message: str = Field(default="", max_length=4_000)
    url: str = Field(default="", max_length=2_000)


class WebhookDeployer:
    """Implements ``service.promotions.ports.Deployer``; ``folder`` keeps what was answered."""

    def __init__(self, folder: Path, patience: float = _PATIENCE) -> None:
        self.folder = folder.resolve()
        self._patience = patience

    def advance(self, order: DeployOrder) -> DeployProgress:
        return self._carry_out(order, self._watch)

    def abort(self, order: DeployOrder) -> DeployProgress:
        return self._carry_out(order, self._abort)

    def _carry_out(
        self, order: DeployOrder, act: Callable[[DeployOrder, Fence, float], DeployProgress]
    ) -> DeployProgress:
        """Let ``act`` work on an order that has no answer yet, and keep its last word."""
        folder = target_folder(self.folder, order.pipeline, order.stage, order.target)
        place = f"target {order.target} of stage {order.stage}"
        fence = Fence(folder, order.epoch, order.key, place)
        kept = kept_answer(fence)
        if kept is not None:
            return kept
        known = read_target(folder)
        again = known is not None and known.key == order.key
        begun = known.begun if known is not None and again else since_boot()
        record = TargetRecord(order.epoch, order.key, order.digest, "running", "", begun)
        fence.put_target(record)
        progress = act(order, fence, begun)
        if progress.state != "running":
            fence.put_target(replace(record, state=progress.state, message=progress.message))
            fence.put_result(order.key, asdict(progress))
        return progress

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        """The target itself, where the answer to its last deployment said that it answers."""
        served = target_folder(self.folder, pipeline, stage, target) / "served.json"
        if not served.exists():
            return ()
        said = json.loads(served.read_text(encoding="utf-8"))
        return (Host(target, said["url"], said["digest"]),) if said["url"] else ()

    def _watch(self, order: DeployOrder, fence: Fence, begun: float) -> DeployProgress:
        """Start and ask until it is over, or for as long as the patience of one call lasts."""
        within = _within(order)
        until = begun + within.total_seconds()
        rest = since_boot() + self._patience
        told = DeployProgress("running", 0, order.deploy.hosts.or_else(None) or 1, 0)
        # Each call begins with a start: whoever was killed does not know whether the last came in.
        action = "start"
        try:
            side = _Side.of(order)
            while since_boot() < until:
                fence.check()
                try:
                    answer = side.ask(order, action, until - since_boot())
                except Unreached as error:
                    told = replace(told, message=str(error))
                else:
                    action, told = "progress", _progress(answer)
                    if answer.state == "succeeded":
                        said = {"url": answer.url, "digest": order.digest}
                        fence.put(fence.folder / "served.json", said)
                    if answer.state != "running":
                        return told
                if since_boot() >= rest:
                    return told
                time.sleep(max(0.0, min(_POLL, until - since_boot())))
            ended = _aborted(side, order)
        except DeploymentError as error:
            return replace(told, state="failed", message=str(error), cause="failure")
        last = f"; {told.message}" if told.message else ""
        message = f"{order.target} was not done within {format_duration(within)}{last}; {ended}"
        return replace(told, state="failed", message=message, cause="deadline")

    def _abort(self, order: DeployOrder, fence: Fence, begun: float) -> DeployProgress:
        """Tell the other side to stop until it answers; nobody is told after the deadline."""
        until = max(begun + _within(order).total_seconds(), since_boot() + self._patience)
        rest = since_boot() + self._patience
        told = DeployProgress("running", 0, order.deploy.hosts.or_else(None) or 1, 0)
        try:
            side = _Side.of(order)
            while since_boot() < min(rest, until):
                fence.check()
                try:
                    return _ended_by_abort(_progress(side.ask(order, "abort", _TIMEOUT)))
                except Unreached as error:
                    told = replace(told, message=str(error))
                time.sleep(max(0.0, min(_POLL, rest - since_boot())))
        except DeploymentError as error:
            refused = f"the abort was refused: {error}"
            return replace(told, state="failed", message=refused, cause="abort")
        if since_boot() < until:
            return told
        lost = f"the abort did not arrive: {told.message}"
        return replace(told, state="failed", message=lost, cause="abort")


@dataclass(frozen=True, slots=True)
class _Side:
    """The other side of one order."""

    url: str
    secret: bytes

    @classmethod
    def of(cls, order: DeployOrder) -> "_Side":
        """Raise DeploymentError where this process does not hold the key."""
        remote = order.deploy.remote
        url = (remote.url.or_else(None) if remote else None) or ""
        name = (remote.secret.or_else(None) if remote else None) or ""
        secret = os.environ.get(name, "") if name in order.environment else ""
        if not secret:
            told = f"the variable {name} is empty or not among the pipeline's environment"
            raise DeploymentError(f"no key to sign with: {told}")
        return cls(url, secret.encode())

    def ask(self, order: DeployOrder, action: str, seconds: float) -> Answer:
        """Send one signed order; raises Fenced, Unreached, or DeploymentError where refused."""
        body = json.dumps(_message(order, action)).encode()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": order.key,
            "Bakegate-Epoch": str(order.epoch),
            "Bakegate-Signature": signature(self.secret, int(time.time()), body),
        }
        timeout = max(0.1, min(_TIMEOUT, seconds))
        try:
            # Redirects are not followed: an order is for the address that the pipeline names.
            with httpx.stream(
                "POST", self.url, content=body, headers=headers, timeout=timeout
            ) as answer:
                text = _text(answer)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreached(f"{self.url} does not answer: {error}") from error
        return self._read(order, answer.status_code, text)

    def _read(self, order: DeployOrder, status: int, text: bytes) -> Answer:
        said = f"{self.url} answered {status}"
        if status == httpx.codes.CONFLICT:
            raise Fenced(f"{said}: a newer attempt than epoch {order.epoch} has {order.target}")
        if status in _LATER or httpx.codes.is_server_error(status):
            raise Unreached(said)
        if not httpx.codes.is_success(status):
            words = text[:1_000].decode(errors="replace").strip()
            raise DeploymentError(f"{said}: {words}".removesuffix(": "))
        try:
            return Answer.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(each) for each in first["loc"]) or "the answer"
            raise DeploymentError(f"{said}, and {where} is wrong: {first['msg']}") from error


def signature(secret: bytes, at: int, body: bytes) -> str:
    """The value of ``Bakegate-Signature`` for a body that is sent ``at`` seconds after 1970."""
    code = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={code}"


def _message(order: DeployOrder, action: str) -> dict[str, Any]:
    deploy = order.deploy
    return {
        "type": "bakegate.deployment/v1",
        "action": action,
        "key": order.key,
        "epoch": order.epoch,
        "release": order.release,
        "pipeline": order.pipeline,
        "stage": order.stage,
        "target": order.target,
        "digest": order.digest,
        "rollback": order.rollback,
        "hosts": deploy.hosts.or_else(None),
        "batch": deploy.batch.or_else(None),
        "min_healthy": deploy.min_healthy.or_else(None),
    }


def _text(answer: httpx.Response) -> bytes:
    text = b""
    for piece in answer.iter_bytes():
        text += piece
        if len(text) > _LONGEST:
            raise DeploymentError(f"{answer.url} answered with more than {_LONGEST} bytes")
    return text


def _progress(answer: Answer) -> DeployProgress:
    cause = "failure" if answer.state == "failed" else ""
    return DeployProgress(
        answer.state, answer.replaced, answer.hosts, answer.in_service, answer.message, cause
    )


def _ended_by_abort(answer: DeployProgress) -> DeployProgress:
    """What ended before the abort came keeps its end; everything else ends with it."""
    if answer.state == "succeeded":
        return answer
    words = f": {answer.message}" if answer.message else ""
    return replace(answer, state="failed", message=f"it was told to abort{words}", cause="abort")


def _within(order: DeployOrder) -> timedelta:
    return order.deploy.deadline.or_else(None) or DEPLOY_WITHIN


def _aborted(side: _Side, order: DeployOrder) -> str:
    """Tell the other side to stop; what came of it in words, since it is over either way."""
    try:
        side.ask(order, "abort", _TIMEOUT)
    except (Unreached, DeploymentError) as error:
        return f"the abort did not arrive: {error}"
    return "it was told to abort"

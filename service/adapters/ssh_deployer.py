"""A deployer that changes hosts over SSH, where each keeps its own records.

Every host has a folder of releases named by digest, and a link ``current`` that is switched by one
rename. What a host does to itself it does alone (``ssh_agent.sh``), so a call here only begins it
and looks at it: whoever is killed is followed by an attempt that finds the deployment at work. The
truth about keys, epochs and deadlines is on the hosts; what is kept here serves those who ask which
hosts there are.
"""

import json
import os
import shlex
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Final

from policies.durations import format_duration
from policies.remote import Ssh
from service.adapters.artifacts import ArtifactError, ArtifactStore
from service.adapters.batches import next_batch
from service.adapters.host_change import (
    DeploymentError,
    TooLate,
    Unreached,
    since_boot,
    stop_within,
)
from service.adapters.host_fence import Fence
from service.adapters.host_files import (
    TargetRecord,
    read_result,
    read_target,
    short,
    target_folder,
)
from service.adapters.ssh_client import Side, Told, packed
from service.promotions.ports import DEPLOY_WITHIN, DeployOrder, DeployProgress, Fenced, Host

#: Seconds that one call watches before it says that the deployment still runs.
_PATIENCE: Final = 5.0
#: Seconds between two looks at a host: short at first, since most hooks are, then less often.
_POLL: Final = (0.1, 0.2, 0.5, 1.0)
#: How much longer than the deadline a host may take to end a hook and tell which one it was.
_GRACE: Final = timedelta(seconds=4)
#: Hosts that are asked at the same time.
_AT_ONCE: Final = 8
#: Earlier releases that a host keeps where the pipeline does not say.
_RETAINED: Final = 5

Served = list[dict[str, str]]


class SshDeployer:
    """Implements ``service.promotions.ports.Deployer``; ``folder`` keeps what hosts said last."""

    def __init__(self, folder: Path, artifacts: ArtifactStore, patience: float = _PATIENCE) -> None:
        self.folder = folder.resolve()
        self._artifacts = artifacts
        self._patience = patience

    def advance(self, order: DeployOrder) -> DeployProgress:
        return self._carry_out(order, lambda rollout: rollout.go(self._patience))

    def abort(self, order: DeployOrder) -> DeployProgress:
        return self._carry_out(order, _Rollout.abort)

    def _carry_out(
        self, order: DeployOrder, act: Callable[["_Rollout"], DeployProgress]
    ) -> DeployProgress:
        """Let ``act`` work on the hosts of an order, and keep its last word here as well."""
        folder = target_folder(self.folder, order.pipeline, order.stage, order.target)
        place = f"target {order.target} of stage {order.stage}"
        fence = Fence(folder, order.epoch, order.key, place)
        kept, known = read_result(folder, order.key), read_target(folder)
        mine = known is not None and (known.key == order.key or kept is not None)
        begun = known.begun if known is not None and mine else since_boot()
        record = TargetRecord(order.epoch, order.key, order.digest, "running", "", begun)
        fence.put_target(replace(known, epoch=order.epoch) if known and kept else record)
        try:
            rollout = _Rollout(order, _sides(order), self._artifacts, begun, kept)
        except DeploymentError as error:
            progress = DeployProgress("failed", 0, 1, 0, str(error), "failure")
        else:
            progress = rollout.known() or act(rollout)
            fence.put(_served_path(folder), {"hosts": rollout.served(_served(folder))})
        if progress.state != "running":
            fence.put_result(order.key, asdict(progress))
        return progress

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        """The hosts that were in service when they were last asked, and said where they answer."""
        folder = target_folder(self.folder, pipeline, stage, target)
        return tuple(
            Host(each["name"], each["url"], each["digest"])
            for each in _served(folder)
            if each["url"]
        )


def _sides(order: DeployOrder) -> dict[str, Side]:
    known = order.deploy.remote.ssh if order.deploy.remote else ()
    found: Ssh | None = next((each for each in known if each.target == order.target), None)
    names = found.hosts.or_else(None) if found else None
    if found is None or not names:
        raise DeploymentError(f"the pipeline names no hosts of {order.target} under ssh")
    return {name: Side(name, found, order) for name in names}


def _served_path(folder: Path) -> Path:
    return folder / "served.json"


def _served(folder: Path) -> Served:
    path = _served_path(folder)
    if not path.exists():
        return []
    found: Served = json.loads(path.read_text(encoding="utf-8"))["hosts"]
    return found


@dataclass(slots=True)
class _Rollout:
    """One call for one order. A host is in one of three tables, by what came of asking it last.

    On the way forward a host that cannot be asked lets the others wait, so that a deployment ends
    everywhere or says why not. On the way back it does not: the others get the good version.
    """

    order: DeployOrder
    sides: dict[str, Side]
    artifacts: ArtifactStore
    begun: float
    kept: dict[str, Any] | None
    seen: dict[str, Told] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    launched: set[str] = field(default_factory=set)

    def known(self) -> DeployProgress | None:
        """Take the hosts for this attempt; what was answered in the end, where it has ended."""
        self._ask(Side.begin, self.sides)
        result = next((each.result for each in self.seen.values() if each.result), "")
        if not (result or self.kept):
            return None
        return self._spread(DeployProgress(**(json.loads(result) if result else self.kept or {})))

    def abort(self) -> DeployProgress:
        """End what runs on the hosts; one that is silent is asked again until the deadline."""
        told = f"aborted when {self._replaced()} of {len(self.sides)} hosts were replaced"
        self._ask(lambda side: side.abort("abort", told), self._at_work())
        if self.silent and self._left() > timedelta():
            return self._progress("running", self._trouble())
        unheard = "; ".join(self.silent.values())
        return self._end(self._progress("failed", f"{told}; {unheard}".rstrip("; "), "abort"))

    def go(self, patience: float) -> DeployProgress:
        """Change hosts until it is over, or for as long as the patience of one call lasts."""
        rest = since_boot() + patience
        pauses = chain(_POLL, repeat(_POLL[-1]))
        try:
            while self._onward():
                if since_boot() >= rest:
                    return self._progress("running", self._trouble())
                time.sleep(next(pauses))
                self._ask(Side.begin, [*self._at_work(), *self.silent])
        except TooLate as error:
            return self._too_late(str(error))
        except (DeploymentError, ArtifactError) as error:
            return self._end(self._progress("failed", str(error), "failure"))
        return self._end(self._progress("succeeded"))

    def served(self, before: Served) -> Served:
        """What is known of the hosts in service; a silent one is as it was."""
        old = {each["name"]: each for each in before}
        found = [
            {"name": name, "url": told.url, "digest": told.digest}
            for name, told in self.seen.items()
            if told.state == "in_service"
        ]
        return found + [old[name] for name in self.silent if name in old]

    def _onward(self) -> bool:
        """Begin the next batch when its turn has come; whether there is anything left to do."""
        at_work = self._at_work()
        if not (at_work or self.order.rollback):
            self._demand_good()
        if self._left() <= (-_GRACE if at_work else timedelta()):
            done = f"{self._replaced()} of {len(self.sides)} hosts were replaced"
            within = format_duration(self._within())
            told = self._trouble()
            raise TooLate(f"{done} within {within}{f'; {told}' if told else ''}")
        if at_work:
            # Once in each call: what an earlier one began goes on only if its runner still lives.
            self._launch([name for name in at_work if name not in self.launched])
            return True
        if self.order.rollback:
            return self._onward_back()
        waiting = self._waiting()
        if not self.silent:
            chosen = next_batch(self.order, len(self.sides), waiting, self._serving())
            # Everywhere before any host is touched: what cannot be copied must not cost one.
            self._bring(waiting)
            if not (self.silent or self.refused):
                self._launch(chosen)
        return bool(waiting or self.silent)

    def _onward_back(self) -> bool:
        waiting = self._waiting()
        if not waiting and not self.silent:
            self._demand_good()
        # Who is silent may well be serving: it must not keep the others at the bad version.
        serving = self._serving() | set(self.silent)
        chosen = next_batch(self.order, len(self.sides), waiting, serving)
        self._bring(chosen)
        self._launch([name for name in chosen if name in self.seen])
        return bool(waiting or self.silent)

    def _demand_good(self) -> None:
        """Raise DeploymentError where a host ended badly or may not be changed at all."""
        for name in self._failed():
            told = self.seen[name]
            kind = TooLate if told.cause == "deadline" else DeploymentError
            raise kind(f"{name}: {told.message}")
        for words in self.refused.values():
            raise DeploymentError(words)

    def _ask(self, question: Callable[[Side], Told], names: Iterable[str]) -> None:
        """Ask hosts at the same time; raises Fenced, once all of them answered."""
        fenced: Fenced | None = None
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            asked = {name: pool.submit(question, self.sides[name]) for name in names}
            for name, answer in asked.items():
                for table in (self.seen, self.silent, self.refused):
                    table.pop(name, None)
                try:
                    self.seen[name] = answer.result()
                except Fenced as error:
                    fenced = error
                except Unreached as error:
                    self.silent[name] = str(error)
                except DeploymentError as error:
                    self.refused[name] = str(error)
        if fenced:
            raise fenced

    def _bring(self, names: Iterable[str]) -> None:
        lacking = [name for name in names if not self.seen[name].has]
        if lacking:
            artifact = self.artifacts.path(self.order.digest)
            self._ask(lambda side: side.bring(artifact, self._left()), lacking)

    def _launch(self, names: list[str]) -> None:
        serving = self._serving()
        lowest = min(self._lowest(), len(serving - set(names)))
        deploy, hooks = self.order.deploy, self.order.deploy.hooks
        # The way back waits for nobody.
        drain = None if self.order.rollback else deploy.drain.or_else(None)
        commands = [
            (getattr(hooks, name).or_else(None) if hooks else None) or ""
            for name in ("stop", "start", "validate")
        ]
        seconds = [
            str(max(0, round(each.total_seconds())))
            for each in (self._left(), drain or timedelta())
        ]
        arguments = [str(lowest), *seconds, *commands]
        if self.order.rollback:
            arguments.append(str(max(1, round(stop_within(self._left()).total_seconds()))))
        variables = _variables(self.order)
        self.launched.update(names)
        self._ask(lambda side: side.launch(variables, *arguments), names)

    def _too_late(self, message: str) -> DeployProgress:
        """End what still runs on the hosts; it is over either way."""
        self._ask(lambda side: side.abort("deadline", message), self._at_work())
        return self._end(self._progress("failed", message, "deadline"))

    def _end(self, progress: DeployProgress) -> DeployProgress:
        """Keep the answer on the hosts; until then a repeated call does the rest again."""
        result = packed(json.dumps(asdict(progress)))
        said = self.order.deploy.retained.or_else(None)
        count = max(1, _RETAINED if said is None else said)
        retained = str(count) if progress.state == "succeeded" else "all"
        self._finish(self.seen, result, retained)
        return progress

    def _spread(self, progress: DeployProgress) -> DeployProgress:
        """Give a kept answer to the hosts that lack it, because its writer was killed."""
        lacking = [name for name, told in self.seen.items() if not told.result]
        self._finish(lacking, packed(json.dumps(asdict(progress))), "all")
        return progress

    def _finish(self, names: Iterable[str], result: str, retained: str) -> None:
        before = dict(self.seen)

        def finish(side: Side) -> Told:
            side.finish(result, retained)
            return before[side.name]

        self._ask(finish, list(names))

    def _progress(self, state: str, message: str = "", cause: str = "") -> DeployProgress:
        return DeployProgress(
            state, self._replaced(), len(self.sides), self._lowest(), message, cause
        )

    def _mine(self, told: Told) -> bool:
        return told.key == short(self.order.key)

    def _runs(self, told: Told) -> bool:
        return (
            told.state == "in_service"
            and told.digest == self.order.digest
            # The way back leaves alone what still runs the good version.
            and (self.order.rollback or self._mine(told))
        )

    def _replaced(self) -> int:
        return sum(self._runs(told) for told in self.seen.values())

    def _serving(self) -> set[str]:
        return {name for name, told in self.seen.items() if told.state == "in_service"}

    def _waiting(self) -> list[str]:
        """The hosts that can be changed and have not been, in the order of the pipeline file."""
        return [
            name
            for name in self.sides
            if name in self.seen and not self._runs(self.seen[name]) and name not in self._failed()
        ]

    def _failed(self) -> list[str]:
        return [
            name for name, told in self.seen.items() if told.state == "failed" and self._mine(told)
        ]

    def _at_work(self) -> list[str]:
        return [name for name, told in self.seen.items() if told.changing and self._mine(told)]

    def _lowest(self) -> int:
        known = [told.lowest for told in self.seen.values() if self._mine(told)]
        return min([*known, len(self._serving())])

    def _within(self) -> timedelta:
        return self.order.deploy.deadline.or_else(None) or DEPLOY_WITHIN

    def _left(self) -> timedelta:
        """What is left of the time of the whole deployment, by whoever saw it begin first."""
        ago = max((told.elapsed for told in self.seen.values()), default=0)
        begun = min(self.begun, since_boot() - ago)
        return timedelta(seconds=begun - since_boot()) + self._within()

    def _trouble(self) -> str:
        failed = [f"{name}: {self.seen[name].message}" for name in self._failed()]
        return "; ".join([*failed, *self.silent.values(), *self.refused.values()])


def _variables(order: DeployOrder) -> str:
    """What hooks see, as a text for a shell; it travels on stdin, where no other user reads it."""
    own = {
        "BAKEGATE_RELEASE": order.release,
        "BAKEGATE_STAGE": order.stage,
        "BAKEGATE_TARGET": order.target,
        "BAKEGATE_DIGEST": order.digest,
        "BAKEGATE_IDEMPOTENCY_KEY": order.key,
        "BAKEGATE_EPOCH": str(order.epoch),
    }
    # Only what a shell can have for a name: the other names would be read as something else.
    names = [name for name in order.environment if name.isascii() and name.isidentifier()]
    passed = {name: os.environ[name] for name in names if name in os.environ}
    return "".join(
        f"export {name}={shlex.quote(value)}\n" for name, value in (passed | own).items()
    )

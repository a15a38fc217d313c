"""What the tests of whole packs of workers share: the workers, their traffic, and the judge.

Releases of many pipelines are on their way at the same time: good ones, ones whose tests fail and
ones whose bake fires an alarm. What was done is counted by the far side alone.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlmodel import col, select

from service.promotions.commands import ClearProblem, ReportProblem
from service.store.schema import upgrade
from service.store.tables import BeatRow, CountRow, NoticeRow, ReleaseRow, RunRow, StageRow
from tests.recovery.far_side import FAILS_BAKE, FAILS_TESTS, GOOD
from tests.recovery.storm_worker import PHASES, Phases, Worker

#: How many workers share the work where a test does not say.
WORKERS: Final = 3
HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
ORGANIZATION: Final = {
    "organization.yaml": "schema: bakegate/organization/v1\nname: corner\nruleset: rules.yaml\n",
    "rules.yaml": """\
schema: bakegate/ruleset/v1
name: corner
extends: [starter]
rules: {alarm-block: observe}
""",
}
PIPELINE: Final = """\
schema: bakegate/pipeline/v1
name: {name}
organization: corner
owner: {{team: {name}, oncall: {name}, channel: {name}, ttr: 1h}}
build:
  steps: [{{name: unit, kind: unit, run: ./unit}}]
  artifact: dist/app.tar.gz
alarms:
  errors: {{negative_ratio: 5%, minimum: 5, periods: 1 of 3, period: 2s, missing: unknown,
           scope: service}}
deployers:
  hosts: {{type: local, hosts: 2, batch: 1, min_healthy: 1,
          rollback_on: [failure, deadline, alarm]}}
stages:
  - {{name: beta, kind: test, deploy: hosts, tests: [{{name: api, kind: integration, run: ./api}}]}}
  - name: one-box
    kind: prod
    wave: 1
    deploy: {{use: hosts, hosts: 1}}
    bake: {{time: 2s, alarms: [errors], on_alarm: rollback, data_points: {{positive: 5}}}}
  - {{name: cell, kind: prod, wave: 2, deploy: hosts}}
"""
#: The stage in which a release of each kind goes back; a good one goes back nowhere.
BAD_AT: Final = {FAILS_TESTS: "beta", FAILS_BAKE: "one-box"}
NOTHING: Final[Mapping[str, str]] = {}
STAGES: Final = (("beta", 2), ("one-box", 1), ("cell", 2))


def is_there(pid: int, number: int = 0) -> bool:
    """Send a signal; whether somebody was there to get it."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def started(
    *command: str, root: Path = ROOT, environment: Mapping[str, str] = NOTHING
) -> Iterator[Any]:
    """A program of the tests in a process of its own, which does not outlive the block."""
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def far_side(folder: Path, seed: int = 7) -> Iterator[None]:
    with started(str(HERE / "far_side.py"), str(folder), str(seed)) as side:
        assert side.stdout.readline() == "ready\n"
        yield


@contextmanager
def nursery(
    url: str, folder: Path, *, root: Path = ROOT, environment: Mapping[str, str] = NOTHING
) -> Iterator[Any]:
    """A process that forks workers of the version in ``root``."""
    program = str(root / "tests/recovery/storm_worker.py")
    with started(program, url, str(folder), root=root, environment=environment) as made:
        yield made


@dataclass
class Pack:
    """Workers in slots; whoever is gone is replaced."""

    folder: Path
    nursery: Any
    slots: int
    pids: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    born: int = 0
    killed: int = 0
    stopped: list[tuple[int, float]] = field(default_factory=list)
    phases: Counter[str] = field(default_factory=Counter)
    fell: dict[str, float] = field(default_factory=dict)
    """Names of the killed whose work nobody has taken over yet, and when they were killed."""
    taken: list[float] = field(default_factory=list)
    """Seconds until nothing was left with each of the killed that had begun something."""

    def begin(self, slot: int) -> None:
        self.born += 1
        self.nursery.stdin.write(f"{self.born} {slot} {self.slots}\n")
        self.nursery.stdin.flush()
        pid = int(self.nursery.stdout.readline())
        if slot == len(self.pids):
            self.pids.append(pid)
            self.numbers.append(self.born)
        else:
            self.pids[slot], self.numbers[slot] = pid, self.born

    def name(self, slot: int) -> str:
        """What a worker is called in the database; empty until it has begun to work."""
        path = self.folder / f"name-{self.numbers[slot]}"
        return path.read_text() if path.exists() else ""

    def kill(self, slot: int, busy: set[str]) -> None:
        """Kill a worker and begin another; ``busy`` are those whose work is to be taken over."""
        name, page = self.name(slot), self._page(slot)
        os.kill(self.pids[slot], signal.SIGKILL)
        self.killed += 1
        self.phases.update(each for each, threads in zip(PHASES, page, strict=False) if threads)
        self.phases["none of them"] += not any(page)
        if name in busy:
            self.fell[name] = time.monotonic()
        self.begin(slot)

    def _page(self, slot: int) -> bytes:
        path = self.folder / f"phases-{self.numbers[slot]}"
        return path.read_bytes() if path.exists() else b""

    def stop_for(self, slot: int, seconds: float) -> None:
        """SIGSTOP: its successors begin while it does not know."""
        self.stopped.append((self.pids[slot], time.monotonic() + seconds))
        is_there(self.pids[slot], signal.SIGSTOP)

    def tend(self) -> None:
        """Let the stopped go on, and replace who has ended."""
        for pid, until in list(self.stopped):
            if time.monotonic() >= until:
                self.stopped.remove((pid, until))
                is_there(pid, signal.SIGCONT)
        for slot, pid in enumerate(self.pids):
            if not is_there(pid):
                self.begin(slot)

    def take_over(self, busy: set[str]) -> None:
        """Note whose work has been taken over."""
        for name, since in list(self.fell.items()):
            if name not in busy:
                self.taken.append(time.monotonic() - since)
                del self.fell[name]

    @property
    def longest(self) -> float:
        """Until the work of a killed worker was taken over, in seconds."""
        return max([*self.taken, *(time.monotonic() - since for since in self.fell.values())])


@contextmanager
def pack(folder: Path, nursery: Any, workers: int = WORKERS) -> Iterator[Pack]:
    made = Pack(folder, nursery, workers)
    try:
        for slot in range(workers):
            made.begin(slot)
        yield made
    finally:
        for pid in made.pids + [pid for pid, _ in made.stopped]:
            is_there(pid, signal.SIGKILL)


class Traffic:
    """Submits one release after the other to every pipeline, and knows how each must end."""

    def __init__(self, url: str, folder: Path, pipelines: int) -> None:
        """Make the database of ``url``, which is empty, and register so many pipelines in it."""
        self.folder = folder
        self.executor = Worker(url, folder, Phases(folder / "phases-0"))
        self.engines = self.executor.ground.engines
        self.names = [f"shop-{number}" for number in range(pipelines)]
        self.number = 0
        self.under_way: dict[str, str] = {}
        self.commits: dict[str, str] = {}
        self.problems = 0
        upgrade(self.engines.write)
        # The durable engine makes its tables when it is launched for the first time.
        self.executor.ground.durable.launch(self.executor)
        self.executor.ground.durable.stop(0)
        self.executor.register_organization(ORGANIZATION, "tester")
        for name in self.names:
            text = PIPELINE.format(name=name)
            self.executor.register_pipeline(text, f"{name}.yaml", ".", "tester")

    def close(self) -> None:
        self.engines.dispose()

    def go_on(self, *, more: bool) -> None:
        """Replace each release that has ended by the next, as long as more are wanted."""
        with self.engines.reading() as session:
            asked = select(ReleaseRow.id).where(ReleaseRow.outcome != "")
            mine = col(ReleaseRow.id).in_(self.under_way.values())
            ended = set(session.exec(asked.where(mine)))
        for name in self.names:
            if self.under_way.get(name) in ended:
                self._allow_the_next(name, self.under_way.pop(name))
            if more and name not in self.under_way:
                self._submit(name)

    def until_under_way(self, pack: Pack) -> None:
        """Submit, and wait until every worker works and some effects are being done."""
        self.go_on(more=True)
        end = time.monotonic() + 180
        while not all(map(pack.name, range(pack.slots))) or not self.busy():
            assert time.monotonic() < end
            time.sleep(0.05)

    def until_all_ended(self, pack: Pack, seconds: float) -> None:
        """Until every release has ended, every message is sent and no effect is left."""
        end = time.monotonic() + seconds
        while self.under_way or self.unsent() or self.left():
            assert time.monotonic() < end, (self.unfinished(), self.unsent(), self.left())
            pack.tend()
            self.go_on(more=False)
            pack.take_over(self.busy())
            time.sleep(0.1)

    def busy(self) -> set[str]:
        """Workers with an effect that is begun and not finished."""
        begun = self.executor.ground.durable.client.list_workflows(
            status="PENDING", load_input=False, load_output=False
        )
        return {each.executor_id or "" for each in begun}

    def left(self) -> list[str]:
        """Effects that are ordered or begun, as the durable engine has them."""
        listed = self.executor.ground.durable.client.list_workflows(
            status=["ENQUEUED", "PENDING"], load_input=False, load_output=False
        )
        return [each.workflow_id for each in listed]

    def unsent(self) -> list[str]:
        with self.engines.reading() as session:
            return list(session.exec(select(NoticeRow.key).where(col(NoticeRow.sent_at).is_(None))))

    def unfinished(self) -> list[tuple[str, ...]]:
        """What has not ended, for the message of a test that fails."""
        with self.engines.reading() as session:
            runs = session.exec(select(RunRow).where(RunRow.outcome == "")).all()
        return [
            (run.release, run.stage, run.state, run.message, run.op, str(run.due)) for run in runs
        ]

    def dead(self) -> set[str]:
        """Workers that were declared dead."""
        with self.engines.reading() as session:
            return set(session.exec(select(BeatRow.executor).where(col(BeatRow.dead))))

    def _submit(self, name: str) -> None:
        self.number += 1
        # The first of a pipeline is good, so that there is something to go back to.
        kind = GOOD if self.number <= len(self.names) else "aabac"[self.number % 5]
        commit = f"{kind}{self.number:039x}"
        release = self.executor.submit(name, commit, "tester")
        self.under_way[name], self.commits[release] = release, commit
        if self.number % 4 == 0:
            self.problems += 1
            problem = self.executor.carry_out(ReportProblem(release, "it looks odd"), "tester")
            self.executor.carry_out(ClearProblem(problem, "it is fine"), "tester")

    def _allow_the_next(self, name: str, release: str) -> None:
        """After a rollback a person switches the stage back."""
        stage = BAD_AT.get(self.commits[release][0])
        if stage:
            self.executor.switch_transition(name, stage, "automatic", "seen", "tester")

    def judge(self) -> Counter[str]:
        """Compare with what would have been undisturbed; gives what the far side has seen."""
        lines = [json.loads(line) for line in (self.folder / "done").read_text().splitlines()]
        with self.engines.reading() as session:
            ends = {row.id: row.outcome for row in session.exec(select(ReleaseRow))}
            notices = session.exec(select(NoticeRow)).all()
            stages = session.exec(select(StageRow)).all()
            counts = session.exec(select(CountRow)).all()
        assert ends == {
            release: "rolled_back" if commit[0] in BAD_AT else "succeeded"
            for release, commit in self.commits.items()
        }
        did = [each for each in lines if each["what"] in {"build", "test", "deploy", "tell"}]
        told = Counter(each.key for each in notices)
        done, wanted = Counter(each["key"] for each in did), self._effects() + told
        assert done == wanted, {"too much": done - wanted, "missing": wanted - done}
        assert len(notices) == self.problems
        assert all(each.sent_at for each in notices)
        placed = {each["place"]: each["digest"] for each in did if each["what"] == "deploy"}
        for stage in stages:
            for target, digest in stage.running.items():
                assert placed[f"{stage.pipeline}/{stage.stage}/{target}"] == digest
        _judge_windows(lines, counts)
        return Counter(each["what"] for each in lines)

    def _effects(self) -> Counter[str]:
        """What all releases do outside, each once."""
        effects = Counter[str]()
        for release, commit in self.commits.items():
            bad = BAD_AT.get(commit[0])
            effects.update([f"{release}:build", f"{release}/beta/beta:test"])
            for stage, hosts in STAGES:
                ways = ("deploy", "rollback") if stage == bad else ("deploy",)
                for way in ways:
                    effects.update(f"{release}/{stage}/{stage}:{way}/{n}" for n in range(hosts))
                if stage == bad:
                    break
        return effects


def _judge_windows(lines: list[dict[str, Any]], counts: Any) -> None:
    """No window is counted twice; one that was asked for at a kill may be lost."""
    asked = Counter((each["place"], each["digest"]) for each in lines if each["what"] == "window")
    counted: Counter[tuple[str, str]] = Counter()
    each: CountRow
    for each in counts:
        place = f"{each.pipeline}/{each.stage}/{each.target}"
        counted[place, each.digest] += each.positive + each.negative
    assert counted
    assert all(points <= 5 * asked[place] for place, points in counted.items())

"""A store that the executor itself has filled: releases in many states, and a clock to move.

The effects are done here one by one, as the workflow of ``service.executor.durable`` does them, so
that a release can be left in the middle of one: nothing is under way when a page is looked at.
"""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, cast

from sqlmodel import col, select

from policies.rule import BlocklistEntry
from service.executor.executor import Executor
from service.promotions.model import Effect
from service.store.engines import Engines, open_engines
from service.store.tables import RunRow
from tests.service.executor.conftest import prepare
from tests.twins.ports import (
    MemoryBuilder,
    MemoryDeployer,
    MemoryTester,
    MovableClock,
    memory_ports,
)

#: When the first release is checked in; the pages are looked at some seven hours later.
MORNING: Final = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
_WEEK: Final = timedelta(weeks=1)
_STEP: Final = timedelta(minutes=1)
_ORGANIZATION: Final = {
    "organization.yaml": """\
schema: bakegate/organization/v1
name: retail
ruleset: rules.yaml
children: [{name: commerce}, {name: pricing}]
""",
    "rules.yaml": """\
schema: bakegate/ruleset/v1
name: retail
extends: [starter]
rules:
  unit-tests: block
  artifact-blocklist: block
  time-window: block
  bake-time: {enforcement: block, parameters: {onebox: 5m, first_wave: 5m, later_wave: 5m}}
  min-data-points: {enforcement: block, parameters: {min_positive: 10}}
  alarm-block: {parameters: {clear_for: 1s}}
  rolled-back-revision: block
  preprod-stage: observe
  no-untested-automation:
    enforcement: warn
    schedule: {announced: 2026-10-12, steps: [{from: 2026-12-15, enforcement: block}]}
  canary-first: observe
""",
}
_PREPROD: Final = "  - {name: gamma, kind: preprod, deploy: hosts, configuration: prod}\n"
_PIPELINE: Final = """\
schema: bakegate/pipeline/v1
name: NAME
organization: retail/NODE
kind: app
tier: 1
owner: {team: TEAM, oncall: TEAM, channel: TEAM, ttr: 1h}
source: {repository: ., branch: main, start: push}
build:
  steps: [{name: unit, kind: unit, run: ./unit, reports: {junit: reports/unit.xml}}]
  artifact: dist/app.tar.gz
alarms:
  errors: {negative_ratio: 5%, minimum: 5, periods: 1 of 3, period: 1m, missing: unknown,
           scope: service}
deployers:
  hosts: {type: local, hosts: 3, batch: 1, min_healthy: 2, deadline: 10m,
          rollback_on: [failure, deadline, alarm],
          hooks: {stop: ./stop, start: ./start, validate: ./validate}}
stages:
  - name: beta
    kind: test
    deploy: hosts
    tests: [{name: api, kind: integration, run: ./integration}]
  - {name: gamma, kind: preprod, deploy: hosts, configuration: prod}
  - name: one-box
    kind: prod
    wave: 1
    exposure: 1%
    deploy: {use: hosts, hosts: 1}
    bake: {time: 10m, alarms: [errors], on_alarm: rollback, data_points: {positive: 300,
    negative: 0}}
  - name: cell-1
    kind: prod
    wave: 1
    deploy: hosts
    bake: {time: 10m, alarms: [errors], on_alarm: rollback}
    time_windows: [{name: staffed, effect: allow, zone: UTC, weekly: [{days: [mon-sun],
    from: "00:00", until: "08:00"}]}]
  - name: wave-2
    kind: prod
    wave: 2
    targets: [{name: cell-2, region: eu, zone: a}, {name: cell-3, region: eu, zone: b}]
    deploy: hosts
    bake: {time: 10m, alarms: [errors], on_alarm: rollback}
  - {name: wave-3, kind: prod, wave: 3, deploy: hosts, bake: {time: 10m, alarms: [errors],
    on_alarm: rollback}}
time_windows: [{name: always, effect: allow, zone: UTC, weekly: [{days: [mon-sun], from: "00:00",
  until: "24:00"}]}]
"""
_TEAMS: Final = {
    "payments-api": ("commerce", "orders"),
    "price-engine": ("pricing", "pricing"),
    "mailer": ("commerce", "orders"),
    "new-app": ("commerce", "orders"),
}


@dataclass
class Store:
    """The executor on a database of its own, with what a test does to its releases."""

    executor: Executor
    clock: MovableClock
    engines: Engines
    deployer: MemoryDeployer
    builder: MemoryBuilder
    commits: int = 0

    def submit(self, pipeline: str) -> str:
        """A release of a commit that nobody had before; it has not begun to build."""
        self.commits += 1
        return self.executor.submit(pipeline, self.commit, "kim")

    @property
    def commit(self) -> str:
        """The newest commit."""
        return f"{self.commits:02x}" * 20

    def act(self, release: str = "", stage: str = "", kind: str = "") -> bool:
        """Do one effect that is ordered: of a release, a stage and a kind where they are named."""
        with self.engines.reading() as session:
            asked = select(RunRow).where(RunRow.op != "", RunRow.outcome == "")
            ordered = [
                (each.op, each.id or 0, Effect(each.op.rsplit(":", 2)[1]))
                for each in session.exec(asked.order_by(col(RunRow.id)))
                if release in {"", each.release} and stage in {"", each.stage}
            ]
        for op, run, effect in ordered:
            if kind in {"", str(effect)}:
                result = self.executor.perform(op, run, effect)
                if result is not None:
                    self.executor.report(op, run, effect, result)
                return True
        return False

    def settle(self, release: str = "") -> None:
        """Do all effects, or all of one release, each in half a minute, until none is left."""
        while self.act(release):
            self.clock.move(timedelta(seconds=30))

    def passing(self, minutes: int, *, negative: int = 0, only: str = "") -> None:
        """Let time pass with traffic on everything; ``only`` names whose effects are done."""
        for _ in range(minutes):
            self.clock.move(_STEP)
            self.traffic(negative)
            self.executor.sweep.once()
            self.settle(only)

    def traffic(self, negative: int) -> None:
        """Answers of everything that runs in production; bad ones of the one-boxes alone."""
        for (pipeline, stage, target), hosts in list(self.deployer.placed.items()):
            if stage in {"beta", "gamma"}:
                continue
            bad = negative if stage == "one-box" else 0
            for digest in {each for each in hosts if each}:
                self.executor.record_data_points(pipeline, stage, target, digest, 40, bad)

    def through(self, pipeline: str, *, minutes: int) -> str:
        """A release that gets as far as it comes in so many minutes."""
        release = self.submit(pipeline)
        self.settle(release)
        self.passing(minutes, only=release)
        return release


def _opened(path: Path, now: datetime, deployer: MemoryDeployer) -> Store:
    engines = open_engines(f"sqlite:///{path}")
    clock, builder = MovableClock(now), MemoryBuilder()
    executor = Executor(engines, memory_ports(clock, builder, deployer, MemoryTester()))
    return Store(executor, clock, engines, deployer, builder)


def open_store(path: Path) -> Store:
    """Give a store in a file, with four pipelines that nobody has used."""
    prepare(f"sqlite:///{path}")
    store = _opened(path, MORNING - 6 * _WEEK, MemoryDeployer())
    executor = store.executor
    executor.register_organization(_ORGANIZATION, "kim")
    for name in _TEAMS:
        executor.register_pipeline(_text(name, whole=False), "pipeline.yaml", ".", "kim")
    for weeks, name in ((1, "mailer"), (3, "payments-api"), (2, "price-engine")):
        store.clock.move(weeks * _WEEK)
        executor.register_pipeline(_text(name, whole=True), "pipeline.yaml", ".", "kim")
    return store


def _text(name: str, *, whole: bool) -> str:
    """The file of a pipeline; at first none has a stage before production that is like it."""
    node, team = _TEAMS[name]
    text = _PIPELINE.replace("NAME", name).replace("NODE", node).replace("TEAM", team)
    return text if whole else text.replace(_PREPROD, "")


def kept(path: Path) -> Store:
    """A store with what ``fill`` makes, as a test before this one has left it, else made now."""
    remembered = path.with_suffix(".json")
    if not remembered.exists():
        store = open_store(path)
        fill(store)
        store.engines.dispose()
        placed = [[*place, hosts] for place, hosts in store.deployer.placed.items()]
        told = {"now": store.clock.now().isoformat(), "commits": store.commits, "placed": placed}
        remembered.write_text(json.dumps(told))
    told = json.loads(remembered.read_text())
    places = {(pipeline, stage, to): hosts for pipeline, stage, to, hosts in told["placed"]}
    store = _opened(path, datetime.fromisoformat(told["now"]), MemoryDeployer(placed=places))
    store.commits = told["commits"]
    return store


def copied(store: Store, to: Path) -> Store:
    """Give the same store in another file, which a test may change."""
    with closing(sqlite3.connect(to)) as copy:
        source = store.engines.write.raw_connection()
        try:
            cast("sqlite3.Connection", source.driver_connection).backup(copy)
        finally:
            source.close()
    placed = {place: list(hosts) for place, hosts in store.deployer.placed.items()}
    made = _opened(to, store.clock.now(), MemoryDeployer(placed=placed))
    made.commits = store.commits
    return made


def fill(store: Store) -> None:
    """Make releases of every state that the pages tell apart.

    payments-api: 1 is everywhere, 2 waits for a person before wave-3, 3 for a time window before
    cell-1, 4 bakes in the one-box, 5 is tested in beta, 6 builds. price-engine: 1 is everywhere, 2
    was rolled back, the package of 3 is blocked. mailer has nothing to do, new-app had no release.
    """
    store.through("mailer", minutes=50)
    _trouble(store)
    _flight(store)


def _trouble(store: Store) -> None:
    package = "pkg:pypi/acme-json"
    blocked = BlocklistEntry("", "latency regression", "security", package, "vers:pypi/<4.2.3")
    store.through("price-engine", minutes=50)
    bad = store.submit("price-engine")
    store.settle(bad)
    store.passing(3, only=bad)
    store.passing(2, negative=30, only=bad)
    store.executor.add_blocklist(blocked, "security")
    spoiled = store.submit("price-engine")
    store.builder.packages[store.commit] = ("pkg:pypi/acme-json@4.2.1",)
    store.settle(spoiled)


def _flight(store: Store) -> None:
    name = "payments-api"
    store.through(name, minutes=50)
    told = "first week in this region"
    store.executor.switch_transition(name, "wave-3", "manual", told, "grace")
    store.through(name, minutes=36)
    store.clock.move(MORNING.replace(hour=8) - store.clock.now())
    store.through(name, minutes=12)
    baking = store.submit(name)
    store.settle(baking)
    store.passing(8, only=baking)
    tested = store.submit(name)
    while store.act(tested, "build") or store.act(tested, "beta", "deploy"):
        store.clock.move(timedelta(seconds=30))
    store.submit(name)

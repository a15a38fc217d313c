"""The durable engine: DBOS's set-up, the one workflow, and how it is ordered.

DBOS keeps its functions in a registry of the process, so the workflow is defined once, at import,
and finds what it works with through ``_works``. Its tables share our database, so that ordering an
effect and writing the state that waits for it commit together.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
from sqlmodel import Session

from service.promotions.model import Effect
from service.promotions.ports import Fenced
from service.store.engines import Engines, Interrupted, is_away
from service.store.tables import RunRow

#: Pinned for good: an unpinned version is a hash of the sources, and rows of another one are
#: orphans.
VERSION: Final = "bakegate-1"
QUEUE: Final = "act"
#: Rollbacks wait in a queue of their own: a queue with work for many stages takes any of them
#: next, and one whose places are all taken by builds takes none.
BACK: Final = "back"
#: Came after the others, so workers that do not know it must not find it where they look.
ABORTS: Final = "aborts"
_QUEUES: Final = (QUEUE, BACK, ABORTS)
#: Effects that end what another one does in the stage, and so never wait for it: the other one is
#: fenced by their epoch.
_URGENT: Final = frozenset({Effect.ABORT, Effect.ROLLBACK})
#: How long finished effects are kept, and how many are deleted at once.
_KEPT: Final = timedelta(days=7)
_BATCH: Final = 1000

Json = dict[str, Any]
T = TypeVar("T")


class Works(Protocol):
    """What the workflow needs of the executor."""

    def perform(self, op: str, run_id: int, kind: Effect) -> Json | None: ...

    def report(self, op: str, run_id: int, kind: Effect, result: Json) -> str: ...

    def deliver(self, notice: str) -> str | None: ...

    def record(self, notice: str, error: str) -> None: ...


@dataclass(slots=True)
class _Registry:
    """The executor of this process; DBOS has one registry a process, and so have we.

    ``running`` are the workflows that run here, each with when it began on the monotonic clock.
    """

    works: Works | None = None
    running: set[tuple[str, float]] = field(default_factory=set)

    def get(self) -> Works:
        if self.works is None:
            raise RuntimeError("the durable engine was not launched")
        return self.works


_registry = _Registry()


@contextmanager
def _here() -> Iterator[None]:
    """Keep in mind that a workflow runs in this process, for as long as it does.

    Where the engine cannot write down what was done, the workflow stays unfinished, for
    ``Durable.care`` to find: the engine would call it failed, and no step of it was.
    """
    mine = (DBOS.workflow_id or "", time.monotonic())
    _registry.running.add(mine)
    try:
        yield
    except Exception as error:
        if is_away(error):
            raise Interrupted from error
        raise
    finally:
        _registry.running.discard(mine)


def _tried(act: Callable[[], T]) -> T | Json:
    """One attempt of a step. What the last one raised is its result, journaled as such.

    What the engine itself raises is thereby never taken for a failure of the effect: that another
    process owns it by now, for one.
    """
    try:
        return act()
    except Fenced as fenced:
        # Whoever has the higher epoch does it, or did something else since.
        raise Interrupted from fenced
    except Exception as error:
        status = DBOS.step_status
        if status and (status.current_attempt or 0) + 1 < (status.max_attempts or 1):
            raise
        return {"errored": f"{type(error).__name__}: {error}"}


def _known(kind: str) -> Effect:
    """The kind of an effect. One of a later version is left to workers that know it.

    It stays unfinished, and ``Durable.care`` puts it back on its queue for one of them.
    """
    try:
        return Effect(kind)
    except ValueError as unknown:
        raise Interrupted from unknown


@DBOS.step(
    name="perform", retries_allowed=True, max_attempts=8, interval_seconds=0.5, backoff_rate=2.0
)
def _perform(op: str, run_id: int, kind: str) -> Json | None:
    return _tried(lambda: _registry.get().perform(op, run_id, _known(kind)))


@DBOS.step(
    name="report", retries_allowed=True, max_attempts=8, interval_seconds=0.5, backoff_rate=2.0
)
def _report(op: str, run_id: int, kind: str, result: Json) -> str:
    return _registry.get().report(op, run_id, _known(kind), result)


@DBOS.workflow(name="act", max_recovery_attempts=None)
def _act(op: str, run_id: int, kind: str) -> str:
    """One effect. What still fails after its retries is reported as errored, never lost."""
    with _here():
        result = _perform(op, run_id, kind)
        return "stale" if result is None else _report(op, run_id, kind, result)


@DBOS.step(
    name="deliver", retries_allowed=True, max_attempts=8, interval_seconds=0.5, backoff_rate=2.0
)
def _deliver(notice: str) -> str | Json | None:
    return _tried(lambda: _registry.get().deliver(notice))


@DBOS.step(
    name="record", retries_allowed=True, max_attempts=8, interval_seconds=0.5, backoff_rate=2.0
)
def _record(notice: str, error: str) -> None:
    _registry.get().record(notice, error)


@DBOS.workflow(name="tell", max_recovery_attempts=None)
def _tell(notice: str) -> str:
    """One message to one team. What still fails after its retries is recorded, never lost."""
    with _here():
        told = _deliver(notice)
        error = told["errored"] if isinstance(told, dict) else ""
        _record(notice, error)
        return "failed" if error else "sent"


class Durable:
    """Launches and stops the engine, and orders effects inside our transactions."""

    def __init__(self, engines: Engines, executor_id: str, poll: timedelta) -> None:
        self.engines = engines
        self.poll = poll
        self.executor_id = executor_id
        self.client = DBOSClient(
            system_database_engine=engines.durable,
            serializer=DBOSPortableJSONSerializer(),
            lazy=True,
            # It would wait with pauses of up to 90 s, and hold up time for that long.
            retry_connection_errors=False,
        )
        self._idle: set[str] = set()
        self._waits = _waits(None if engines.sqlite else "dbos")

    def launch(self, works: Works) -> None:
        """Recover what this executor left unfinished and start taking orders."""
        _registry.works = works
        engine = DBOS(
            config={
                "name": "bakegate",
                "system_database_engine": self.engines.durable,
                "executor_id": self.executor_id,
                "application_version": VERSION,
                "max_executor_threads": 64,
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "WARNING",
                "scheduler_polling_interval_sec": 300.0,
                "notification_listener_polling_interval_sec": 0.1,
                # Nothing here waits for its notices, which it looks for a hundred times a second.
                "notification_coalesce_sec": 0.1,
            }
        )
        # A later version brings new kinds of work on queues of their own, and leaves them to
        # processes that know them: whoever claims a workflow that it does not know keeps it.
        DBOS.listen_queues(list(_QUEUES))
        DBOS.launch()
        # Not public; without it the engine finds the same work, at its own price.
        vars(engine._sys_db)["dequeue_scopes"] = self._where_to_look  # noqa: SLF001 - the open package has no other way
        for name in _QUEUES:
            DBOS.register_queue(
                name,
                partition_concurrency=1,
                worker_concurrency=32,
                polling_interval_sec=self.poll.total_seconds(),
                on_conflict="always_update",
            )

    def _where_to_look(self, queue: str) -> list[str | None]:
        """In which parts of the database the engine looks for work: in none while nothing waits.

        It puts its question together anew each time, which takes 3 ms; this one takes 0.1.
        """
        with self.engines.durable.connect() as connection:
            return [None] if connection.execute(self._waits, {"queue": queue}).first() else []

    def stop(self, seconds: int = 20) -> None:
        """Take no more orders, let running ones finish for so many seconds."""
        DBOS.destroy(workflow_completion_timeout_sec=seconds)
        _registry.works = None

    def take_over(self, dead: set[str]) -> None:
        """Put what dead processes had begun back on the queue; several may do so at once."""
        begun = self.client.list_workflows(status="PENDING", load_input=False, load_output=False)
        owners = sorted({each.executor_id for each in begun if each.executor_id in dead})
        if owners:
            # Not public, but guarded by the owners' names in the database and so safe to repeat.
            DBOS._recover_pending_workflows(owners)  # noqa: SLF001 - the open package has no other way

    def care(self) -> list[str]:
        """Put back on the queue what this process holds and does not do; gives what it put back.

        So it is with what the engine could not write down, on a full disk for one. What was claimed
        a moment ago is not running yet, so only what is found twice counts.
        """
        held = self.client.list_workflows(
            status="PENDING",
            executor_id=self.executor_id,
            load_input=False,
            load_output=False,
        )
        queues = {each.workflow_id: each.queue_name or QUEUE for each in held}
        idle = queues.keys() - {name for name, _ in _registry.running}
        again, self._idle = sorted(idle & self._idle), idle
        for name in again:
            self.client.resume_workflow(name, queue_name=queues[name])
        return again

    def collect(self) -> None:
        """Delete finished effects that nobody needs: the history is in our own tables."""
        before = (datetime.now(UTC) - _KEPT).isoformat()
        while names := [
            each.workflow_id
            for each in self.client.list_workflows(
                status=["SUCCESS", "ERROR", "CANCELLED"],
                completed_before=before,
                limit=_BATCH,
                load_input=False,
                load_output=False,
            )
        ]:
            self.client.delete_workflows(names)

    def order(
        self, session: Session, run: RunRow, kind: Effect, attempt: int = 0, queue: str = ""
    ) -> None:
        """Enqueue an effect in the transaction of ``session``; a repeated one keeps its key."""
        queue = queue or (ABORTS if kind is Effect.ABORT else QUEUE)
        name = f"{run.op}#{attempt}" if attempt else run.op
        lane = f"{run.pipeline}/{run.stage}{'!' if kind in _URGENT else ''}"
        # The engine asks nothing of what we have changed and not written yet.
        with session.no_autoflush:
            self.client.enqueue_in_transaction(
                session,
                {
                    "queue_name": queue,
                    "workflow_name": "act",
                    "workflow_id": name,
                    "app_version": VERSION,
                    "queue_partition_key": lane,
                },
                run.op,
                run.id,
                str(kind),
            )

    def order_back(self, session: Session, run: RunRow) -> None:
        """Enqueue a rollback of a stage in which no other effect is under way."""
        self.order(session, run, Effect.ROLLBACK, queue=BACK)

    def order_notice(self, session: Session, notice: str, attempt: int) -> None:
        """Enqueue a message in the transaction of ``session``; messages go one after another."""
        self.client.enqueue_in_transaction(
            session,
            {
                "queue_name": QUEUE,
                "workflow_name": "tell",
                "workflow_id": f"notice:{notice}#{attempt}",
                "app_version": VERSION,
                "queue_partition_key": "notices",
            },
            notice,
        )

    def watchdog(self, session: Session, run: RunRow, patience: timedelta = timedelta.max) -> None:
        """Look after an effect that did not report in time: resume it, or order it again.

        What has run here for less than ``patience`` is in time: the clock of the rows has jumped.
        """
        listed = self.client.list_workflows(
            workflow_id_prefix=run.op, load_input=False, load_output=False
        )
        known = {_attempt(run.op, each.workflow_id): each for each in listed}
        last = max((each for each in known if each is not None), default=None)
        newest = known[last] if last is not None else None
        if newest and newest.status == "PENDING":
            name, since = newest.workflow_id, time.monotonic() - patience.total_seconds()
            if any(each == name and began > since for each, began in _registry.running):
                return
            queue = newest.queue_name or QUEUE
            after = session.info.setdefault("after_commit", [])
            after.append(lambda: self.client.resume_workflow(name, queue_name=queue))
        elif newest is None or newest.status not in {"ENQUEUED", "DELAYED"}:
            self.order(session, run, Effect(run.op.rsplit(":", 2)[1]), (last or 0) + 1)


def _waits(schema: str | None) -> sa.Select[Any]:
    """Something that waits in a queue, if the engine may take it yet or not."""
    names = ("workflow_uuid", "queue_name", "status")
    known = sa.table("workflow_status", *map(sa.column, names), schema=schema)
    here = known.c.queue_name == sa.bindparam("queue")
    return sa.select(known.c.workflow_uuid).where(here, known.c.status == "ENQUEUED").limit(1)


def _attempt(op: str, workflow: str) -> int | None:
    """Which attempt of an effect a workflow is, from zero; None where it is of another effect.

    The number tells, as its time does not: clocks go back.
    """
    name, _, number = workflow.partition("#")
    return int(number or 0) if name == op else None

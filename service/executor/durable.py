"""The durable engine: DBOS's set-up, the one workflow, and how it is ordered.

DBOS keeps its functions in a registry of the process, so the workflow is defined once, at import,
and finds what it works with through ``_works``. Its tables share our database, so that ordering an
effect and writing the state that waits for it commit together.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
from sqlmodel import Session

from service.promotions.model import Effect
from service.store.engines import Engines
from service.store.tables import RunRow

#: Pinned for good: an unpinned version is a hash of the sources, and rows of another one are
#: orphans.
VERSION: Final = "bakegate-1"
QUEUE: Final = "act"
_POLL_S: Final = 0.1
#: How long finished effects are kept, and how many are deleted at once.
_KEPT: Final = timedelta(days=7)
_BATCH: Final = 1000

Json = dict[str, Any]


class Works(Protocol):
    """What the workflow needs of the executor."""

    def perform(self, op: str, run_id: int, kind: Effect) -> Json | None: ...

    def report(self, op: str, run_id: int, kind: Effect, result: Json) -> str: ...

    def deliver(self, notice: str) -> str | None: ...

    def record(self, notice: str, error: str) -> None: ...


@dataclass(slots=True)
class _Registry:
    """The executor of this process; DBOS has one registry a process, and so have we."""

    works: Works | None = None

    def get(self) -> Works:
        if self.works is None:
            raise RuntimeError("the durable engine was not launched")
        return self.works


_registry = _Registry()


@DBOS.step(
    name="perform", retries_allowed=True, max_attempts=8, interval_seconds=0.5, backoff_rate=2.0
)
def _perform(op: str, run_id: int, kind: str) -> Json | None:
    return _registry.get().perform(op, run_id, Effect(kind))


@DBOS.step(
    name="report", retries_allowed=True, max_attempts=8, interval_seconds=0.5, backoff_rate=2.0
)
def _report(op: str, run_id: int, kind: str, result: Json) -> str:
    return _registry.get().report(op, run_id, Effect(kind), result)


@DBOS.workflow(name="act", max_recovery_attempts=None)
def _act(op: str, run_id: int, kind: str) -> str:
    """One effect. What still fails after its retries is reported as errored, never lost."""
    try:
        result = _perform(op, run_id, kind)
    except Exception as error:  # noqa: BLE001 - whatever a port raised was retried and is technical
        result = {"errored": f"{type(error).__name__}: {error}"}
    return "stale" if result is None else _report(op, run_id, kind, result)


@DBOS.step(
    name="deliver", retries_allowed=True, max_attempts=8, interval_seconds=0.5, backoff_rate=2.0
)
def _deliver(notice: str) -> str | None:
    return _registry.get().deliver(notice)


@DBOS.step(
    name="record", retries_allowed=True, max_attempts=8, interval_seconds=0.5, backoff_rate=2.0
)
def _record(notice: str, error: str) -> None:
    _registry.get().record(notice, error)


@DBOS.workflow(name="tell", max_recovery_attempts=None)
def _tell(notice: str) -> str:
    """One message to one team. What still fails after its retries is recorded, never lost."""
    try:
        _deliver(notice)
    except Exception as error:  # noqa: BLE001 - whatever a way of telling raised was retried
        _record(notice, f"{type(error).__name__}: {error}")
        return "failed"
    _record(notice, "")
    return "sent"


class Durable:
    """Launches and stops the engine, and orders effects inside our transactions."""

    def __init__(self, engines: Engines, executor_id: str) -> None:
        self.engines = engines
        self.executor_id = executor_id
        self.client = DBOSClient(
            system_database_engine=engines.durable,
            serializer=DBOSPortableJSONSerializer(),
            lazy=True,
        )

    def launch(self, works: Works) -> None:
        """Recover what this executor left unfinished and start taking orders."""
        _registry.works = works
        DBOS(
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
            }
        )
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            partition_concurrency=1,
            worker_concurrency=32,
            polling_interval_sec=_POLL_S,
            on_conflict="always_update",
        )

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

    def order(self, session: Session, run: RunRow, kind: Effect, attempt: int = 0) -> None:
        """Enqueue an effect in the transaction of ``session``; a repeated one keeps its key."""
        name = f"{run.op}#{attempt}" if attempt else run.op
        self.client.enqueue_in_transaction(
            session,
            {
                "queue_name": QUEUE,
                "workflow_name": "act",
                "workflow_id": name,
                "app_version": VERSION,
                "queue_partition_key": f"{run.pipeline}/{run.stage}",
            },
            run.op,
            run.id,
            str(kind),
        )

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

    def watchdog(self, session: Session, run: RunRow) -> None:
        """Look after an effect that did not report in time: resume it, or order it again."""
        known = self.client.list_workflows(
            workflow_id_prefix=run.op, load_input=False, load_output=False
        )
        newest = max(known, key=lambda each: each.created_at or 0, default=None)
        if newest and newest.status == "PENDING":
            name = newest.workflow_id
            after = session.info.setdefault("after_commit", [])
            after.append(lambda: self.client.resume_workflow(name, queue_name=QUEUE))
        elif newest is None or newest.status not in {"ENQUEUED", "DELAYED"}:
            self.order(session, run, Effect(run.op.rsplit(":", 2)[1]), len(known) or 1)

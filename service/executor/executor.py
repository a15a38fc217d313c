"""The executor as one object: what everybody else asks of promotions."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from policies.pipeline import Pipeline
from policies.rule import AnyRule, BlocklistEntry
from service.executor import (
    blocking,
    calendars,
    data,
    excepting,
    exception_views,
    intake,
    leading,
    notices,
    reading,
    registration,
    reporting,
    sources,
)
from service.executor import retention as tidying
from service.executor.acts import perform, report
from service.executor.carrying_out import carry_out
from service.executor.claiming import Claim, claim
from service.executor.durable import Durable
from service.executor.ground import Ground
from service.executor.lease import Pace, open_lease
from service.executor.places import Places
from service.executor.rounds import Rounds
from service.executor.submitting import Start, keep_artifact, submit
from service.executor.sweep import Sweep
from service.promotions.blocklist import Change, EntryView
from service.promotions.commands import Command
from service.promotions.counted import CountView
from service.promotions.exceptions import ExceptionView, Filter, Verb, Wanted
from service.promotions.model import Effect
from service.promotions.ports import Fenced, Ports
from service.promotions.pushes import Push, Taken
from service.promotions.reported import Heard, Report, ReportedView
from service.promotions.retention import Retention, Stored
from service.promotions.views import (
    PAGE,
    DecisionView,
    NoticeView,
    PipelineSummary,
    PipelineView,
    ReleaseLine,
    ReleaseView,
)
from service.reports.overview import Following, Overview
from service.store.engines import Engines
from service.store.tables import RunRow

#: A sweep that did not run for so long is not alive.
_LATE: Final = timedelta(seconds=30)


class Executor:
    """Each method is one transaction of its own; errors are those of ``service.errors``."""

    def __init__(
        self,
        engines: Engines,
        ports: Ports,
        pace: Pace = Pace(),  # noqa: B008 - frozen
        retention: Retention = Retention(),  # noqa: B008 - frozen
    ) -> None:
        self.retention = retention
        self.lease = open_lease(engines, pace)
        self.ground = Ground(engines, ports, Durable(engines, self.lease.name, pace.poll))
        self._places = Places(self.ground)
        self.sweep = Sweep(self.ground)
        self.rounds = (
            Rounds("calendars", calendars.EVERY_S, partial(calendars.refresh, self.ground)),
            Rounds("poll", sources.EVERY_S, partial(sources.poll, self.ground)),
            Rounds("retention", tidying.EVERY_S, partial(tidying.tidy, self.ground, retention)),
        )

    def start(self) -> None:
        """Go on where the last process stopped, and drive time from now on."""
        with self.ground.engines.noticing():
            self.lease.take()
            self.ground.durable.launch(self)
        self.lease.keep(self.ground.durable.take_over)
        self.sweep.start()
        for each in self.rounds:
            each.start()

    def stop(self) -> None:
        """Let running effects finish; what is ordered stays ordered for the next process."""
        for each in self.rounds:
            each.stop()
        self.sweep.stop()
        self.ground.durable.stop()
        self.lease.release()

    def register_organization(self, files: Mapping[str, str], actor: str) -> None:
        registration.register_organization(self.ground, files, actor)

    def register_pipeline(self, text: str, path: str, repository: str, actor: str) -> str:
        return registration.register_pipeline(self.ground, text, path, repository, actor)

    def add_blocklist(self, entry: BlocklistEntry, actor: str) -> Change:
        return blocking.add(self.ground, entry, actor)

    def confirm_blocklist(self, name: str, actor: str) -> Change:
        return blocking.confirm(self.ground, name, actor)

    def remove_blocklist(self, name: str, reason: str, actor: str) -> Change:
        return blocking.remove(self.ground, name, reason, actor)

    def blocklist(
        self, after: str = "", limit: int | None = None, *, over: bool | None = None
    ) -> tuple[EntryView, ...]:
        return blocking.listing(self.ground, after, limit, over=over)

    def report_alarm(self, report: Report, actor: str) -> Heard:
        return reporting.report_alarm(self.ground, report, actor)

    def reported_alarms(self) -> tuple[ReportedView, ...]:
        return reporting.listing(self.ground)

    def request_exception(self, wanted: Wanted, actor: str) -> str:
        return excepting.request(self.ground, wanted, actor)

    def decide_exception(self, name: str, verb: Verb, reason: str, actor: str) -> None:
        excepting.ACTS[verb](self.ground, name, reason, actor)

    def exceptions(
        self, wanted: Filter, after: str = "", limit: int | None = None
    ) -> tuple[ExceptionView, ...]:
        return exception_views.listing(self.ground, wanted, after, limit)

    def exception(self, name: str) -> ExceptionView:
        return exception_views.one(self.ground, name)

    def submit(
        self,
        pipeline: str,
        commit: str,
        actor: str,
        *,
        kind: str = "normal",
        reason: str = "",
        incident: str = "",
        artifact: str = "",
    ) -> str:
        start = Start(commit, kind, reason, incident, artifact)
        return submit(self.ground, pipeline, start, actor)

    def take_push(self, pipeline: str, push: Push) -> Taken:
        return sources.take_push(self.ground, pipeline, push)

    def keep_artifact(self, path: Path) -> str:
        return keep_artifact(self.ground, path)

    def prune(self, actor: str, *, dry: bool) -> tuple[Stored, ...]:
        return tidying.prune(self.ground, self.retention, actor, dry=dry)

    def carry_out(self, command: Command, actor: str) -> str:
        return carry_out(self.ground, command, actor)

    def gate(
        self,
        pipeline: str,
        release: str | None,
        stage: str,
        *,
        dry_run: bool,
        at: datetime | None,
        record: Mapping[str, Any] | None,
        actor: str,
        assume: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        return intake.ask_gate(
            self.ground,
            pipeline,
            release,
            stage,
            dry_run=dry_run,
            at=at,
            record=record,
            actor=actor,
            assume=assume,
        )

    def switch_transition(
        self, pipeline: str, stage: str, mode: str, reason: str, actor: str
    ) -> None:
        intake.switch_transition(self.ground, pipeline, stage, mode, reason, actor)

    def record_data_points(  # noqa: PLR0917 - the counts of one place, always named by callers
        self,
        pipeline: str,
        stage: str,
        target: str,
        digest: str,
        positive: int,
        negative: int,
        operation: str = "",
    ) -> None:
        counts = (positive, negative, operation)
        data.record_data_points(self.ground, pipeline, stage, target, digest, *counts)

    def data_points(self, pipeline: str, stage: str, back: timedelta) -> tuple[CountView, ...]:
        return reading.data_points(self.ground, pipeline, stage, back)

    def perform(self, op: str, run_id: int, kind: Effect) -> dict[str, Any] | None:
        """One attempt of an effect; None when the run no longer waits for it."""
        taken = self.ground.engines.patiently(lambda: self._claim(op, run_id, kind))
        try:
            return perform(self.ground.ports, taken, kind) if taken else None
        except Fenced:
            # Where an abort or a rollback of the stage did it, nobody waits for this one.
            if self.ground.engines.patiently(lambda: self._is_waited_for(op, run_id)):
                raise
            return None

    def _is_waited_for(self, op: str, run_id: int) -> bool:
        with self.ground.engines.reading() as session:
            run = session.get(RunRow, run_id)
            return run is not None and run.op == op

    def _claim(self, op: str, run_id: int, kind: Effect) -> Claim | None:
        with self._places.one():
            return claim(self.ground, op, run_id, kind)

    def report(self, op: str, run_id: int, kind: Effect, result: dict[str, Any]) -> str:
        """Decide on the result of an effect; ``stale`` when the run no longer waits for it."""

        def reported() -> str:
            with self._places.turn(_pipeline_of(op)) as turn:
                return report(turn, run_id, op, kind, result)

        # What was done must be told, however long that takes.
        return self.ground.engines.patiently(reported)

    def deliver(self, notice: str) -> str | None:
        """One attempt to tell a team something; None where it was told before."""
        return notices.deliver(self.ground, notice)

    def record(self, notice: str, error: str) -> None:
        self.ground.engines.patiently(lambda: notices.record(self.ground, notice, error))

    def effective(self, node: str, rule: str | None, at: datetime | None) -> dict[str, Any]:
        """What holds for a node of the organization at an instant, else now."""
        return reading.effective(self.ground, node, rule, at)

    def told(
        self, rule: str | None, after: str = "", limit: int | None = None
    ) -> tuple[NoticeView, ...]:
        """Which team was told of which rule, the newest first."""
        return reading.told(self.ground, rule, after, limit)

    def pipelines(self, after: str = "", limit: int = PAGE) -> tuple[PipelineSummary, ...]:
        return reading.pipelines(self.ground, after, limit)

    def pipeline(self, name: str) -> PipelineView:
        return reading.pipeline(self.ground, name)

    def release(self, name: str) -> ReleaseView:
        return reading.release(self.ground, name)

    def releases(self, pipeline: str | None, limit: int) -> tuple[ReleaseLine, ...]:
        return reading.releases(self.ground, pipeline, limit)

    def release_of(self, pipeline: str, commit: str) -> str | None:
        return reading.release_of(self.ground, pipeline, commit)

    def definition(self, pipeline: str) -> Pipeline:
        """The pipeline as it is registered now."""
        return reading.registered_definition(self.ground, pipeline)

    def repository(self, pipeline: str) -> str:
        """Where the pipeline's commits come from."""
        return reading.repository(self.ground, pipeline)

    def decision(self, name: str) -> DecisionView:
        return reading.decision(self.ground, name)

    def version(self, pipeline: str) -> int:
        return reading.version(self.ground, pipeline)

    def compliance(
        self, node: str | None, after: str = "", limit: int | None = None
    ) -> list[dict[str, Any]]:
        return reading.compliance_rows(self.ground, node, after, limit)

    def overview(self, node: str) -> Overview:
        return leading.overview(self.ground, node)

    def followers(self, rule: str, node: str) -> Following:
        return leading.followers(self.ground, rule, node)

    def custom_rules(self) -> tuple[AnyRule, ...]:
        return leading.custom_rules(self.ground)

    def ready(self) -> str:
        """Why the service cannot work now; empty when it can."""
        if self.ground.engines.trouble:
            return self.ground.engines.trouble
        swept = self.sweep.swept_at
        if swept is None:
            return "the sweep has not run yet"
        if self.ground.ports.clock.now() - swept > _LATE:
            return f"the sweep last ran at {swept:%H:%M:%S} UTC"
        return ""


def _pipeline_of(op: str) -> str:
    """``payments-api:7/gamma:test:3`` names its pipeline before the first colon."""
    return op.partition(":")[0]

"""The executor: what API, pages and terminal may ask of promotions, and the loop that time drives."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from policies.decision import to_message
from policies.documents import DocumentError, Issue
from policies.engine import FileReport, lint
from policies.formats import read_pipelines
from policies.pipeline import Pipeline
from policies.plain import instant_text
from policies.record import release_from_json
from policies.rule import BlocklistEntry
from service.errors import Conflict, Invalid, NotFound, Refused
from service.executor import facts, gates
from service.executor.acts import claim, perform, report
from service.executor.alarms import judge_alarms
from service.executor.definitions import definition, organization, tree
from service.executor.durable import Durable
from service.executor.transition import WATCHDOG, create_runs, enter, look, reconsider
from service.executor.turn import Turn, found, keep
from service.executor.watch import period_of, targets
from service.promotions.alarms import period_start
from service.promotions.model import Effect, State
from service.promotions.ports import Commit, Ports
from service.store.engines import Engines
from service.store.tables import (
    AlarmRow,
    BlocklistRow,
    CountRow,
    LintRow,
    OrganizationRow,
    PipelineRow,
    ReleaseRow,
    RunRow,
    StageRow,
)

_log: Final = logging.getLogger(__name__)

#: How often rows that are due are swept, in seconds.
SWEEP_S: Final = 0.2
#: Most rows of one sweep; the rest is taken by the next, so that events are not starved.
_MOST: Final = 100
_SYSTEM: Final = "bakegate"


class Executor:
    """Everything that changes a promotion. Each method is one transaction of its own."""

    def __init__(self, engines: Engines, ports: Ports, durable: Durable) -> None:
        self.engines = engines
        self.ports = ports
        self.durable = durable
        self.swept_at: datetime | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Go on where the last process stopped, and drive time from now on."""
        self.durable.launch(self)
        self._thread = threading.Thread(target=self._drive, name="sweep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        self.durable.stop()

    @contextmanager
    def turn(self, pipeline: str, actor: str) -> Iterator[Turn]:
        """One transaction under the pipeline's lock."""
        with self.engines.transaction() as session:
            asked = select(PipelineRow).where(PipelineRow.name == pipeline).with_for_update()
            row = found(session.exec(asked).first(), "pipeline", pipeline)
            yield Turn(session, row, self.ports.clock.now(), actor, self.durable.order)

    # Registration

    def register_organization(self, files: Mapping[str, str], actor: str) -> None:
        """Take over an organization file and its rulesets; raises Invalid with every error."""
        try:
            tree(tuple(sorted(files.items())))
        except DocumentError as error:
            raise Invalid(error.issues) from error
        with self.engines.transaction() as session:
            now = self.ports.clock.now()
            session.add(OrganizationRow(files=dict(files), at=now, actor=actor))
        for name in self._pipelines():
            with self.turn(name, actor) as turn:
                turn.log("ruleset.activated")
                reconsider(turn)

    def register_pipeline(self, text: str, path: str, repository: str, actor: str) -> str:
        """Take over a pipeline file after linting it; gives the pipeline's name.

        Raises Invalid where it cannot be read and Refused where a rule at ``block`` fails.
        """
        pipeline = self._readable(text, path)
        report = self._linted(text, path)
        if report.blocks:
            raise Refused(pipeline.name, report.findings)
        with self.engines.transaction() as session:
            self._store_pipeline(session, pipeline, text, path, repository)
            self._store_lint(session, pipeline.name, report)
        return pipeline.name

    def _readable(self, text: str, path: str) -> Pipeline:
        read = read_pipelines(text.encode(), path)
        if read.problems or len(read.pipelines) != 1:
            told = [Issue(each.span, each.message) for each in read.problems]
            raise Invalid(tuple(told)) if told else Conflict(f"{path} must hold one pipeline")
        return read.pipelines[0]

    def _linted(self, text: str, path: str) -> FileReport:
        now = self.ports.clock.now()
        with self.engines.reading() as session:
            practice = organization(session)
        read = read_pipelines(text.encode(), path)
        try:
            return lint(read, lambda each: practice.resolved(_node(each), now), now)
        except DocumentError as error:
            raise Invalid(error.issues) from error

    def _store_pipeline(
        self, session: Session, pipeline: Pipeline, text: str, path: str, repository: str
    ) -> None:
        digest = keep(session, text)
        row = session.get(PipelineRow, pipeline.name)
        if row is None:
            row = PipelineRow(
                name=pipeline.name, organization="", repository="", path="", definition=digest
            )
            session.add(row)
        row.organization, row.repository = _node(pipeline), repository
        row.path, row.definition = path, digest
        session.flush()
        for stage in pipeline.stages:
            if session.get(StageRow, (pipeline.name, stage.name)) is None:
                transition = stage.transition.or_else(None) or "automatic"
                session.add(
                    StageRow(
                        pipeline=pipeline.name, stage=stage.name, transition=transition, running={}
                    )
                )

    def _store_lint(self, session: Session, pipeline: str, report: FileReport) -> None:
        for old in session.exec(select(LintRow).where(LintRow.pipeline == pipeline)):
            session.delete(old)
        session.flush()
        worst = {each.rule: each for each in reversed(report.findings)}
        for judged in report.pipelines:
            for rule, result in judged.results.items():
                finding = worst.get(rule)
                session.add(
                    LintRow(
                        pipeline=pipeline,
                        rule=rule,
                        result=result,
                        enforcement=finding.enforcement.word if finding else "",
                        message=finding.message if finding else "",
                        line=finding.span.line if finding else 0,
                    )
                )

    def _pipelines(self) -> list[str]:
        with self.engines.reading() as session:
            return list(session.exec(select(PipelineRow.name).order_by(PipelineRow.name)))

    # Releases

    def submit(self, pipeline: str, commit: str, actor: str) -> str:
        """Start a release from a commit of the pipeline's repository; gives its id."""
        with self.engines.reading() as session:
            row = found(session.get(PipelineRow, pipeline), "pipeline", pipeline)
            repository, base = row.repository, self._newest_commit(session, pipeline)
        changes = self.ports.repository.changes(repository, base, commit)
        with self.turn(pipeline, actor) as turn:
            turn.pipeline.releases += 1
            number = turn.pipeline.releases
            release = ReleaseRow(
                id=f"{pipeline}:{number}",
                pipeline=pipeline,
                number=number,
                kind="normal" if base else "first",
                commit=commit,
                definition=turn.pipeline.definition,
                base=base or "",
                changes=[_change(each) for each in changes],
                created_at=turn.now,
                created_by=actor,
            )
            turn.session.add(release)
            turn.session.flush()
            turn.log("release.created", release.id, None, commit=commit, changes=len(changes))
            create_runs(turn, release)
        return release.id

    def _newest_commit(self, session: Session, pipeline: str) -> str | None:
        asked = (
            select(ReleaseRow.commit)
            .where(ReleaseRow.pipeline == pipeline, ReleaseRow.outcome == "succeeded")
            .order_by(col(ReleaseRow.number).desc())
            .limit(1)
        )
        return session.exec(asked).first()

    def gate(
        self,
        pipeline: str,
        release: str,
        stage: str,
        *,
        dry_run: bool,
        at: datetime | None,
        record: Mapping[str, Any] | None,
        actor: str,
    ) -> dict[str, Any]:
        """Ask the gate about one of our releases, or about a record that was handed in.

        A dry run stores nothing and may ask for another moment.
        """
        if at and not dry_run:
            raise Conflict("another moment can only be asked for in a dry run")
        with self.turn(pipeline, actor) as turn:
            turn.now = at or turn.now
            if record is not None:
                known, definition = release_from_json(record, "record"), turn.pipeline.definition
            else:
                row = turn.release(release)
                known, definition = facts.record(turn, row), row.definition
            decision = gates.decide(turn, known, stage, definition)
            if dry_run:
                turn.session.rollback()
                return to_message(decision, "")
            return gates.store(turn, decision).message

    def switch_transition(
        self, pipeline: str, stage: str, mode: str, reason: str, actor: str
    ) -> None:
        """Make a stage's transition automatic or manual; automatic needs a reason."""
        if mode not in {"automatic", "manual"}:
            raise Conflict(f"a transition is automatic or manual, not {mode!r}")
        if mode == "automatic" and not reason.strip():
            raise Conflict("say why the transition may be automatic again")
        with self.turn(pipeline, actor) as turn:
            kept = turn.stage(stage)
            kept.transition, kept.reason = mode, reason
            turn.log("transition.switched", None, stage, to=mode, reason=reason)
            enter(turn, stage)

    def add_blocklist(self, entry: BlocklistEntry, actor: str) -> list[str]:
        """Add an entry and ask the gates of every release that waits; gives the pipelines asked."""
        data = asdict(entry) | {"until": entry.until and instant_text(entry.until)}
        with self.engines.transaction() as session:
            row = session.get(BlocklistRow, entry.id)
            now = self.ports.clock.now()
            if row is None:
                row = BlocklistRow(id=entry.id, entry=data, added_by=actor, added_at=now)
            row.entry = data
            session.add(row)
        asked = self._pipelines()
        for name in asked:
            with self.turn(name, actor) as turn:
                turn.log("blocklist.changed", None, None, entry=entry.id, reason=entry.reason)
                reconsider(turn)
        return asked

    # Data

    def record_data_points(
        self, pipeline: str, stage: str, target: str, digest: str, positive: int, negative: int
    ) -> None:
        """Count answers of one version, and decide at once what they mean for its release."""
        with self.turn(pipeline, _SYSTEM) as turn:
            row = turn.pipeline
            kept = definition(turn.session, row.definition, row.path, row.name)
            planned = found(kept.stage(stage), "stage", stage)
            if target not in targets(planned):
                raise NotFound(f"target of {stage}", target)
            start = period_start(turn.now, period_of(kept, planned))
            key = (pipeline, stage, target, digest, start)
            count = turn.session.get(CountRow, key)
            if count is None:
                count = CountRow(
                    pipeline=pipeline, stage=stage, target=target, digest=digest, start=start
                )
                turn.session.add(count)
            count.positive += positive
            count.negative += negative
            turn.session.flush()
            for run in turn.runs(stage):
                look(turn, run)
            before = _levels(turn)
            judge_alarms(turn, kept)
            if _levels(turn) != before:
                reconsider(turn)

    # Effects (what the durable workflow asks)

    def perform(self, op: str, run_id: int, kind: Effect) -> dict[str, Any] | None:
        with self.turn(_pipeline_of(op), _SYSTEM) as turn:
            taken = claim(turn, run_id, op)
        return perform(self.ports, taken, kind) if taken else None

    def report(self, op: str, run_id: int, kind: Effect, result: dict[str, Any]) -> str:
        with self.turn(_pipeline_of(op), _SYSTEM) as turn:
            return report(turn, run_id, op, kind, result)

    # Time

    def sweep(self) -> int:
        """Decide every row that is due, each in a transaction of its own; gives how many."""
        now = self.ports.clock.now()
        with self.engines.reading() as session:
            asked = (
                select(RunRow.id, RunRow.pipeline)
                .where(col(RunRow.due) <= now)
                .order_by(col(RunRow.due))
                .limit(_MOST)
            )
            due = list(session.exec(asked))
        for run_id, pipeline in due:
            with self.turn(pipeline, _SYSTEM) as turn:
                self._due(turn, run_id)
        self.swept_at = now
        return len(due)

    def _due(self, turn: Turn, run_id: int | None) -> None:
        run = turn.session.get(RunRow, run_id)
        if run is None or run.due is None or run.due > turn.now:
            return
        if run.op:
            run.due = turn.now + WATCHDOG
            self.durable.watchdog(turn.session, run)
        elif run.state == State.WAITING:
            enter(turn, run.stage)
        else:
            look(turn, run)

    def _drive(self) -> None:
        while not self._stop.is_set():
            try:
                full = self.sweep() == _MOST
            except Exception:  # a failing sweep is logged and tried again: time must go on
                _log.exception("the sweep failed")
                full = False
            self._stop.wait(0 if full else SWEEP_S)


def _node(pipeline: Pipeline) -> str:
    return pipeline.organization.or_else(None) or ""


def _pipeline_of(op: str) -> str:
    """``payments-api:7/gamma:test:3`` names its pipeline before the first colon."""
    return op.partition(":")[0]


def _levels(turn: Turn) -> list[tuple[str, str, str]]:
    asked = select(AlarmRow).where(AlarmRow.pipeline == turn.pipeline.name)
    return sorted((each.stage, each.name, each.level) for each in turn.session.exec(asked))


def _change(commit: Commit) -> dict[str, str]:
    return {
        "commit": commit.commit,
        "author": commit.author,
        "subject": commit.subject,
        "at": instant_text(commit.at),
    }

"""A working in-memory service for API and pages: what is written can be read back."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from policies.documents import Issue
from policies.formats import read_pipelines
from policies.rule import AnyRule, BlocklistEntry
from policies.ruleset import builtin, resolve
from policies.ruleset.account import account
from service.errors import Conflict, Invalid, NotFound, Refused
from service.promotions.blocklist import Change, EntryView
from service.promotions.commands import ClearProblem, Command, Override, Pause, Resume
from service.promotions.counted import CountView
from service.promotions.exceptions import ExceptionView, Filter, Verb, Wanted
from service.promotions.pushes import Push, Taken
from service.promotions.reported import Heard, Report, ReportedView, Said, require_whole
from service.promotions.retention import Stored
from service.promotions.views import (
    PAGE,
    DecisionView,
    NoticeView,
    PipelineSummary,
    PipelineView,
    ReleaseLine,
    ReleaseView,
)
from service.reports.compliance import compliance
from service.reports.overview import Following, Overview
from service.store.read import Registered
from tests.twins.blocklist import MemoryBlocklist
from tests.twins.examples import PIPELINE, RELEASE, SUMMARIES, fresh, quiet, troubled
from tests.twins.exceptions import MemoryExceptions
from tests.twins.overviews import OVERVIEW
from tests.twins.paging import page
from tests.twins.sights import NOW, decision, event, waits


class MemoryBackend:
    """Holds read models by name; ``written`` lists every write with its arguments, in order."""

    def __init__(self, summaries: Iterable[PipelineSummary] = SUMMARIES) -> None:
        self.written: list[tuple[Any, ...]] = []
        self.summaries = tuple(summaries)
        self.views = {each.name: each for each in (PIPELINE, troubled(), quiet(), fresh())}
        self.known = {RELEASE.id: RELEASE}
        self.taken: dict[str, str] = {}
        self.counted: list[CountView] = []
        self.artifacts: set[str] = set()
        self.stored: list[Stored] = []
        self.excepted = MemoryExceptions()
        self.listed = MemoryBlocklist()
        self.refusal: Refused | None = None
        self.trouble = ""
        self.seen: Overview = OVERVIEW
        self.own: tuple[AnyRule, ...] = ()
        self.notices: list[NoticeView] = []
        self.reported: dict[str, ReportedView] = {}
        self.defect: Exception | None = None

    def show(self, view: PipelineView) -> None:
        """Something happened: the same pipeline as it is from now on."""
        self.views[view.name] = replace(view, version=self.views[view.name].version + 1)

    def pipelines(self, after: str = "", limit: int = PAGE) -> tuple[PipelineSummary, ...]:
        named = sorted(self.summaries, key=lambda each: each.name)
        return tuple(each for each in named if each.name > after)[:limit]

    def pipeline(self, name: str) -> PipelineView:
        if self.defect:
            raise self.defect
        if name not in self.views:
            raise NotFound("pipeline", name)
        return self.views[name]

    def version(self, pipeline: str) -> int:
        return self.pipeline(pipeline).version

    def release(self, name: str) -> ReleaseView:
        if name not in self.known:
            raise NotFound("release", name)
        return self.known[name]

    def decision(self, name: str) -> DecisionView:
        for view in self.known.values():
            for each in view.decisions:
                if each.id == name:
                    return each
        raise NotFound("decision", name)

    def take_push(self, pipeline: str, push: Push) -> Taken:
        if push.delivery not in self.taken:
            self.taken[push.delivery] = self.submit(pipeline, push.commit, push.by)
        return Taken(self.taken[push.delivery])

    def keep_artifact(self, path: Path) -> str:
        digest = f"sha256:{sha256(path.read_bytes()).hexdigest()}"
        self.artifacts.add(digest)
        return digest

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
        if artifact and artifact not in self.artifacts:
            raise Conflict(f"there is no artifact {artifact}")
        self.written.append(("submit", pipeline, commit, actor, kind, reason, incident))
        view = self.pipeline(pipeline)
        number = 1 + max((each.number for each in view.in_flight), default=0)
        name = f"{pipeline}:{number}"
        begun = waits(number, view.stages[0].name, None, pipeline=pipeline, entered_at=NOW)
        self.known[name] = replace(
            RELEASE,
            id=name,
            pipeline=pipeline,
            number=number,
            commit=commit,
            digest=artifact or None,
            created_at=NOW,
            created_by=actor,
            changes=(),
            evidence=(),
            packages=None,
            runs=(begun,),
            decisions=(),
            events=(event(62, "release.created", NOW, release=name, actor=actor),),
        )
        self.show(replace(view, in_flight=(*view.in_flight, begun)))
        return name

    def prune(self, actor: str, *, dry: bool) -> tuple[Stored, ...]:
        gone = tuple(self.stored)
        if not dry:
            self.stored.clear()
            self.written.append(("prune", actor))
        return gone

    def carry_out(self, command: Command, actor: str) -> str:
        match command:
            case Pause():
                self.pipeline(command.pipeline)
            case Resume() | ClearProblem():
                pass
            case Override():
                _require_reason(command.reason, self.release(command.release).least_reason)
            case _:
                self.release(command.release)
        self.written.append((command, actor))
        return f"made-{len(self.written)}"

    def releases(self, pipeline: str | None, limit: int) -> tuple[ReleaseLine, ...]:
        found = [each for each in self.known.values() if pipeline in {None, each.pipeline}]
        return tuple(
            ReleaseLine(
                id=each.id,
                pipeline=each.pipeline,
                number=each.number,
                kind=each.kind,
                commit=each.commit,
                outcome=each.outcome,
                created_at=each.created_at,
                created_by=each.created_by,
                ended_at=each.ended_at,
                stages=tuple((run.stage, run.outcome or run.state) for run in each.runs),
            )
            for each in found[:limit]
        )

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
        self.written.append(("gate", pipeline, release, stage, dry_run, at, record, actor))
        self._stage(pipeline, stage)
        if release:
            self.release(release)
        name = "" if dry_run else "d-58300"
        return decision(name, stage, "allow", at=at or NOW, release=release or "").message

    def record_data_points(  # noqa: PLR0917 - the signature of the port
        self,
        pipeline: str,
        stage: str,
        target: str,
        digest: str,
        positive: int,
        negative: int,
        operation: str = "",
    ) -> None:
        self._stage(pipeline, stage)
        self.written.append(
            ("data", pipeline, stage, target, digest, positive, negative, operation)
        )
        self.counted.append(CountView(NOW, target, digest, operation, positive, negative))

    def data_points(self, pipeline: str, stage: str, back: timedelta) -> tuple[CountView, ...]:
        self._stage(pipeline, stage)
        return tuple(self.counted)

    def add_blocklist(self, entry: BlocklistEntry, actor: str) -> Change:
        self.written.append(("blocklist", asdict(entry), actor))
        return self.listed.add(entry, actor, sorted(self.views))

    def confirm_blocklist(self, name: str, actor: str) -> Change:
        return self.listed.confirm(name, actor, sorted(self.views))

    def remove_blocklist(self, name: str, reason: str, actor: str) -> Change:
        return self.listed.remove(name, reason, actor, sorted(self.views))

    def blocklist(
        self, after: str = "", limit: int | None = None, *, over: bool | None = None
    ) -> tuple[EntryView, ...]:
        found = (self.listed.entries[name] for name in sorted(self.listed.entries))
        wanted = [each for each in found if over in {None, each.over}]
        return page(wanted, [each.place for each in wanted], after, limit)

    def report_alarm(self, report: Report, actor: str) -> Heard:
        require_whole(report)
        if report.pipeline:
            self.pipeline(report.pipeline)
        was = self.reported.pop(report.name, None)
        if report.said is not Said.ENDED:
            self.reported[report.name] = ReportedView(
                name=report.name,
                reach=report.reach,
                pipeline=report.pipeline,
                organization=report.organization,
                place=report.place,
                level=report.said,
                severity=report.severity,
                message=report.message,
                by=actor,
                since=NOW,
                reported_at=NOW,
                stale=False,
            )
        now = "" if report.said is Said.ENDED else str(report.said)
        return Heard(was.level if was else "", now, ())

    def reported_alarms(self) -> tuple[ReportedView, ...]:
        return tuple(self.reported.values())

    def request_exception(self, wanted: Wanted, actor: str) -> str:
        self.written.append(("request", wanted, actor))
        return self.excepted.request(wanted, self.pipeline(wanted.pipeline).organization, actor)

    def decide_exception(self, name: str, verb: Verb, reason: str, actor: str) -> None:
        self.excepted.decide(name, verb, reason, actor)
        self.written.append((verb, name, reason, actor))

    def exceptions(
        self, wanted: Filter, after: str = "", limit: int | None = None
    ) -> tuple[ExceptionView, ...]:
        found = self.excepted.listing(wanted)
        return page(found, [each.place for each in found], after, limit)

    def exception(self, name: str) -> ExceptionView:
        return self.excepted.one(name)

    def register_organization(self, files: Mapping[str, str], actor: str) -> None:
        if "organization.yaml" not in files:
            raise Conflict("the files hold no organization.yaml")
        self.written.append(("organization", dict(files), actor))

    def register_pipeline(self, text: str, path: str, repository: str, actor: str) -> str:
        if self.refusal:
            raise self.refusal
        read = read_pipelines(text.encode(), path)
        if read.problems:
            raise Invalid(tuple(Issue(each.span, each.message) for each in read.problems))
        name = read.pipelines[0].name
        self.written.append(("register", name, path, repository, actor))
        return name

    def switch_transition(
        self, pipeline: str, stage: str, mode: str, reason: str, actor: str
    ) -> None:
        view = self._stage(pipeline, stage)
        if mode == "automatic" and not reason.strip():
            raise Conflict("say why the transition may be automatic again")
        self.written.append(("transition", pipeline, stage, mode, reason, actor))
        stages = (
            replace(each, transition=mode, transition_reason=reason) if each.name == stage else each
            for each in view.stages
        )
        self.show(replace(view, stages=tuple(stages)))

    def compliance(
        self, node: str | None, after: str = "", limit: int | None = None
    ) -> list[dict[str, Any]]:
        judged = (
            Registered(
                view.name,
                view.organization,
                tuple((each.rule, each.result) for each in view.findings),
            )
            for view in self.views.values()
        )
        rows = compliance(judged, node)
        return list(page(rows, [each["rule"] for each in rows], after, limit))

    def overview(self, node: str) -> Overview:
        if node not in {"", "retail"}:
            raise NotFound("organization", node)
        return self.seen

    def followers(self, rule: str, node: str) -> Following:
        seen = self.overview(node)
        return Following(
            seen.node,
            seen.now,
            tuple(
                replace(each, judgements=mine)
                for each in seen.members
                if (mine := tuple(said for said in each.judgements if said.rule == rule))
            ),
            next((each for each in seen.practices if each.rule == rule), None),
            tuple(each for each in seen.changes if each.rule == rule),
        )

    def custom_rules(self) -> tuple[AnyRule, ...]:
        return self.own

    def effective(self, node: str, rule: str | None, at: datetime | None) -> dict[str, Any]:
        if node not in {view.organization for view in self.views.values()}:
            raise NotFound("organization", node)
        moment = at or NOW
        own = resolve([(node, builtin("recommended"))], moment)
        if rule is not None and rule not in own.rules:
            raise NotFound("rule", rule)
        return account(own, moment, rule)

    def told(
        self, rule: str | None, after: str = "", limit: int | None = None
    ) -> tuple[NoticeView, ...]:
        found = [each for each in self.notices if rule in (None, each.rule)]
        return page(found, [each.place for each in found], after, limit)

    def ready(self) -> str:
        return self.trouble

    def _stage(self, pipeline: str, stage: str) -> PipelineView:
        view = self.pipeline(pipeline)
        if stage not in {each.name for each in view.stages}:
            raise NotFound("stage", stage)
        return view


def _require_reason(reason: str, least: int) -> None:
    if (length := len(reason)) < least:
        told = f"the reason has {length} characters; write at least {least}"
        raise Conflict(f"{told}: what breaks if it waits?")

"""What the API asks of the service: a port, which the executor and the readers fill together."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from policies.rule import BlocklistEntry
from service.promotions.blocklist import Change, EntryView
from service.promotions.commands import Command
from service.promotions.counted import CountView
from service.promotions.exceptions import ExceptionView, Filter, Verb, Wanted
from service.promotions.pushes import Push, Taken
from service.promotions.reported import Heard, Report, ReportedView
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


class Backend(Protocol):
    """Every method is one transaction of its own and raises errors of ``service.errors`` only."""

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
        """Make a release of a commit, built here or pushed as ``artifact``; gives its id."""
        ...

    def take_push(self, pipeline: str, push: Push) -> Taken:
        """Start a release of what a code forge told; the same delivery gives the same release."""
        ...

    def keep_artifact(self, path: Path) -> str:
        """Keep a file as an artifact; gives its digest."""
        ...

    def carry_out(self, command: Command, actor: str) -> str:
        """Do what a person asks for; gives the name of what was made, if it has one."""
        ...

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
        assume: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Decide; gives ``bakegate.gate/v1``. ``release`` is empty where ``record`` is given.

        ``assume`` is a merge patch for the record, for dry runs alone.
        """
        ...

    def record_data_points(  # noqa: PLR0917 - the counts of one place, always named by callers
        self,
        pipeline: str,
        stage: str,
        target: str,
        digest: str,
        positive: int,
        negative: int,
        operation: str = "",
    ) -> None: ...

    def data_points(self, pipeline: str, stage: str, back: timedelta) -> tuple[CountView, ...]:
        """What was counted in a stage lately, the newest first."""
        ...

    def add_blocklist(self, entry: BlocklistEntry, actor: str) -> Change:
        """Add an entry; gives what the same transaction decided, and what runs it already."""
        ...

    def confirm_blocklist(self, name: str, actor: str) -> Change:
        """Agree, as a second person, with what was proposed."""
        ...

    def remove_blocklist(self, name: str, reason: str, actor: str) -> Change: ...

    def blocklist(
        self, after: str = "", limit: int | None = None, *, over: bool | None = None
    ) -> tuple[EntryView, ...]:
        """Entries of files and of the service, the first of those behind the place ``after``.

        ``over`` asks for what was removed or has ended, or for what is neither.
        """
        ...

    def report_alarm(self, report: Report, actor: str) -> Heard:
        """Keep what another system says of an alarm, and decide at once what it concerns."""
        ...

    def reported_alarms(self) -> tuple[ReportedView, ...]: ...

    def request_exception(self, wanted: Wanted, actor: str) -> str:
        """Ask for an exemption or an opt-out; gives its id."""
        ...

    def decide_exception(self, name: str, verb: Verb, reason: str, actor: str) -> None: ...

    def exceptions(
        self, wanted: Filter, after: str = "", limit: int | None = None
    ) -> tuple[ExceptionView, ...]:
        """Exemptions and opt-outs, of files and of the service, the first behind ``after``."""
        ...

    def exception(self, name: str) -> ExceptionView: ...

    def register_organization(self, files: Mapping[str, str], actor: str) -> None:
        """Take over ``organization.yaml`` and the rulesets beside it, by path."""
        ...

    def register_pipeline(self, text: str, path: str, repository: str, actor: str) -> str:
        """Take over a pipeline file; gives the name that stands in it."""
        ...

    def switch_transition(
        self, pipeline: str, stage: str, mode: str, reason: str, actor: str
    ) -> None: ...

    def pipelines(self, after: str = "", limit: int = PAGE) -> tuple[PipelineSummary, ...]:
        """By name, the first of those behind ``after``."""
        ...

    def pipeline(self, name: str) -> PipelineView: ...

    def release(self, name: str) -> ReleaseView: ...

    def releases(self, pipeline: str | None, limit: int) -> tuple[ReleaseLine, ...]:
        """The newest releases, of one pipeline or of all."""
        ...

    def decision(self, name: str) -> DecisionView: ...

    def version(self, pipeline: str) -> int:
        """Grow with every event of the pipeline."""
        ...

    def compliance(
        self, node: str | None, after: str = "", limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Results by rule and pipeline, of one node's subtree or of the whole organization.

        The first rules by id behind ``after``.
        """
        ...

    def effective(self, node: str, rule: str | None, at: datetime | None) -> dict[str, Any]:
        """What holds for a node of the organization; gives ``bakegate.ruleset/v1``."""
        ...

    def told(
        self, rule: str | None, after: str = "", limit: int | None = None
    ) -> tuple[NoticeView, ...]:
        """Which team was told of which scheduled rule, the newest first; behind ``after``."""
        ...

    def prune(self, actor: str, *, dry: bool) -> tuple[Stored, ...]:
        """Remove what nobody needs any more; gives what went, or with ``dry`` would have gone."""
        ...

    def ready(self) -> str:
        """Say why the service cannot work now; empty when it can."""
        ...

"""What the pages ask of the service: a port, narrower than the API's."""

from collections.abc import Callable
from typing import Annotated, Protocol, cast

from fastapi import Depends, FastAPI, Request

from policies.rule import AnyRule
from service.promotions.blocklist import Change, EntryView
from service.promotions.commands import Command
from service.promotions.exceptions import ExceptionView, Filter, Verb, Wanted
from service.promotions.views import PAGE, PipelineSummary, PipelineView, ReleaseView
from service.reports.overview import Following, Overview


class Promotions(Protocol):
    """Every method is one transaction of its own and raises errors of ``service.errors`` only."""

    def pipelines(self, after: str = "", limit: int = PAGE) -> tuple[PipelineSummary, ...]:
        """By name, the first of those behind ``after``."""
        ...

    def pipeline(self, name: str) -> PipelineView: ...

    def release(self, name: str) -> ReleaseView: ...

    def overview(self, node: str) -> Overview:
        """What leaders look at: one node with everything below it, the root where it is empty."""
        ...

    def followers(self, rule: str, node: str) -> Following:
        """The pipelines of a node, or of all, that a rule was applied to, with that result only."""
        ...

    def custom_rules(self) -> tuple[AnyRule, ...]:
        """The rules that the organization wrote itself, by their ids."""
        ...

    def version(self, pipeline: str) -> int:
        """Grow with every event of the pipeline."""
        ...

    def exceptions(
        self, wanted: Filter, after: str = "", limit: int | None = None
    ) -> tuple[ExceptionView, ...]: ...

    def request_exception(self, wanted: Wanted, actor: str) -> str: ...

    def decide_exception(self, name: str, verb: Verb, reason: str, actor: str) -> None: ...

    def blocklist(
        self, after: str = "", limit: int | None = None, *, over: bool | None = None
    ) -> tuple[EntryView, ...]: ...

    def confirm_blocklist(self, name: str, actor: str) -> Change: ...

    def remove_blocklist(self, name: str, reason: str, actor: str) -> Change: ...

    def carry_out(self, command: Command, actor: str) -> str:
        """Do what a person asks for; gives the name of what was made, if it has one."""
        ...

    def switch_transition(
        self, pipeline: str, stage: str, mode: str, reason: str, actor: str
    ) -> None: ...


def give(app: FastAPI, promotions: Promotions, actor: Callable[[], str]) -> None:
    """Hand the service to an application's pages; ``actor`` is asked once for each write."""
    app.state.promotions = promotions
    app.state.page_actor = actor


def _promotions(request: Request) -> Promotions:
    return cast("Promotions", request.app.state.promotions)


def _actor(request: Request) -> str:
    return cast("Callable[[], str]", request.app.state.page_actor)()


GivenPromotions = Annotated[Promotions, Depends(_promotions)]
GivenActor = Annotated[str, Depends(_actor)]

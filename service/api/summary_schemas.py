"""The list of pipelines, one row each."""

from service.api.schemas import Instant, Outgoing


class Summary(Outgoing):
    name: str
    organization: str
    team: str
    tier: int | None
    newest_release: str | None
    newest_state: str
    answer: str
    attention: str
    since: Instant | None


class Summaries(Outgoing):
    """``next`` is what ``after`` has to be for the next page; none where this one is the last."""

    pipelines: list[Summary]
    next: str | None

"""What comes in and goes out about the blocklist."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from policies.blocklist import problem
from policies.rule import BlocklistEntry
from service.api.paging import Next
from service.api.schemas import Commit, Digest, Incoming, Instant, Name, Outgoing

State = Literal["proposed", "active", "leaving", "removed", "ended"]


class NewBlocklistEntry(Incoming):
    """A known bad package (with a ``vers:`` range), digest, commit or builder: one of them.

    Without an id the service takes the next free one.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "bl-1",
                    "package": "pkg:pypi/urllib3",
                    "versions": "vers:pypi/>=2.0.0|<2.0.7",
                    "reason": "leaks cookies",
                    "owner": "security",
                }
            ]
        }
    )

    id: Annotated[str, Field(max_length=200)] = ""
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    owner: Name
    package: str = ""
    versions: str = ""
    digest: Digest | Literal[""] = ""
    repository: str = ""
    bad_commit: Commit | Literal[""] = ""
    fixed_by: Commit | Literal[""] = ""
    builder: Annotated[str, Field(max_length=2000)] = ""
    until: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "NewBlocklistEntry":
        if told := problem(BlocklistEntry(**self.model_dump())):
            raise ValueError(told)
        return self


class Removal(Incoming):
    reason: Annotated[str, Field(min_length=1, max_length=2000, examples=["2.0.7 is everywhere."])]


class Decided(Outgoing):
    """``now`` is blocked, waiting, halted, halting, or the state in which it goes on."""

    pipeline: str
    release: str
    stage: str
    was: str
    now: str
    message: str


class Runs(Outgoing):
    pipeline: str
    stage: str
    target: str
    release: str
    digest: str


class Change(Outgoing):
    """A change with what it decided; ``pipelines`` are those whose gates were asked again."""

    id: str
    state: State
    pipelines: list[str]
    decided: list[Decided]
    running: list[Runs]


class Listed(Outgoing):
    id: str
    reason: str
    owner: str
    package: str
    versions: str
    digest: str
    repository: str
    bad_commit: str
    fixed_by: str
    builder: str
    until: Instant | None


class Entry(Outgoing):
    """``source`` is ``service`` or the place in a file under review."""

    entry: Listed
    state: State
    source: str
    added_by: str
    added_at: Instant | None
    confirmed_by: str
    removed_by: str
    removed_at: Instant | None
    removal: str


class Blocklist(Outgoing):
    entries: list[Entry]
    next: Next

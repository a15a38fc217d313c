"""Errors of the domain. HTTP is not spoken here: ``service.api.errors`` maps them to statuses."""

from policies.documents import Issue
from policies.findings import Finding


class DomainError(Exception):
    """Something that the one who asks can do something about; the message says what."""


class NotFound(DomainError):
    def __init__(self, kind: str, name: str, hint: str = "") -> None:
        super().__init__(f"there is no {kind} {name!r}{hint}")
        self.kind = kind
        self.name = name


class Conflict(DomainError):
    """The request does not fit to what is so now."""


class Unavailable(DomainError):
    """The database or the store of artifacts cannot be used now; the message says why.

    The same may be asked again later.
    """


class Unsigned(DomainError):
    """A message that does not prove who sent it."""


class Invalid(DomainError):
    """A document that cannot be read; ``issues`` are all located."""

    def __init__(self, issues: tuple[Issue, ...]) -> None:
        super().__init__("\n".join(f"{i.span.path}:{i.span.line}: {i.message}" for i in issues))
        self.issues = issues


class Refused(DomainError):
    """A pipeline file with findings at ``block``."""

    def __init__(self, pipeline: str, findings: tuple[Finding, ...]) -> None:
        blocking = sum(each.enforcement.word == "block" for each in findings)
        super().__init__(f"pipeline {pipeline!r} is refused: {blocking} findings block it")
        self.findings = findings

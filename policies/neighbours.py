"""What stands beside a pipeline: others of the same run, and what changes production otherwise."""

from policies.findings import Span
from policies.frozen import dataclass


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """Something that changes production without the code: flags, settings, a model.

    ``pipeline`` deploys it; empty where nothing does.
    """

    name: str
    kind: str
    span: Span
    pipeline: str = ""


@dataclass(frozen=True, slots=True)
class Writer:
    """Another pipeline that deploys to one of this one's production environments."""

    pipeline: str
    path: str
    environment: str
    span: Span

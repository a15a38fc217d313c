"""How custom rules are evaluated, as the command line and the service say it."""

from enum import StrEnum

from policies.frozen import dataclass, field


class Engine(StrEnum):
    AUTO = "auto"
    """A server whose address is set, else the interpreter, else ``opa`` on the PATH."""
    SERVER = "server"
    OPA = "opa"
    EMBEDDED = "embedded"


class Policies(StrEnum):
    """How the modules come to a server: from us, or in a bundle that it fetches itself."""

    UPLOAD = "upload"
    BUNDLE = "bundle"


@dataclass(frozen=True, slots=True)
class RegoSettings:
    """``timeout`` is seconds for one question; ``ca``, ``certificate`` and ``key`` are PEM files.

    Those from ``url`` on concern a server alone; ``program`` is an ``opa``, empty means the PATH.
    """

    engine: Engine = Engine.AUTO
    timeout: float = 2.0
    program: str = ""
    url: str = ""
    token: str = field(default="", repr=False)
    ca: str = ""
    certificate: str = ""
    key: str = ""
    policies: Policies = Policies.UPLOAD

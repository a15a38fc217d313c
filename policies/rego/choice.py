"""Which engine evaluates the custom rules: one that was named, else the nearest that is there."""

import shutil
from collections.abc import Sequence
from threading import Lock
from typing import Final, assert_never

from policies.documents import Issue
from policies.frozen import replace
from policies.rego.document import Document
from policies.rego.policies import PolicySet
from policies.rego.port import Answers, Rego, RegoError
from policies.rego.settings import Engine, RegoSettings

#: What Open Policy Agent's program is called.
PROGRAM: Final = "opa"


class ChosenRego:
    """The engine of the settings, opened at the first question: most runs have none to ask."""

    def __init__(self, settings: RegoSettings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._opened: Rego | None = None

    def ask(self, policies: PolicySet, half: str, document: Document) -> Answers:
        return self._rego().ask(policies, half, document)

    def check(self, policies: PolicySet) -> Sequence[Issue]:
        return self._rego().check(policies)

    def name(self) -> str:
        return self._rego().name()

    def close(self) -> None:
        with self._lock:
            if self._opened:
                self._opened.close()
            self._opened = None

    def _rego(self) -> Rego:
        with self._lock:
            if self._opened is None:
                self._opened = _open(self._settings)
            return self._opened


# Each engine is imported where it is opened: a lint by the interpreter does not load httpx.
def _open(settings: RegoSettings) -> Rego:
    """Raises RegoError where the engine that was asked for is not there."""
    match settings.engine:
        case Engine.AUTO:
            return _open_nearest(settings)
        case Engine.SERVER:
            from policies.rego.server import server  # noqa: PLC0415 - see above

            return server(settings)
        case Engine.OPA:
            from policies.rego.process import OpaProcess  # noqa: PLC0415 - see above

            return OpaProcess(_program(settings), settings.timeout)
        case Engine.EMBEDDED:
            from policies.rego.embedded import Embedded  # noqa: PLC0415 - see above

            return Embedded(settings.timeout)
        case _:
            assert_never(settings.engine)


def _open_nearest(settings: RegoSettings) -> Rego:
    from policies.rego.embedded import MISSING, installed  # noqa: PLC0415 - see above

    if settings.url:
        return _open(replace(settings, engine=Engine.SERVER))
    if installed():
        return _open(replace(settings, engine=Engine.EMBEDDED))
    if settings.program or shutil.which(PROGRAM):
        return _open(replace(settings, engine=Engine.OPA))
    raise RegoError(MISSING)


def _program(settings: RegoSettings) -> str:
    found = shutil.which(settings.program or PROGRAM)
    if found is None:
        told = (
            f"there is no program {settings.program!r}" if settings.program else "there is no `opa`"
        )
        raise RegoError(f"{told} on the PATH; install Open Policy Agent, or bakegate[rego]")
    return found

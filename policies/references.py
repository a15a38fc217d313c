"""What a file takes from elsewhere, and how firmly it names it."""

from enum import StrEnum
from functools import lru_cache
from typing import Final

from policies.findings import Span
from policies.frozen import dataclass
from policies.patterns import pattern


class ReferenceKind(StrEnum):
    ACTION = "action"
    INCLUDE = "include"
    """A template, a called workflow, an orb."""
    CI_IMAGE = "ci-image"
    """The image that a job runs in."""
    BASE_IMAGE = "base-image"
    ARTIFACT = "artifact"
    """What is deployed."""


class Pin(StrEnum):
    """How firmly a reference names one version, from the firmest to the loosest."""

    DIGEST = "digest"
    COMMIT = "commit"
    VERSION = "version"
    """A tag that looks like a whole version; it can still be moved."""
    MUTABLE = "mutable"
    """A branch, ``latest``, a major version."""
    MISSING = "missing"
    REBUILT = "rebuilt"
    """Nothing is named: the stage builds what it deploys."""
    UNKNOWN = "unknown"
    """An expression or a parameter."""


@dataclass(frozen=True, slots=True)
class Reference:
    """``text`` as written; ``repository`` is host and path without version."""

    text: str
    kind: ReferenceKind
    pin: Pin
    span: Span
    repository: str = ""
    local: bool = False
    """True for what stands in the same repository."""


_DIGEST: Final = pattern(r"@sha256:[0-9a-f]{64}$")
_COMMIT: Final = pattern(r"[0-9a-f]{40}")
_VERSION: Final = pattern(r"v?\d+\.\d+(\.\d+)*([-+.][0-9A-Za-z.-]+)?")
_EXPRESSION: Final = pattern(r"\$\{|\$\(|\$[A-Za-z_]|\{\{|<[A-Z_]+>")


@lru_cache(maxsize=2048)
def pin_of(version: str) -> Pin:
    """How firmly a version alone (what stands behind ``@`` or ``:``) names one thing."""
    if not version:
        return Pin.MISSING
    if _EXPRESSION.search(version):
        return Pin.UNKNOWN
    if _COMMIT.fullmatch(version):
        return Pin.COMMIT
    return Pin.VERSION if _VERSION.fullmatch(version) else Pin.MUTABLE


def image(text: str, kind: ReferenceKind, span: Span) -> Reference:
    """A container image as files write it: ``host/path:tag@digest``."""
    name, _, digest = text.partition("@")
    head, slash, tail = name.rpartition("/")
    path, _, tag = tail.partition(":")
    repository = f"{head}{slash}{path}"
    if _DIGEST.search(text):
        return Reference(text, kind, Pin.DIGEST, span, repository)
    # A digest that is filled in later is still a digest; only its value is not known here.
    if digest:
        return Reference(text, kind, Pin.UNKNOWN, span, repository)
    pin = Pin.UNKNOWN if _EXPRESSION.search(name) else pin_of(tag)
    return Reference(text, kind, pin, span, repository)

"""Adapters that other installed distributions bring, by their entry points.

A distribution names them in its own metadata, here in its ``pyproject.toml``:

    [project.entry-points."bakegate.deployers"]
    "acme.nomad" = "acme_bakegate:nomad"

A name has a dot, so that none of ours ever takes it. What is behind a name is a function that makes
the adapter; it is imported when the adapter is first used, and only then: what nobody uses costs
nothing and breaks nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final

from service.promotions.ports import Artifacts, Host

#: ``make(place: Place) -> Deployer``, for pipeline files with ``type: NAME``.
DEPLOYERS: Final = "bakegate.deployers"
#: ``make() -> Notifier``, for services with ``BAKEGATE_NOTIFIERS=NAME``.
NOTIFIERS: Final = "bakegate.notifiers"
#: ``make(place: Place) -> Builder``, for services with ``BAKEGATE_BUILDER=NAME``.
BUILDERS: Final = "bakegate.builders"
#: ``make(place: Place) -> Tester``, for services with ``BAKEGATE_TESTER=NAME``.
TESTERS: Final = "bakegate.testers"
#: ``make(place: Place) -> Prober``, for services with ``BAKEGATE_PROBER=NAME``.
PROBERS: Final = "bakegate.probers"


class UnusableAdapter(Exception):
    """An adapter that is not there or cannot be made; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an adapter of another package is made with.

    ``folder`` is its own and there whenever it is called; it outlives the process, and with several
    workers it is shared. ``hosts`` names what is in service on a target of a stage of a pipeline,
    whoever deployed it.
    """

    folder: Path
    artifacts: Artifacts
    hosts: Callable[[str, str, str], tuple[Host, ...]]


@dataclass(frozen=True, slots=True)
class Installed:
    """One name of one distribution, not loaded yet; ``value`` is its ``module:function``."""

    name: str
    value: str
    distribution: str
    version: str


def installed(group: str) -> tuple[Installed, ...]:
    """What is installed under a group, by name; nothing of it is imported."""
    found = []
    for point in entry_points(group=group):
        source = point.dist
        name, version = (source.name, source.version) if source else ("unknown", "")
        found.append(Installed(point.name, point.value, name, version))
    return tuple(sorted(found, key=lambda each: (each.name, each.distribution)))


def load(group: str, name: str) -> Callable[..., Any]:
    """The function that makes an adapter; raises UnusableAdapter."""
    points = [point for point in entry_points(group=group) if point.name == name]
    kind = group.removeprefix("bakegate.").removesuffix("s")
    if "." not in name:
        raise UnusableAdapter(f"{kind} {name}: names without a dot are Bakegate's own")
    if not points:
        known = ", ".join(each.name for each in installed(group)) or "none"
        told = f"no {kind} {name} is installed where Bakegate works; installed are: {known}"
        raise UnusableAdapter(f"{told}; install the package that brings it")
    if len({point.value for point in points}) > 1:
        brought = " and ".join(sorted(_owner(point) for point in points))
        raise UnusableAdapter(f"{brought} both bring a {kind} {name}; remove one of them")
    try:
        made = points[0].load()
    except Exception as error:  # the code of somebody else may raise anything
        told = f"{kind} {name} of {_owner(points[0])} cannot be loaded ({points[0].value})"
        raise UnusableAdapter(f"{told}: {type(error).__name__}: {error}") from error
    if not callable(made):
        told = f"{kind} {name} of {_owner(points[0])} is no function that makes one"
        raise UnusableAdapter(f"{told} ({points[0].value})")
    function: Callable[..., Any] = made
    return function


def make(group: str, name: str, port: type, *arguments: object) -> Any:
    """An adapter for ``port``, a runtime-checkable protocol; raises UnusableAdapter."""
    function = load(group, name)
    try:
        adapter = function(*arguments)
    except Exception as error:  # as above
        told = f"{name} cannot be made: {type(error).__name__}: {error}"
        raise UnusableAdapter(told) from error
    wanted = [word for word in dir(port) if not word.startswith("_")]
    missing = [word for word in wanted if not hasattr(adapter, word)]
    if missing:
        told = f"{name} made a {type(adapter).__name__}, which has no {', '.join(missing)}"
        raise UnusableAdapter(told)
    return adapter


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"

"""What CodeDeploy groups and ECS services in a template say about the deployments to them.

The name of a predefined configuration holds its numbers: ``ECSCanary10Percent5Minutes`` moves a
tenth of the traffic, waits five minutes and moves the rest.
"""

from datetime import timedelta
from typing import Any, Final

from policies.facts import Fact
from policies.findings import Span
from policies.formats.cloudformation import Resource, Template, elements, mapping, text
from policies.frozen import dataclass, replace
from policies.patterns import pattern
from policies.pipeline import Bake, Deploy, OnAlarm
from policies.source import Mapping, Node

GROUP: Final = "AWS::CodeDeploy::DeploymentGroup"
CONFIG: Final = "AWS::CodeDeploy::DeploymentConfig"
SERVICE: Final = "AWS::ECS::Service"
_SHIFT: Final = pattern(r"(Canary|Linear)(\d{1,2})Percent(?:Every)?(\d{1,4})Minutes?$")
#: Events of CodeDeploy in our words; a stop that a person asks for is none.
_EVENTS: Final = {"DEPLOYMENT_FAILURE": "failure", "DEPLOYMENT_STOP_ON_ALARM": "alarm"}
#: Strategies of ECS's own deployments in our words.
_STRATEGIES: Final = {
    "ROLLING": "rolling",
    "BLUE_GREEN": "blue-green",
    "LINEAR": "linear",
    "CANARY": "canary",
}
_WHOLE: Final = 100


@dataclass(frozen=True, slots=True)
class Shift:
    """How traffic or hosts are moved; ``watched`` is the time until the last part is moved."""

    strategy: str
    exposures: tuple[float, ...] | None = None
    watched: timedelta | None = None
    max_unavailable: float | None = None


def by_group(template: Template, group: Resource, deploy: Deploy) -> tuple[Deploy, Bake | None]:
    """The deployment as its group in the same template configures it, and the watch that it has."""
    properties = group.properties
    rollback = _events(properties, group.span)
    alarms = _alarms(properties, group.span)
    place, shift = _config(template, group)
    if _style(properties) == "BLUE_GREEN" and shift.exposures is None:
        shift = replace(shift, strategy="blue-green", max_unavailable=0.0)
    filled = replace(
        deploy,
        rollback_on=rollback,
        rollback_alarms=alarms,
        strategy=Fact(shift.strategy, place),
        exposures=Fact(shift.exposures, place),
        max_unavailable=Fact(shift.max_unavailable, place)
        if shift.max_unavailable is not None
        else deploy.max_unavailable,
    )
    kept, at_key = _kept(properties) if alarms.value else (None, place)
    if shift.watched is None and kept is not None:
        return filled, _watch(at_key, kept, alarms, rollback)
    return filled, _watch(place, shift.watched, alarms, rollback)


def _kept(properties: Mapping) -> tuple[timedelta | None, Span]:
    """How long the old side stays after the switch; alarms are watched until it goes."""
    settings = mapping(properties.get("BlueGreenDeploymentConfiguration"))
    ending = (
        mapping(settings.get("TerminateBlueInstancesOnDeploymentSuccess")) if settings else None
    )
    node = ending.get("TerminationWaitTimeInMinutes") if ending else None
    minutes = number(node)
    return timedelta(minutes=minutes) if minutes else None, node.span if node else properties.span


def held_by(group: Resource) -> Span | None:
    """Where a group lets a person start the switch: without one the deployment is stopped."""
    settings = mapping(group.properties.get("BlueGreenDeploymentConfiguration"))
    ready = mapping(settings.get("DeploymentReadyOption")) if settings else None
    action = ready.get("ActionOnTimeout") if ready else None
    return action.span if action is not None and text(action) == "STOP_DEPLOYMENT" else None


def _watch(
    place: Span,
    length: timedelta | None,
    alarms: Fact[tuple[str, ...] | None],
    rollback: Fact[frozenset[str] | None],
) -> Bake | None:
    if length is None:
        return None
    nothing: Fact[Any] = Fact(None, place)
    acts = bool(alarms.value) and "alarm" in (rollback.or_else(frozenset()) or frozenset())
    return Bake(
        span=place,
        time=Fact(length, place),
        positive=nothing,
        negative=nothing,
        alarms=alarms,
        on_alarm=Fact(OnAlarm.ROLLBACK if acts else None, alarms.span),
    )


def _events(properties: Mapping, span: Span) -> Fact[frozenset[str] | None]:
    configuration = mapping(properties.get("AutoRollbackConfiguration"))
    if configuration is None:
        return Fact(None, span)
    place = properties.entries["AutoRollbackConfiguration"].key.span
    if (text(configuration.get("Enabled")) or "").lower() == "false":
        return Fact(None, place)
    events, _ = elements(configuration.get("Events"))
    named = (_EVENTS.get(text(event) or "") for event in events)
    return Fact(frozenset(word for word in named if word), place)


def _alarms(properties: Mapping, span: Span) -> Fact[tuple[str, ...] | None]:
    configuration = mapping(properties.get("AlarmConfiguration"))
    if configuration is None:
        return Fact(None, span)
    place = properties.entries["AlarmConfiguration"].key.span
    if (text(configuration.get("Enabled")) or "").lower() == "false":
        return Fact(None, place)
    items, _ = elements(configuration.get("Alarms"))
    names = (text(item.get("Name")) for item in items if isinstance(item, Mapping))
    return Fact(tuple(name for name in names if name) or None, place)


def _style(properties: Mapping) -> str:
    style = mapping(properties.get("DeploymentStyle"))
    return (text(style.get("DeploymentType")) or "") if style else ""


def _config(template: Template, group: Resource) -> tuple[Span, Shift]:
    """The deployment configuration of a group; without one CodeDeploy takes one host at a time."""
    node = group.properties.get("DeploymentConfigName")
    if node is None:
        return group.span, Shift("rolling")
    own = template.named(node, "DeploymentConfigName", CONFIG)
    place = Span(
        node.span.path, node.span.line, node.span.column, node.span.line, node.span.end_column
    )
    return place, _own_shift(own.properties) if own else shift_of(text(node) or "")


def shift_of(name: str) -> Shift:
    """What the name of a predefined configuration says; ``rolling`` for names of one's own."""
    found = _SHIFT.search(name)
    if found:
        share, minutes = int(found[2]), int(found[3])
        return _moved(found[1], share, minutes)
    if name.endswith("AllAtOnce"):
        return Shift("recreate", max_unavailable=1.0)
    if name.endswith("HalfAtATime"):
        return Shift("rolling", max_unavailable=0.5)
    return Shift("rolling")


def _moved(kind: str, share: int, minutes: int) -> Shift:
    if not 0 < share < _WHOLE:
        return Shift("recreate", max_unavailable=1.0)
    if kind == "Canary":
        return Shift("canary", (share / _WHOLE, 1.0), timedelta(minutes=minutes), 0.0)
    shares = (*range(share, _WHOLE, share), _WHOLE)
    exposures = tuple(each / _WHOLE for each in shares)
    return Shift("linear", exposures, timedelta(minutes=minutes * (len(shares) - 1)), 0.0)


def _own_shift(properties: Mapping) -> Shift:
    routing = mapping(properties.get("TrafficRoutingConfig"))
    for kind in ("Canary", "Linear") if routing else ():
        part = mapping(routing.get(f"TimeBased{kind}")) if routing else None
        if part is not None:
            share, minutes = (
                number(part.get(f"{kind}{key}")) for key in ("Percentage", "Interval")
            )
            if share is not None and minutes is not None:
                return _moved(kind, share, minutes)
    healthy = mapping(properties.get("MinimumHealthyHosts"))
    percent = number(healthy.get("Value")) if healthy else None
    if healthy and text(healthy.get("Type")) == "FLEET_PERCENT" and percent is not None:
        return Shift("rolling", max_unavailable=max(0, _WHOLE - percent) / _WHOLE)
    return Shift("rolling")


def number(node: Node | None) -> int | None:
    """A whole number as templates write it, quoted or not."""
    said = (text(node) or "").strip()
    return int(said) if said.isdecimal() and len(said) <= 6 else None  # noqa: PLR2004 - a count


def by_service(service: Resource, deploy: Deploy) -> tuple[Deploy, Bake | None]:
    """The deployment as an ECS service in the same template configures it.

    Without a word of it ECS keeps all tasks and adds as many: 100 % and 200 % are its defaults.
    """
    settings = mapping(service.properties.get("DeploymentConfiguration"))
    place = service.span
    if settings is not None:
        place = service.properties.entries["DeploymentConfiguration"].key.span
    settings = settings or Mapping(place, {})
    healthy, most = (
        number(settings.get(key)) for key in ("MinimumHealthyPercent", "MaximumPercent")
    )
    alarms, events = _guards(settings)
    told = Fact(events or None, place)
    named = Fact(alarms or None, place)
    strategy = _STRATEGIES.get(text(settings.get("Strategy")) or "ROLLING", "rolling")
    filled = replace(
        deploy,
        rollback_on=told,
        rollback_alarms=named,
        strategy=Fact(strategy, place),
        exposures=Fact(None, place),
        max_unavailable=Fact((_WHOLE - (_WHOLE if healthy is None else healthy)) / _WHOLE, place),
        surge=Fact(((2 * _WHOLE if most is None else most) - _WHOLE) / _WHOLE, place),
    )
    minutes = number(settings.get("BakeTimeInMinutes"))
    length = timedelta(minutes=minutes) if minutes else None
    return filled, _watch(place, length, named, told)


def _guards(settings: Mapping) -> tuple[tuple[str, ...], frozenset[str]]:
    """The alarms that roll a service back, and on what it rolls back by itself."""
    events: set[str] = set()
    breaker = mapping(settings.get("DeploymentCircuitBreaker"))
    if breaker and _on(breaker, "Enable") and _on(breaker, "Rollback"):
        events.add("failure")
    watched = mapping(settings.get("Alarms"))
    names: tuple[str, ...] = ()
    if watched and _on(watched, "Enable"):
        items, _ = elements(watched.get("AlarmNames"))
        names = tuple(name for item in items if (name := text(item)))
        if names and _on(watched, "Rollback"):
            events.add("alarm")
    return names, frozenset(events)


def _on(node: Mapping, key: str) -> bool:
    return (text(node.get(key)) or "").lower() == "true"

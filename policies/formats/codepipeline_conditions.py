"""Conditions of CodePipeline stages: entry rules, what follows a success, what a failure does.

``WaitTime`` of an alarm rule counts minutes and is written as text; the stage is watched for so
long after its success, which is the bake of this tool.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from policies.facts import Fact
from policies.findings import Span
from policies.formats.cloudformation import elements, field, mapping, said
from policies.formats.codedeploy import number
from policies.formats.codepipeline_windows import window
from policies.frozen import dataclass
from policies.guards import Analysis
from policies.pipeline import Bake, OnAlarm
from policies.source import Mapping
from policies.windows import Window

_ALARM: Final = "CloudWatchAlarm"
_WINDOW: Final = "DeploymentWindow"


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule of a condition, with what the condition does when the rule does not hold."""

    name: str
    span: Span
    provider: str
    result: str
    configuration: Mapping

    def setting(self, name: str) -> str:
        return said(self.configuration, name)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the conditions of a stage amount to.

    ``unreadable`` are windows that no weekly hours can express; ``back`` is where a failure rolls
    back, ``skipped`` where it is passed over; ``watching`` are alarms that roll back after success.
    """

    windows: tuple[Window, ...] = ()
    unreadable: tuple[Span, ...] = ()
    entry: tuple[Analysis, ...] = ()
    bake: Bake | None = None
    back: Span | None = None
    skipped: Span | None = None
    watching: tuple[str, ...] = ()


def conditions_of(stage: Mapping) -> Conditions:
    entry = list(_rules(stage, "BeforeEntry"))
    success = list(_rules(stage, "OnSuccess"))
    windows = [(rule, _window(rule)) for rule in entry if rule.provider == _WINDOW]
    alarms = [rule for rule in success if rule.provider == _ALARM]
    failure = mapping(field(stage, "OnFailure"))
    result, place = _result(failure), _place(stage, "OnFailure")
    results = {result, *(rule.result for rule in _rules(stage, "OnFailure"))}
    return Conditions(
        windows=tuple(found for _, found in windows if found),
        unreadable=tuple(rule.span for rule, found in windows if not found),
        entry=tuple(_gate(rule) for rule in entry if rule.provider == _ALARM),
        bake=_bake(alarms),
        back=place if "ROLLBACK" in results else None,
        skipped=place if "SKIP" in results else None,
        watching=tuple(rule.setting("AlarmName") for rule in alarms if rule.result == "ROLLBACK"),
    )


def _window(rule: _Rule) -> Window | None:
    return window(rule.name, rule.configuration, rule.span)


def _gate(rule: _Rule) -> Analysis:
    return Analysis(rule.setting("AlarmName"), rule.span, (rule.setting("AlarmName"),))


def _bake(alarms: list[_Rule]) -> Bake | None:
    """The longest wait of the alarm rules; without a wait the alarm is only asked once."""
    waits = [(minutes, rule) for rule in alarms if (minutes := _minutes(rule))]
    if not waits:
        return None
    minutes, rule = max(waits, key=lambda each: each[0])
    nothing: Fact[Any] = Fact(None, rule.span)
    acts = OnAlarm.ROLLBACK if rule.result == "ROLLBACK" else OnAlarm.HALT
    names = tuple(each.setting("AlarmName") for each in alarms)
    return Bake(
        span=rule.span,
        time=Fact(timedelta(minutes=minutes), rule.span),
        positive=nothing,
        negative=nothing,
        alarms=Fact(names, rule.span),
        on_alarm=Fact(acts, rule.span),
    )


def _minutes(rule: _Rule) -> int | None:
    return number(rule.configuration.get("WaitTime"))


def _rules(stage: Mapping, key: str) -> Iterator[_Rule]:
    conditions, _ = elements(field(mapping(field(stage, key)), "Conditions"))
    for condition in conditions:
        if not isinstance(condition, Mapping):
            continue
        rules, _ = elements(field(condition, "Rules"))
        for rule in rules:
            if isinstance(rule, Mapping):
                yield _rule(rule, said(condition, "Result"))


def _rule(node: Mapping, result: str) -> _Rule:
    name = field(node, "Name")
    kind = mapping(field(node, "RuleTypeId"))
    return _Rule(
        name=said(node, "Name"),
        span=name.span if name is not None else node.span,
        provider=said(kind, "Provider"),
        result=result,
        configuration=mapping(field(node, "Configuration")) or Mapping(node.span, {}),
    )


def _result(node: Mapping | None) -> str:
    return said(node, "Result")


def _place(stage: Mapping, key: str) -> Span:
    entry = stage.entries.get(key) or stage.entries.get(key[:1].lower() + key[1:])
    return entry.key.span if entry else stage.span

"""Bakes that a workflow writes as a loop: it sleeps and looks until a time that a variable names.

Such a time has a name that says what it is for and its unit (``BAKE_MINUTES``); its number stands
in the script, in ``env``, or is the default of an input.
"""

import re
from datetime import timedelta
from typing import Any, Final

from policies.facts import Fact, Provenance, unknown
from policies.findings import Span
from policies.formats.across import with_bakes
from policies.formats.github_workflow import Workflow, step_nodes
from policies.paths import last_stops
from policies.patterns import pattern
from policies.pipeline import Bake, Pipeline, Step
from policies.source import Entry, Mapping, Scalar

_NAME: Final = pattern(
    r"\b(\w*(?:bake|soak|observ|watch)\w*?_?(minutes|mins|min|seconds|secs|sec|hours))\b",
    re.IGNORECASE,
)
#: Words of which every such name has one; to look for them takes a hundredth of the time.
_WORDS: Final = ("bake", "soak", "observ", "watch")
_SECONDS: Final = {"m": 60, "s": 1, "h": 3600}
_NUMBER: Final = pattern(r"[0-9]{1,6}")
_EVENTS: Final = ("workflow_dispatch", "workflow_call")


def soaked(pipeline: Pipeline, workflow: Workflow, jobs: dict[str, Entry]) -> Pipeline:
    """The pipeline with the bakes of its loops, on what was deployed in front of each."""
    bakes: dict[str, Bake] = {}
    for stage in pipeline.stages:
        job = jobs[stage.name].value
        sleeps = any("sleep" in (step.run.or_else(None) or "") for step in stage.steps)
        if not sleeps or not isinstance(job, Mapping) or job.get("uses"):
            continue
        for node, step in zip(step_nodes(job), stage.steps, strict=True):
            length = _length(step, (node, job, workflow.root))
            stops = ((stage,) if stage.deploy else last_stops(pipeline, stage)[0]) if length else ()
            for stop in stops:
                if length and stop.bake is None:
                    bakes.setdefault(stop.name, _bake(step.name.span, length))
    return with_bakes(pipeline, bakes)


def _bake(place: Span, length: timedelta) -> Bake:
    """A person may choose another time; what the script watches, only it knows."""
    inside: Fact[Any] = unknown(place, "what it watches stands in its script")
    time: Fact[timedelta | None] = Fact(length, place, Provenance.INFERRED, 0.7)
    return Bake(place, time, inside, inside, inside, inside)


def _length(step: Step, holders: tuple[Mapping, ...]) -> timedelta | None:
    run = step.run.or_else(None) or ""
    if "sleep" not in run or not any(word in run.lower() for word in _WORDS):
        return None
    for name, unit in _NAME.findall(run):
        written = re.search(rf"\b{name}=[\"']?([0-9]{{1,6}})\b", run)
        number = written[1] if written else _value(name, holders)
        if number and _NUMBER.fullmatch(number):
            return timedelta(seconds=int(number) * _SECONDS[unit[0].lower()])
    return None


def _value(name: str, holders: tuple[Mapping, ...]) -> str | None:
    """What ``env`` says, from the step outwards, else the default of an input of that name."""
    for holder in holders:
        env = holder.get("env")
        found = env.get(name) if isinstance(env, Mapping) else None
        if isinstance(found, Scalar):
            return found.text
    on = holders[-1].get("on")
    for event in _EVENTS:
        call = on.get(event) if isinstance(on, Mapping) else None
        inputs = call.get("inputs") if isinstance(call, Mapping) else None
        told = inputs.get(name) if isinstance(inputs, Mapping) else None
        default = told.get("default") if isinstance(told, Mapping) else None
        if isinstance(default, Scalar):
            return default.text
    return None

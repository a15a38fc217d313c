"""Templates: their environment, and the few words and numbers that pages write in one way."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from policies.durations import format_duration
from policies.phrases import brief, clock, percent, progress, short
from service.promotions.seen import seen
from service.promotions.views import RunView
from service.promotions.wording import (
    detail,
    doing,
    event_sentence,
    holds,
    needs_person,
    number,
    run_sentence,
    until,
)
from service.reports.flow import CLASSES
from service.reports.telling import percent_down, rough
from service.web.static_files import address

#: The shape of each word; words that share a colour differ in shape.
_ICONS: Final = {
    "pass": "tick",
    "succeeded": "tick",
    "allow": "go",
    "building": "run",
    "deploying": "run",
    "testing": "run",
    "moving": "run",
    "baking": "watch",
    "hold": "bars",
    "held": "bars",
    "waiting": "bars",
    "warn": "triangle",
    "act": "person",
    "fail": "diamond",
    "failed": "diamond",
    "block": "octagon",
    "errored": "bolt",
    "waived": "dashed",
    "overridden": "hop",
    "rolled_back": "back",
    "rolling_back": "back",
    "not_applicable": "dash",
    "superseded": "chevrons",
    "aborted": "stop",
    "quiet": "tick",
    "idle": "dots",
}

#: Levels of automation, the highest first, as ``policies.automation`` counts them.
_AUTOMATION: Final = (
    (5, "hands-off", "nobody is needed, rollbacks included"),
    (4, "auto-to-customers", "the first customers get changes without a person"),
    (3, "auto-to-preprod", "a person starts production"),
    (2, "auto-build", "a check-in starts the build and the first tests"),
    (1, "encoded", "all steps are recorded, a person starts the build"),
)

#: Verdicts, the strictest first.
_VERDICTS: Final = ("block", "hold", "warn", "allow")


def _icon(word: str) -> str:
    return _ICONS.get(word, "unknown")


def _state(run: RunView) -> str:
    return run.outcome or run.state


def _plain(word: str) -> str:
    """States and results as people read them: ``rolled back``."""
    return word.replace("_", " ")


def _share(done: timedelta | float, need: timedelta | float) -> str:
    """A bar's width: ``37%``; nothing is needed where need is 0."""
    part = _seconds(done) / _seconds(need) if _seconds(need) else 1.0
    return f"{100 * min(max(part, 0.0), 1.0):.1f}%"


def _seconds(value: timedelta | float) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else value


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _count(amount: int, one: str, many: str = "") -> str:
    """``1 change``, ``2 changes``."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def _value(value: object) -> str:
    """A fact's value as one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_value(each) for each in value) or "none"
    return "none" if value is None else str(value)


def _moment(text: str | None, now: datetime) -> str:
    return clock(datetime.fromisoformat(text), now) if text else ""


def _only(results: Iterable[dict[str, Any]], *, passing: bool) -> list[dict[str, Any]]:
    """Results of a decision that pass or do not apply, or all the others, what holds first."""
    fine = {"pass", "not_applicable"}
    found = [each for each in results if (each["result"] in fine) is passing]
    return sorted(found, key=lambda each: _VERDICTS.index(each["verdict"]))


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("service.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "count": _count,
        "duration": format_duration,
        "icon": _icon,
        "iso": _iso,
        "moment": _moment,
        "number": number,
        "only": _only,
        "percent": percent,
        "brief": brief,
        "percent_down": percent_down,
        "seen": seen,
        "plain": _plain,
        "rough": rough,
        "share": _share,
        "short": short,
        "state": _state,
        "value": _value,
    }
    made.globals |= {
        "address": address,
        "classes": CLASSES,
        "clock": clock,
        "detail": detail,
        "doing": doing,
        "event_sentence": event_sentence,
        "holds": holds,
        "levels_of_automation": _AUTOMATION,
        "needs_person": needs_person,
        "progress": progress,
        "run_sentence": run_sentence,
        "until": until,
        "version": version("bakegate"),
    }
    return made


_TEMPLATES: Final = _environment()


def render(template: str, **given: Any) -> str:
    """A whole page or a fragment; what a template asks for and was not given is an error."""
    return _TEMPLATES.get_template(template).render(**given)

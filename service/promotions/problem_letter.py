"""Telling the owner of a problem that somebody reported: whom, and in which words. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policies.phrases import listed
from policies.plain import instant_text
from service.promotions.notices import Letter

#: What the message is about, beside the moments of rules.
MOMENT: Final = "problem"


@dataclass(frozen=True, slots=True)
class Reported:
    """A problem: ``name`` is what it is cleared by, ``stages`` are where the release acts now."""

    name: str
    pipeline: str
    release: str
    text: str
    by: str
    at: datetime
    stages: tuple[str, ...]


def problem_letter(problem: Reported, owner: tuple[str, str]) -> Letter:
    """The one message about a problem; ``owner`` is team and channel."""
    team, channel = owner
    message = {
        "type": "bakegate.notice/v1",
        "id": problem.name,
        "moment": MOMENT,
        "date": f"{problem.at:%Y-%m-%d}",
        "at": instant_text(problem.at),
        "pipeline": problem.pipeline,
        "release": problem.release,
        "problem": problem.name,
        "by": problem.by,
        "reason": problem.text,
        "stages": list(problem.stages),
        "team": team,
        "channel": channel,
    }
    subject = f"{problem.by} reported a problem with {problem.release}"
    return Letter(
        f"{MOMENT}:{problem.name}",
        team,
        channel,
        subject,
        "\n".join(_text(problem)) + "\n",
        message,
    )


def _text(problem: Reported) -> Iterable[str]:
    at = f"{problem.at:%Y-%m-%d %H:%M} UTC"
    yield f"{problem.by} reported a problem with {problem.release} at {at}:"
    yield f"  {problem.text}"
    yield ""
    if problem.stages:
        yield f"It is halted in {listed(problem.stages)}, and enters no further stage."
    else:
        yield "It acts nowhere now, and enters no further stage."
    yield ""
    yield f"If it is none:  bakegate release clear-problem {problem.name} --reason WHY"
    yield f"If it is one:   bakegate release rollback {problem.release} --reason WHY"

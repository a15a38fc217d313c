"""What the commands of a deployment name as the thing that they deploy."""

import re
from collections.abc import Callable
from typing import Final

from policies.facts import Fact, inferred, unknown
from policies.findings import Span
from policies.frozen import replace
from policies.patterns import pattern
from policies.pipeline import Step, StepKind
from policies.references import Pin, Reference, ReferenceKind, image, pin_of

_IMAGE: Final = pattern(
    r"(?:--image(?:-uri)?[= ]|\bset image\s+[^\n]*?[\w.*-]=)[\"']?((?:\$\{\{[^}]*\}\}|[^\s\"'])+)"
)
_TAG: Final = pattern(
    r"--(?:helm-)?set(?:-string)?[= ][\"']?(?:[\w.,=-]*\.)?(?:image\.?tag|image_tag|tag)="
    r"[\"']*((?:\$\{\{[^}]*\}\}|[^\s,\"'])+)",
    re.IGNORECASE,
)


def named_in(run: str) -> tuple[str, bool] | None:
    """The image of a command, or the tag of one; true beside it says that it is a tag."""
    found = _IMAGE.search(run)
    if found:
        return found[1], False
    tag = _TAG.search(run)
    return (tag[1], True) if tag else None


def artifact_of(
    steps: tuple[Step, ...],
    place: Span,
    *,
    known: Callable[[str], str],
    unique: Callable[[str], Pin | None],
) -> Fact[Reference | None]:
    """What a job deploys: the image that its command names, or what the job itself builds.

    ``known`` puts variables in; ``unique`` tells names that one commit, run or branch alone has.
    """
    ends = (index for index, step in enumerate(steps) if step.kind.value is StepKind.DEPLOY)
    until = steps[: next(ends, len(steps) - 1) + 1]
    named = _named(until[-1:], known, unique)
    if named and named.pin in (Pin.MUTABLE, Pin.MISSING):
        return inferred(named, named.span)
    built = next((step for step in until if step.kind.value is StepKind.BUILD), None)
    if built:
        found = named or Reference("", ReferenceKind.ARTIFACT, Pin.REBUILT, built.name.span)
        rebuilt = replace(found, pin=Pin.REBUILT)
        return inferred(rebuilt, built.name.span, built.kind.confidence)
    if named:
        return inferred(named, named.span)
    return unknown(place, "what is deployed is named outside of this file")


def _named(
    steps: tuple[Step, ...], known: Callable[[str], str], unique: Callable[[str], Pin | None]
) -> Reference | None:
    for step in steps:
        told = named_in(step.run.or_else(None) or "")
        if told:
            text, kind = known(told[0]), ReferenceKind.ARTIFACT
            span = step.run.span
            found = (
                Reference(text, kind, pin_of(text), span) if told[1] else image(text, kind, span)
            )
            pin = None if found.pin is Pin.DIGEST else unique(text)
            return replace(found, pin=pin) if pin else found
    return None

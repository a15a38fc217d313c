"""Who a GitHub Actions workflow tells of a failure."""

from typing import Final

from policies.facts import Fact, inferred, unknown
from policies.findings import Span
from policies.formats.github_workflow import condition, step_nodes
from policies.pipeline import Stage, StepKind
from policies.source import Entry, Mapping, Scalar

#: Words of a condition under which a step or job also runs after a failure.
_AFTER_FAILURE: Final = ("failure", "always()", "!success()", "!cancelled()", "job.status")
_OUTSIDE: Final = (
    "GitHub tells whoever started the run; other subscriptions stand outside of this file"
)


def notifies_of(
    jobs: dict[str, Entry], stages: tuple[Stage, ...], span: Span
) -> Fact[tuple[str, ...] | None]:
    """The team's channel, where a message is sent after a failure; GitHub itself mails the author.

    Without such a message a chat app or another workflow may still send one.
    """
    for stage in stages:
        job = jobs[stage.name].value
        if StepKind.NOTIFY not in stage.kinds or not isinstance(job, Mapping):
            continue
        nodes = (job,) if isinstance(job.get("uses"), Scalar) else step_nodes(job)
        for node, step in zip(nodes, stage.steps, strict=True):
            words = f"{condition(job)} {condition(node)}"
            if step.kind.value is StepKind.NOTIFY and any(each in words for each in _AFTER_FAILURE):
                return inferred(("author", "team_channel"), step.name.span, step.kind.confidence)
    return unknown(span, _OUTSIDE)

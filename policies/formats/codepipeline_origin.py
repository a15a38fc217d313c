"""Where the releases of a CodePipeline come from, and what starts them."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from policies.facts import Fact, elsewhere, unknown
from policies.findings import Span
from policies.formats.cloudformation import Template, elements, exact, field, mapping, said, text
from policies.formats.codepipeline_actions import Action
from policies.formats.codepipeline_stages import Told
from policies.pipeline import Origin
from policies.source import Mapping

_BRANCH: Final = ("BranchName", "Branch")
_REPOSITORY: Final = ("FullRepositoryId", "RepositoryName", "Repo", "S3Bucket")
_RULES: Final = ("AWS::Events::Rule", "AWS::Scheduler::Schedule")
_WEBHOOK: Final = "AWS::CodePipeline::Webhook"


def origin_of(template: Template, node: Mapping, told: Sequence[Told], span: Span) -> Origin:
    sources = [action for each in told for action in each.actions if action.category == "Source"]
    return Origin(
        repository=_setting(template, sources, _REPOSITORY, span),
        branches=_branches(template, node, sources, span),
        start=Fact(tuple(dict.fromkeys(_starts(template, node, sources))) or None, span),
    )


def _setting(
    template: Template, sources: Sequence[Action], keys: tuple[str, ...], span: Span
) -> Fact[str | None]:
    for action in sources:
        for key in keys:
            value = action.configuration.get(key)
            if value is None:
                continue
            found = exact(value) or template.filled(text(value) or "${?}")
            if "${" not in found:
                return Fact(found, value.span)
            return elsewhere(value.span, f"{key} is filled in when the template is deployed")
    return Fact(None, span)


def _branches(
    template: Template, node: Mapping, sources: Sequence[Action], span: Span
) -> Fact[Any]:
    """The branches that triggers name, else the one that a source action takes."""
    named = tuple(_pushed(node))
    if named:
        return Fact(named, span)
    branch = _setting(template, sources, _BRANCH, span)
    if branch.value:
        return Fact((branch.value,), branch.span)
    # An object of S3 or an image has no branch: whoever puts it there chose one.
    return branch if not branch.known else unknown(span, "no source action names a branch")


def _pushed(node: Mapping) -> Iterator[str]:
    for trigger in _mappings(field(node, "Triggers")):
        git = mapping(field(trigger, "GitConfiguration"))
        for push in _mappings(field(git, "Push")):
            branches = mapping(field(push, "Branches"))
            items, _ = elements(field(branches, "Includes"))
            yield from (found for item in items if (found := text(item)))


def _mappings(node: Any) -> Iterator[Mapping]:
    items, _ = elements(node)
    return (item for item in items if isinstance(item, Mapping))


def _starts(template: Template, node: Mapping, sources: Sequence[Action]) -> Iterator[str]:
    """``PollForSourceChanges`` is on unless it is switched off; events push otherwise."""
    if any(True for _ in _mappings(field(node, "Triggers"))):
        yield "push"
    polled = {"CodeCommit", "GitHub", "S3"}
    for action in sources:
        detects = action.setting("DetectChanges").lower() != "false"
        polls = action.setting("PollForSourceChanges").lower() != "false"
        if action.provider in polled:
            yield "poll" if polls and not _hooked(template) else "push"
        elif detects:
            yield "push"
    if any(_scheduled(rule.properties) for rule in template.of_type(*_RULES)):
        yield "schedule"


def _scheduled(rule: Mapping) -> bool:
    """Whether a schedule that is switched on starts a pipeline: its target says so."""
    if not said(rule, "ScheduleExpression") or said(rule, "State") == "DISABLED":
        return False
    targets = [*_mappings(field(rule, "Targets")), *filter(None, [mapping(field(rule, "Target"))])]
    return any("pipeline" in said(target, "Arn").lower() for target in targets)


def _hooked(template: Template) -> bool:
    """Whether a webhook or an event starts the pipeline instead of polling."""
    return any(True for _ in template.of_type(_WEBHOOK))

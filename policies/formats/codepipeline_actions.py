"""Actions of a CodePipeline stage: what each is, whether it deploys, and where to.

A category says what an action is for, a provider who does it; what a CodeBuild project or a Lambda
function does inside stands elsewhere, unless its build specification is in the same template.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from policies.classify import classify, construct, words
from policies.classify import environment as kind_of
from policies.facts import Fact, Provenance, elsewhere, unknown
from policies.findings import Span
from policies.formats.cloudformation import (
    Template,
    elements,
    field,
    mapping,
    said,
    text,
)
from policies.formats.codebuild import kind_by_name, specification, steps_of
from policies.formats.codedeploy import number
from policies.frozen import dataclass, replace
from policies.patterns import pattern
from policies.pipeline import StageKind, Step, StepKind
from policies.source import Mapping, Node, Scalar

#: Modes of a CloudFormation action that change no stack of the service.
_QUIET_MODES: Final = frozenset({"CHANGE_SET_REPLACE", "DELETE_ONLY"})
#: Settings that name a place, the most telling first.
_PLACES: Final = (
    "StackName",
    "EnvironmentName",
    "DeploymentGroupName",
    "ServiceName",
    "ClusterName",
    "BucketName",
    "TemplateConfiguration",
    "RoleArn",
)
#: Settings whose JSON may hold a variable that names an environment.
_VARIABLES: Final = ("EnvironmentVariables", "ParameterOverrides", "UserParameters")
_ENVIRONMENT: Final = pattern(r"env|stage|tier", re.IGNORECASE)
#: The kinds that one "test" may turn out to be once something is deployed.
_GENERIC: Final = frozenset({"unit"})
Kind = Fact[StageKind | None]


@dataclass(frozen=True, slots=True)
class Action:
    """One action; ``order`` is its run order, ``owned`` the words of its category and provider."""

    name: str
    span: Span
    category: str
    provider: str
    order: int
    node: Mapping
    configuration: Mapping

    @property
    def owned(self) -> str:
        return f"{self.category}/{self.provider}"

    def setting(self, name: str) -> str:
        return text(self.configuration.get(name)) or ""


def actions_of(stage: Mapping) -> tuple[tuple[Action, ...], bool]:
    """The actions of a stage in the order in which they run, and whether all can be seen.

    Run orders decide, not the order in which the file lists them; without one it is 1.
    """
    items, whole = elements(field(stage, "Actions"))
    found = [_action(item, index) for index, item in enumerate(items) if isinstance(item, Mapping)]
    return tuple(sorted(found, key=lambda each: each.order)), whole and len(found) == len(items)


def _action(node: Mapping, index: int) -> Action:
    name = field(node, "Name")
    kind = mapping(field(node, "ActionTypeId")) or Mapping(node.span, {})
    order = number(field(node, "RunOrder"))
    return Action(
        name=text(name) or f"action-{index + 1}",
        span=_visible(node, name),
        category=said(kind, "Category"),
        provider=said(kind, "Provider"),
        order=1 if order is None else order,
        node=node,
        configuration=mapping(field(node, "Configuration")) or Mapping(node.span, {}),
    )


def _visible(node: Mapping, name: Node | None) -> Span:
    if isinstance(name, Scalar):
        return name.span
    first = next(iter(node.entries.values()), None)
    return first.key.span if first else node.span


def read_steps(
    template: Template, action: Action, stage_name: str, *, deployed: bool
) -> tuple[Step, ...]:
    """The steps of an action; ``deployed`` says whether something runs already to be tested."""
    found = _steps(template, action, deployed=deployed)
    if _itself(action, stage_name):
        return tuple(_quiet(step) for step in found)
    return found


def _itself(action: Action, stage_name: str) -> bool:
    """Whether an action updates the pipeline itself, which reaches no customer."""
    own = action.setting("StackName") == "${AWS::StackName}"
    return own or "pipeline" in words(stage_name)


def _quiet(step: Step) -> Step:
    if step.kind.value is not StepKind.DEPLOY:
        return step
    return replace(step, kind=Fact(StepKind.OTHER, step.kind.span, Provenance.INFERRED, 0.85))


def _steps(template: Template, action: Action, *, deployed: bool) -> tuple[Step, ...]:
    if action.category == "Source":
        return ()
    if action.category == "Deploy":
        quiet = action.setting("ActionMode") in _QUIET_MODES
        kind = StepKind.OTHER if quiet else StepKind.DEPLOY
        return (_step(action, Fact(kind, action.span)),)
    sure = construct("codepipeline", action.owned)
    if action.category == "Approval":
        sure = StepKind.APPROVAL
    if sure:
        return (_step(action, Fact(sure, action.span)),)
    if action.provider == "CodeBuild":
        return _built(template, action, deployed=deployed)
    if action.provider == "Commands":
        return (_commands(action),)
    note = f"what {action.provider or 'the provider'} does for {action.name} is not in this file"
    named = _by_name(action, deployed=deployed)
    if named is None and action.category != "Invoke":
        return (_step(action, elsewhere(action.span, note)),)
    # Functions mostly prepare or tell something; one that tests is named so.
    confidence = 0.7 if named else 0.5
    guess = Fact(named or StepKind.OTHER, action.span, Provenance.INFERRED, confidence, note)
    return (_step(action, guess),)


def _step(action: Action, kind: Fact[StepKind], run: Fact[Any] | None = None) -> Step:
    minutes = number(field(action.node, "TimeoutInMinutes"))
    limit = timedelta(minutes=minutes) if minutes else None
    return Step(
        name=Fact(action.name, action.span),
        kind=kind,
        run=run or Fact(None, action.span),
        uses=Fact(action.owned, action.span),
        soft=Fact(None, action.span),
        timeout=Fact(limit, action.span),
    )


def _built(template: Template, action: Action, *, deployed: bool) -> tuple[Step, ...]:
    found = specification(template, action.configuration.get("ProjectName"))
    steps = steps_of(action.name, action.span, found, action.owned)
    return tuple(_after_deploy(step, action, deployed=deployed) for step in steps)


def _after_deploy(step: Step, action: Action, *, deployed: bool) -> Step:
    """A test that is only called "test" is a unit test in a build, another after a deployment.

    Where the category says test and nothing says which, it stays open before a deployment.
    """
    generic = step.kind.value is StepKind.UNIT and not _GENERIC & set(words(action.name))
    silent = step.kind.value is StepKind.OTHER or not step.kind.known
    if deployed and ((generic and not step.run.or_else(None)) or (silent and _tests(action))):
        guess = Fact(StepKind.INTEGRATION, action.span, Provenance.INFERRED, 0.7, step.kind.note)
        return replace(step, kind=guess)
    return step


def _tests(action: Action) -> bool:
    return action.category == "Test"


def _by_name(action: Action, *, deployed: bool) -> StepKind | None:
    kind = kind_by_name(action.name)
    unsaid = kind is StepKind.UNIT and not _GENERIC & set(words(action.name))
    return StepKind.INTEGRATION if deployed and (unsaid or (not kind and _tests(action))) else kind


def _commands(action: Action) -> Step:
    """The Commands action runs a script that stands in the pipeline itself."""
    items, _ = elements(field(action.node, "Commands"))
    script = "\n".join(text(item) or "" for item in items)
    kind, sure = classify(action.name, script, None)
    told = Fact(kind, action.span, Provenance.INFERRED, sure)
    return _step(action, told, Fact(script or None, action.span))


def environment(action: Action, stage_name: str, pipeline: str) -> tuple[Kind, str]:
    """What a deploying action deploys to: its name, its stage's, its settings, the pipeline's.

    The default of a parameter says nothing: a template is made to be deployed with others.
    """
    for hint, confidence in _hints(action, stage_name):
        found = kind_of(hint)
        if found:
            return Fact(found, action.span, Provenance.INFERRED, confidence), hint
    found = kind_of(pipeline)
    if found:
        return Fact(found, action.span, Provenance.INFERRED, 0.6), pipeline
    note = "nothing in this file says which environment it deploys to"
    return unknown(action.span, note), ""


def _hints(action: Action, stage_name: str) -> Iterator[tuple[str, float]]:
    yield action.name, 0.85
    yield stage_name, 0.85
    for key in _PLACES:
        found = action.setting(key)
        if found:
            yield found, 0.75
    for key in _VARIABLES:
        for value in _values(action.setting(key)):
            yield value, 0.75


def _values(variables: str) -> Iterator[str]:
    """Values of variables that name an environment, from the JSON that an action hands on."""
    try:
        data = json.loads(variables) if variables else None
    except ValueError:
        return
    pairs: list[tuple[Any, Any]] = list(data.items()) if isinstance(data, dict) else []
    if isinstance(data, list):
        pairs = [(each.get("name"), each.get("value")) for each in data if isinstance(each, dict)]
    for name, value in pairs:
        if isinstance(name, str) and isinstance(value, str) and _ENVIRONMENT.search(name):
            yield value

"""What an action of the category Deploy says of its deployment, with its target where it is here.

A deployment group or a service that stands in the same template tells how it rolls and goes back;
one that is only named is set elsewhere, and those facts are unknown.
"""

from datetime import timedelta
from typing import Any, Final

from policies.facts import Fact, elsewhere, unknown
from policies.findings import Span
from policies.formats.beanstalk import ENVIRONMENT, by_environment
from policies.formats.cloudformation import Template, elements, field, text
from policies.formats.codedeploy import GROUP, SERVICE, by_group, by_service, held_by, number
from policies.formats.codepipeline_actions import Action
from policies.formats.unsaid import unsaid_deploy
from policies.frozen import replace
from policies.pipeline import Bake, Deploy
from policies.references import Pin, Reference, ReferenceKind
from policies.source import Mapping

#: Providers that replace files or settings and know no way back.
_NO_WAY_BACK: Final = frozenset({"S3", "AppConfig"})
_CODEDEPLOY: Final = frozenset({"CodeDeploy", "CodeDeployToECS"})


def deployment(template: Template, action: Action) -> tuple[Deploy, Bake | None, Span | None]:
    """The deployment of an action, the watch of its own engine, and where that asks a person."""
    span = action.span
    beyond: Fact[Any] = unknown(span, "what this deployment does inside is set on its target")
    deploy = replace(
        unsaid_deploy(span, action.provider or "script", beyond),
        artifact=_artifact(action),
        deadline=_deadline(action, beyond),
    )
    if action.provider in _CODEDEPLOY:
        return _by_codedeploy(template, action, deploy)
    if action.provider == "ECS":
        service = template.named(action.configuration.get("ServiceName"), "ServiceName", SERVICE)
        if service:
            return (*by_service(service, deploy), None)
        note = f"how {action.setting('ServiceName') or 'the service'} is rolled back is set on it"
        return replace(deploy, rollback_on=elsewhere(span, note)), None, None
    if action.provider == "ElasticBeanstalk":
        node = action.configuration.get("EnvironmentName")
        environment = template.named(node, "EnvironmentName", ENVIRONMENT)
        if environment:
            return by_environment(environment, deploy), None, None
    if action.provider in _NO_WAY_BACK:
        nothing: Fact[Any] = Fact(None, span)
        return replace(deploy, rollback_on=nothing, rollback_alarms=nothing), None, None
    return replace(deploy, rollback_on=elsewhere(span, _note(action))), None, None


def _note(action: Action) -> str:
    if action.provider == "CloudFormation":
        return (
            "a failed stack update goes back by itself; alarms that turn it back are in the "
            "stack's RollbackConfiguration"
        )
    return f"whether {action.provider or action.name} goes back after a failure is set there"


def _by_codedeploy(
    template: Template, action: Action, deploy: Deploy
) -> tuple[Deploy, Bake | None, Span | None]:
    node = action.configuration.get("DeploymentGroupName")
    group = template.named(node, "DeploymentGroupName", GROUP)
    if group:
        return (*by_group(template, group, deploy), held_by(group))
    named = action.setting("DeploymentGroupName") or "the deployment group"
    away: Fact[Any] = elsewhere(action.span, f"alarms and rollback are set on {named}")
    return (
        replace(deploy, rollback_on=away, rollback_alarms=away, exposures=away, strategy=away),
        None,
        None,
    )


def _artifact(action: Action) -> Fact[Reference | None]:
    """One execution carries one version of each artifact through all of its stages."""
    items, _ = elements(field(action.node, "InputArtifacts"))
    for item in items:
        name = field(item, "Name") if isinstance(item, Mapping) else None
        if name is not None and (said := text(name)):
            found = Reference(said, ReferenceKind.ARTIFACT, Pin.VERSION, name.span, local=True)
            return Fact(found, name.span)
    return unknown(action.span, "the action names no input artifact")


def _deadline(action: Action, beyond: Fact[Any]) -> Fact[timedelta | None]:
    node = field(action.node, "TimeoutInMinutes") or action.configuration.get("DeploymentTimeout")
    minutes = number(node)
    return Fact(timedelta(minutes=minutes), node.span) if node and minutes else beyond

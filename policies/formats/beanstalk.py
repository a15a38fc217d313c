"""What an Elastic Beanstalk environment in a template says about the deployments to it.

From AWS's page about deployment policies: immutable and traffic-splitting deployments end their new
instances when these fail their health checks, so they go back by themselves; the others stop.
"""

from typing import Any, Final

from policies.facts import Fact
from policies.formats.cloudformation import Resource, elements, mapping, text
from policies.frozen import replace
from policies.pipeline import Deploy
from policies.source import Mapping

ENVIRONMENT: Final = "AWS::ElasticBeanstalk::Environment"
_COMMAND: Final = "aws:elasticbeanstalk:command"
_SPLITTING: Final = "aws:elasticbeanstalk:trafficsplitting"
#: Policies in our words; an immutable one starts as many new instances beside the old ones.
_STRATEGIES: Final = {
    "AllAtOnce": "recreate",
    "Rolling": "rolling",
    "RollingWithAdditionalBatch": "rolling",
    "Immutable": "blue-green",
    "TrafficSplitting": "canary",
}
_BACK: Final = frozenset({"Immutable", "TrafficSplitting"})
#: What is split off where nothing says it, in percent.
_SHARE: Final = "10"


def by_environment(environment: Resource, deploy: Deploy) -> Deploy:
    """The deployment as its environment in the same template configures it.

    Without a policy Beanstalk replaces all instances at once.
    """
    options = _options(environment.properties)
    policy = options.get((_COMMAND, "DeploymentPolicy"), "AllAtOnce")
    place = environment.span
    if policy not in _STRATEGIES:
        return deploy
    share = options.get((_SPLITTING, "NewVersionPercent"), _SHARE)
    moved = policy == "TrafficSplitting" and share.isdecimal()
    back: Fact[Any] = Fact(frozenset({"failure"}) if policy in _BACK else None, place)
    return replace(
        deploy,
        strategy=Fact(_STRATEGIES[policy], place),
        rollback_on=back,
        exposures=Fact((int(share) / 100, 1.0) if moved else None, place),
    )


def _options(properties: Mapping) -> dict[tuple[str, str], str]:
    """The option settings by namespace and name."""
    found = {}
    items, _ = elements(properties.get("OptionSettings"))
    for item in items:
        setting = mapping(item)
        if setting is None:
            continue
        where, name, value = (
            text(node) if (node := setting.get(key)) is not None else None
            for key in ("Namespace", "OptionName", "Value")
        )
        if where and name and value:
            found[where, name] = value
    return found

"""Deployments of CodePipeline to Elastic Beanstalk, with the environment in the same template."""

import pytest

from policies.facts import UNKNOWN
from policies.formats import read_pipelines
from policies.pipeline import Deploy

TEMPLATE = """\
Resources:
  Line:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Stages:
        - Name: Prod
          Actions:
            - Name: Go
              ActionTypeId: {Category: Deploy, Provider: ElasticBeanstalk}
              Configuration: {EnvironmentName: %s}
  Shop:
    Type: AWS::ElasticBeanstalk::Environment
    Properties:
      OptionSettings: [%s]
"""
POLICY = "{Namespace: 'aws:elasticbeanstalk:command', OptionName: DeploymentPolicy, Value: %s}"
SHARE = (
    ", {Namespace: 'aws:elasticbeanstalk:trafficsplitting', OptionName: NewVersionPercent, "
    "Value: '25'}"
)


def deployed(name: str, options: str) -> Deploy:
    text = (TEMPLATE % (name, options)).encode()
    (stage,) = read_pipelines(text, "line.yaml").pipelines[0].stages
    assert stage.deploy
    return stage.deploy


@pytest.mark.parametrize(
    ("options", "strategy", "back", "shares"),
    [
        ("", "recreate", None, None),
        (POLICY % "Rolling", "rolling", None, None),
        (POLICY % "Immutable", "blue-green", frozenset({"failure"}), None),
        (POLICY % "TrafficSplitting", "canary", frozenset({"failure"}), (0.1, 1.0)),
        (POLICY % "TrafficSplitting" + SHARE, "canary", frozenset({"failure"}), (0.25, 1.0)),
    ],
)
def test_the_policy_says_how_it_goes_back(
    options: str, strategy: str, back: frozenset[str] | None, shares: tuple[float, ...] | None
) -> None:
    deploy = deployed("!Ref Shop", options)
    assert deploy.strategy.value == strategy
    assert deploy.rollback_on.value == back
    assert deploy.exposures.value == shares


@pytest.mark.parametrize(("name", "options"), [("other", ""), ("!Ref Shop", POLICY % "!Ref P")])
def test_what_stands_elsewhere_is_unknown(name: str, options: str) -> None:
    deploy = deployed(name, options)
    assert deploy.rollback_on.value is UNKNOWN
    assert deploy.strategy.value is UNKNOWN

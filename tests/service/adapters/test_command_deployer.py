"""Deployments by the pipeline's own command: what it is given, how it ends, and fencing."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from policies.formats import read_pipelines
from service.adapters.artifacts import ArtifactStore
from service.adapters.command_deployer import CommandDeployer
from service.adapters.deployers import Deployers
from service.adapters.hosts import LocalDeployer
from service.promotions.ports import Deployer, DeployProgress, Fenced, Host
from tests.service.adapters.conftest import Ground, deploy, fact

PIPELINE = """\
schema: bakegate/pipeline/v1
name: shop
organization: corner
build: {steps: [{name: unit, kind: unit, run: ./unit}], artifact: dist/app.tar.gz}
deployers: {site: {type: command, hosts: 1, hooks: {start: ./put}}}
stages: [{name: prod, kind: prod, wave: 1, deploy: site}]
"""


@pytest.fixture
def commanded(ground: Ground) -> CommandDeployer:
    return CommandDeployer(ground.folder / "commanded", ground.artifacts)


def test_the_command_brings_the_artifact_to_the_target(
    ground: Ground, commanded: CommandDeployer
) -> None:
    far = ground.folder / "far"
    start = f"cat version > {far}; env | grep ^BAKEGATE | sort >> {far}; echo http://a.test > url"
    order = ground.order("k1", ground.built("one"), deploy(start=start))
    assert commanded.advance(order) == DeployProgress("succeeded", 1, 1, 0)
    version, *given = far.read_text().replace("oneBAKEGATE", "one\nBAKEGATE").splitlines()
    assert version == "one"
    assert given == [
        f"BAKEGATE_ARTIFACT={ground.artifacts.path(order.digest)}",
        f"BAKEGATE_DIGEST={order.digest}",
        "BAKEGATE_EPOCH=1",
        "BAKEGATE_IDEMPOTENCY_KEY=k1",
        "BAKEGATE_RELEASE=r1",
        "BAKEGATE_STAGE=prod",
        "BAKEGATE_TARGET=eu-1",
    ]
    assert commanded.hosts("shop", "prod", "eu-1") == (Host("eu-1", "http://a.test", order.digest),)
    far.unlink()
    assert commanded.advance(replace(order, epoch=2)).state == "succeeded"
    assert not far.exists()
    with pytest.raises(Fenced, match="k0 has epoch 1; target eu-1 of stage prod has seen 2"):
        commanded.advance(replace(order, key="k0"))


def test_what_fails_is_kept_under_its_key(ground: Ground, commanded: CommandDeployer) -> None:
    how = deploy(start="true", validate="echo no answer; exit 3")
    order = ground.order("k1", ground.built("one"), how)
    told = "hook validate of eu-1 ended with 3: no answer"
    failed = DeployProgress("failed", 0, 1, 0, told, "failure")
    assert commanded.advance(order) == failed
    assert commanded.advance(replace(order, epoch=2)) == failed
    assert commanded.hosts("shop", "prod", "eu-1") == ()


def test_the_deadline_ends_the_command(ground: Ground, commanded: CommandDeployer) -> None:
    how = replace(deploy(start="sleep 60"), deadline=fact(timedelta(seconds=1)))
    late = commanded.advance(ground.order("k1", ground.built("one"), how))
    assert (late.state, late.cause) == ("failed", "deadline")
    assert late.message == "hook start of eu-1 ran out of time"


def test_each_type_has_its_deployer(ground: Ground, tmp_path: Path) -> None:
    (pipeline,) = read_pipelines(PIPELINE.encode(), "pipeline.yaml").pipelines
    stage = pipeline.stage("prod")
    assert stage is not None
    assert stage.deploy is not None
    artifacts = ArtifactStore(ground.folder / "artifacts")
    commanded = CommandDeployer(tmp_path / "commanded", artifacts)
    known: dict[str, Deployer] = {
        "local": LocalDeployer(tmp_path / "local", artifacts),
        "command": commanded,
    }
    both = Deployers(known, tmp_path / "installed", artifacts)
    how = replace(stage.deploy, hooks=deploy(start="echo http://b.test > url").hooks)
    order = ground.order("k1", ground.built("one"), how)
    assert both.advance(order).state == "succeeded"
    assert [each.url for each in both.hosts("shop", "prod", "eu-1")] == ["http://b.test"]

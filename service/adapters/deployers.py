"""The deployers by the type that a pipeline file names: one port in front of all of them."""

from collections.abc import Mapping

from service.promotions.ports import Deployer, DeployOrder, DeployProgress, Host


class Deployers:
    """Implements ``service.promotions.ports.Deployer`` by asking the one that is meant."""

    def __init__(self, known: Mapping[str, Deployer]) -> None:
        self._known = dict(known)

    def advance(self, order: DeployOrder) -> DeployProgress:
        return self._known[str(order.deploy.engine.value)].advance(order)

    def abort(self, order: DeployOrder) -> DeployProgress:
        return self._known[str(order.deploy.engine.value)].abort(order)

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        """Of whichever deployer keeps records of the target."""
        return tuple(
            host for each in self._known.values() for host in each.hosts(pipeline, stage, target)
        )

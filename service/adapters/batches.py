"""Which hosts of a target a batch replaces: pure, the same for every deployer that knows hosts."""

import math
from collections.abc import Collection, Sequence
from typing import TypeVar

from service.adapters.host_change import DeploymentError
from service.promotions.ports import DeployOrder

T = TypeVar("T")

_ROLLBACK_BATCH = 0.33
"""The share of the hosts that a rollback replaces at once where the pipeline does not say."""


def next_batch(
    order: DeployOrder, count: int, waiting: Sequence[T], serving: Collection[T]
) -> list[T]:
    """The hosts of this batch; those out of service come first, as they cost nobody a host.

    ``waiting`` has not the order's version yet, ``serving`` is all that is in service now, of
    ``count`` hosts. Raises DeploymentError where something waits and nothing may be replaced.
    """
    least = order.deploy.min_healthy.or_else(None) or 0
    size = order.deploy.batch.or_else(None) or 1
    if order.rollback:
        size = _rollback_size(order, count, size)
        # A host that runs the bad version is not healthy, so its going costs no healthy one.
        least = min(least, count - size)
    spare = max(0, len(serving) - least)
    idle = [each for each in waiting if each not in serving]
    busy = [each for each in waiting if each in serving]
    chosen = (idle + busy[:spare])[:size]
    if waiting and not chosen:
        raise DeploymentError(
            f"{len(serving)} hosts are in service and {least} must stay, so none can be "
            "replaced; lower min_healthy or raise hosts"
        )
    return chosen


def _rollback_size(order: DeployOrder, count: int, batch: int) -> int:
    """How many hosts a rollback replaces at once; one stays in service where there are more.

    Where the pipeline does not say it is a third of them, and more than on the way forward.
    """
    said = order.deploy.rollback_batch.or_else(None)
    size = math.ceil((said or _ROLLBACK_BATCH) * count)
    return min(max(size, batch + (said is None)), max(1, count - 1))

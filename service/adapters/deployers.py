"""The deployers by the type that a pipeline file names: one port in front of all of them."""

import logging
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from service.adapters.installed import DEPLOYERS, Place, UnusableAdapter, make
from service.promotions.ports import Artifacts, Deployer, DeployOrder, DeployProgress, Host

#: The types that need no other package; ``service.parts`` makes them.
BUILT_IN: Final = ("command", "local", "ssh", "webhook")

_log = logging.getLogger(__name__)


class Deployers:
    """Implements ``service.promotions.ports.Deployer`` by asking the one that is meant.

    One of another package is made when it is first needed, with a folder in ``folder``.
    """

    def __init__(self, known: Mapping[str, Deployer], folder: Path, artifacts: Artifacts) -> None:
        self._known = dict(known)
        self._folder = folder
        self._artifacts = artifacts
        self._lock = threading.Lock()

    def advance(self, order: DeployOrder) -> DeployProgress:
        return self._named(str(order.deploy.engine.value)).advance(order)

    def abort(self, order: DeployOrder) -> DeployProgress:
        return self._named(str(order.deploy.engine.value)).abort(order)

    def hosts(self, pipeline: str, stage: str, target: str) -> tuple[Host, ...]:
        """Of whichever deployer keeps records of the target."""
        return tuple(host for each in self._all() for host in each.hosts(pipeline, stage, target))

    def _named(self, name: str) -> Deployer:
        """Raises UnusableAdapter, which is technical: nothing was changed and a retry may help."""
        with self._lock:
            if name not in self._known:
                folder = self._folder / name
                place = Place(folder, self._artifacts, self.hosts)
                made: Deployer = make(DEPLOYERS, name, Deployer, place)
                folder.mkdir(parents=True, exist_ok=True)
                self._known[name] = made
            return self._known[name]

    def _all(self) -> Iterator[Deployer]:
        """All that are known, and those that an earlier process has used."""
        used = [path.name for path in self._folder.iterdir()] if self._folder.is_dir() else []
        for name in sorted({*self._known, *used}):
            try:
                yield self._named(name)
            except UnusableAdapter as error:
                # Hosts of other deployers must be found although this one was removed.
                _log.warning("hosts cannot be asked for: %s", error)

"""Customers of the demonstration: a process of its own that sends requests and tells the counts.

``python -m service.adapters.load PROFILE.json PARENT``, with the process id of who started it. It
stands outside of the service on purpose: it reads which hosts are in service from the deployer's
records, as a load balancer would, and pushes its counts to ``POST /v1/data-points`` like any other
system that sees traffic.
"""

import itertools
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import httpx

from service.adapters.host_files import HostRecord, read_hosts, target_folder

_TIMEOUT_S: Final = 2.0
#: How often counts are told, in seconds.
_TELL_S: Final = 1.0


class Customers:
    """Sends the profile's mix of requests to one target, round robin over its hosts."""

    def __init__(self, profile: dict[str, Any], place: dict[str, str], seed: int) -> None:
        self.profile = profile
        self.place = place
        self.folder = target_folder(
            Path(profile["state_folder"]), profile["pipeline"], place["stage"], place["target"]
        )
        # A seeded mix makes two runs alike; nothing here is a secret.
        self.random = random.Random(seed)  # noqa: S311
        self.counts: Counter[tuple[str, bool]] = Counter()

    def run(self, stop: threading.Event) -> None:
        pause = 1 / self.profile["rate_per_s"]
        told = time.monotonic()
        with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
            for turn in itertools.count():
                if stop.wait(pause):
                    return
                self._ask(client, turn)
                if time.monotonic() - told >= _TELL_S:
                    self._tell(client)
                    told = time.monotonic()

    def _ask(self, client: httpx.Client, turn: int) -> None:
        hosts = self._hosts()
        if not hosts:
            return
        host = hosts[turn % len(hosts)]
        requests = self.profile["requests"]
        request = self.random.choices(requests, [each["weight"] for each in requests])[0]
        try:
            good = client.get(host.url + request["path"]).status_code == request["status"]
        except httpx.HTTPError:
            if host not in self._hosts():
                return
            good = False
        self.counts[host.digest, good] += 1

    def _hosts(self) -> list[HostRecord]:
        return [host for host in read_hosts(self.folder) if host.state == "in_service"]

    def _tell(self, client: httpx.Client) -> None:
        """Push the counts; what could not be pushed is told with the next."""
        url = f"{self.profile['url']}/v1/data-points"
        for digest in {digest for digest, _ in self.counts}:
            said = {
                "pipeline": self.profile["pipeline"],
                **self.place,
                "digest": digest,
                "positive": self.counts[digest, True],
                "negative": self.counts[digest, False],
            }
            try:
                client.post(url, json=said).raise_for_status()
            except httpx.HTTPError:
                continue
            del self.counts[digest, True], self.counts[digest, False]


def main(path: str, parent: int) -> None:
    """Send until the process is told to end, or ``parent`` has ended."""
    profile = json.loads(Path(path).read_text(encoding="utf-8"))
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    threads = [
        threading.Thread(target=Customers(profile, place, seed).run, args=(stop,))
        for seed, place in enumerate(profile["targets"])
    ]
    for thread in threads:
        thread.start()
    while not stop.wait(_TELL_S):
        if os.getppid() != parent:
            # Whoever started this was killed; its successor starts customers of its own.
            stop.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

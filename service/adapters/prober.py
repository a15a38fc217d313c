"""Probes over HTTP: each round is a customer of its own, with connections of its own."""

import ssl
from collections.abc import Sequence
from typing import Final

import httpx

from policies.scripted import Request
from service.adapters.script_player import play
from service.promotions.ports import Answered

#: A request that takes longer is a negative data point, in seconds.
_TIMEOUT_S: Final = 2.0


class HttpProber:
    """Implements ``service.promotions.ports.Prober``; may be asked by several threads at once."""

    def __init__(self, timeout: float = _TIMEOUT_S) -> None:
        self._timeout = timeout
        # Loading the certificates of the machine takes longer than a probe; once is enough.
        self._trusted = ssl.create_default_context()

    def ask(self, url: str, requests: Sequence[Request]) -> tuple[Answered, ...]:
        # trust_env off: a proxy of the machine must not stand between the prober and the hosts.
        with httpx.Client(timeout=self._timeout, trust_env=False, verify=self._trusted) as client:
            return tuple(play(client, url, requests, self._timeout))

"""Asks a running price service, for the tests that need one."""

import json
import os
from dataclasses import dataclass
from urllib.error import HTTPError
from urllib.request import urlopen


@dataclass(frozen=True)
class Reply:
    """Status and JSON body of an answer."""

    status: int
    body: dict[str, str]


def ask(path: str) -> Reply:
    """Get ``path`` of the service at ``BAKEGATE_URL``; a status above 399 is an answer too."""
    url = os.environ["BAKEGATE_URL"].rstrip("/") + path
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310 - the address is the deployment's own
            return Reply(answer.status, json.load(answer))
    except HTTPError as error:
        return Reply(error.code, json.load(error))

"""The engine of custom rules on the command line, as the environment says it."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Final

from cli.problems import Unusable
from policies.plain import nearest
from policies.rego.choice import ChosenRego
from policies.rego.settings import Engine, Policies, RegoSettings

#: What the environment may say; the service reads the same names.
PREFIX: Final = "BAKEGATE_REGO_"
WORDS: Final = ("program", "url", "token", "ca", "certificate", "key")


@cache
def chosen_rego() -> ChosenRego:
    """The engine of this process; raises Unusable for settings that mean nothing."""
    return engine(None)


def engine(wanted: Engine | None) -> ChosenRego:
    """An engine to be closed by the caller; ``wanted`` instead of what the environment says."""
    return ChosenRego(settings(os.environ, wanted or ""))


def settings(environment: Mapping[str, str], engine: str = "") -> RegoSettings:
    """The settings in ``environment``; ``engine`` overrides what it says of the engine."""
    said = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environment.items()
        if name.startswith(PREFIX) and text
    }
    return RegoSettings(
        engine=Engine(_word("engine", engine or said.get("engine", ""), Engine, Engine.AUTO)),
        policies=Policies(_word("policies", said.get("policies", ""), Policies, Policies.UPLOAD)),
        timeout=_seconds(said.get("timeout", "2")),
        **{name: said[name] for name in WORDS if name in said},
    )


def _word(name: str, text: str, words: type[Engine | Policies], default: str) -> str:
    known = [each.value for each in words]
    if text and text not in known:
        told = f"{PREFIX}{name.upper()} is {text!r}; it is one of {', '.join(known)}"
        raise Unusable(f"{told}{nearest(text, known)}")
    return text or default


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 60:  # noqa: PLR2004 - a gate that waits longer is no gate
        told = f"{PREFIX}TIMEOUT is {text!r}; it is seconds, more than 0 and at most 60"
        raise Unusable(told)
    return seconds

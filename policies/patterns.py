"""Regular expressions that are compiled when they are first asked.

``bakegate lint`` of one file loads some 110 of them and asks a third; to compile the rest took 5 of
its 75 milliseconds beside Python and its libraries.
"""

import re
from typing import Any, Final, cast

#: What is asked of patterns, and found without a detour from the second time on.
_METHODS: Final = ("search", "match", "fullmatch", "findall", "finditer", "sub", "split")


def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """As ``re.compile``."""
    return cast("re.Pattern[str]", _Later(text, flags))


class _Later:
    def __init__(self, text: str, flags: int) -> None:
        self._said = text, flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(*self._said)
        vars(self).update({each: getattr(compiled, each) for each in _METHODS})
        return getattr(compiled, name)

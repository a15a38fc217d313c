"""Canonical JSON (RFC 8785) and its SHA-256, so that equal things have equal names."""

import json
from collections.abc import Mapping
from typing import Any, Final

#: Integers beyond it have no exact double, so the standard knows no spelling of them.
_MOST: Final = 2**53 - 1
#: Fractions from here to there are spelled alike by the standard and by Python.
_FRACTIONS: Final = (1e-4, 1e15)
_encode: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
).encode


class _SpelledOtherwise(Exception):
    """The encoder of the standard library would not write this as the standard wants it."""


def canonical(data: Any) -> bytes:
    """The one spelling of plain JSON data; integers above 2**53 are refused by the standard."""
    try:
        return _encode(_plain(data)).encode()
    except (_SpelledOtherwise, UnicodeEncodeError):
        # Imported here because almost nothing needs it, and a lint must start fast.
        from rfc8785 import dumps  # noqa: PLC0415 - see above

        return dumps(data)


def _plain(data: Any) -> Any:
    """The same data in values that the quick encoder spells as the standard does.

    Raises _SpelledOtherwise for what only the slow one can: odd fractions, large numbers, keys
    whose order depends on their encoding, and everything that is no plain JSON.
    """
    match data:
        case None | bool() | str():
            return data
        case dict():
            if not all(type(key) is str and key.isascii() for key in data):
                raise _SpelledOtherwise
            return {key: _plain(value) for key, value in data.items()}
        case list() | tuple():
            return [_plain(each) for each in data]
        case int() if -_MOST <= data <= _MOST:
            return int(data)
        case float() if data.is_integer() and -_MOST <= data <= _MOST:
            return int(data)
        case float() if _FRACTIONS[0] <= abs(data) < _FRACTIONS[1]:
            return data
        case _:
            raise _SpelledOtherwise


def canonical_object(spelled: Mapping[str, bytes]) -> bytes:
    """The spelling of an object from those of its values; its keys are of ASCII letters."""
    parts = (b'"%s":%s' % (key.encode(), spelled[key]) for key in sorted(spelled))
    return b"{%s}" % b",".join(parts)


def digest(data: Any) -> str:
    return digest_of(canonical(data))


def digest_of(spelled: bytes) -> str:
    # Imported here: it loads OpenSSL, and a lint that prints text for people tells no digest.
    from hashlib import sha256  # noqa: PLC0415 - see above

    return "sha256:" + sha256(spelled).hexdigest()

"""Rulesets elsewhere: what an entry of ``extends`` may name, always pinned by digest.

Nothing is fetched here. Whoever reads a ruleset hands in a ``Fetch``; what it gives is used only
where its SHA-256 is the one beside the reference, so it does not matter where the bytes came from.
"""

import re
from collections.abc import Callable
from typing import Final

from policies.frozen import dataclass
from policies.patterns import pattern

_REMOTE: Final = pattern(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_GIT: Final = pattern(
    r"git\+(?P<url>(?:https|ssh|file)://[^@#\s]+(?:@[^@#/\s]+/[^@#\s]+)?)"
    r"@(?P<commit>[0-9a-f]{40}|[0-9a-f]{64})#(?P<path>[^#\s]+)"
)
_DIGEST: Final = pattern(r"[0-9a-f]{64}")
#: Plain HTTP is for a server on this machine: others could read along which rules you follow.
_WEB: Final = pattern(r"(?:https://[^/\s]+|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?)/\S*")


@dataclass(frozen=True, slots=True)
class Pinned:
    """One file elsewhere; ``commit`` and ``path`` are empty for a plain address."""

    text: str
    sha256: str
    url: str
    commit: str = ""
    path: str = ""


#: Gives the bytes of a file elsewhere; raises OSError with the reason where it cannot.
Fetch = Callable[[Pinned], bytes]


def nothing_fetched(pinned: Pinned) -> bytes:
    """Where nobody is there to fetch, a remote ruleset is an error of its entry."""
    raise OSError(f"nothing is fetched here, and {pinned.url} is not at hand")


def is_remote(reference: str) -> bool:
    return bool(_REMOTE.match(reference))


def parse_reference(text: str, digest: str) -> Pinned:
    """Read a remote reference and the digest beside it; raises ValueError with what is allowed."""
    if not _DIGEST.fullmatch(digest):
        raise ValueError(
            f"{text!r} is not pinned; write {{from: {text}, sha256: <64 hex digits>}} "
            "with the SHA-256 of the file"
        )
    if text.startswith("git+"):
        match = _GIT.fullmatch(text)
        if match:
            return Pinned(text, digest, match["url"], match["commit"], match["path"])
        raise ValueError(
            f"{text!r} names no file of a commit; write git+https://host/repo@<commit>#path "
            "with the full hash of the commit (git+ssh and git+file likewise)"
        )
    if _WEB.fullmatch(text):
        return Pinned(text, digest, text)
    raise ValueError(f"{text!r} is no address that is read; write https://... or git+https://...")


def verified(name: str, digest: str, found: bytes) -> bytes:
    """The bytes, if their SHA-256 is the pinned one; raises ValueError."""
    # Imported here: it loads OpenSSL, and few rulesets pin a file elsewhere.
    from hashlib import sha256  # noqa: PLC0415 - see above

    is_of = sha256(found).hexdigest()
    if is_of != digest:
        raise ValueError(
            f"{name!r} has the digest {is_of}, not {digest}; "
            "look at what changed before you pin it anew"
        )
    return found

"""Rulesets elsewhere: fetched once over git or https, kept on this machine by their digest.

A digest names one content for ever, so what is kept never grows old, and a run without a network
works when an earlier one had it.
"""

import os
import subprocess
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from policies.ruleset import Pinned

#: Seconds for one git command, or for an answer over https.
_TIMEOUT: Final = 60
#: A ruleset is text that people wrote; what is larger is something else.
_LARGEST: Final = 4_000_000
_ACCEPTED: Final = 200


def fetch(pinned: Pinned) -> bytes:
    """The bytes of a pinned ruleset; raises OSError with the reason where they cannot be had.

    Only bytes with the pinned digest are kept. Others are given to the caller, who refuses them.
    """
    kept = _folder() / pinned.sha256
    with suppress(OSError):
        found = kept.read_bytes()
        if _is_pinned(pinned, found):
            return found
    found = _from_git(pinned) if pinned.commit else _from_web(pinned)
    if _is_pinned(pinned, found):
        _keep(kept, found)
    return found


def _is_pinned(pinned: Pinned, found: bytes) -> bool:
    return sha256(found).hexdigest() == pinned.sha256


def _folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bakegate" / "rulesets"


def _keep(path: Path, found: bytes) -> None:
    """Put the bytes at their place in one step; a machine without such a place keeps nothing."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}")
        half.write_bytes(found)
        half.replace(path)


def _from_web(pinned: Pinned) -> bytes:
    import httpx

    found = bytearray()
    try:
        with httpx.stream("GET", pinned.url, timeout=_TIMEOUT, follow_redirects=True) as answer:
            if answer.status_code != _ACCEPTED:
                raise OSError(f"{pinned.url} answers {answer.status_code}")
            for part in answer.iter_bytes():
                found += part
                if len(found) > _LARGEST:
                    raise OSError(f"{pinned.url} is larger than {_LARGEST} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(f"{pinned.url}: {error}") from error
    return bytes(found)


def _from_git(pinned: Pinned) -> bytes:
    """One file of one commit. Some servers give no single commit; then all branches are fetched."""
    with TemporaryDirectory(prefix="bakegate-") as folder:
        _git(folder, "init", "--quiet", "--bare")
        try:
            _git(folder, "fetch", "--quiet", "--depth=1", pinned.url, pinned.commit)
        except OSError:
            _git(folder, "fetch", "--quiet", pinned.url, "+refs/*:refs/*")
        found = _git(folder, "cat-file", "blob", f"{pinned.commit}:{pinned.path}")
    if len(found) > _LARGEST:
        raise OSError(f"{pinned.path} is larger than {_LARGEST} bytes")
    return found


def _git(folder: str, *arguments: str) -> bytes:
    """Run git in a folder; nobody is asked for a password. Raises OSError with what git says."""
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_DIR": folder, "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - no shell; addresses and hashes never look like options
            ["git", *arguments],  # noqa: S607 - git is found on the PATH
            cwd=folder,
            env={**os.environ, **quiet},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"git {arguments[0]} took more than {_TIMEOUT} s") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise OSError(f"git {arguments[0]}: {said[-1] if said else 'failed'}")
    return done.stdout

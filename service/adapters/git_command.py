"""The ``git`` command: without questions, without our own variables, and never for ever."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Final

from service.promotions.ports import Unreadable

#: Seconds for one command; a clone of a big repository is the longest.
_TIMEOUT: Final = 300
#: A transfer that is slower than so many bytes a second for so many seconds is given up.
_PATIENCE: Final = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=30")
#: What may stand in an address; other helpers of git would run commands that it names.
_PROTOCOLS: Final = "file:git:http:https:ssh"


class RepositoryError(Unreadable):
    """Git could not do what was asked; the message says what, where and what git said."""


def git(folder: str, *arguments: str) -> tuple[int, bytes, str]:
    """Exit code, output and errors of one command, run in ``folder``; raises RepositoryError."""
    if not Path(folder).is_dir():
        raise RepositoryError(f"there is no folder {folder}; clone the repository to this host")
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell, and names never stand where options do
            ["git", *_PATIENCE, "-C", folder, *arguments],  # noqa: S607 - git is found on the PATH
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as missing:
        raise RepositoryError("there is no command git on the PATH; install git") from missing
    with process:
        try:
            out, told = process.communicate(timeout=_TIMEOUT)
        except subprocess.TimeoutExpired as late:
            # With the helpers that it started for ssh and https, which hold its output open.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise RepositoryError(
                f"git {arguments[0]} in {folder} took over {_TIMEOUT} s"
            ) from late
    err = told.decode(errors="replace").strip()
    if process.returncode != 0 and ("not a git repository" in err or "dubious ownership" in err):
        raise RepositoryError(f"{folder}: {err.splitlines()[0]}")
    return process.returncode, out, err


def _environment() -> dict[str, str]:
    """Ours without the variables that point git to another repository; English, no questions."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": _PROTOCOLS,
        "GIT_TERMINAL_PROMPT": "0",
        # There is no terminal either, so that ssh fails where it would ask.
        "SSH_ASKPASS_REQUIRE": "never",
    }

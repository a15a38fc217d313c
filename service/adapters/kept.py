"""Runs commands whose processes must all be gone afterwards: the steps and tests of pipelines.

Hooks of deployments go another way (``processes``), because they start what is to live on.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from service.adapters.processes import environment_of, tail_of

#: Bytes of output that are kept of one command.
OUTPUT: Final = 10_000_000
#: Processes that one command may have at once; builds of large systems stay under a tenth.
PROCESSES: Final = 2_000
_KEEPER: Final = Path(__file__).with_name("keeper.py")
#: What the keeper needs at most for ending everything, and then some.
_ENDING: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes of ``memory`` all processes of a command may take together, and of ``disk``.

    The disk is what its folder takes, and each file anywhere. Both defaults are ours: most builds
    stay far below, and a machine of 8 GiB lives on.
    """

    memory: int = 4 * 2**30
    disk: int = 10 * 2**30


#: Where nobody says more.
ROOM: Final = Room()


@dataclass(frozen=True, slots=True)
class Limits:
    """``output`` in bytes; ``processes`` at once."""

    time: timedelta
    output: int = OUTPUT
    processes: int = PROCESSES
    room: Room = ROOM


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    ``reason`` is ``time``, ``output``, ``processes``, ``memory`` or ``disk`` where we ended it or
    the kernel let it have no more, and ``keeper`` where it ended the process that looks after it.
    ``resisting`` counts the processes that could not be ended, those of other users for example.
    """

    code: int
    reason: str
    resisting: int
    tail: str


def run_kept(
    command: str,
    *,
    folder: Path,
    environment: Mapping[str, str],
    inherit: Sequence[str],
    limits: Limits,
    output: Path,
) -> Ended:
    """Run ``sh -e -c command`` in ``folder``; what it prints goes to the file ``output``.

    When this returns, or this process dies, nothing runs any more that the command started,
    except what took the rights of another user. ``inherit`` names variables of our environment.
    """
    told = {
        "seconds": limits.time.total_seconds(),
        "bytes": limits.output,
        "processes": limits.processes,
        "memory": limits.room.memory,
        "disk": limits.room.disk,
        "output": str(output),
    }
    # Isolated and without site-packages: the variables are for the command, not for the keeper.
    keeper = [sys.executable, "-I", "-S", str(_KEEPER), json.dumps(told), command]
    ours, lifeline = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is the pipeline's own
            keeper,
            cwd=folder,
            env=environment_of(environment, inherit),
            stdin=ours,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(ours)
        said = _said(process, (limits.time + _ENDING).total_seconds())
    finally:
        os.close(lifeline)
    return Ended(said["code"], said["reason"], said["resisting"], tail_of(output))


def _said(process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any]:
    """What the keeper tells; a command that ended its own keeper is told as that."""
    with process:
        try:
            answer, _ = process.communicate(timeout=seconds)
            said: dict[str, Any] = json.loads(answer)
        except (subprocess.TimeoutExpired, ValueError):
            process.kill()
            return {"code": -signal.SIGKILL, "reason": "keeper", "resisting": 0}
        return said

"""The wrapper that becomes the server of one host, exactly once for each claim.

``python -m service.adapters.host_process CLAIM LOG HOSTJSON -- COMMAND``

A claim is held once for good: a server that ended is not started again under the same claim. The
wrapper leaves its parent at once, writes its own number into CLAIM, a line into LOG, and then turns
into ``sh -e -c COMMAND``. So whoever started it may be killed at any moment: the claim still leads
to the process. Only light modules of the standard library are imported: a start must cost little.
"""

import fcntl
import json
import os
import sys
import time


def start_time(pid: int) -> int:
    """When the process began, in clock ticks after boot; 0 when it is gone or a zombie.

    Together with the number this names one process for good: numbers are used again.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slow to import
            text = file.read()
    except OSError:
        return 0
    # The second field is the program's name, which may hold spaces and brackets.
    fields = text[text.rindex(b")") + 2 :].split()
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def alive(pid: int, started: int) -> bool:
    """Whether exactly this process still runs."""
    return pid > 0 and started > 0 and start_time(pid) == started


def read_claim(path: str) -> tuple[int, int]:
    """The process that holds a claim, as number and start time; zeros when nobody does."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib is slow to import
            pid, started = file.read().split()
    except (OSError, ValueError):
        # Absent, or its writer has not finished yet.
        return 0, 0
    return int(pid), int(started)


def _claimed(path: str) -> bool:
    """Write ourselves into the claim, unless a process holds it or has held it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    # Held until exec closes the file: of two wrappers for one claim the second sees the first.
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    if read_claim(path) != (0, 0):
        return False
    pid = os.getpid()
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{pid} {start_time(pid)}\n".encode())
    return True


def _log(path: str, host: dict[str, object]) -> None:
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **{name: host[name] for name in ("pipeline", "stage", "target")},
        "host": host["name"],
        "key": host["key"],
        "digest": host["digest"],
        "pid": os.getpid(),
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    # One write, so that lines of hosts that start together do not mix.
    os.write(descriptor, (json.dumps(line) + "\n").encode())
    os.close(descriptor)


def main(arguments: list[str]) -> None:
    claim, log, record, _, command = arguments
    if os.fork():
        os._exit(0)
    os.setsid()
    if not _claimed(claim):
        return
    with open(record, "rb") as file:  # noqa: PTH123 - pathlib is slow to import
        host = json.load(file)
    # Read after claiming: whoever moves the host on first writes the record, then looks at the
    # claim. So either we see the change here, or the other side sees this process.
    if host["state"] != "starting" or host["key"] != os.environ["BAKEGATE_IDEMPOTENCY_KEY"]:
        return
    _log(log, host)
    os.execv("/bin/sh", ["sh", "-e", "-c", command])  # noqa: S606 - the pipeline's own command


if __name__ == "__main__":
    main(sys.argv[1:])

"""Runs one command of a pipeline as a process of its own, and ends all that the command started.

``python -I -S keeper.py LIMITS COMMAND``, where LIMITS is JSON. What the command prints is written
to a file, up to a limit; how it ended is printed as JSON.

The keeper adopts whatever its descendants leave behind (``PR_SET_CHILD_SUBREAPER``), so that a
process cannot leave it by a session of its own or by the death of its parent. Standard input is a
pipe that its parent never writes to: when it closes, the parent is gone, and the command ends too.
Only light modules of the standard library are imported: a start must cost little.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any, Final

#: Of ``prctl``, from ``linux/prctl.h``.
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
#: Seconds between SIGTERM and SIGKILL.
_GRACE: Final = 2.0
#: Seconds in which everything must be gone after SIGKILL.
_ENDING: Final = 30.0
#: Seconds between two counts of the processes.
_COUNT: Final = 0.25
_BLOCK: Final = 65_536
#: Threads and processes that the user of the command may have besides, for each one allowed.
_SPARE: Final = 8

_libc: Final = ctypes.CDLL(None, use_errno=True)


def family(root: int) -> list[int]:
    """All living descendants of ``root``, without itself."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib is slow to import
        if name.isdigit():
            parent = _parent(name)
            if parent:
                children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    todo = [root]
    while todo:
        todo += (young := children.get(todo.pop(), []))
        found += young
    return found


def _parent(name: str) -> int:
    """The parent of a living process; 0 when it is gone or only waits to be collected."""
    try:
        with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slow to import
            text = file.read()
    except OSError:
        return 0
    # The second field is the program's name, which may hold spaces and brackets.
    fields = text[text.rindex(b")") + 2 :].split()
    return 0 if fields[0] in (b"Z", b"X") else int(fields[1])


class Kept:
    """One command; ``reason`` says what ended it, empty where it ended by itself."""

    def __init__(self, command: str, limits: dict[str, Any]) -> None:
        self.limits = limits
        self.reason = ""
        self.printed = 0
        self.code = -signal.SIGKILL
        self.output = os.open(limits["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self.pipe, told = os.pipe()
        self.child = _start(command, told, limits["processes"])
        os.close(told)

    def watch(self, woken: int) -> None:
        """Return when the command ended by itself, or must be ended."""
        deadline = time.monotonic() + self.limits["seconds"]
        counted = time.monotonic()
        reading = [woken, self.pipe, sys.stdin.fileno()]
        while not self.reason and not self._collect():
            ready, _, _ = select.select(reading, [], [], _COUNT)
            now = time.monotonic()
            if woken in ready:
                os.read(woken, _BLOCK)
            if self.pipe in ready and not self._read():
                reading.remove(self.pipe)
            if sys.stdin.fileno() in ready:
                self.reason = "left"
            elif now >= deadline:
                self.reason = "time"
            elif now - counted >= _COUNT:
                counted = now
                if len(family(os.getpid())) > self.limits["processes"]:
                    self.reason = "processes"

    def end(self) -> int:
        """End everything that is left, politely where it was cut short; gives how many resist."""
        if self.reason and self.reason != "processes":
            _send(family(os.getpid()), signal.SIGTERM)
            patience = time.monotonic() + _GRACE
            while not self._collect() and time.monotonic() < patience:
                self._drain(_COUNT / 10)
        # A group is killed as a whole, so that nobody in it can fork away meanwhile.
        _send([-self.child], signal.SIGKILL)
        deadline = time.monotonic() + _ENDING
        while (alive := self._bury()) and time.monotonic() < deadline:
            self._kill(family(os.getpid()))
        self._drain(0)
        return max(1, len(family(os.getpid()))) if alive else 0

    def _kill(self, rest: list[int]) -> None:
        """Stop all of them before killing the first: nobody is left who could start another."""
        stopped: set[int] = set()
        until = time.monotonic() + _GRACE
        while set(rest) - stopped and time.monotonic() < until:
            _send(rest, signal.SIGSTOP)
            stopped |= set(rest)
            rest = family(os.getpid())
        _send(rest, signal.SIGKILL)

    def _bury(self) -> bool:
        """Collect all the dead; whether there is anybody left.

        A look at the list of processes may miss one that hops from one to the next. But as long as
        one lives, we have a child: it, or one of those before it.
        """
        while True:
            try:
                dead, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if dead == 0:
                return True
            if dead == self.child:
                self.code = os.waitstatus_to_exitcode(status)

    def _collect(self) -> bool:
        """Bury the adopted dead; whether the command itself has ended, which is left unburied.

        So its number cannot name another process, or another group, before all is over.
        """
        while True:
            try:
                dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return True
            if dead is None or dead.si_pid == self.child:
                return dead is not None
            os.waitpid(dead.si_pid, 0)

    def _drain(self, seconds: float) -> None:
        """Take what was printed before the end."""
        while select.select([self.pipe], [], [], seconds)[0] and self._read():
            seconds = 0

    def _read(self) -> bool:
        """Keep the next block; False at the end of the output, or of what may be kept of it."""
        block = os.read(self.pipe, _BLOCK)
        room = self.limits["bytes"] - self.printed
        self.printed += os.write(self.output, block[:room])
        if len(block) > room:
            self.reason = self.reason or "output"
        return bool(block) and len(block) <= room


def _start(command: str, output: int, processes: int) -> int:
    """Start the command in a session of its own, with bounds that all it starts inherits."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        # Who kills its keeper ends itself.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _bound(processes)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.execv("/bin/sh", ["/bin/sh", "-e", "-c", command])  # noqa: S606 - it is a shell
    finally:
        os._exit(127)


def _bound(processes: int) -> None:
    """Let the kernel refuse more, on top of what the user runs; it asks root for nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    mine = sum(_threads(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208
    wanted = mine + processes * _SPARE
    if resource.RLIM_INFINITY in (soft, hard) or wanted < soft:
        resource.setrlimit(resource.RLIMIT_NPROC, (wanted, hard))


def _threads(name: str) -> int:
    """Threads of a process of our user, else 0."""
    try:
        if os.stat(f"/proc/{name}").st_uid != os.getuid():  # noqa: PTH116 - slow to import
            return 0
        return len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208 - slow to import
    except OSError:
        return 0


def _send(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        try:
            os.kill(process, number)
        except (ProcessLookupError, PermissionError):
            # Gone meanwhile, or now of another user, which is counted among those that resist.
            continue


def main(limits: dict[str, Any], command: str) -> None:
    """Run ``command`` and print how it ended."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    kept = Kept(command, limits)
    kept.watch(woken)
    resisting = kept.end()
    sys.stdout.write(json.dumps({"code": kept.code, "reason": kept.reason, "resisting": resisting}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2])

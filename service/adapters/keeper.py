"""Runs one command of a pipeline as a process of its own, and ends all that the command started.

``python -I -S keeper.py LIMITS COMMAND``, where LIMITS is JSON. What the command prints is written
to a file, up to a limit; how it ended is printed as JSON. The memory of all its processes together
and the folder in which it runs are bounded too.

The keeper adopts whatever its descendants leave behind (``PR_SET_CHILD_SUBREAPER``), so that a
process cannot leave it by a session of its own or by the death of its parent. Standard input is a
pipe that its parent never writes to: when it closes, the parent is gone, and the command ends too.
Only light modules of the standard library are imported: a start must cost little.
"""

import ctypes
import json
import math
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

#: Of ``prctl``, from ``linux/prctl.h``.
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
#: Seconds between SIGTERM and SIGKILL.
_GRACE: Final = 2.0
#: Seconds in which everything must be gone after SIGKILL.
_ENDING: Final = 30.0
#: Seconds between two counts of the processes and their memory.
_COUNT: Final = 0.25
#: Seconds of each such interval in which files are counted, so that it costs a tenth of a processor
#: at most, and seconds from the start of one count of the folder to the next.
_FILES: Final = 0.025
_FOLDER: Final = 1.0
_BLOCK: Final = 65_536
#: Threads and processes that the user of the command may have besides, for each one allowed.
_SPARE: Final = 8
#: How much more than is allowed together one process may ask for: what it asks for and never
#: touches (stacks of threads, heaps that are to grow) takes no memory.
_ASKED: Final = 2
#: Where the machine itself runs out of memory, the kernel is to end the command before the service.
_SCORE: Final = b"500"
#: How shells tell that the kernel ended a program whose file grew too large.
_TOO_LARGE: Final = (-signal.SIGXFSZ, 128 + signal.SIGXFSZ)
_PAGE: Final = resource.getpagesize()
#: ``st_blocks`` and ``ru_maxrss`` count in these, on Linux.
_BLOCKS: Final = 512
_KIB: Final = 1024

_libc: Final = ctypes.CDLL(None, use_errno=True)


def family(root: int) -> dict[int, int]:
    """All living descendants of ``root``, without itself, each with its resident bytes."""
    children: dict[int, list[int]] = {}
    resident: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib is slow to import
        if name.isdigit():
            parent, resident[int(name)] = _state(name)
            if parent:
                children.setdefault(parent, []).append(int(name))
    found: dict[int, int] = {}
    todo = [root]
    while todo:
        todo += (young := children.get(todo.pop(), []))
        found |= {each: resident[each] for each in young}
    return found


def _state(name: str) -> tuple[int, int]:
    """Parent and resident bytes of a living process; zeros if it is gone, or only not collected."""
    try:
        with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slow to import
            text = file.read()
    except OSError:
        return 0, 0
    # The second field is the program's name, which may hold spaces and brackets.
    fields = text[text.rindex(b")") + 2 :].split()
    return (0, 0) if fields[0] in (b"Z", b"X") else (int(fields[1]), int(fields[21]) * _PAGE)


def shared_out(processes: dict[int, int]) -> int:
    """Bytes that processes take together, where what several share counts once.

    That costs more than to add up what is resident, which counts it for each of them.
    """
    total = 0
    for process, resident in processes.items():
        try:
            with open(f"/proc/{process}/smaps_rollup", "rb") as file:  # noqa: PTH123
                lines = [line.split() for line in file]
        except OSError:
            total += resident
        else:
            total += sum(int(line[1]) * _KIB for line in lines if line[0] == b"Pss:")
    return total


def sizes(folder: str) -> Iterator[int]:
    """Bytes that each file and folder below takes on the disk, one with several names once.

    What disappears meanwhile is left out.
    """
    seen: set[tuple[int, int]] = set()
    todo = [folder]
    while todo:
        try:
            entries = os.scandir(todo.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                except OSError:
                    continue
                if (found.st_dev, found.st_ino) not in seen:
                    yield found.st_blocks * _BLOCKS
                if found.st_nlink > 1:
                    seen.add((found.st_dev, found.st_ino))


class Folder:
    """What a folder takes on the disk, counted bit by bit and again and again."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.began = time.monotonic()
        self.left = sizes(path)
        self.total = 0

    def grown(self, limit: int, seconds: float) -> bool:
        """Count on for so many seconds; whether more than ``limit`` is known to be there."""
        until = time.monotonic() + seconds
        for size in self.left:
            self.total += size
            if self.total > limit:
                return True
            if time.monotonic() >= until:
                return False
        if until - self.began >= _FOLDER:
            self.began, self.total, self.left = until, 0, sizes(self.path)
        return False


class Kept:
    """One command; ``reason`` says what ended it, empty where it ended by itself."""

    def __init__(self, command: str, limits: dict[str, Any]) -> None:
        self.limits = limits
        self.reason = ""
        self.printed = 0
        self.code = -signal.SIGKILL
        self.output = os.open(limits["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self.pipe, told = os.pipe()
        self.child = _start(command, told, limits)
        os.close(told)
        self.folder = Folder(".")

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
                self.reason = self._exceeded() or self.reason

    def _exceeded(self) -> str:
        """What the processes have more of than they may, if anything."""
        processes, memory = family(os.getpid()), self.limits["memory"]
        if len(processes) > self.limits["processes"]:
            return "processes"
        if sum(processes.values()) > memory and shared_out(processes) > memory:
            return "memory"
        return "disk" if self.folder.grown(self.limits["disk"], _FILES) else ""

    def explain(self) -> None:
        """See whether a failure was one for want of what we bound, though no count saw it come."""
        if self.reason or self.code == 0:
            return
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _KIB
        if largest > self.limits["memory"]:
            self.reason = "memory"
        elif self.code in _TOO_LARGE or Folder(".").grown(self.limits["disk"], math.inf):
            self.reason = "disk"

    def end(self) -> int:
        """End everything that is left, politely where it was cut short; gives how many resist.

        What takes too much of the machine would take more of it meanwhile.
        """
        if self.reason not in ("", "processes", "memory", "disk"):
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

    def _kill(self, rest: Iterable[int]) -> None:
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


def _start(command: str, output: int, limits: dict[str, Any]) -> int:
    """Start the command in a session of its own, with bounds that all it starts inherits."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        # Who kills its keeper ends itself.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        _bound(limits)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.execv("/bin/sh", ["/bin/sh", "-e", "-c", command])  # noqa: S606 - it is a shell
    finally:
        os._exit(127)


def _bound(limits: dict[str, Any]) -> None:
    """Let the kernel refuse more, which is quicker than any count.

    Processes come on top of what the user runs; root is asked for nothing there.
    """
    with open("/proc/self/oom_score_adj", "wb") as file:  # noqa: PTH123 - pathlib is slow to import
        file.write(_SCORE)
    mine = sum(_threads(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208
    for kind, wanted in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, mine + limits["processes"] * _SPARE),
        (resource.RLIMIT_DATA, limits["memory"] * _ASKED),
        (resource.RLIMIT_FSIZE, limits["disk"]),
    ):
        soft, hard = resource.getrlimit(kind)
        if resource.RLIM_INFINITY in (soft, hard) or wanted < soft:
            resource.setrlimit(kind, (wanted, hard))


def _threads(name: str) -> int:
    """Threads of a process of our user, else 0."""
    try:
        if os.stat(f"/proc/{name}").st_uid != os.getuid():  # noqa: PTH116 - slow to import
            return 0
        return len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208 - slow to import
    except OSError:
        return 0


def _send(processes: Iterable[int], number: signal.Signals) -> None:
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
    kept.explain()
    sys.stdout.write(json.dumps({"code": kept.code, "reason": kept.reason, "resisting": resisting}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2])

"""Work of one command in shares, each in a process of its own, where there are several processors.

The processes are forks of this one, so that they start with all that it has loaded, and they end
with it. Shares are worked on in step: what one must know of the others passes through ``Gather``.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, NoReturn, TypeVar

from policies.frozen import dataclass

S = TypeVar("S")
T = TypeVar("T")

#: Gives what all shares said, in their order, for what one said. Every share asks equally often.
Gather = Callable[[Any], list[Any]]


class Lost(Exception):
    """A process ended before its answer was there; the work can be done again without it."""


def processors() -> int:
    """How many processes can work at once here; 1 where processes cannot be forked."""
    if not hasattr(os, "fork"):
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def in_shares(shares: Sequence[S], work: Callable[[S, Gather], T]) -> Iterator[list[T]]:
    """The answers of ``work`` for every share, in their order; the first is worked on here.

    The processes of the others end by themselves meanwhile, and are waited for at the end of the
    context. Raises what ``work`` raises for the first share, and Lost where another one has no
    answer.
    """
    if len(shares) == 1:
        yield [work(shares[0], lambda value: [value])]
        return
    with _children_waited_for():
        helpers: list[_Helper] = []
        try:
            for share in shares[1:]:
                helpers.append(_helper(share, work, helpers))
            first = work(shares[0], lambda value: _gathered(value, helpers))
            yield [first, *(each.heard() for each in helpers)]
        finally:
            for each in helpers:
                each.end()


def dealt(weights: Sequence[int], shares: int) -> list[list[int]]:
    """The positions of things in so many shares of about one weight, each in ascending order."""
    dealt: list[list[int]] = [[] for _ in range(shares)]
    carried = [0] * shares
    for position in sorted(range(len(weights)), key=weights.__getitem__, reverse=True):
        lightest = carried.index(min(carried))
        carried[lightest] += weights[position]
        dealt[lightest].append(position)
    return [sorted(each) for each in dealt]


@dataclass(frozen=True, slots=True)
class _Helper:
    """A process that works on one share, and the two pipes between it and this one."""

    process: int
    answers: BinaryIO
    questions: BinaryIO

    def heard(self) -> Any:
        """What the process says next; raises Lost where it has ended."""
        try:
            return _received(self.answers)
        except (EOFError, OSError) as error:
            raise Lost from error

    def tell(self, what: Any) -> None:
        try:
            _send(what, self.questions)
        except OSError as error:
            raise Lost from error

    def end(self) -> None:
        """End the process, whatever it does: its answer is here, or nobody waits for it."""
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        self.answers.close()
        with suppress(OSError):  # What could not be sent is not sent now either.
            self.questions.close()


@contextmanager
def _children_waited_for() -> Iterator[None]:
    """Where this process was started to ignore its children, their numbers could be used again."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


def _gathered(value: Any, helpers: Sequence[_Helper]) -> list[Any]:
    said = [value, *(each.heard() for each in helpers)]
    for each in helpers:
        each.tell(said)
    return said


def _helper(share: S, work: Callable[[S, Gather], Any], others: Sequence[_Helper]) -> _Helper:
    answers, to_answer = os.pipe()
    to_ask, questions = os.pipe()
    process = os.fork()
    if not process:
        for each in others:
            each.answers.close()
            each.questions.close()
        os.close(answers)
        os.close(questions)
        _work(share, work, os.fdopen(to_ask, "rb"), os.fdopen(to_answer, "wb"))
    os.close(to_answer)
    os.close(to_ask)
    return _Helper(process, os.fdopen(answers, "rb"), os.fdopen(questions, "wb"))


def _work(
    share: S, work: Callable[[S, Gather], Any], heard: BinaryIO, answers: BinaryIO
) -> NoReturn:
    """Work on a share in a new process, which ends here whatever happens and says nothing else.

    An error is not sent: without an answer the work is done again where the error can be told.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def gather(value: Any) -> list[Any]:
        _send(value, answers)
        said: list[Any] = _received(heard)
        return said

    try:
        _send(work(share, gather), answers)
    finally:
        # No clean-up of the process that this is a fork of: its buffers are not ours to write.
        os._exit(0)


def _send(what: Any, out: BinaryIO) -> None:
    from pickle import HIGHEST_PROTOCOL, dump  # most runs are one process, which sends nothing

    dump(what, out, HIGHEST_PROTOCOL)
    out.flush()


def _received(source: BinaryIO) -> Any:
    from pickle import UnpicklingError, load

    try:
        return load(source)  # noqa: S301 - a fork of this very process wrote it
    except UnpicklingError as error:
        raise EOFError from error

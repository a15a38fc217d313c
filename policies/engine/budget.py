"""How long one rule may think about one file, and a reader about one file.

The engine has no clock of its own: who calls it says how time is limited. A budget is a context
that raises OverBudget inside the work that takes too long; without one, work takes what it takes.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

#: Ids of findings must say what happened, so this one stands beside ``internal``.
LINT_BUDGET: Final = "lint-budget"

#: Seconds of processor time; a rule takes under a millisecond for a file of the usual size, and
#: under two seconds for a pipeline of ten thousand jobs. Ours, there is no source for them.
RULE_SECONDS: Final = 5.0
#: The same for reading a file with all that it brings in, which takes a few milliseconds, and
#: seconds for ten thousand jobs.
READ_SECONDS: Final = 20.0


class OverBudget(BaseException):
    """Work took longer than its budget. No Exception, so that no rule catches it by chance."""


#: Limits the work in its context to so many seconds.
Budget = Callable[[float], AbstractContextManager[None]]


_ENDLESS: Final = nullcontext()


def unlimited(seconds: float) -> AbstractContextManager[None]:  # noqa: ARG001 - the form of a budget
    """No limit: for callers in threads, where nothing can stop a rule from outside."""
    return _ENDLESS

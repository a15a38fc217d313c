"""What a command cannot go on with."""


class Unusable(Exception):
    """Something given that cannot be used; the message says what to do next. Exit code 2."""


class Declined(Unusable):
    """What a service understood and refuses because of its rules; the message holds each finding.

    Where the command judges, this is its exit code 1.
    """


class Away(Unusable):
    """A service that does not answer, or cannot now: asking again may help. ``why`` is short."""

    def __init__(self, told: str, why: str) -> None:
        super().__init__(told)
        self.why = why

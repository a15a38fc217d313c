"""What a command cannot go on with."""


class Unusable(Exception):
    """Something given that cannot be used; the message says what to do next. Exit code 2."""


class Declined(Unusable):
    """What a service understood and refuses because of its rules; the message holds each finding.

    Where the command judges, this is its exit code 1.
    """

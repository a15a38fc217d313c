"""What a command cannot go on with."""


class Unusable(Exception):
    """Something given that cannot be used; the message says what to do next. Exit code 2."""

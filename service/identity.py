"""Who you are: until tokens exist, the operating system's user of the process."""

import os
import pwd


def actor() -> str:
    """The name of the user, or its number where the system has no name for it."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)

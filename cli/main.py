"""The console script: calls the command that is asked for, and says how it ended."""

import atexit
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from cli.exits import Exit
from cli.loading import for_good

#: How commands end that are interrupted, as a shell names it.
_INTERRUPTED: Final = 130
#: How they end where the reader went away (`| head`): there is nobody left to tell.
_UNREAD: Final = 1


def run() -> None:
    """The console script. A crash of Bakegate itself ends with exit 3 and one sentence."""
    try:
        _call()
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away (`| head`); there is nobody left to tell
        sys.exit(Exit.CLEAN)
    except Exception as error:  # noqa: BLE001 - the last line of defence: users never see a traceback
        print(f"bakegate: internal error: {type(error).__name__}: {error}", file=sys.stderr)
        print("This is a defect of Bakegate; please report it with the command.", file=sys.stderr)
        sys.exit(Exit.INTERNAL)


def _call() -> None:
    lints = sys.argv[1:2] == ["lint"]
    if lints:
        _lint_plainly(sys.argv[2:])
    with for_good():
        from cli.commands import app
    try:
        app()
    except SystemExit as ended:
        if lints and isinstance(ended.code, int):
            sys.stdout.flush()
            _end(ended.code)
        raise


def _lint_plainly(words: Sequence[str]) -> None:
    """Lint without the library that reads the words of all commands, and end as it would.

    Returns where the words need that library.
    """
    try:
        with for_good():
            from cli.lint_run import lint
            from cli.lint_words import plainly
        asked = plainly(words)
        if asked is None:
            return
        linted = lint(asked)
        code = int(linted.exit)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        code = _UNREAD
    _end(code)


def _end(code: int) -> NoReturn:
    """End a lint, which leaves nothing to close, without freeing what it holds.

    Object by object that took a tenth of the whole time of linting one file.
    """
    # An engine of custom rules that was started is ended as at any other end.
    atexit._run_exitfuncs()  # noqa: SLF001 - what Python itself calls at its end
    os._exit(code)

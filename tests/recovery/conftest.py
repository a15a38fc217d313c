"""Which form of the crash tests runs: BAKEGATE_RECOVERY=long is that of ``make recovery``."""

import os
from collections.abc import Callable

import pytest

# So that a broken law of it is told with its values, as one of a test file is.
pytest.register_assert_rewrite("tests.recovery.storm")

#: What takes minutes by its nature has no short form, nor has what not every machine lets us do.
_ONLY_LONG = ["test_pace.py", "test_full_disk.py"]
collect_ignore = [] if os.environ.get("BAKEGATE_RECOVERY") == "long" else _ONLY_LONG


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print what a run has measured, also when it passes."""
    capturing = request.config.pluginmanager.getplugin("capturemanager")

    def printed(text: str) -> None:
        # Not capsys: the durable engine keeps the stream that it finds, and it is closed later.
        with capturing.global_and_fixture_disabled():
            print(f"\n{text}")

    return printed

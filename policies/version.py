"""The version of the engine; a test compares it with the project's."""

from typing import Final

#: What decisions and reports carry, so that an answer can be asked of the same engine again.
ENGINE: Final = "0.1.0"

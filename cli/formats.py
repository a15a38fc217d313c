"""The two formats in which every answering command speaks."""

from enum import StrEnum


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"

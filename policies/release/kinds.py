"""The five kinds of release."""

from enum import StrEnum


class ReleaseKind(StrEnum):
    """Which gates a release meets depends on its kind (``policies/release_kinds.yaml``)."""

    NORMAL = "normal"
    ROLLBACK = "rollback"
    EMERGENCY = "emergency"
    CONFIG = "config"
    FIRST = "first"

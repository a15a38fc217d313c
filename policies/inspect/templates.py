"""What a file says that only defines how releases are judged, and releases nothing itself.

Rollouts of other files name its templates: whether one of them gates a release stands there.
"""

from collections.abc import Iterator
from typing import Any, Final

from policies.formats import Read
from policies.inspect.answers import no, unknown
from policies.source import Mapping, Scalar

#: AnalysisTemplate and ClusterAnalysisTemplate.
_JUDGES: Final = "AnalysisTemplate"
_TESTS: Final = ("unit", "integration", "load", "security", "lint", "canary")


def judges(read: Read) -> Iterator[dict[str, Any]]:
    """One answer for each template of a file of Argo Rollouts that holds no rollout."""
    if read.format != "argo-rollouts" or read.pipelines or read.problems or not read.source:
        return
    for source in (read.source, *read.parts):
        root = source.root
        kind = root.get("kind") if isinstance(root, Mapping) else None
        if isinstance(root, Mapping) and isinstance(kind, Scalar) and kind.text.endswith(_JUDGES):
            yield _judge(_name(root, kind), kind.span.line)


def _name(root: Mapping, kind: Scalar) -> str:
    metadata = root.get("metadata")
    found = metadata.get("name") if isinstance(metadata, Mapping) else None
    return found.text if isinstance(found, Scalar) else kind.text


def _judge(name: str, line: int) -> dict[str, Any]:
    return {
        "name": name,
        "format": "argo-rollouts",
        "deploys": [],
        "tests_before_production": {test: no() for test in _TESTS},
        "approval_before_production": no(),
        "alarm_gating": unknown(line),
        "time_window": no(),
        "automatic_rollback": unknown(line),
        "progressive_exposure": no(),
        "bake": [],
    }

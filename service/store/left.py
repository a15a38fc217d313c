"""What still runs where the pipeline file no longer names anything."""

from collections.abc import Iterable, Mapping

from policies.pipeline import Pipeline
from service.promotions.views import LeftView
from service.store.tables import StageRow


def left(
    stages: Iterable[StageRow], pipeline: Pipeline, by_digest: Mapping[str, str]
) -> tuple[LeftView, ...]:
    """Targets on which something runs and that the file as it is now does not have."""
    found = []
    for row in sorted(stages, key=lambda each: each.stage):
        stage = pipeline.stage(row.stage)
        known = {each.name for each in stage.targets} or {stage.name} if stage else set()
        for target, digest in sorted(row.running.items()):
            if target not in known:
                found.append(LeftView(row.stage, target, digest, by_digest.get(digest)))
    return tuple(found)

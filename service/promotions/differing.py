"""How a pipeline file changed under a release in flight, which keeps the one it started with."""

from collections.abc import Iterator
from difflib import unified_diff

from policies.pipeline import Pipeline
from service.promotions.views import DiffersView


def differing(
    old: tuple[str, Pipeline], new: tuple[str, Pipeline], path: str
) -> DiffersView | None:
    """The text and meaning that a release has against those of now; None where they are the same.

    ``gone`` names what the release still goes to though the newer file no longer has it.
    """
    if old[0] == new[0]:
        return None
    lines = unified_diff(
        old[0].splitlines(),
        new[0].splitlines(),
        f"{path} of this release",
        f"{path} now",
        lineterm="",
        n=1,
    )
    return DiffersView("\n".join(lines), tuple(_gone(old[1], new[1])))


def _gone(old: Pipeline, new: Pipeline) -> Iterator[str]:
    for stage in old.stages:
        kept = new.stage(stage.name)
        if kept is None:
            yield f"stage {stage.name}"
            continue
        names = {each.name for each in kept.targets}
        for target in stage.targets:
            if target.name not in names:
                yield f"target {target.name} of {stage.name}"

"""What one file cannot say of its pipelines: the others of the same run, and what was before."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from policies.facts import Fact, Provenance
from policies.formats import Read
from policies.frozen import replace
from policies.history import History
from policies.neighbours import Writer
from policies.patterns import pattern
from policies.pipeline import Pipeline, Stage, Step

_BACK: Final = pattern(r"roll-?_?back", re.IGNORECASE)

#: In front of the actions and workflows of the same repository.
_OWN: Final = "./"


class Place(NamedTuple):
    """What a stage writes, as far as two files can be compared: where, and which thing."""

    environment: str
    thing: str


def written(read: Read) -> Iterator[tuple[Place, Writer]]:
    """What the pipelines of a file write to their production environments.

    Two stages write the same place where the environment has the same name and what is deployed
    is the same: the repository of the artifact, or the very same command.
    """
    for pipeline in read.pipelines:
        # The way back is no second road for releases, nor is what only another file starts.
        apart = _leads_back(pipeline, read.path) or not pipeline.origin.start.known
        for stage in () if apart else pipeline.prod:
            if place := _place(stage):
                yield place, Writer(pipeline.name, read.path, place.environment, stage.span)


def _leads_back(pipeline: Pipeline, path: str) -> bool:
    return bool(_BACK.search(f"{pipeline.name} {path}"))


def _place(stage: Stage) -> Place | None:
    """None where the file does not say enough to compare."""
    if not stage.environment or stage.deploy is None:
        return None
    artifact = stage.deploy.artifact.or_else(None)
    if artifact and artifact.repository:
        return Place(stage.environment, artifact.repository)
    commands = [_command(step) for step in stage.steps if step.name.span == stage.deploy.span]
    thing = next((each for each in commands if each), None)
    return Place(stage.environment, " ".join(thing.split())) if thing else None


def _command(step: Step) -> str | None:
    """What a step runs; an action of another repository deploys whatever it is given."""
    uses = step.uses.or_else(None) or ""
    return step.run.or_else(None) or (uses if uses.startswith(_OWN) else None)


def with_writers(read: Read, writers: Mapping[Place, list[Writer]]) -> Read:
    """The file with, for each pipeline, the others that write to its production environments."""
    return replace(
        read,
        pipelines=tuple(_surrounded(read.path, each, writers) for each in read.pipelines),
    )


def _surrounded(path: str, pipeline: Pipeline, writers: Mapping[Place, list[Writer]]) -> Pipeline:
    others = {
        (each.path, each.pipeline, each.environment): each
        for stage in pipeline.prod
        if (place := _place(stage)) and not _leads_back(pipeline, path)
        for each in writers.get(place, ())
        if (each.path, each.pipeline) != (path, pipeline.name)
    }
    found = tuple(others[key] for key in sorted(others))
    return replace(pipeline, writers=Fact(found, pipeline.span, Provenance.INFERRED))


def with_histories(read: Read, histories: Mapping[str, History]) -> Read:
    """The file with what is known of the past of each pipeline, by its name."""
    if not histories:
        return read
    return replace(read, pipelines=tuple(_remembered(each, histories) for each in read.pipelines))


def _remembered(pipeline: Pipeline, histories: Mapping[str, History]) -> Pipeline:
    found = histories.get(pipeline.name)
    if found is None:
        return pipeline
    return replace(pipeline, history=Fact(found, pipeline.span, Provenance.OBSERVED))

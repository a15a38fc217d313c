"""Pipelines of one run that share a name: identity must be unambiguous before it is judged.

Fingerprints, exemptions and reports are kept by name, so two pipelines of one name would share
them.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from policies.engine.lint import fingerprint
from policies.findings import Enforcement, Finding, Related, Result, Severity
from policies.formats import Read
from policies.pipeline import Pipeline

PIPELINE_NAME: Final = "pipeline-name"


def shared_names(reads: Iterable[Read]) -> Iterator[Finding]:
    """One finding for each pipeline whose name another one of the run has already."""
    first: dict[str, Pipeline] = {}
    for read in reads:
        for pipeline in read.pipelines:
            known = first.setdefault(pipeline.name, pipeline)
            if known is not pipeline:
                yield _finding(pipeline, known)


def _finding(pipeline: Pipeline, known: Pipeline) -> Finding:
    told = f"pipeline {pipeline.name!r} has the name of another pipeline of this run"
    return Finding(
        rule=PIPELINE_NAME,
        pipeline=pipeline.name,
        result=Result.FAIL,
        enforcement=Enforcement.BLOCK,
        severity=Severity.MEDIUM,
        message=told,
        span=pipeline.span,
        fingerprint=fingerprint(PIPELINE_NAME, pipeline.name, pipeline.span.path, 0),
        fix=f"Name this one in bakegate.yaml: pipelines: {{{pipeline.span.path}: {{name: ...}}}}.",
        docs=f"bakegate explain {PIPELINE_NAME}",
        related=(Related(known.span, "the first one of this name"),),
    )

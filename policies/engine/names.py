"""Pipelines of one run that share a name: identity must be unambiguous before it is judged.

Fingerprints, exemptions and reports are kept by name, so two pipelines of one name would share
them.
"""

from typing import Final

from policies.findings import Enforcement, Finding, Related, Result, Severity, Span
from policies.pipeline import Pipeline

PIPELINE_NAME: Final = "pipeline-name"


def named_twice(pipeline: Pipeline, first: Span) -> Finding:
    """Says that a pipeline has the name of another one, which stands at ``first``."""
    told = f"pipeline {pipeline.name!r} has the name of another pipeline of this run"
    return Finding(
        rule=PIPELINE_NAME,
        pipeline=pipeline.name,
        result=Result.FAIL,
        enforcement=Enforcement.BLOCK,
        severity=Severity.MEDIUM,
        message=told,
        span=pipeline.span,
        identity=(PIPELINE_NAME, pipeline.name, pipeline.span.path, 0),
        fix=f"Name this one in bakegate.yaml: pipelines: {{{pipeline.span.path}: {{name: ...}}}}.",
        docs=f"bakegate explain {PIPELINE_NAME}",
        related=(Related(first, "the first one of this name"),),
    )

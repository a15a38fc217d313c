"""Data points: counted when told, and shown as they are kept."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from service.api.errors import PROBLEMS
from service.api.given import GivenBackend
from service.api.schemas import DataPoints, Digest, Instant, Outgoing

router = APIRouter(responses=PROBLEMS, tags=["data points"])


class Count(Outgoing):
    """Answers of one version on one target to one operation in one period."""

    start: Instant
    target: str
    digest: Digest
    operation: str
    positive: int
    negative: int


class Counts(Outgoing):
    counts: list[Count]


@router.post("/v1/data-points", status_code=204)
def data_points(points: DataPoints, backend: GivenBackend) -> None:
    """Count answers of one version on one target into the running period."""
    backend.record_data_points(
        points.pipeline,
        points.stage,
        points.target,
        points.digest,
        points.positive,
        points.negative,
        points.operation,
    )


@router.get("/v1/pipelines/{name}/stages/{stage}/data-points")
def counted(
    name: str,
    stage: str,
    backend: GivenBackend,
    minutes: Annotated[int, Query(ge=1, le=1440, description="How far to look back.")] = 60,
) -> Counts:
    """What was counted in a stage lately, by period, target, version and operation."""
    found = backend.data_points(name, stage, timedelta(minutes=minutes))
    return Counts.model_validate({"counts": list(found)})

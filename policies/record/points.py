"""Data points in a record: answers of the new version, by operation and by metric."""

from typing import Any

from policies.plain import Group, compact, instant_text
from policies.release import DataPoints, MetricPoints


def points_json(points: DataPoints) -> dict[str, Any]:
    baseline = {"positive": points.baseline_positive, "negative": points.baseline_negative}
    return compact(
        {
            "positive": points.positive,
            "negative": points.negative,
            "observed_at": instant_text(points.observed_at),
            "per_operation": dict(points.per_operation),
            "metrics": [_metric_json(each) for each in points.metrics],
            "baseline": compact(baseline),
        }
    )


def points_from(group: Group) -> DataPoints:
    baseline = group.group("baseline")
    points = DataPoints(
        positive=group.count("positive"),
        negative=group.count("negative"),
        observed_at=group.instant("observed_at"),
        per_operation=group.pairs("per_operation", int, "a whole number"),
        metrics=tuple(_metric(each) for each in group.groups("metrics")),
        baseline_positive=baseline.maybe_count("positive") if baseline else None,
        baseline_negative=baseline.maybe_count("negative") if baseline else None,
    )
    if baseline:
        baseline.close()
    group.close()
    return points


def _metric_json(metric: MetricPoints) -> dict[str, Any]:
    return compact(
        {
            "metric": metric.metric,
            "samples": metric.samples,
            "positive": metric.positive,
            "negative": metric.negative,
        }
    )


def _metric(group: Group) -> MetricPoints:
    metric = MetricPoints(
        metric=group.text("metric"),
        samples=group.maybe_count("samples"),
        positive=group.maybe_count("positive"),
        negative=group.maybe_count("negative"),
    )
    group.close()
    return metric

"""An organization as leaders see it, with every look of a cell."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from service.reports.overview import Judgement, Member, Overview, Passage, Practice
from tests.twins.sights import NOW, ago

_LEVELS: Final = {
    "unit-tests": "block",
    "rollback-on-alarm": "warn",
    "min-data-points": "observe",
    "preprod-isolated": "observe",
}


def member(name: str, team: str, tier: int | None, results: Mapping[str, str]) -> Member:
    judged = tuple(
        Judgement(rule, result, _LEVELS[rule], "" if result == "pass" else f"{rule}: look", 7)
        for rule, result in results.items()
    )
    return Member(name, f"retail/{team}", team, tier, 4 if tier == 1 else 2, judged)


def passage(pipeline: str, hours: float, **parts: float) -> Passage:
    found = {kind: timedelta(hours=value) for kind, value in parts.items()}
    return Passage(pipeline, f"{pipeline}:1", ago(hours=3), timedelta(hours=hours), found)


OVERVIEW: Final = Overview(
    node="retail",
    now=NOW,
    children=("retail/orders", "retail/pricing"),
    members=(
        member(
            "payments-api",
            "orders",
            1,
            {
                "unit-tests": "pass",
                "rollback-on-alarm": "fail",
                "min-data-points": "unknown",
                "preprod-isolated": "waived",
            },
        ),
        member(
            "price-engine",
            "pricing",
            0,
            {"unit-tests": "fail", "rollback-on-alarm": "pass", "min-data-points": "pass"},
        ),
        member(
            "mailer", "orders", None, {"unit-tests": "pass", "rollback-on-alarm": "not_applicable"}
        ),
    ),
    practices=(
        Practice("unit-tests", "high", "block"),
        Practice("rollback-on-alarm", "high", "warn", "block", "2026-12-08"),
        Practice("min-data-points", "high", "observe"),
        Practice("preprod-isolated", "medium", "observe"),
        Practice("auto-build", "medium", "warn"),
    ),
    passages=(
        passage("payments-api", 25, work=1, bake=14, window=9, people=1),
        passage("price-engine", 2, work=1, bake=1),
    ),
    ended={"succeeded": 2, "rolled_back": 1},
)

"""Who follows which practice: results per rule and pipeline over the organization tree."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, Protocol

from policies.findings import Result

#: The columns of the report, in their order.
COLUMNS: Final = (Result.PASS, Result.FAIL, Result.UNKNOWN, Result.WAIVED)


class Judged(Protocol):
    """A registered pipeline with the result of each rule that was applied to it."""

    @property
    def name(self) -> str: ...

    @property
    def organization(self) -> str: ...

    @property
    def results(self) -> tuple[tuple[str, str], ...]: ...


def compliance(pipelines: Iterable[Judged], node: str | None = None) -> list[dict[str, Any]]:
    """A row for each rule, with counts and the pipelines behind them; ``node`` names a subtree.

    A rule that does not apply to a pipeline is counted for none of the columns, so the share that
    passes is a share of the pipelines that the rule applies to.
    """
    inside = [each for each in pipelines if node is None or below(each.organization, node)]
    rules = sorted({rule for each in inside for rule, _ in each.results})
    return [_row(rule, inside) for rule in rules]


def below(organization: str, node: str) -> bool:
    """Whether an organization is a node or lies under it."""
    return organization == node or organization.startswith(f"{node}/")


def _row(rule: str, pipelines: list[Judged]) -> dict[str, Any]:
    results = {each.name: dict(each.results).get(rule) for each in pipelines}
    counts = Counter(result for result in results.values() if result)
    return {
        "rule": rule,
        **{column.value: counts[column.value] for column in COLUMNS},
        "pipelines": {name: result for name, result in results.items() if result},
    }

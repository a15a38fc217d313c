"""How fast a ruleset is resolved: 10,000 organizations, six deep, a ruleset on every third node.

Run it as ``python tests/bench/bench_rulesets.py``; it reports and never fails. The time of one
answer stands beside that of dumping the same answer with the standard library's ``json``, so that
the ratio means the same on any machine.
"""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from statistics import median, quantiles
from time import process_time

from policies.rules import CATALOGUE
from policies.ruleset import to_json
from policies.ruleset.conflicts import CONCERNED
from policies.tree import read_tree

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
#: Children of a node at each depth: 1 + 5 + 25 + 125 + 1,250 + 8,750 nodes.
FANS = (5, 5, 5, 10, 7)
ASKED = 3_000

HEAD = "schema: bakegate/ruleset/v1\nname: {name}\n"
ROOT = "extends: [recommended]\nowner: release-engineering\ndebate: https://wiki.example/rules\n"
#: What a node of its own mind says: a tightened level, a parameter and a step of a schedule.
OWN = """\
rules:
  {rule}:
    enforcement: warn
    schedule:
      announced: 2026-10-01
      steps:
        - {{from: 2026-11-01, enforcement: block}}
        - {{from: 2027-02-01, enforcement: block, organizations: [n/n-1]}}
  bake-time: {{parameters: {{first_wave: {hours}h}}, reason: Peaks come late here.}}
"""


def main() -> None:
    """Print how long one answer takes, first and later, and beside what."""
    files = dict(rulesets())
    start = process_time()
    tree = read_tree(organization(), "organization.yaml", files.__getitem__)
    reading = process_time() - start
    chosen = random.Random(826).choices(tree.nodes, k=ASKED)  # noqa: S311 - a fixed order
    times = [timed(partial(tree.resolved, node, AT)) for node in chosen]
    answers = [to_json(tree.resolved(node, AT)) for node in chosen[:300]]
    dumped = [timed(partial(json.dumps, each)) for each in answers]
    told = f"{len(tree.nodes):,} organizations, {len(files):,} rulesets, {len(CATALOGUE)} rules"
    print(f"{told}: read in {reading:.1f} s")
    print(
        f"one resolve: median {median(times) * 1000:.3f} ms, "
        f"p99 {quantiles(times, n=100)[-1] * 1000:.3f} ms; "
        f"{median(times) / median(dumped):.2f}x the time of writing the answer as JSON"
    )


def timed(act: Callable[[], object]) -> float:
    start = process_time()
    act()
    return process_time() - start


def organization() -> str:
    root = {"schema": "bakegate/organization/v1", "name": "n", "ruleset": "0.yaml"}
    return json.dumps(root | {"children": children(0, [0])})


def children(depth: int, count: list[int]) -> list[dict[str, object]]:
    if depth == len(FANS):
        return []
    found = []
    for number in range(FANS[depth]):
        count[0] += 1
        node: dict[str, object] = {"name": f"n-{number}"}
        if count[0] % 3 == 0:
            node["ruleset"] = f"{count[0]}.yaml"
        found.append(node | {"children": children(depth + 1, count)})
    return found


def rulesets() -> Iterator[tuple[str, str]]:
    yield "0.yaml", HEAD.format(name="root") + ROOT
    # Rules that contradict others cannot be set at random.
    spoken = [each.id for each in CATALOGUE if each.id not in {*CONCERNED, "bake-time"}]
    nodes, width = 0, 1
    for fan in FANS:
        width *= fan
        nodes += width
    for number in range(3, nodes + 1, 3):
        rule = spoken[number % len(spoken)]
        yield (
            f"{number}.yaml",
            HEAD.format(name=f"r-{number}") + OWN.format(rule=rule, hours=12 + number % 6),
        )


if __name__ == "__main__":
    main()

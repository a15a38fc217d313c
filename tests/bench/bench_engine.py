"""How fast the engine is: ``python tests/bench/bench_engine.py``; it reports and never fails.

Times are those of the processor, so that a busy machine counts less. Lint is measured with all
rules of ``strict`` and with the twelve that most teams start with, and as the command runs it:
circles of objects are looked for as seldom. ``BAKEGATE_CORPUS`` may name a folder of real pipeline
files, which are then measured too.
"""

import gc
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from time import process_time

from cli.lint_run import OBJECTS
from policies.decision import Definition, GateInputs
from policies.engine.gate import gate
from policies.engine.lint import lint
from policies.formats import read_pipelines
from policies.record import release_from_json
from policies.ruleset import Resolved, builtin, resolve
from policies.source import SourceError, read

SHOP = Path(__file__).parents[1] / "golden" / "output" / "shop.yaml"
RECORD = SHOP.parents[1] / "gate" / "shop-7.json"
WORKFLOW = ".github/workflows/shop.yml"
SIZE = 5_000
RUNS = 200
TWELVE = (
    "unit-tests",
    "integration-tests",
    "no-soft-fail-tests",
    "preprod-stage",
    "canary-first",
    "bake-time",
    "bake-monitored",
    "rollback-on-alarm",
    "auto-rollback-on-failure",
    "health-check-after-deploy",
    "time-window",
    "owner-declared",
)
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)

HEAD = """\
name: shop
on:
  push:
    branches: [main]
  pull_request:
permissions:
  contents: read
env:
  REGISTRY: ghcr.io/example/shop
jobs:
"""
CHECK = """\
  {name}:
    name: Check {name} on every version
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      matrix:
        python: ["3.11", "3.12", "3.13"]
    steps:
      - uses: actions/checkout@v4
      - name: Set up Python
        uses: actions/setup-python@v5
        with:
          python-version: ${{{{ matrix.python }}}}
          cache: pip
      - name: Install what {name} needs
        run: |
          python -m pip install --upgrade pip
          python -m pip install -r requirements/{name}.txt
      # Slow tests run at night.
      - name: Test {name}
        run: |
          python -m pytest -q -m "not slow" --cov=shop/{name} tests/{name}
          python -m coverage report --fail-under=80
"""
RELEASE = """\
  build:
    needs: [{needs}]
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: docker/build-push-action@v6
        with:
          push: true
          tags: ${{{{ env.REGISTRY }}}}:${{{{ github.sha }}}}
  staging:
    needs: build
    runs-on: ubuntu-latest
    environment: staging
    steps:
      - run: kubectl set image deployment/shop shop=$REGISTRY:$GITHUB_SHA
      - run: kubectl rollout status deployment/shop --timeout=120s
      - run: ./tests/integration/run.sh https://staging.example.com
  production:
    needs: staging
    runs-on: ubuntu-latest
    environment: production
    steps:
      - run: kubectl set image deployment/shop shop=$REGISTRY:$GITHUB_SHA
      - run: curl --fail https://shop.example.com/health
"""
CELL = """\
  - name: cell-{number}
    kind: prod
    wave: {number}
    deploy: hosts
    bake:
      time: 12h
      data_points: {{positive: 3000, negative: 0}}
      alarms: [errors]
      on_alarm: rollback
    synthetics:
      - name: buys
        every: 60s
        requests: [{{get: /, expect: {{status: 200}}}}]
"""
STEP = """\
    - name: check-{number}
      kind: lint
      run: |
        python -m tools.check --strict parts/part_{number}
        python -m tools.check --report reports/part_{number}.xml
      timeout: 10m
"""


def main() -> None:
    """Print files per second with the share of parsing, and milliseconds of one gate."""
    gc.set_threshold(OBJECTS)
    every = resolve([("", builtin("strict"))], AT)
    twelve = replace(every, rules={name: every.rules[name] for name in TWELVE})
    for words, resolved in (("twelve rules", twelve), ("all rules", every)):
        measure(f"GitHub workflow, {words}", {WORKFLOW: workflow_of(SIZE)}, resolved)
        measure(f"own format, {words}", {"shop.yaml": shop_of(SIZE)}, resolved)
    if folder := os.environ.get("BAKEGATE_CORPUS"):
        measure("corpus, all rules", dict(files_of(Path(folder))), every, runs=1)
    release = release_from_json(json.loads(RECORD.read_text(encoding="utf-8")), RECORD.name)
    definition = Definition(SHOP.read_text(encoding="utf-8"), "shop.yaml")
    inputs = GateInputs(definition, release, "cell-1", AT, every)
    gates = [1000 * each for each in seconds(lambda: gate(inputs).digest, RUNS)]
    print(f"gate: median {median(gates):.2f} ms, p99 {quantiles(gates, n=100)[98]:.2f} ms")
    resolving = 1000 * median(seconds(lambda: resolve([("", builtin("strict"))], AT), RUNS))
    print(f"ruleset: {resolving:.2f} ms to read and resolve a built-in one")


def measure(name: str, texts: dict[str, bytes], resolved: Resolved, runs: int = RUNS) -> None:
    def parse() -> None:
        for path, text in texts.items():
            try:
                read(text, path)
            except SourceError:
                continue  # A corpus holds broken files too; reading them takes its time as well.

    def model() -> None:
        for path, text in texts.items():
            read_pipelines(text, path)

    def whole() -> None:
        for path, text in texts.items():
            lint(read_pipelines(text, path), lambda _: resolved, AT)

    whole()  # Tables and patterns are read once.
    parsing, reading, all_of_it = (median(seconds(work, runs)) for work in (parse, model, whole))
    size = sum(map(len, texts.values())) / len(texts)
    print(
        f"lint, {name}: {len(texts) / all_of_it:,.0f} files/s and core, {size:,.0f} bytes each; "
        f"YAML {parsing / all_of_it:.0%}, model {(reading - parsing) / all_of_it:.0%}, "
        f"rules {(all_of_it - reading) / all_of_it:.0%}"
    )


def workflow_of(size: int) -> bytes:
    """A workflow of about that many bytes that checks parts, builds, and deploys twice."""
    names: list[str] = []
    text = HEAD
    while len(text) + len(RELEASE) + len(CHECK) // 2 < size:
        names.append(f"part{len(names)}")
        text += CHECK.format(name=names[-1])
    return (text + RELEASE.format(needs=", ".join(names))).encode()


def shop_of(size: int) -> bytes:
    """A pipeline file of about that many bytes: the golden one with more cells and more steps."""
    before, marker, after = SHOP.read_text(encoding="utf-8").partition("    - {name: package")
    cells = "".join(CELL.format(number=number) for number in range(2, 8))
    steps = ""
    while len(before + steps + marker + after + cells) < size:
        steps += STEP.format(number=steps.count("kind:"))
    return (before + steps + marker + after + cells).encode()


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*.y*ml")):
        yield str(path.relative_to(folder)), path.read_bytes()


def seconds(work: Callable[[], object], runs: int) -> list[float]:
    taken = []
    for _ in range(runs):
        start = process_time()
        work()
        taken.append(process_time() - start)
    return taken


if __name__ == "__main__":
    main()

"""How fast the engine is: ``python tests/bench/bench_engine.py``; it reports and never fails."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from policies.decision import Definition, GateInputs
from policies.engine import gate, lint
from policies.formats import read_pipelines
from policies.release import Artifact, Release, ReleaseKind
from policies.ruleset import Resolved, builtin, resolve
from policies.source import read

SHOP = Path(__file__).parents[1] / "golden" / "output" / "shop.yaml"
SIZE = 5_000
CELLS = 8
RUNS = 300
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)


def main() -> None:
    """Print files per second with the share of parsing, and milliseconds of one gate."""
    resolved = resolve([("", builtin("strict"))], AT)
    measure("own format", shop_of(SIZE), resolved)
    measure("GitHub workflow", workflow_of(SIZE), resolved)
    release = Release("shop:1", "shop", ReleaseKind.NORMAL, AT, "kim", Artifact("sha256:0", "0"))
    definition = Definition(SHOP.read_text(encoding="utf-8"), "shop.yaml")
    inputs = GateInputs(definition, release, "cell-1", AT, resolved)
    gates = [1000 * each for each in seconds(lambda: gate(inputs).digest)]
    print(f"gate: median {median(gates):.2f} ms, p99 {quantiles(gates, n=100)[98]:.2f} ms")
    resolving = 1000 * median(seconds(lambda: resolve([("", builtin("strict"))], AT)))
    print(f"ruleset: {resolving:.2f} ms to read and resolve a built-in one")


def measure(name: str, text: bytes, resolved: Resolved) -> None:
    parsing = median(seconds(lambda: read(text, "shop.yaml")))
    reading = median(seconds(lambda: read_pipelines(text, "shop.yaml")))
    pipeline = read_pipelines(text, "shop.yaml")
    rules = median(seconds(lambda: lint(pipeline, lambda _: resolved, AT)))
    whole = reading + rules
    print(
        f"lint, {name}: {1 / whole:,.0f} files/s of {len(text):,} bytes; "
        f"YAML {parsing / whole:.0%}, model {(reading - parsing) / whole:.0%}, "
        f"rules {rules / whole:.0%}"
    )


def workflow_of(size: int) -> bytes:
    """A workflow that builds, tests and deploys, with a chain of jobs of that many bytes."""
    text = "name: shop\non: {push: {branches: [main]}}\njobs:\n"
    before = ""
    for number in range(size):
        needs = f"    needs: [{before}]\n" if before else ""
        before = f"part-{number}"
        text += (
            f"  {before}:\n    runs-on: ubuntu-latest\n{needs}    steps:\n"
            "      - uses: actions/checkout@v4\n"
            f"      - name: Test part {number}\n        run: |\n"
            f"          python -m pip install -r parts/{number}/requirements.txt\n"
            f"          python -m pytest -q parts/{number}\n"
            f"      - name: Deploy part {number}\n        run: ./deploy --part {number}\n"
        )
        if len(text) >= size:
            break
    return text.encode()


def shop_of(size: int) -> bytes:
    """A pipeline file of about that many bytes: the golden one with more steps and cells."""
    text = SHOP.read_text(encoding="utf-8")
    for number in range(2, CELLS):
        text += (
            f"  - name: cell-{number}\n    kind: prod\n    wave: {number}\n    deploy: hosts\n"
            "    bake: {time: 2h, alarms: [errors], on_alarm: rollback}\n"
        )
    before, marker, after = text.partition("    - {name: package")
    steps = ""
    while len(before + steps + marker + after) < size:
        name = f"part-{steps.count('name:')}"
        steps += f"    - {{name: {name}, kind: lint, run: python -m tools.check --part {name}}}\n"
    return (before + steps + marker + after).encode()


def seconds(work: Callable[[], object]) -> list[float]:
    taken = []
    for _ in range(RUNS):
        start = perf_counter()
        work()
        taken.append(perf_counter() - start)
    return taken


if __name__ == "__main__":
    main()

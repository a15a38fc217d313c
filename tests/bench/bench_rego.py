"""How fast custom rules are: ``python tests/bench/bench_rego.py``; it reports and never fails.

The interpreter beside OPA on documents of 10, 100 and 400 steps with the six example rules, and a
gate with three rules of which OPA on this machine is asked. Times are those of a clock, because the
work is done by another process; of a gate, the processor's time is told too, which a busy machine
changes less. OPA is that of the PATH or of ``tools/opa build``.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time

from policies.decision import Definition, GateInputs
from policies.engine.gate import gate
from policies.formats import read_pipelines
from policies.rego.document import Document
from policies.rego.embedded import Embedded
from policies.rego.input import lint_document
from policies.rego.policies import PolicySet
from policies.rego.port import Rego
from policies.rego.process import OpaProcess
from policies.release import Artifact, Change, Release, ReleaseKind
from policies.rule import AnyRule
from policies.ruleset import Resolved, read_ruleset, resolve

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "rulesets" / "examples" / "rego"
SHOP = ROOT / "tests" / "golden" / "output" / "shop.yaml"
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
TIMEOUT = 60.0
RUNS = 100
GATES = 500
#: Steps of a job; a document of 400 steps has 80 jobs.
STEPS = 5


def main() -> None:
    """Print the middle and the 99th percentile of each question, in milliseconds."""
    resolved = _resolved()
    rules = [each.rule for each in resolved.rules.values() if each.rule.module]
    for rego in _engines():
        name = rego.name()
        for size in (10, 100, 400):
            document = _document(size, rules)
            taken = _milliseconds(partial(_asked, rego, rules, document), RUNS)
            print(f"{name}, six rules, {size} steps: {_told(taken)}")
        inputs = _inputs(resolved)
        taken = _milliseconds(partial(gate, inputs, rego), GATES)
        print(f"{name}, gate with {_gated(resolved)} custom rules among all: {_told(taken)}")
        taken = _milliseconds(partial(gate, inputs, rego), GATES, process_time)
        print(f"{name}, the same, processor time of the gate itself: {_told(taken)}")
        rego.close()


def _engines() -> Iterator[Rego]:
    yield Embedded(TIMEOUT)
    built = sorted(ROOT.glob(".cache/opa-*/opa"))
    program = shutil.which("opa") or (str(built[-1]) if built else "")
    if program:
        yield OpaProcess(program, TIMEOUT)
    else:
        print("no opa here: run tools/opa build")


def _resolved() -> Resolved:
    """The ruleset of the examples, with the rules of releases that three gates ask."""
    text = (EXAMPLES / "ruleset.yaml").read_text(encoding="utf-8")
    text += "  one-region-at-a-time: off\n"
    ruleset = read_ruleset(text, "ruleset.yaml", lambda path: (EXAMPLES / path).read_text("utf-8"))
    return resolve([("", ruleset)], AT)


def _gated(resolved: Resolved) -> int:
    return sum(
        bool(each.rule.module) and each.rule.gates and each.enforcement > 0
        for each in resolved.rules.values()
    )


def _document(steps: int, rules: list[AnyRule]) -> Document:
    text = "name: shop\non: push\njobs:\n"
    for job in range(steps // STEPS):
        text += f"  job{job}:\n    runs-on: ubuntu-latest\n    steps:\n"
        text += "      - uses: actions/checkout@v4\n"
        text += "      - {name: Test, run: python -m pytest -q tests/part}\n" * (STEPS - 1)
    (pipeline,) = read_pipelines(text.encode(), ".github/workflows/shop.yml").pipelines
    return lint_document(pipeline, [(each, each.params()) for each in rules], AT, "UTC")


def _asked(rego: Rego, rules: list[AnyRule], document: Document) -> None:
    said = rego.ask(PolicySet.of(rules), "lint", document).said
    assert not [each.error for each in said.values() if each.error], said


def _inputs(resolved: Resolved) -> GateInputs:
    changes = tuple(Change(f"{n:040x}", "kim", f"SHOP-{n} a change", AT) for n in range(12))
    artifact = Artifact("sha256:" + "a" * 64, "b" * 40)
    release = Release("shop:7", "shop", ReleaseKind.NORMAL, AT, "kim", artifact, changes=changes)
    definition = Definition(SHOP.read_text(encoding="utf-8"), "shop.yaml")
    return GateInputs(definition, release, "cell-1", AT, resolved)


def _milliseconds(
    work: Callable[[], object], runs: int, clock: Callable[[], float] = perf_counter
) -> list[float]:
    work()  # Modules are compiled once.
    taken = []
    for _ in range(runs):
        start = clock()
        work()
        taken.append((clock() - start) * 1000)
    return taken


def _told(taken: list[float]) -> str:
    return f"median {median(taken):.1f} ms, p99 {quantiles(taken, n=100)[98]:.1f} ms"


if __name__ == "__main__":
    main()

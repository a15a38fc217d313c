"""No file, however broken, ends lint in a traceback or a crashed rule.

``make test`` tries 1,000 inputs; ``make fuzz`` 10,000.
"""

from datetime import UTC, datetime
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.engine.lint import FileReport, lint
from policies.engine.report import Report
from policies.formats import read_pipelines
from policies.inspect import inspect
from policies.output import RENDERERS
from policies.ruleset import builtin, resolve
from tests.properties.examples import examples
from tests.properties.mutations import mutated
from tests.twins.tree import tree

AT: Final = datetime(2026, 11, 24, 10, tzinfo=UTC)
STRICT: Final = resolve([("", builtin("strict"))], AT)
#: Where readers look for what a file brings in: itself, broken, missing and outside.
NEIGHBOURS: Final = {
    "a.yml": "include: {local: /a.yml}\nparameters: [{name: x}]\nsteps: [{template: a.yml}]\n",
    "a/action.yml": "runs: {using: composite, steps: [{uses: ./a}]}\n",
    "b.yml": "on: {workflow_call: {}}\njobs: {x: {uses: ./.github/workflows/b.yml}}\n",
    "c.yml": "[\n",
}
PATHS: Final = st.sampled_from([".github/workflows/a.yml", ".gitlab-ci.yml", "a.yml", "p.json"])


def judged(text: str, path: str) -> FileReport:
    found = read_pipelines(
        text.encode("utf-8", "surrogatepass"), path, files=tree(path, NEIGHBOURS)
    )
    assert inspect(found)["type"] == "bakegate.inspect/v1"
    return lint(found, lambda _: STRICT, AT)


@given(mutated(), PATHS)
@settings(max_examples=examples(1_000, 10_000), suppress_health_check=[HealthCheck.too_slow])
def test_any_file_is_judged_and_shown(text: str, path: str) -> None:
    report = judged(text, path)
    assert [each.message for each in report.findings if each.rule == "internal"] == []
    whole = Report(AT, "strict", STRICT.digest, (report,))
    assert all(render(whole, each_alone=True) for render in RENDERERS.values())

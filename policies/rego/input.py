"""One function makes the document for a lint, one for a gate; both give ``bakegate.input/v1``."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from json import dumps
from typing import Any, Final

from policies.pipeline import Pipeline
from policies.rego.document import (
    TYPE,
    Document,
    Part,
    Place,
    moment,
    release_part,
    window_part,
)
from policies.rego.pipeline_part import pipeline_part, stage_part
from policies.rule import AnyRule, Case, Params, specs

LINT: Final = "lint"
GATE: Final = "gate"

#: Rules that are asked, with their effective parameters.
Asked = Iterable[tuple[AnyRule, Params]]


def lint_document(pipeline: Pipeline, rules: Asked, at: datetime, zone: str) -> Document:
    """What a custom rule sees before merge: the pipeline and the date."""
    document = _begun(LINT, rules, at, zone, pipeline)
    return _ended(document)


def gate_document(case: Case, rules: Asked, zone: str) -> Document:
    """What it sees at a gate: also the release, the stage that it would enter, and the windows."""
    document = _begun(GATE, rules, case.now, zone, case.pipeline)
    top = Part(document, (), document.data)
    stage_part(top.part("stage", case.stage.span), case.stage)
    window_part(top.part("window", case.stage.span), case.window)
    document.data["release"] = release_part(case.release)
    return _ended(document)


def _begun(half: str, rules: Asked, at: datetime, zone: str, pipeline: Pipeline) -> Document:
    asked = list(rules)
    document = Document(
        {
            "type": TYPE,
            "half": half,
            "rules": [rule.id for rule, _ in asked],
            "parameters": {rule.id: _parameters(rule, params) for rule, params in asked},
        },
        {("pipeline",): Place(pipeline.span)},
    )
    top = Part(document, (), document.data)
    moment(top.part("at"), at, zone)
    pipeline_part(top.part("pipeline", pipeline.span), pipeline)
    return document


def _ended(document: Document) -> Document:
    """With an id of its own: a digest of the rest, so that a log entry leads back to it.

    It only names, so it does without the canonical JSON of decisions, which takes ten times longer.
    """
    rest = dumps(document.data, sort_keys=True).encode()
    document.data["id"] = f"sha256:{sha256(rest).hexdigest()}"
    return document


def _parameters(rule: AnyRule, params: Params) -> dict[str, Any]:
    return {spec.name: _number(getattr(params, spec.name)) for spec in specs(rule.params)}


def _number(value: Any) -> Any:
    """Durations in seconds, shares as fractions, lists of words sorted."""
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    return sorted(value) if isinstance(value, frozenset | set | tuple) else value

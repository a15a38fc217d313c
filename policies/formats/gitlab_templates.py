"""Security and quality jobs that GitLab's own templates bring in: a table, read as if written out.

Each gets the place of the include, so that a finding about it points at a line of the file.
"""

from functools import cache
from pathlib import Path
from typing import Any, Final

from policies.findings import Span
from policies.frozen import dataclass
from policies.source import Entry, Mapping, Node, Scalar, core_value, read

_ENDINGS: Final = (".gitlab-ci.yml", ".latest")


@dataclass(frozen=True, slots=True)
class Template:
    stage: str
    report: str
    base: str
    jobs: tuple[str, ...]


@cache
def templates() -> dict[str, Template]:
    text = Path(__file__).with_suffix(".yaml").read_text("utf-8")
    data: dict[str, dict[str, Any]] = core_value(read(text, "gitlab_templates.yaml")[0].root)
    return {
        name: Template(row["stage"], row["report"], row["base"], tuple(row["jobs"]))
        for name, row in data.items()
    }


def jobs_of(name: Scalar) -> dict[str, Entry]:
    """The jobs of a template as entries at the place of its include; empty where it is unknown."""
    key = name.text.rpartition("/")[2]
    for ending in _ENDINGS:
        key = key.removesuffix(ending)
    found = templates().get(key)
    if found is None:
        return {}
    span = name.span
    base = _mapping(
        span,
        stage=Scalar(span, found.stage, plain=True),
        allow_failure=Scalar(span, "true", plain=True),
        artifacts=_mapping(
            span,
            reports=_mapping(span, **{found.report: Scalar(span, "gl-report.json", plain=True)}),
        ),
        # Each analyzer is an image that runs itself; GitLab writes it as one command.
        script=Scalar(span, "/analyzer run", plain=True),
    )
    body = _mapping(span, extends=Scalar(span, found.base, plain=True))
    entries = {found.base: base, **dict.fromkeys(found.jobs, body)}
    return {name: Entry(Scalar(span, name, plain=True), node) for name, node in entries.items()}


def _mapping(span: Span, **entries: Node) -> Mapping:
    return Mapping(
        span, {key: Entry(Scalar(span, key, plain=True), node) for key, node in entries.items()}
    )

"""What every job of a GitHub Actions workflow is read with."""

import re
from bisect import bisect_left
from typing import Final

from policies.fields import texts
from policies.findings import Span
from policies.frozen import dataclass, field
from policies.patterns import pattern
from policies.source import Mapping, Node, Scalar, Sequence

#: Where to say what a workflow cannot.
OVERLAY: Final = "say it in bakegate.yaml"

_FAILED: Final = pattern(
    r"(?<!!)\bfailure\(\)|needs\.[\w.-]+\s*(?:==\s*'(?:failure|false)'|!=\s*'(?:success|true)')"
)
#: Events that run with the rights and secrets of the repository on content of anybody.
_PRIVILEGED: Final = ("pull_request_target", "workflow_run", "issue_comment")
_BRACES: Final = pattern(r"\$\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Workflow:
    """``events`` are what ``on`` names; a workflow that others call has ``workflow_call``."""

    root: Mapping
    jobs: frozenset[str]
    lines: dict[str, list[str]]
    """The lines of the file and of those that it calls, by their paths."""
    events: frozenset[str]
    secrets: dict[str, tuple[int, ...]]
    """The lines that name any secret, so that most steps are not searched for them."""
    privileged: str = field(init=False)
    """The event that runs with the repository's rights on content of anybody; "" for none."""

    def __post_init__(self) -> None:
        found = next((each for each in _PRIVILEGED if each in self.events), "")
        object.__setattr__(self, "privileged", found)

    @property
    def only_called(self) -> bool:
        return self.events == {"workflow_call"}

    def names_secrets(self, span: Span) -> bool:
        lines = self.secrets.get(span.path, ())
        start = bisect_left(lines, span.line)
        return start < len(lines) and lines[start] <= span.end_line

    def trigger(self, event: str) -> Mapping | None:
        """The filters of one event, where it has any."""
        node = self.root.get("on")
        found = node.get(event) if isinstance(node, Mapping) else None
        return found if isinstance(found, Mapping) else None


def lines_with(word: str, lines: list[str]) -> tuple[int, ...]:
    return tuple(number for number, line in enumerate(lines, 1) if word in line)


def events_of(root: Mapping) -> tuple[str, ...]:
    node = root.get("on")
    return tuple(node.entries) if isinstance(node, Mapping) else texts(node)


def condition(node: Mapping) -> str:
    """The words of ``if``; empty where there is none."""
    found = node.get("if")
    return found.text if isinstance(found, Scalar) else ""


def needs_of(job: Mapping, known: frozenset[str]) -> tuple[str, ...]:
    """The jobs whose success this one really needs.

    ``always()`` and its like start a job whatever happened before, unless it asks for results or
    that nothing failed.
    """
    text = condition(job)
    ignores = text and any(word in text for word in ("always()", "!cancelled()", "failure()"))
    if ignores and "needs." not in text and "!failure()" not in text:
        return ()
    return tuple(name for name in texts(job.get("needs")) if name in known)


def after_failure(job: Mapping) -> bool:
    """Whether a job runs only when something before it failed, or was found to be unhealthy."""
    text = condition(job)
    return bool(text and _FAILED.search(text))


def step_nodes(job: Mapping) -> tuple[Mapping, ...]:
    steps = job.get("steps")
    items = steps.items if isinstance(steps, Sequence) else ()
    return tuple(item for item in items if isinstance(item, Mapping))


def expressions(text: str) -> list[str]:
    """What stands between the braces of expressions."""
    return _BRACES.findall(text) if "${{" in text else []


def leaves(node: Node | None) -> list[Scalar]:
    """All texts below a node, in file order."""
    found: list[Scalar] = []
    todo = [node] if node else []
    while todo:
        match todo.pop():
            case Scalar() as leaf:
                found.append(leaf)
            case Mapping(entries=entries):
                todo.extend(entry.value for entry in reversed(entries.values()))
            case Sequence(items=items):
                todo.extend(reversed(items))
    return found

"""Jobs of a GitLab configuration with all that they inherit: ``extends``, ``!reference``, defaults.

What a job takes from a base that is not in sight is unknown, never absent.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Final

from policies.fields import texts
from policies.findings import Span
from policies.formats.gitlab_includes import Configuration, merged, texts_of
from policies.formats.model import Unreadable
from policies.frozen import replace
from policies.patterns import pattern
from policies.source import Entry, Mapping, Node, Scalar, Sequence

#: Top-level keys that are no jobs. ``pages`` is one.
KEYWORDS: Final = frozenset(
    {
        "default",
        "include",
        "stages",
        "types",
        "variables",
        "workflow",
        "image",
        "services",
        "cache",
        "before_script",
        "after_script",
        "spec",
    }
)
#: Keys that a job takes from ``default`` where it has none of its own.
_DEFAULTS: Final = frozenset(
    {
        "after_script",
        "artifacts",
        "before_script",
        "cache",
        "hooks",
        "id_tokens",
        "image",
        "interruptible",
        "retry",
        "services",
        "tags",
        "timeout",
    }
)
#: GitLab resolves at most so many levels of ``extends`` and of ``!reference``.
_LEVELS: Final = 11
_VARIABLE: Final = pattern(r"\$\{(\w+)\}|\$(\w+)")
#: One of these has every job.
_RUNS: Final = frozenset({"script", "trigger", "run"})
#: Most jobs that GitLab makes of one matrix.
_MATRIX: Final = 200
#: Longest text that variables are put into.
_LONGEST: Final = 20_000


@dataclass(frozen=True, slots=True)
class Job:
    """A job with everything resolved. ``missing`` are bases that no file in sight defines.

    ``written`` is its name in the file, which several jobs of one matrix share; ``inherited`` are
    the keys that it has from ``default``.
    """

    name: str
    span: Span
    body: Mapping
    missing: tuple[str, ...]
    variables: dict[str, str]
    written: str
    inherited: frozenset[str] = frozenset()

    def get(self, key: str) -> Node | None:
        return self.body.get(key)

    def text(self, key: str) -> str:
        found = self.body.get(key)
        return found.text if isinstance(found, Scalar) else ""

    def place(self, key: str) -> Span:
        """The value of a key where it is one word, else the key, else the job's name."""
        entry = self.body.entries.get(key)
        if entry is None:
            return self.span
        return entry.value.span if isinstance(entry.value, Scalar) else entry.key.span

    def expanded(self, text: str) -> str:
        """A text with the variables put in that the files give a value."""
        if "$" not in text or len(text) > _LONGEST:
            return text
        return _VARIABLE.sub(self._value, text)

    def _value(self, match: re.Match[str]) -> str:
        return self.variables.get(match[1] or match[2], match[0])


@dataclass(slots=True)
class Jobs:
    """All jobs of a configuration, hidden ones left out."""

    configuration: Configuration
    problems: list[Unreadable] = field(default_factory=list)
    _resolved: dict[str, tuple[Mapping, tuple[str, ...]]] = field(default_factory=dict)

    def all(self) -> Iterator[Job]:
        """The jobs that run; of a file of nothing but hidden jobs, those with a script."""
        found = list(self._jobs(hidden=False))
        yield from found or self._jobs(hidden=True)

    def _jobs(self, *, hidden: bool) -> Iterator[Job]:
        defaults = self._defaults()
        shared = self._variables(self.configuration.get("variables"))
        for name, entry in self.configuration.entries.items():
            if name in KEYWORDS or name.startswith(".") is not hidden:
                continue
            if not isinstance(entry.value, Mapping) or (hidden and not entry.value.get("script")):
                continue
            body, missing = self._extended(name, entry, ())
            if not missing and not _RUNS & set(body.entries):
                # GitLab refuses a job without a script, so another file has the rest of it.
                missing = (f"the rest of {name}",)
            body = self._dereferenced(body)
            more = _inherited(body, defaults)
            variables = {**shared, **self._variables(body.get("variables"))}
            body = Mapping(body.span, {**body.entries, **more}) if more else body
            job = Job(name, entry.key.span, body, missing, variables, name, frozenset(more))
            yield from expanded(job)

    def _defaults(self) -> dict[str, Entry]:
        default = self.configuration.get("default")
        found = {
            key: entry for key, entry in self.configuration.entries.items() if key in _DEFAULTS
        }
        if isinstance(default, Mapping):
            found |= {key: each for key, each in default.entries.items() if key in _DEFAULTS}
        return dict(self._dereferenced(Mapping(_NOWHERE, found)).entries)

    def _extended(
        self, name: str, entry: Entry, chain: tuple[str, ...]
    ) -> tuple[Mapping, tuple[str, ...]]:
        """A job over its bases, the later base over the earlier one."""
        if name in self._resolved:
            return self._resolved[name]
        body = entry.value if isinstance(entry.value, Mapping) else Mapping(entry.key.span, {})
        below = Mapping(body.span, {})
        missing: list[str] = []
        for base in texts_of(body.get("extends")):
            known = self.configuration.entries.get(base.text)
            if known is None:
                missing.append(base.text)
            elif base.text in (*chain, name) or len(chain) >= _LEVELS:
                self._circle((*chain, name), base)
            else:
                found, more = self._extended(base.text, known, (*chain, name))
                below = merged(below, found)
                missing.extend(more)
        self._resolved[name] = merged(below, body), tuple(dict.fromkeys(missing))
        return self._resolved[name]

    def _circle(self, chain: tuple[str, ...], base: Scalar) -> None:
        told = f"jobs extend one another in a circle: {' -> '.join((*chain, base.text))}; break it"
        if base.text not in chain:
            told = f"more than {_LEVELS} levels of extends, which GitLab refuses; flatten them"
        self.problems.append(Unreadable(base.span, told))

    def _variables(self, node: Node | None) -> dict[str, str]:
        """Names and values; a variable may be a mapping with its value and a description."""
        found = {}
        for name, entry in node.entries.items() if isinstance(node, Mapping) else ():
            value = entry.value
            if isinstance(value, Mapping):
                value = value.get("value") or value
            if isinstance(value, Scalar):
                found[name] = value.text
        return found

    def _dereferenced(self, body: Mapping) -> Mapping:
        if not any(_refers(entry.value) for entry in body.entries.values()):
            return body
        return Mapping(
            body.span,
            {
                key: Entry(each.key, self._value(each.value, 0))
                for key, each in body.entries.items()
            },
        )

    def _value(self, node: Node, level: int) -> Node:
        """A value with every ``!reference`` in it replaced by what it names."""
        match node:
            case Sequence(tag="!reference") if level < _LEVELS:
                found = self._named(texts(node))
                return self._value(found, level + 1) if found else node
            case Sequence(items=items) if node.tag != "!reference":
                return Sequence(node.span, tuple(self._flat(items, level)), node.tag)
            case Mapping(entries=entries):
                return Mapping(
                    node.span,
                    {
                        key: Entry(each.key, self._value(each.value, level))
                        for key, each in entries.items()
                    },
                )
        return node

    def _flat(self, items: tuple[Node, ...], level: int) -> Iterator[Node]:
        """Items of a list; the list that a reference names stands in its place."""
        for item in items:
            found = self._value(item, level)
            if isinstance(found, Sequence) and found.tag != "!reference":
                yield from found.items
            else:
                yield found

    def _named(self, path: tuple[str, ...]) -> Node | None:
        entry = self.configuration.entries.get(path[0]) if path else None
        if entry is None:
            return None
        node: Node | None = entry.value
        if isinstance(node, Mapping):
            node = self._extended(path[0], entry, ())[0]
        for key in path[1:]:
            node = node.get(key) if isinstance(node, Mapping) else None
        return node


_NOWHERE: Final = Span("", 1, 1, 1, 1)


def _inherited(body: Mapping, defaults: dict[str, Entry]) -> dict[str, Entry]:
    """What a job takes from ``default``, as far as ``inherit`` lets it."""
    inherit = body.get("inherit")
    wanted = inherit.get("default") if isinstance(inherit, Mapping) else None
    if isinstance(wanted, Scalar) and wanted.text == "false":
        return {}
    keys = set(texts(wanted)) if isinstance(wanted, Sequence) else set(defaults)
    return {
        key: entry for key, entry in defaults.items() if key in keys and key not in body.entries
    }


def expanded(job: Job) -> Iterator[Job]:
    """A job of a matrix that chooses environments as one job for each, named as GitLab does."""
    rows = list(_rows(job))
    if not rows or not _chooses(job, rows[0]):
        yield job
        return
    for row in rows:
        name = f"{job.name}: [{', '.join(row.values())}]"
        yield replace(job, name=name, variables={**job.variables, **row})


def _rows(job: Job) -> Iterator[dict[str, str]]:
    parallel = job.get("parallel")
    matrix = parallel.get("matrix") if isinstance(parallel, Mapping) else None
    for item in matrix.items if isinstance(matrix, Sequence) else ():
        lists = {
            key: texts(entry.value)
            for key, entry in (item.entries.items() if isinstance(item, Mapping) else ())
        }
        for values in islice(product(*lists.values()), _MATRIX):
            yield dict(zip(lists, values, strict=True))


def _chooses(job: Job, row: dict[str, str]) -> bool:
    """Whether a variable of the matrix decides where a job deploys."""
    node = job.get("environment")
    name = node.get("name") if isinstance(node, Mapping) else node
    text = name.text if isinstance(name, Scalar) else ""
    return any(match[1] in row or match[2] in row for match in _VARIABLE.finditer(text))


def _refers(node: Node) -> bool:
    match node:
        case Sequence(items=items):
            return node.tag == "!reference" or any(_refers(item) for item in items)
        case Mapping(entries=entries):
            return any(_refers(entry.value) for entry in entries.values())
    return False

"""When a GitLab job starts: by itself, by a person, later, only for some branches, or never.

``rules`` decide before ``only`` and ``except``. A manual job blocks what follows only where its
``allow_failure`` is false: that is the default of a rule, and not the default of a job.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.facts import Fact
from policies.fields import texts
from policies.findings import Span
from policies.formats.gitlab_includes import texts_of
from policies.formats.gitlab_jobs import Job
from policies.frozen import dataclass
from policies.patterns import pattern
from policies.source import Mapping, Node, Scalar, Sequence

_EQUALS: Final = pattern(
    r"\$\{?CI_COMMIT_(?:BRANCH|REF_NAME|REF_SLUG|(TAG))\}?\s*(?:==|=~)\s*"
    r"(\"[^\"]*\"|'[^']*'|/[^/]*/|\$\w+)"
)
#: How tags are written among branches, and the branch whose name is a setting.
TAGS: Final = "refs/tags/"
DEFAULT: Final = "default"
_TAG: Final = pattern(r"\$\{?CI_COMMIT_TAG\}?(?!\s*(?:==|=~|!=|!~))")
_VERSION: Final = pattern(r"/\^?v?\??\(?(?:\[0-9\]|\\d)")
#: Conditions of pipelines that release nothing.
_ASIDE: Final = pattern(r"merge_request|CI_MERGE_REQUEST|\"schedule\"|'schedule'|== *schedule")
_CLOCK: Final = pattern(r"(?:==|^)\s*[\"']?schedule")
#: A comparison that excludes one kind of pipeline; it says nothing of those that are left.
_EXCLUDES: Final = pattern(r"\$\w+\s*!=\s*(?:\"[^\"]*\"|'[^']*'|\w+)")
_DURATION: Final = pattern(
    r"(\d{1,7})\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w|months?|mos?)?"
)
#: A month is 30 days, a number alone counts seconds, as in GitLab's own parser.
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_592_000}
#: Words of ``only`` that name kinds of pipelines instead of branches.
_SOURCES: Final = frozenset(
    {
        "api",
        "branches",
        "chat",
        "external",
        "external_pull_requests",
        "merge_requests",
        "pipelines",
        "pushes",
        "schedules",
        "tags",
        "triggers",
        "web",
    }
)


@dataclass(frozen=True, slots=True)
class Case:
    """One way in which a job may start."""

    when: str
    span: Span
    lets_fail: bool
    condition: str
    delay: Fact[timedelta] | None
    branch: str | None


@dataclass(frozen=True, slots=True)
class Start:
    """All ways in which a job may start, those of other pipelines than releases left out."""

    cases: tuple[Case, ...]

    @property
    def never(self) -> bool:
        return not self.cases

    @property
    def manual(self) -> bool:
        return any(each.when == "manual" for each in self.cases)

    @property
    def optional(self) -> bool:
        """True where the job waits for a person and nothing waits for it."""
        return bool(self.cases) and all(
            each.when == "manual" and each.lets_fail for each in self.cases
        )

    @property
    def after_failure(self) -> bool:
        return bool(self.cases) and all(each.when == "on_failure" for each in self.cases)

    @property
    def scheduled(self) -> bool:
        """True where only a clock starts the job: it stands on no release's way."""
        return bool(self.cases) and all(_CLOCK.search(each.condition) for each in self.cases)

    @property
    def lets_fail(self) -> bool:
        return bool(self.cases) and all(each.lets_fail for each in self.cases)

    @property
    def delay(self) -> Fact[timedelta] | None:
        return next((each.delay for each in self.cases if each.delay), None)

    @property
    def branches(self) -> tuple[str, ...] | None:
        """The branches that the job is limited to; None where any may start it."""
        found = [each.branch for each in self.cases]
        if not found or None in found:
            return None
        return tuple(dict.fromkeys(each for each in found if each))

    def transition(self, place: Span) -> Fact[str | None]:
        manual = [each for each in self.cases if each.when == "manual"]
        if not manual:
            return Fact("automatic", place)
        if len(manual) == len(self.cases):
            return Fact("manual", manual[0].span)
        # A person starts it for some changes; which ones a release has, the file does not say.
        return Fact("manual", manual[0].span, confidence=0.7)


def start(job: Job) -> Start:
    cases = tuple(_rules(job)) if "rules" in job.body.entries else tuple(_only(job))
    open_cases = [each for each in cases if each.when != "never"]
    releases = [each for each in open_cases if not _ASIDE.search(_EXCLUDES.sub("", each.condition))]
    return Start(tuple(releases or open_cases))


def _rules(job: Job) -> Iterator[Case]:
    node = job.get("rules")
    for rule in node.items if isinstance(node, Sequence) else ():
        if isinstance(rule, Mapping):
            said, condition = rule.get("when"), _text(rule.get("if"))
            when = _text(said) or job.text("when") or "on_success"
            place = said.span if said else job.place("when")
            lets_fail = _lets_fail(rule.get("allow_failure"))
            if lets_fail is None:
                lets_fail = _lets_fail(job.get("allow_failure"))
            if lets_fail is None:
                lets_fail = when == "manual" and not said
            delay = _delay(rule.get("start_in") or job.get("start_in"), when)
            for branch in branches_in(condition):
                yield Case(when, place, lets_fail, condition, delay, branch)


def _only(job: Job) -> Iterator[Case]:
    when = job.text("when") or "on_success"
    lets_fail = _lets_fail(job.get("allow_failure"))
    if lets_fail is None:
        lets_fail = when == "manual"
    delay = _delay(job.get("start_in"), when)
    only = job.get("only")
    refs = only.get("refs") if isinstance(only, Mapping) else only
    words = [each.text for each in texts_of(refs)]
    for word in words or [""]:
        branch = _plain(word) if word and word not in _SOURCES else None
        condition = "merge_request" if word in ("merge_requests", "external_pull_requests") else ""
        condition = "'schedule'" if word == "schedules" else condition
        if word == "tags":
            branch = f"{TAGS}*"
        yield Case(when, job.place("when"), lets_fail, condition, delay, branch)


def branches_in(condition: str) -> list[str | None]:
    """The branches of one condition; several where it names several."""
    found: list[str | None] = [
        f"{TAGS}*" if is_tag and name[:1] == "/" else _plain(name)
        for is_tag, name in _EQUALS.findall(condition)
    ]
    if not found and _TAG.search(condition):
        found.append(f"{TAGS}*")
    return found or [None]


def _plain(name: str) -> str:
    if _VERSION.match(name):
        # Versions are the names of tags, whatever a pattern of any name allows.
        return f"{TAGS}*"
    return DEFAULT if "CI_DEFAULT_BRANCH" in name else name.strip("\"'")


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _lets_fail(node: Node | None) -> bool | None:
    """Whether a failure passes; some exit codes are enough, if tests that fail end with them."""
    match node:
        case Scalar(text=text) if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case Mapping():
            codes = texts(node.get("exit_codes"))
            return not codes or any(len(code) == 1 for code in codes)
    return None


def _delay(node: Node | None, when: str) -> Fact[timedelta] | None:
    if when != "delayed" or not isinstance(node, Scalar):
        return None
    length = duration(node.text)
    return Fact(length, node.span) if length else None


def duration(text: str) -> timedelta | None:
    """GitLab's lengths of time: ``30 minutes``, ``1h 30m``, ``3600``; None where it is none."""
    parts = _DURATION.findall(text.lower())
    rest = _DURATION.sub("", text.lower()).replace("and", "").replace(",", "").strip()
    if not parts or rest:
        return None
    return timedelta(seconds=sum(int(number) * _unit(unit) for number, unit in parts))


def _unit(word: str) -> int:
    return _SECONDS["mo" if word.startswith("mo") else word[:1] or "s"]

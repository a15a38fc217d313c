"""Where a GitLab job deploys: its tier, its environment, else what names and variables say."""

from collections.abc import Iterator
from typing import Final

from policies.classify import environment as kind_of
from policies.classify import words
from policies.facts import Fact, Provenance, unknown
from policies.findings import Span
from policies.formats.gitlab_jobs import Job
from policies.formats.naming import of_file, of_thing
from policies.frozen import dataclass
from policies.patterns import pattern
from policies.pipeline import StageKind
from policies.source import Mapping, Scalar, Sequence

_TIERS: Final = {
    "production": StageKind.PROD,
    "staging": StageKind.PREPROD,
    "testing": StageKind.TEST,
    "development": StageKind.TEST,
}
#: Actions of ``environment:action`` that deploy nothing.
_QUIET: Final = frozenset({"prepare", "stop", "verify", "access"})
_VARIABLE: Final = pattern(r"\$\{?\w+\}?")
#: Names of variables whose value names an environment.
_TELLING: Final = pattern(
    r"(?:^|_)(?:ENV|ENVIRONMENT|STAGE|TIER|SPACE|NAMESPACE|WORKSPACE|CLUSTER)(?:_NAME)?$"
)
#: Those whose value is the name of a thing of its own.
_PLACE: Final = pattern(r"SPACE|CLUSTER")
#: What is different for each branch or merge request.
_PER_BRANCH: Final = pattern(r"CI_COMMIT_REF_SLUG|CI_MERGE_REQUEST_IID")
#: Numbers and regions beside an environment's word are at most so long.
_SHORT: Final = 2
_ASSIGNED: Final = pattern(r"(?:^|\s)(\w+)=[\"']?([\w-]+)")


@dataclass(frozen=True, slots=True)
class Environment:
    """``name`` has the variables put in that are known; ``tier`` is what the file itself says.

    ``expires`` is true for one that GitLab stops by itself after a time.
    """

    name: str
    span: Span
    tier: Scalar | None
    deploys: bool
    expires: bool = False

    @property
    def words(self) -> str:
        """The name without the variables that nobody here knows."""
        return _VARIABLE.sub(" ", self.name).strip(" /-")


def of_job(job: Job) -> Environment | None:
    node = job.get("environment")
    match node:
        case Scalar(text=text, span=span) if text:
            return Environment(job.expanded(text), span, None, deploys=True)
        case Mapping():
            name, tier, action = (node.get(key) for key in ("name", "deployment_tier", "action"))
            quiet = isinstance(action, Scalar) and action.text in _QUIET
            named = isinstance(name, Scalar)
            return Environment(
                job.expanded(name.text) if isinstance(name, Scalar) else "",
                name.span if name and named else job.place("environment"),
                tier if isinstance(tier, Scalar) else None,
                deploys=not quiet,
                expires="auto_stop_in" in node.entries,
            )
    return None


def kind(job: Job, found: Environment | None) -> Fact[StageKind | None]:
    """What a deploying job is for, from the surest of the things that say it."""
    if found and found.tier and found.tier.text in _TIERS:
        return Fact(_TIERS[found.tier.text], found.tier.span)
    # What stands behind a slash says more: review/acceptance.
    last = found.words.rpartition("/")[2] if found else ""
    if found and (said := kind_of(last) or kind_of(found.words)):
        return Fact(said, found.span, confidence=0.95)
    if found and (found.expires or (found.words and _PER_BRANCH.search(found.name))):
        return Fact(StageKind.TEST, found.span, Provenance.INFERRED, 0.8)
    if found and found.name and not found.words:
        return unknown(found.span, f"its environment is the variable {found.name}")
    for text, confidence in _hints(job):
        if said := kind_of(_VARIABLE.sub(" ", text)):
            return Fact(said, job.span, Provenance.INFERRED, confidence)
    return unknown(job.span, "nothing here says which environment it deploys to")


def named_like_one(name: str) -> bool:
    """Whether a name consists of words of environments only, such as ``production-eu``."""
    found = words(name)
    return any(map(kind_of, found)) and all(kind_of(each) or len(each) <= _SHORT for each in found)


def _hints(job: Job) -> Iterator[tuple[str, float]]:
    """Texts that may name an environment, and how much each is worth."""
    yield job.name, 0.8
    assigned = (each for line in _script(job) for each in _ASSIGNED.findall(line))
    for name, value in (*job.variables.items(), *assigned):
        if _TELLING.search(name):
            yield of_thing(value) if _PLACE.search(name) else value, 0.7
    yield job.text("stage"), 0.6
    yield of_file(job.span.path), 0.6


def _script(job: Job) -> Iterator[str]:
    node = job.get("script")
    for item in node.items if isinstance(node, Sequence) else (node,):
        if isinstance(item, Scalar):
            yield job.expanded(item.text)

"""Where a GitHub Actions job deploys, told from what it says, surest first."""

import re
from collections.abc import Iterator

from policies.classify import environment as kind_of
from policies.facts import Fact, Provenance, unknown
from policies.findings import Span
from policies.formats.naming import of_file, of_thing, of_title
from policies.frozen import dataclass
from policies.patterns import pattern
from policies.pipeline import StageKind
from policies.source import Mapping, Node, Scalar, Sequence

#: What an expression may give, and what it only compares with.
_LITERAL = pattern(r"'([^']+)'")
_COMPARED = pattern(r"[!=]=\s*'[^']*'|\w+\([^()]*\)")
#: Keys of ``with`` and of workflow ``env`` that name an environment.
_KEYS = (
    "environment",
    "environment_name",
    "environment-name",
    "env",
    "env_name",
    "env-name",
    "stage",
    "deploy_env",
    "deploy_environment",
    "cf_space",
    "cluster",
    "namespace",
)
#: Variables whose value names what belongs to one environment.
_PLACES = pattern(r"(?:resource_?group|cluster)(?:_?name)?$", re.IGNORECASE)
#: Keys whose value is often a name of its own for each branch.
_WORKSPACES = ("workspace", "terraform_workspace", "tf_workspace")


@dataclass(frozen=True, slots=True)
class Environment:
    """What a job says about its environment. ``job`` is true for the job-level key itself."""

    name: str
    span: Span
    job: bool
    deploys: bool = True

    @property
    def hidden(self) -> bool:
        return "${{" in self.name


def of_job(job: Mapping) -> Environment | None:
    """The job-level environment, else the input of the workflow that the job calls."""
    node = job.get("environment")
    match node:
        case Scalar(text=text, span=span) if text:
            return Environment(text, span, job=True)
        case Mapping():
            name = node.get("name")
            deployment = node.get("deployment")
            deploys = not (isinstance(deployment, Scalar) and deployment.text == "false")
            if isinstance(name, Scalar):
                return Environment(name.text, name.span, job=True, deploys=deploys)
    return _of_inputs(job.get("with")) if job.get("uses") else None


def _of_inputs(node: Node | None) -> Environment | None:
    if not isinstance(node, Mapping):
        return None
    lowered = {key.lower(): entry.value for key, entry in node.entries.items()}
    for key in _KEYS:
        found = lowered.get(key)
        if isinstance(found, Scalar) and found.text:
            return Environment(found.text, found.span, job=False)
    for key in _WORKSPACES:
        found = lowered.get(key)
        if isinstance(found, Scalar) and kind_of(found.text) and "${{" not in found.text:
            return Environment(found.text, found.span, job=False)
    return None


def kind(
    root: Mapping, name: str, job: Mapping, span: Span
) -> tuple[Fact[StageKind | None], Environment | None]:
    """What a deploying job is for: its environment, its name, its steps' inputs, the workflow."""
    named = of_job(job)
    if named and not named.hidden:
        found = kind_of(named.name)
        if found:
            return Fact(found, named.span, confidence=0.95), named
    guess = _guess(root, name, job)
    if guess and not (named and named.hidden):
        found, confidence = guess
        return Fact(found, span, Provenance.INFERRED, confidence), named
    if named and named.hidden:
        if chosen := _chosen(named.name):
            return Fact(chosen, named.span, Provenance.INFERRED, 0.7), named
        note = f"its environment is the expression {named.name}"
        return unknown(named.span, note), named
    return unknown(span, "nothing here says which environment it deploys to"), named


def _chosen(text: str) -> StageKind | None:
    """Of the names between which an expression chooses, production where one of them is that.

    What may reach customers is judged as what does.
    """
    kinds = [kind_of(each) for each in _LITERAL.findall(_COMPARED.sub("", text))]
    return StageKind.PROD if StageKind.PROD in kinds else next(filter(None, kinds), None)


def _guess(root: Mapping, name: str, job: Mapping) -> tuple[StageKind, float] | None:
    for text, confidence in _hints(root, name, job):
        found = kind_of(text) if "${{" not in text else None
        if found:
            return found, confidence
    return None


def _hints(root: Mapping, name: str, job: Mapping) -> Iterator[tuple[str, float]]:
    """Names that may tell an environment, and how much each is worth."""
    if name.endswith(")"):
        # The value of a matrix that chooses environments.
        yield name.rpartition("(")[2].rstrip(")"), 0.85
    yield name, 0.8
    title = job.get("name")
    if isinstance(title, Scalar):
        yield title.text, 0.7
    for step in _steps(job):
        inputs = _of_inputs(step.get("with"))
        if inputs:
            yield inputs.name, 0.7
    for node in (job.get("env"), root.get("env")):
        found = _of_inputs(node)
        if found:
            yield found.name, 0.6
        for key, entry in node.entries.items() if isinstance(node, Mapping) else ():
            if _PLACES.search(key) and isinstance(entry.value, Scalar):
                yield of_thing(entry.value.text), 0.6
    workflow = root.get("name")
    yield of_title(workflow.text) if isinstance(workflow, Scalar) else "", 0.6
    yield of_file(root.span.path), 0.6


def _steps(job: Mapping) -> Iterator[Mapping]:
    steps = job.get("steps")
    for step in steps.items if isinstance(steps, Sequence) else ():
        if isinstance(step, Mapping):
            yield step

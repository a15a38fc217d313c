"""What a GitHub Actions workflow takes from elsewhere, and what its deployments name."""

import re
from typing import Final

from policies.facts import Fact, inferred, unknown
from policies.findings import Span
from policies.formats.artifacts import named_in
from policies.formats.github_workflow import Workflow, step_nodes
from policies.frozen import replace
from policies.patterns import pattern
from policies.pipeline import Step, StepKind
from policies.references import Pin, Reference, ReferenceKind, image, pin_of
from policies.source import Mapping, Scalar

_DOCKER: Final = "docker://"
#: Inputs that name an image, and inputs that name the tag of one, in lower case.
_IMAGES: Final = frozenset({"image", "images", "image-uri", "image_uri", "imagetodeploy"})
_TAGS: Final = frozenset(
    {"image-tag", "image_tag", "imagetag", "tag", "docker-tag", "docker_tag", "ecr_image_tag"}
)
#: An action that only writes an image into a file that the next step deploys.
_RENDERS: Final = "render-task-definition"
#: Words for what is unique to a commit, and for what is unique to a run.
_OF_COMMIT: Final = pattern(r"github\.sha\b|GITHUB_SHA\b")
_OF_RUN: Final = pattern(r"github\.run_(?:id|number)\b|GITHUB_RUN_(?:ID|NUMBER)\b")
_OF_BRANCH: Final = pattern(r"github\.(?:ref_name|head_ref)\b|GITHUB_(?:REF_NAME|HEAD_REF)\b")
_VARIABLE: Final = pattern(r"\$\{\{\s*env\.(\w+)\s*\}\}|\$\{?([A-Za-z_]\w*)\}?")
#: Events whose runs are of a tag, so that the name of the ref is a version.
_TAGGED: Final = frozenset({"release"})


def used(text: str, span: Span, kind: ReferenceKind = ReferenceKind.ACTION) -> Reference:
    """What ``uses`` names: an action, an image, or a workflow."""
    if text.startswith(_DOCKER):
        return image(text.removeprefix(_DOCKER), ReferenceKind.CI_IMAGE, span)
    name, _, version = text.partition("@")
    if name.startswith("."):
        return Reference(text, kind, Pin.COMMIT, span, name, local=True)
    return Reference(text, kind, pin_of(version), span, name)


def images_of(job: Mapping) -> list[Reference]:
    """The images that a job and its services run in."""
    services = job.get("services")
    places = [job.get("container")]
    if isinstance(services, Mapping):
        places.extend(entry.value for entry in services.entries.values())
    found = []
    for place in places:
        node = place.get("image") if isinstance(place, Mapping) else place
        if isinstance(node, Scalar) and node.text:
            found.append(image(node.text, ReferenceKind.CI_IMAGE, node.span))
    return found


def artifact_of(
    workflow: Workflow, job: Mapping, steps: tuple[Step, ...], place: Span
) -> Fact[Reference | None]:
    """What a job deploys, as far as the deploying step, its inputs or its script name it."""
    nodes = step_nodes(job)
    ends = (index for index, step in enumerate(steps) if step.kind.value is StepKind.DEPLOY)
    last = next(ends, len(steps) - 1)
    named = _named(workflow, job, nodes, steps, last)
    if named and named.pin in (Pin.MUTABLE, Pin.MISSING):
        return inferred(named, named.span)
    built = next((step for step in steps[: last + 1] if step.kind.value is StepKind.BUILD), None)
    if built:
        found = named or Reference("", ReferenceKind.ARTIFACT, Pin.REBUILT, built.name.span)
        rebuilt = replace(found, pin=Pin.REBUILT)
        return inferred(rebuilt, built.name.span, built.kind.confidence)
    if named:
        return inferred(named, named.span)
    return unknown(place, "what is deployed is named outside of this file")


def _named(
    workflow: Workflow, job: Mapping, nodes: tuple[Mapping, ...], steps: tuple[Step, ...], last: int
) -> Reference | None:
    if job.get("uses"):
        return _of_inputs(workflow, (job,), job)
    for node, step in zip(nodes[: last + 1][::-1], steps[: last + 1][::-1], strict=True):
        deploys = step.kind.value is StepKind.DEPLOY
        if deploys or _RENDERS in str(step.uses.value):
            found = _of_inputs(workflow, (node, job), node) or _of_script(workflow, job, node)
            if found:
                return found
    return None


def _of_inputs(workflow: Workflow, holders: tuple[Mapping, ...], node: Mapping) -> Reference | None:
    inputs = node.get("with")
    for name, entry in inputs.entries.items() if isinstance(inputs, Mapping) else ():
        value = entry.value
        if not isinstance(value, Scalar) or not value.text:
            continue
        if name.lower() in _IMAGES or name.lower() in _TAGS:
            text = _resolved(workflow, holders, value.text.split("\n")[0])
            return _reference(workflow, text, value.span, tag=name.lower() in _TAGS)
    return None


def _of_script(workflow: Workflow, job: Mapping, node: Mapping) -> Reference | None:
    run = node.get("run")
    if not isinstance(run, Scalar):
        return None
    told = named_in(run.text)
    if told is None:
        return None
    text = _resolved(workflow, (node, job), told[0])
    return _reference(workflow, text, run.span, tag=told[1])


def _resolved(workflow: Workflow, holders: tuple[Mapping, ...], text: str) -> str:
    """The text with the variables that the file itself sets, once."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        for holder in (*holders, workflow.root):
            env = holder.get("env")
            found = env.get(name) if isinstance(env, Mapping) else None
            if isinstance(found, Scalar):
                return found.text
        return match[0]

    return _VARIABLE.sub(value, text) if "$" in text else text


def _reference(workflow: Workflow, text: str, span: Span, *, tag: bool) -> Reference:
    kind = ReferenceKind.ARTIFACT
    found = Reference(text, kind, pin_of(text), span) if tag else image(text, kind, span)
    unique = _unique(workflow, text)
    return replace(found, pin=unique) if unique and found.pin is not Pin.DIGEST else found


def _unique(workflow: Workflow, text: str) -> Pin | None:
    if _OF_COMMIT.search(text):
        return Pin.COMMIT
    if _OF_RUN.search(text):
        return Pin.VERSION
    if not _OF_BRANCH.search(text) or "||" in text:
        return None
    push = workflow.trigger("push")
    tags = bool(push and push.get("tags") and not push.get("branches"))
    if all(event in _TAGGED or (event == "push" and tags) for event in workflow.events):
        return Pin.VERSION
    # A run started by hand may be of a tag or of a branch.
    return Pin.MUTABLE if workflow.events <= {"push", "pull_request"} and not tags else None

"""Steps of GitHub Actions jobs: what each is, and whether its failure is let pass."""

from datetime import timedelta
from typing import Any, Final

from policies.classify import GUESSED, NAMED, classify, words
from policies.facts import Fact, Provenance, unknown
from policies.findings import Span
from policies.formats.github_references import used
from policies.formats.github_risks import secrets_in, untrusted
from policies.formats.github_workflow import Workflow, step_nodes
from policies.formats.softeners import softener
from policies.pipeline import Step, StepKind
from policies.references import ReferenceKind
from policies.source import Mapping, Node, Scalar

#: Inputs of actions that hold a script, in lower case.
_RUNS: Final = frozenset({"inlinescript", "inline-script", "script", "command", "commands", "run"})
#: Last words of inputs that switch on what changes an environment.
_CHANGES: Final = frozenset({"apply", "deploy"})


def steps_of(workflow: Workflow, name: str, job: Mapping) -> tuple[Step, ...]:
    """All steps of a job; a job that calls a workflow has one step, the call."""
    soft = _flag(job, "continue-on-error", "continue-on-error of the job")
    called = job.get("uses")
    if isinstance(called, Scalar):
        return (_call(workflow, name, job, called, soft),)
    shared = secrets_in(workflow, job.get("env"), workflow.root.get("env"))
    return tuple(_step(workflow, step, soft, shared) for step in step_nodes(job))


def _call(
    workflow: Workflow, name: str, job: Mapping, called: Scalar, soft: Fact[str | None] | None
) -> Step:
    """A called workflow: its own name, or the job's, may say what it does; its steps are unseen."""
    kind, sure = classify(name, None, called.text)
    if kind in (StepKind.OTHER, StepKind.BUILD) and _told_to_change(job.get("with")):
        kind, sure = StepKind.DEPLOY, NAMED
    note = f"the called workflow {called.text} is not read"
    return Step(
        name=Fact(name, called.span),
        kind=unknown(called.span, note)
        if kind is StepKind.OTHER
        else Fact(kind, called.span, Provenance.INFERRED, min(sure, 0.7), note),
        run=Fact(None, called.span),
        uses=Fact(called.text, called.span),
        soft=soft or Fact(None, called.span),
        timeout=timeout_of(job, called.span),
        secrets=_handed_on(workflow, job),
        references=(used(called.text, called.span, ReferenceKind.INCLUDE),),
        untrusted=unknown(called.span, note),
    )


def _told_to_change(given: Node | None) -> bool:
    """Whether an input such as ``terraform_apply`` is switched on."""
    entries = given.entries if isinstance(given, Mapping) else {}
    return any(
        isinstance(entry.value, Scalar)
        and entry.value.text.lower() == "true"
        and _CHANGES & set(words(name)[-1:])
        for name, entry in entries.items()
    )


def _handed_on(workflow: Workflow, job: Mapping) -> tuple[str, ...]:
    """Secrets that a called workflow gets; ``*`` where it inherits all of them."""
    given = job.get("secrets")
    if isinstance(given, Scalar) and given.text == "inherit":
        return ("*",)
    return secrets_in(workflow, given, job.get("with"))


def _step(
    workflow: Workflow, step: Mapping, soft: Fact[str | None] | None, shared: tuple[str, ...]
) -> Step:
    title, run, uses = step.get("name"), step.get("run"), step.get("uses")
    visible = _visible(step, title, uses, run, step.get("id"))
    nothing: Fact[Any] = Fact(None, visible)
    name = title.text if isinstance(title, Scalar) else ""
    run_text = run.text if isinstance(run, Scalar) else None
    uses_text = uses.text if isinstance(uses, Scalar) else None
    kind, sure = classify(name, run_text, uses_text)
    if uses_text and sure <= GUESSED and (handed := _handed_script(step.get("with"))):
        kind, sure = classify(name, handed, None)
    return Step(
        name=Fact(name or uses_text or (run_text or "").partition("\n")[0], visible),
        kind=Fact(kind, visible, Provenance.INFERRED, sure),
        run=Fact(run_text, run.span) if run else nothing,
        uses=Fact(uses_text, uses.span) if uses else nothing,
        soft=_soft(step, run, workflow) or soft or nothing,
        timeout=timeout_of(step, visible) if "timeout-minutes" in step.entries else nothing,
        secrets=tuple(dict.fromkeys((*shared, *secrets_in(workflow, step)))),
        references=(used(uses.text, uses.span),) if isinstance(uses, Scalar) else (),
        untrusted=untrusted(workflow, step) or nothing,
    )


def _handed_script(inputs: Node | None) -> str:
    """The script that a step hands to an action which runs it: in a retry, by a cloud's tools."""
    entries = inputs.entries if isinstance(inputs, Mapping) else {}
    for key, entry in entries.items():
        if key.lower() in _RUNS and isinstance(entry.value, Scalar):
            return entry.value.text
    return ""


def _visible(step: Mapping, *told: Node | None) -> Span:
    """The place of a step: the first of what it tells of itself."""
    found = next((each for each in told if isinstance(each, Scalar)), None)
    # A block scalar's mark is its first character; the key says more to a reader.
    return found.span if found and found.span.line == found.span.end_line else step.span


def _soft(step: Mapping, run: object, workflow: Workflow) -> Fact[str | None] | None:
    written = _flag(step, "continue-on-error", "continue-on-error")
    if written or not isinstance(run, Scalar):
        return written
    return softener(run, workflow.lines[run.span.path])


def _flag(node: Mapping, key: str, words: str) -> Fact[str | None] | None:
    """A flag as the construct that it is; an expression may be either."""
    found = node.get(key)
    if not isinstance(found, Scalar) or found.text.lower() == "false":
        return None
    if "${{" in found.text:
        return unknown(found.span, f"{key} is the expression {found.text}")
    return Fact(words, found.span) if found.text.lower() == "true" else None


def timeout_of(node: Mapping, span: Span) -> Fact[timedelta | None]:
    found = node.get("timeout-minutes")
    if not isinstance(found, Scalar):
        return Fact(None, span)
    if found.text.isdecimal() and len(found.text) <= 6:  # noqa: PLR2004 - longer than any job
        return Fact(timedelta(minutes=int(found.text)), found.span)
    return unknown(found.span, "timeout-minutes is an expression")

"""Steps of an Azure job: tasks and scripts, and the hooks of a deployment in their order."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from policies.classify import GUESSED, NAMED, classify, named, refined
from policies.classify.tasks import script_of, task
from policies.facts import SURE, Fact, Provenance, unknown
from policies.findings import Span
from policies.formats.azure_jobs import Job, stem
from policies.formats.softeners import softener
from policies.frozen import dataclass, replace
from policies.patterns import pattern
from policies.pipeline import Step, StepKind
from policies.source import Mapping as MappingNode
from policies.source import Scalar, Sequence

#: Keys of steps that are scripts.
_SCRIPTS: Final = ("script", "bash", "pwsh", "powershell")
#: Keys of steps that only bring something here or keep it.
_PREPARING: Final = ("checkout", "download", "publish", "getPackage", "upload", "downloadBuild")
#: Hooks of a deployment that go forward, in their order.
_HOOKS: Final = ("preDeploy", "deploy", "routeTraffic", "postRouteTraffic")
STRATEGIES: Final = ("runOnce", "rolling", "canary")
_MACRO: Final = pattern(r"\$\((\w[\w.]*)\)")
_NUMBER: Final = pattern(r"[0-9]{1,6}")
_TESTS: Final = frozenset(
    {
        StepKind.UNIT,
        StepKind.INTEGRATION,
        StepKind.BROWSER,
        StepKind.CONTRACT,
        StepKind.LOAD,
        StepKind.SMOKE,
    }
)


@dataclass(frozen=True, slots=True)
class Hooks:
    """The strategy of a deployment job: its name, its body, and where its key stands."""

    name: str
    body: MappingNode
    span: Span


def hooks_of(job: Job) -> Hooks | None:
    strategy = job.body.get("strategy")
    for name in STRATEGIES if isinstance(strategy, MappingNode) else ():
        entry = strategy.entries.get(name) if isinstance(strategy, MappingNode) else None
        if entry and isinstance(entry.value, MappingNode):
            return Hooks(name, entry.value, entry.key.span)
    return None


def steps_of(job: Job, lines: Mapping[str, list[str]]) -> tuple[Step, ...]:
    """All steps of a job; a template that is not seen is one step of which its name may tell."""
    reader = _Reader(job, lines)
    if "template" in job.body.entries:
        return (reader.hidden(job.body),)
    found = [reader.step(each) for each in _written(job)]
    found.extend(_proven(found))
    return tuple(found)


def failure_steps(job: Job, lines: Mapping[str, list[str]]) -> tuple[Step, ...]:
    """What a deployment does when it fails: the steps of ``on: failure``."""
    hooks = hooks_of(job)
    on = hooks.body.get("on") if hooks else None
    failure = on.get("failure") if isinstance(on, MappingNode) else None
    reader = _Reader(job, lines)
    return tuple(reader.step(each) for each in _items(failure))


def _written(job: Job) -> Iterator[MappingNode]:
    hooks = hooks_of(job)
    if hooks is None:
        yield from _items(job.body)
        return
    for name in _HOOKS:
        yield from _items(hooks.body.get(name))


def _items(node: object) -> Iterator[MappingNode]:
    steps = node.get("steps") if isinstance(node, MappingNode) else None
    for item in steps.items if isinstance(steps, Sequence) else ():
        if isinstance(item, MappingNode) and _text(item, "enabled").lower() != "false":
            yield item


class _Reader:
    def __init__(self, job: Job, lines: Mapping[str, list[str]]) -> None:
        self.job = job
        self.lines = lines
        self.soft = _flag(job.body, "continueOnError of the job")
        self.timeout = _minutes(job.body, "timeoutInMinutes", job.span)

    def step(self, item: MappingNode) -> Step:
        if "template" in item.entries:
            return self.hidden(item)
        if "task" in item.entries:
            return self._task(item)
        key = next((each for each in _SCRIPTS if each in item.entries), "")
        if key:
            return self._script(item, item.get(key))
        return self._other(item)

    def hidden(self, item: MappingNode) -> Step:
        """A template that is not read; its own name may say what it does."""
        text = _text(item, "template")
        span = _visible(item, ("template",))
        name = stem(text)
        kind = named(name)
        note = f"the template {text} is not read"
        fact: Fact[StepKind] = (
            Fact(kind, span, Provenance.INFERRED, NAMED, note) if kind else unknown(span, note)
        )
        return self._made(item, name, span, fact, uses=text)

    def _task(self, item: MappingNode) -> Step:
        name = _text(item, "task")
        title = _text(item, "displayName")
        span = _visible(item, ("displayName", "task"))
        inputs = {key: self._filled(value) for key, value in _inputs(item).items()}
        kind, sure = task(name.partition("@")[0], title, inputs)
        fact = Fact(kind, span, Provenance.INFERRED, sure)
        made = self._made(item, title or name, span, fact, uses=name)
        script = _script_input(item)
        length = _minutes(_node(item, "inputs"), "delayForMinutes", span)
        if kind is StepKind.WAIT and length.value:
            return replace(made, timeout=length)
        if script is None:
            return made
        text = script_of(inputs)
        run: Fact[str | None] = Fact(text, script.span)
        return replace(made, run=run, soft=made.soft if made.soft.value else self._shell(script))

    def _script(self, item: MappingNode, script: object) -> Step:
        text = script.text if isinstance(script, Scalar) else ""
        title = _text(item, "displayName")
        span = _visible(item, ("displayName", *_SCRIPTS))
        kind, sure = classify(title or _text(item, "name"), self._filled(text), None)
        made = self._made(
            item,
            title or text.strip().partition("\n")[0],
            span,
            Fact(kind, span, Provenance.INFERRED, sure),
        )
        if not isinstance(script, Scalar):
            return made
        soft = made.soft if made.soft.value or not made.soft.known else self._shell(script)
        return replace(made, run=Fact(text, script.span), soft=soft)

    def _other(self, item: MappingNode) -> Step:
        span = _visible(item, ("displayName", *item.entries))
        prepares = any(key in item.entries for key in _PREPARING)
        name = _text(item, "displayName") or next(iter(item.entries), "step")
        sure = 0.95 if prepares else GUESSED
        return self._made(item, name, span, Fact(StepKind.OTHER, span, Provenance.INFERRED, sure))

    def _made(
        self,
        item: MappingNode,
        name: str,
        span: Span,
        kind: Fact[StepKind],
        uses: str | None = None,
    ) -> Step:
        retries = _text(item, "retryCountOnTaskFailure")
        timeout = _minutes(item, "timeoutInMinutes", span)
        return Step(
            name=Fact(name, span),
            kind=kind,
            run=Fact(None, span),
            uses=Fact(uses, span),
            soft=_flag(item, "continueOnError") or self.soft or Fact(None, span),
            timeout=timeout if timeout.value else self.timeout,
            retries=int(retries) if _NUMBER.fullmatch(retries) else 0,
        )

    def _shell(self, script: Scalar) -> Fact[str | None]:
        lines = self.lines.get(script.span.path, [])
        found = softener(script, lines) if lines else None
        return found or Fact(None, script.span)

    def _filled(self, text: str) -> str:
        """A text with macros as a shell would write variables, known ones put in."""
        return _MACRO.sub(
            lambda match: self.job.variables.get(match[1], f"${{{match[1]}}}"), text
        ).replace("\\", "/")


def _proven(steps: list[Step]) -> Iterator[Step]:
    """A job that publishes test results has run tests, whatever its commands are called."""
    if any(step.kind.value in _TESTS and step.kind.confidence >= SURE for step in steps):
        return
    for step in steps:
        if (step.uses.or_else(None) or "").lower().startswith("publishtestresults@"):
            kind = refined(str(step.name.value)) or StepKind.UNIT
            place = step.name.span
            yield replace(
                step,
                name=Fact("published test results", place),
                kind=Fact(kind, place, confidence=0.75),
            )
            return


def _inputs(item: MappingNode) -> dict[str, str]:
    node = item.get("inputs")
    return {
        key.lower(): entry.value.text
        for key, entry in (node.entries.items() if isinstance(node, MappingNode) else ())
        if isinstance(entry.value, Scalar)
    }


def _script_input(item: MappingNode) -> Scalar | None:
    """The input that holds the script of a task, for its place."""
    node = item.get("inputs")
    if isinstance(node, MappingNode) and script_of(_inputs(item)):
        for key, entry in node.entries.items():
            if key.lower() in ("script", "inlinescript", "inline") and entry.value:
                return entry.value if isinstance(entry.value, Scalar) else None
        for key, entry in node.entries.items():
            if key.lower().endswith("path") and isinstance(entry.value, Scalar):
                return entry.value
    return None


def _node(item: MappingNode, key: str) -> MappingNode:
    found = item.get(key)
    return found if isinstance(found, MappingNode) else MappingNode(item.span, {})


def _visible(item: MappingNode, keys: tuple[str, ...]) -> Span:
    """The first of these values that stands on one line, else the first key of the step."""
    for key in keys:
        found = item.get(key)
        if isinstance(found, Scalar) and found.text and found.span.line == found.span.end_line:
            return found.span
    return next((entry.key.span for entry in item.entries.values()), item.span)


def _flag(item: MappingNode, words: str) -> Fact[str | None] | None:
    found = item.get("continueOnError")
    if not isinstance(found, Scalar) or found.text.lower() == "false":
        return None
    if "$" in found.text:
        return unknown(found.span, f"continueOnError is the expression {found.text}")
    return Fact(words, found.span) if found.text.lower() == "true" else None


def _minutes(item: MappingNode, key: str, span: Span) -> Fact[timedelta | None]:
    found = item.get(key)
    if not isinstance(found, Scalar):
        return Fact(None, span)
    if _NUMBER.fullmatch(found.text):
        return Fact(timedelta(minutes=int(found.text)) if int(found.text) else None, found.span)
    return unknown(found.span, f"{key} is the expression {found.text}")


def _text(item: MappingNode, key: str) -> str:
    found = item.get(key)
    return found.text if isinstance(found, Scalar) else ""

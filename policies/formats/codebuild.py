"""What a CodeBuild project runs, where its build specification stands in the same template.

A specification in the repository (``buildspec.yml``) is not followed from a template: its folder
is that of the source, which the template only names by a connection.
"""

from collections.abc import Iterator
from typing import Final

from policies.classify import classify, named, words
from policies.facts import Fact, Provenance, elsewhere
from policies.findings import Span
from policies.formats.cloudformation import Template, field, mapping, text
from policies.formats.softeners import softening
from policies.frozen import dataclass
from policies.pipeline import Step, StepKind
from policies.source import Mapping, Node, Scalar, Sequence, SourceError, read

PROJECT: Final = "AWS::CodeBuild::Project"
_PHASES: Final = ("install", "pre_build", "build", "post_build")
#: Formats of report groups that hold the results of tests; the others hold coverage.
_TEST_REPORTS: Final = frozenset(
    {"JUNITXML", "NUNITXML", "NUNIT3XML", "CUCUMBERJSON", "VISUALSTUDIOTRX", "TESTNGXML"}
)
_DEPLOYS: Final = frozenset({"deploy", "deployment", "release", "promote"})


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a specification, where it stands in the template."""

    text: str
    span: Span
    soft: str


@dataclass(frozen=True, slots=True)
class Specification:
    """An inline build specification; ``reports`` are the formats of its report groups."""

    commands: tuple[Command, ...]
    reports: tuple[str, ...] = ()


def specification(template: Template, project: Node | None) -> Specification | str:
    """The specification that a project runs, else the words that say where it stands."""
    found = template.named(project, "Name", PROJECT)
    if found is None:
        name = text(project) or "the project"
        return f"what {name} runs is set on that CodeBuild project, which is not in this file"
    node = field(mapping(found.properties.get("Source")), "BuildSpec")
    spec = text(node)
    if node is None or not spec:
        return f"what {found.name} runs stands in buildspec.yml"
    if "\n" not in spec and not spec.lstrip().startswith("{"):
        return f"what {found.name} runs stands in {spec}"
    parsed = _parsed(spec, node)
    return parsed or f"the build specification of {found.name} cannot be read as YAML"


def _parsed(spec: str, node: Node) -> Specification | None:
    try:
        root = read(spec, node.span.path)[0].root
    except SourceError:
        return None
    phases = mapping(root.get("phases")) if isinstance(root, Mapping) else None
    if phases is None or not isinstance(root, Mapping):
        return None
    found = [each for name in _PHASES for each in _of_phase(phases.get(name), node)]
    return Specification(tuple(found), tuple(_reports(root.get("reports"))))


def _of_phase(phase: Node | None, node: Node) -> Iterator[Command]:
    if not isinstance(phase, Mapping):
        return
    on_failure = phase.get("on-failure")
    passes = isinstance(on_failure, Scalar) and on_failure.text == "CONTINUE"
    commands = phase.get("commands")
    for item in commands.items if isinstance(commands, Sequence) else (commands,):
        if isinstance(item, Scalar):
            soft = "on-failure: CONTINUE" if passes else softening(item.text)
            yield Command(item.text, _place(item.span, node), soft)


def _place(inner: Span, node: Node) -> Span:
    """Where a line of the specification stands in the file: exact for a block of lines.

    A specification in one line of JSON, or joined of pieces, is shown as a whole.
    """
    span = node.span
    if isinstance(node, Scalar) and not node.plain and span.end_line > span.line:
        line = span.line + inner.line
        if line <= span.end_line:
            return Span(span.path, line, 1, line, 1)
    return Span(span.path, span.line, span.column, span.line, span.column)


def _reports(reports: Node | None) -> Iterator[str]:
    for entry in reports.entries.values() if isinstance(reports, Mapping) else ():
        group = entry.value
        written = group.get("file-format") if isinstance(group, Mapping) else None
        yield written.text if isinstance(written, Scalar) else "JUNITXML"


def steps_of(name: str, place: Span, found: Specification | str, uses: str) -> tuple[Step, ...]:
    """The steps of an action that runs a project: one for each kind of command that it holds."""
    if isinstance(found, str):
        return (_unseen(name, place, found, uses),)
    steps: dict[StepKind, Step] = {}
    for command in found.commands:
        kind, sure = classify("", command.text, None)
        if kind is not StepKind.OTHER and kind not in steps:
            told: Fact[StepKind] = Fact(kind, command.span, Provenance.INFERRED, sure)
            steps[kind] = _step(name, told, command.text, uses, command.soft)
    if StepKind.UNIT not in steps and _TEST_REPORTS & set(found.reports):
        reported: Fact[StepKind] = Fact(StepKind.UNIT, place, Provenance.INFERRED, 0.7)
        steps[StepKind.UNIT] = _step(name, reported, "", uses, "")
    return tuple(steps.values()) or (_plain(name, place, found, uses),)


def _step(name: str, kind: Fact[StepKind], run: str, uses: str, soft: str) -> Step:
    place = kind.span
    return Step(
        name=Fact(name, place),
        kind=kind,
        run=Fact(run or None, place),
        uses=Fact(uses, place),
        soft=Fact(soft or None, place),
        timeout=Fact(None, place),
    )


def _plain(name: str, place: Span, found: Specification, uses: str) -> Step:
    """A project whose commands say nothing: its name may, else it is something else."""
    run = "\n".join(command.text for command in found.commands)
    kind, sure = classify(name, run, None)
    return _step(name, Fact(kind, place, Provenance.INFERRED, sure), run, uses, "")


def _unseen(name: str, place: Span, note: str, uses: str) -> Step:
    """A project that is not seen: its action's name may say what it does.

    A build may hold tests as well, so a name that only says "build" leaves open what it does.
    """
    kind = kind_by_name(name)
    known = kind not in (None, StepKind.BUILD)
    return Step(
        name=Fact(name, place),
        kind=Fact(kind or StepKind.OTHER, place, Provenance.INFERRED, 0.7, note)
        if known
        else elsewhere(place, note),
        run=elsewhere(place, note),
        uses=Fact(uses, place),
        soft=elsewhere(place, note),
        timeout=Fact(None, place),
    )


def kind_by_name(name: str) -> StepKind | None:
    """What an action's name says; one that builds and deploys deploys."""
    kind = named(name)
    deploys = _DEPLOYS & set(words(name))
    return StepKind.DEPLOY if kind in (StepKind.BUILD, None) and deploys else kind

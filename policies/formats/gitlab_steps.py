"""Steps of a GitLab job: each line of its script, and what its reports prove.

A report type is a typed construct: a job that hands in a ``sast`` report has run one, whatever its
commands are called.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from policies.classify import GUESSED, NAMED, classify, named
from policies.facts import SURE, Fact, Provenance, unknown
from policies.findings import Span
from policies.formats.gitlab_jobs import Job
from policies.formats.gitlab_rules import Start, duration
from policies.formats.softeners import softener
from policies.frozen import replace
from policies.pipeline import Step, StepKind
from policies.references import Reference, ReferenceKind, image
from policies.source import Mapping, Node, Scalar, Sequence

#: What a report of ``artifacts:reports`` proves; types that prove no test are left out.
REPORTS: Final = {
    "junit": StepKind.UNIT,
    "codequality": StepKind.LINT,
    "coverage_report": StepKind.COVERAGE,
    "cobertura": StepKind.COVERAGE,
    "sast": StepKind.SAST,
    "dependency_scanning": StepKind.SCA,
    "container_scanning": StepKind.SCA,
    "cluster_image_scanning": StepKind.SCA,
    "license_scanning": StepKind.SCA,
    "secret_detection": StepKind.SECRETS,
    "dast": StepKind.DAST,
    "api_fuzzing": StepKind.DAST,
    "coverage_fuzzing": StepKind.DAST,
    "load_performance": StepKind.LOAD,
    "cyclonedx": StepKind.SBOM,
}
#: Reports of which the file that configures the tool says what they are about.
_CONFIGURED: Final = {"codequality": 0.6}
#: GitLab starts a failed job again at most so often.
_RETRIES: Final = ("0", "1", "2")


def steps_of(
    job: Job, start: Start, texts: dict[str, list[str]], *, children: bool
) -> tuple[Step, ...]:
    """All steps of a job; ``texts`` are the lines of every file, by its path.

    ``children`` says that the jobs of the pipeline that it starts are read themselves.
    """
    reader = _Reader(job, start, texts)
    if "trigger" in job.body.entries:
        return (reader.call(children=children),)
    steps = [*reader.lines("before_script"), *_telling(job, list(reader.lines("script")))]
    if "script" not in job.body.entries and job.missing:
        steps.append(reader.hidden())
    steps.extend(reader.reports(steps))
    return tuple(steps)


def _telling(job: Job, steps: list[Step]) -> list[Step]:
    """Of several commands that only the job's name speaks of, the last one is what it is named for.

    Where a command is known to be of that kind, the others prepare it.
    """
    said = named(job.name)
    guessed = [at for at, step in enumerate(steps) if _by_name(step, said)]
    known = any(step.kind.value is said and step.kind.confidence > NAMED for step in steps)
    for at in guessed if known else guessed[:-1]:
        kind = replace(steps[at].kind, value=StepKind.OTHER, confidence=GUESSED)
        steps[at] = replace(steps[at], kind=kind)
    return steps


def _by_name(step: Step, said: StepKind | None) -> bool:
    return step.kind.value is said and step.kind.confidence == NAMED


class _Reader:
    def __init__(self, job: Job, start: Start, texts: dict[str, list[str]]) -> None:
        self.job = job
        self.texts = texts
        self.soft = _soft(job, start)
        self.timeout = _timeout(job)
        self.retries = _retries(job.get("retry"))
        self.images = _images(job)

    def lines(self, key: str) -> Iterator[Step]:
        """The commands of a key, each a step; what a reference hides is one unknown step."""
        node = self.job.get(key)
        items = node.items if isinstance(node, Sequence) else (node,)
        for item in items:
            if isinstance(item, Scalar) and item.text.strip():
                yield self._line(item, self.job.name if key == "script" else "")
            elif isinstance(item, Sequence):
                yield from self._nested(item, key)

    def _nested(self, item: Sequence, key: str) -> Iterator[Step]:
        if item.tag == "!reference":
            path = ", ".join(each.text for each in item.items if isinstance(each, Scalar))
            yield self._hidden(item.span, f"!reference [{path}] names nothing in these files")
            return
        # An alias of a list inside a list: GitLab flattens it.
        for each in item.items:
            if isinstance(each, Scalar) and each.text.strip():
                yield self._line(each, self.job.name if key == "script" else "")

    def _line(self, item: Scalar, name: str) -> Step:
        kind, sure = classify(name, self.job.expanded(item.text), None)
        lines = self.texts.get(item.span.path, [])
        first, _, more = item.text.strip().partition("\n")
        # Of a long script its job's name says more than its first line.
        return self._step(
            self.job.name if name and (more or first.startswith("/analyzer")) else first,
            _visible(item.span),
            Fact(kind, _visible(item.span), Provenance.INFERRED, sure),
            run=item,
            soft=softener(item, lines) if lines else None,
        )

    def hidden(self) -> Step:
        """The script of a job whose base is in no file: its name may say what it does."""
        bases = ", ".join(self.job.missing)
        return self._hidden(self.job.place("extends"), f"{bases} is defined in no file in sight")

    def call(self, *, children: bool) -> Step:
        """A job that starts another pipeline; where its jobs are read, nothing is hidden."""
        if children:
            place = self.job.place("trigger")
            return self._step(self.job.name, place, Fact(StepKind.OTHER, place))
        return self._hidden(self.job.place("trigger"), "the pipeline that it starts is not read")

    def _hidden(self, span: Span, note: str) -> Step:
        kind = named(self.job.name)
        # "test" alone may be any kind of test; "unit test" says which.
        plain = kind is StepKind.UNIT and "unit" not in self.job.name.lower()
        sure = GUESSED if plain else NAMED
        fact: Fact[StepKind] = (
            Fact(kind, span, Provenance.INFERRED, sure, note) if kind else unknown(span, note)
        )
        return self._step(self.job.name, span, fact)

    def reports(self, steps: list[Step]) -> Iterator[Step]:
        """What reports and ``coverage`` prove beyond the commands that were known by name."""
        seen = {step.kind.value for step in steps if step.kind.confidence >= SURE}
        for name, path in _reports(self.job):
            kind, sure = REPORTS[name], _CONFIGURED.get(name, 0.9)
            if name == "junit":
                # Any kind of test hands in this report; what the commands said is more exact.
                if seen & _TESTS:
                    continue
                # So do linters and scanners: without a name that says "test" it is a guess.
                said = named(self.job.name)
                kind, sure = (said, sure) if said in _HANDING_IN else (kind, NAMED)
            if kind not in seen:
                seen.add(kind)
                fact = Fact(kind, path.span, confidence=sure)
                yield self._step(f"{name} report", path.span, fact)
        if "coverage" in self.job.body.entries and StepKind.COVERAGE not in seen:
            place = self.job.place("coverage")
            yield self._step("coverage", place, Fact(StepKind.COVERAGE, place))

    def _step(
        self,
        name: str,
        span: Span,
        kind: Fact[StepKind],
        *,
        run: Scalar | None = None,
        soft: Fact[str | None] | None = None,
    ) -> Step:
        # Images belong to the job; its first step stands for it.
        images, self.images = self.images, ()
        return Step(
            name=Fact(name, span),
            kind=kind,
            run=Fact(run.text if run else None, run.span if run else span),
            uses=Fact(None, span),
            soft=self.soft or soft or Fact(None, span),
            timeout=self.timeout,
            retries=self.retries,
            references=images,
        )


#: Kinds of jobs that may well hand in a report in JUnit's form.
_HANDING_IN: Final = frozenset(StepKind) - {
    StepKind.BUILD,
    StepKind.PUBLISH,
    StepKind.DEPLOY,
    StepKind.OTHER,
    StepKind.NOTIFY,
}
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


def _visible(span: Span) -> Span:
    """The first line of a block of many: its mark is all that one caret can show."""
    if span.line == span.end_line:
        return span
    return Span(span.path, span.line, span.column, span.line, span.column + 1)


def _soft(job: Job, start: Start) -> Fact[str | None] | None:
    """The construct by which the failure of a whole job passes."""
    if start.optional:
        return Fact("when: manual without allow_failure: false", start.cases[0].span)
    return Fact("allow_failure", job.place("allow_failure")) if start.lets_fail else None


def _reports(job: Job) -> Iterator[tuple[str, Scalar]]:
    artifacts = job.get("artifacts")
    reports = artifacts.get("reports") if isinstance(artifacts, Mapping) else None
    for name, entry in reports.entries.items() if isinstance(reports, Mapping) else ():
        if name in REPORTS:
            yield name, entry.key


def _timeout(job: Job) -> Fact[timedelta | None]:
    found = job.get("timeout")
    if not isinstance(found, Scalar):
        return Fact(None, job.span)
    length = duration(found.text)
    if length is None:
        return unknown(found.span, f"timeout {found.text} is not a length of time")
    return Fact(length, found.span)


def _retries(node: Node | None) -> int:
    found = node.get("max") if isinstance(node, Mapping) else node
    return int(found.text) if isinstance(found, Scalar) and found.text in _RETRIES else 0


def _images(job: Job) -> tuple[Reference, ...]:
    """The image that a job runs in and those of its services, as far as they are its own."""
    services = job.get("services")
    own = [each for each in ("image", "services") if each not in job.inherited]
    nodes = [job.get("image")] if "image" in own else []
    if isinstance(services, Sequence) and "services" in own:
        nodes.extend(services.items)
    names = [node.get("name") if isinstance(node, Mapping) else node for node in nodes]
    return tuple(
        image(job.expanded(each.text), ReferenceKind.CI_IMAGE, each.span)
        for each in names
        if isinstance(each, Scalar) and each.text
    )

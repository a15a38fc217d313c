"""Analysis of Argo Rollouts: which templates judge a rollout, and what of it is in this file."""

from collections.abc import Iterator, Sequence
from typing import Final

from policies.classify import classify
from policies.facts import Fact, Provenance
from policies.fields import texts
from policies.findings import Span
from policies.formats.kubernetes import at, group, listed, word
from policies.guards import Analysis
from policies.pipeline import Step, StepKind
from policies.source import Mapping, Scalar, Source

KINDS: Final = frozenset({"AnalysisTemplate", "ClusterAnalysisTemplate"})


class Templates:
    """The analysis templates of all documents of a file, by name."""

    def __init__(self, documents: Sequence[Source]) -> None:
        self._found: dict[str, Mapping] = {}
        for source in documents:
            root = source.root
            if isinstance(root, Mapping) and word(root, "kind") in KINDS:
                spec = group(root, "spec")
                if spec is not None:
                    self._found.setdefault(word(root, "metadata", "name"), spec)

    def analyses(self, run: Mapping, span: Span, *, background: bool) -> tuple[Analysis, ...]:
        """One for each template that an analysis names; ``span`` is its visible key."""
        ignored = tuple(word(each, "metricName") for each in listed(run, "dryRun"))
        return tuple(
            self._analysis(name, at_name or span, ignored, background=background)
            for name, at_name in _named(run)
        )

    def _analysis(
        self, name: str, span: Span, ignored: tuple[str, ...], *, background: bool
    ) -> Analysis:
        spec = self._found.get(name)
        metrics = tuple(listed(spec, "metrics")) if spec else ()
        more = tuple(word(each, "metricName") for each in listed(spec, "dryRun"))
        return Analysis(
            name=name,
            span=span,
            metrics=tuple(word(each, "name") for each in metrics),
            metrics_known=spec is not None,
            dry_run=tuple("*" if each == ".*" else each for each in (*ignored, *more)),
            failure_limit=_limit(metrics) if spec else None,
            # A result that decides nothing pauses the rollout until a person looks.
            inconclusive="hold",
            baseline=_baseline(metrics) if spec else None,
            background=background,
        )

    def steps(self, run: Mapping, span: Span) -> Iterator[Step]:
        """The jobs of the templates that an analysis names: each may be a test of its own."""
        for name, at_name in _named(run):
            for metric in listed(self._found.get(name), "metrics"):
                job = group(metric, "provider", "job")
                if job is not None:
                    yield _job(word(metric, "name") or name, job, at_name or span)


def _named(run: Mapping) -> Iterator[tuple[str, Span | None]]:
    """The templates of an analysis; the first releases of the tool had one, without a list."""
    for each in listed(run, "templates"):
        node = at(each, "templateName")
        yield word(each, "templateName"), node.span if isinstance(node, Scalar) else None
    node = at(run, "templateName")
    if isinstance(node, Scalar):
        yield node.text, node.span


def _limit(metrics: Sequence[Mapping]) -> int:
    """The largest number of failures that a metric may have, -1 where one may fail for ever."""
    limits = []
    for metric in metrics:
        text = word(metric, "failureLimit") or word(metric, "maxFailures")
        limits.append(int(text) if text.lstrip("-").isdecimal() and len(text) <= 9 else 0)  # noqa: PLR2004 - a count
    return min(limits) if any(each < 0 for each in limits) else max(limits, default=0)


def _baseline(metrics: Sequence[Mapping]) -> str:
    """Only the canary judge of Kayenta compares with the stable version by itself."""
    providers = {
        name for metric in metrics for name in (group(metric, "provider") or metric).entries
    }
    return "concurrent" if "kayenta" in providers else ""


def _job(name: str, job: Mapping, span: Span) -> Step:
    container = next(listed(job, "spec", "template", "spec", "containers"), None)
    words = (*texts(at(container, "command")), *texts(at(container, "args")))
    run = " ".join(words) or None
    kind, sure = classify(name, run, None)
    image = word(container, "image")
    if kind is StepKind.OTHER and image:
        kind, sure = classify(name, image.rpartition("/")[2].partition(":")[0], None)
    return Step(
        name=Fact(name, span),
        kind=Fact(kind, span, Provenance.INFERRED, sure),
        run=Fact(run, span),
        uses=Fact(image or None, span),
        soft=Fact(None, span),
        timeout=Fact(None, span),
    )

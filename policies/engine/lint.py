"""Lint: every rule over every pipeline of one file, stamped, waived and sorted.

A rule that crashes is reported and the others go on: one defect of ours must not hide what the rest
found. Rules of the engine stand beside the catalogue: ``readable`` for what could not be read,
``ignore-valid`` for ignores and ``exception-stale`` for exceptions that do nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from policies.engine.announcement import announced
from policies.engine.budget import LINT_BUDGET, RULE_SECONDS, Budget, OverBudget, unlimited
from policies.engine.tiers import asked_at_tier, tier_of
from policies.exceptions import NO_EXCEPTIONS, Exceptions
from policies.findings import Enforcement, Finding, Problem, Result, Severity, Span
from policies.formats import Read, Unreadable
from policies.frozen import dataclass, field, replace
from policies.ignores import Ignores, read_ignores
from policies.pipeline import Pipeline
from policies.ruleset import Effective, Resolved
from policies.ruleset.impact import bake_factor
from policies.surroundings import Surroundings
from policies.waivers import Waivers
from policies.windows import long_freezes

if TYPE_CHECKING:
    from policies.engine.custom import Heard
    from policies.rego.port import Rego

#: Ids that the engine itself reports; they cannot be waived, because nothing was evaluated.
READABLE: Final = "readable"
INTERNAL: Final = "internal"
IGNORE_VALID: Final = "ignore-valid"
EXCEPTION_STALE: Final = "exception-stale"

_place: Final = attrgetter("span")
#: What many problems of one rule amount to, the first that occurs.
_WORST: Final = (Result.FAIL, Result.UNKNOWN, Result.WAIVED, Result.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class PipelineReport:
    """What every rule that ran said about one pipeline."""

    name: str
    organization: str
    results: Mapping[str, Result]


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file that was read. ``text`` is what excerpts are cut from.

    ``parts`` are the texts of other files that it brings in, by their paths: findings point there.
    """

    path: str
    format: str
    pipelines: tuple[PipelineReport, ...]
    findings: tuple[Finding, ...]
    text: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)

    def text_of(self, path: str) -> str:
        """The text that a place in ``path`` lies in; empty where it was not read."""
        return self.text if path == self.path else self.parts.get(path, "")

    @property
    def crashed(self) -> bool:
        return any(each.rule == INTERNAL for each in self.findings)

    @property
    def blocks(self) -> bool:
        return any(
            each.enforcement is Enforcement.BLOCK and each.result is not Result.WAIVED
            for each in self.findings
        )


def lint(
    read: Read,
    rulesets: Callable[[Pipeline], Resolved],
    at: datetime,
    exceptions: Callable[[Pipeline], Exceptions] = lambda _: NO_EXCEPTIONS,
    rego: "Callable[[], Rego] | None" = None,
    *,
    budget: Budget = unlimited,
) -> FileReport:
    """Judge one file. ``rulesets`` and ``exceptions`` give what holds for a pipeline at ``at``.

    ``rego`` gives what evaluates custom rules, and is called only where there are some; without it
    each of them is told to be unevaluated. ``budget`` limits how long one rule may take.
    """
    ignores = read_ignores(read.source, *read.parts)
    findings = [_unreadable(each) for each in read.problems]
    reports = []
    forbidden: frozenset[str] = frozenset()
    known: set[str] = set()
    for pipeline in read.pipelines:
        resolved = rulesets(pipeline)
        forbidden |= resolved.exceptions.forbidden
        waivers = Waivers(exceptions(pipeline), resolved.exceptions, at)
        whole = _surrounded(pipeline, resolved, waivers)
        asked = asked_at_tier(resolved, whole)
        heard = _heard(rego, resolved, whole, asked, at)
        run = _Run(whole, resolved, waivers, ignores, heard, budget)
        results = {}
        for effective in asked:
            results[effective.rule.id], found = run.rule(effective)
            findings.extend(found)
        known |= resolved.rules.keys()
        findings.extend(run.stale(results))
        findings.extend(run.baseline(results))
        reports.append(PipelineReport(pipeline.name, resolved.organization, results))
    # Whether an ignore of another file does something is told where that file is judged itself.
    told = _complaints(ignores, forbidden, known, _named(read))
    findings.extend(each for each in told if each.span.path == read.path)
    return FileReport(
        path=read.path,
        format=read.format,
        pipelines=tuple(reports),
        findings=tuple(sorted(findings, key=_order)),
        text=read.source.text if read.source else "",
        parts={each.path: each.text for each in read.parts},
    )


def _surrounded(pipeline: Pipeline, resolved: Resolved, waivers: Waivers) -> Pipeline:
    """The pipeline with what its organization says about it, which its own file cannot know."""
    return replace(
        pipeline,
        around=Surroundings(
            windows=bool(resolved.placed),
            granted=waivers.granted(pipeline.name, resolved.zone),
            freezes=long_freezes(resolved.windows, waivers.at, tier_of(pipeline)),
        ),
        bake_factor=bake_factor(pipeline, resolved),
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """One pipeline under its rules."""

    pipeline: Pipeline
    resolved: Resolved
    waivers: Waivers
    ignores: Ignores
    heard: "Heard | None"
    budget: Budget
    used: set[str] = field(default_factory=set)
    """Ids of the exemptions and opt-outs that set a finding aside."""

    def rule(self, effective: Effective) -> tuple[Result, list[Finding]]:
        try:
            with self.budget(RULE_SECONDS):
                problems = self._problems(effective)
        except OverBudget:
            return Result.UNKNOWN, [self._slow(effective.rule.id)]
        except Exception as error:  # noqa: BLE001 - whatever a rule raises, the others still run
            return Result.UNKNOWN, [self._crash(effective, error)]
        if not problems:
            return Result.PASS, []
        shown = [each for each in problems if each.result is not Result.NOT_APPLICABLE]
        findings = self._stamped(effective, shown)
        if not self.waivers.exceptions.none:
            findings = [self._waived(each) for each in findings]
        elif lines := self.ignores.lines:
            findings = [
                self._waived(each) if each.span.line in lines else each for each in findings
            ]
        silent = {each.result for each in problems}
        told = {each.result for each in findings} or silent
        if len(findings) < len(shown) and Result.UNKNOWN in silent:
            told |= {Result.UNKNOWN}
        worst = next((each for each in _WORST if each in told), Result.PASS)
        return worst, findings

    def stale(self, results: Mapping[str, Result]) -> Iterator[Finding]:
        """Exceptions that set nothing aside, because what they are about passes now.

        Of a rule that a gate asks too, a file alone does not say that it passes.
        """
        if self.waivers.exceptions.none:
            return
        told_here = {
            name: result
            for name, result in results.items()
            if not self.resolved.rules[name].rule.gates
        }
        for each in self.waivers.unused(self.pipeline.name, self.used, told_here):
            yield self._needless(
                each.span or self.pipeline.span,
                each.id,
                f"{each.kind} {each.id} is not needed: {each.rule} passes without it",
                f"Remove {each.id}, so that {each.rule} holds from now on.",
            )

    def baseline(self, results: Mapping[str, Result]) -> Iterator[Finding]:
        """What the baseline holds in vain, and that it is over."""
        baseline = self.waivers.exceptions.baseline
        known = baseline.of(self.pipeline.name) if baseline else ()
        if baseline and known and (over := self.waivers.baseline_ended(baseline)):
            yield self._needless(
                baseline.ends,
                "baseline",
                f"the baseline {over}; what it knew of {self.pipeline.name} counts",
                "Mend what it holds, then delete the file; what must stay needs an exemption.",
            )
        for each, why in self.waivers.outdated(self.pipeline.name, self.used, results):
            yield self._needless(
                each.span,
                each.fingerprint,
                f"known finding of {each.rule} in {each.pipeline}: {why}",
                "Delete its line.",
            )

    def _needless(self, span: Span, what: str, told: str, fix: str) -> Finding:
        return Finding(
            rule=EXCEPTION_STALE,
            pipeline=self.pipeline.name,
            result=Result.FAIL,
            enforcement=Enforcement.WARN,
            severity=Severity.LOW,
            message=told,
            span=span,
            identity=(EXCEPTION_STALE, self.pipeline.name, what, 0),
            fix=fix,
            docs=_docs(EXCEPTION_STALE),
        )

    def _problems(self, effective: Effective) -> list[Problem]:
        if self.heard and effective.rule.module:
            return self.heard.problems(effective.rule)
        run = effective.rule.lint
        return list(run(self.pipeline, effective.params)) if run else []

    def _stamped(self, effective: Effective, problems: list[Problem]) -> list[Finding]:
        rule, pipeline = effective.rule, self.pipeline.name
        docs = _docs(rule.id)
        seen: dict[str, int] = {}
        found = []
        for problem in sorted(problems, key=_place) if len(problems) > 1 else problems:
            level = _level(problem, effective)
            occurrence = seen.get(problem.where, 0)
            seen[problem.where] = occurrence + 1
            if level is Enforcement.OFF:
                continue
            found.append(
                Finding(
                    rule=rule.id,
                    pipeline=pipeline,
                    result=problem.result,
                    enforcement=level,
                    severity=rule.severity,
                    message=announced(problem.message, effective, self.resolved.zone),
                    span=problem.span,
                    identity=(rule.id, pipeline, problem.where, occurrence),
                    fix=problem.fix,
                    docs=docs,
                    related=problem.related,
                )
            )
        return found

    def _waived(self, finding: Finding) -> Finding:
        if finding.rule in self.resolved.exceptions.forbidden:
            return finding
        waiver = self.waivers.covering(self.pipeline.name, finding.rule, finding.fingerprint)
        if waiver:
            self.used.add(waiver.id)
        by = self.ignores.covering(finding) or (waiver.told if waiver else "")
        return replace(finding, result=Result.WAIVED, waived_by=by) if by else finding

    def _crash(self, effective: Effective, error: Exception) -> Finding:
        crashed = effective.rule.id
        what = f"crashed ({type(error).__name__}: {error})"
        fix = "Please report this with the file; until then, set the rule to off."
        if module := effective.rule.module:
            what = f"could not be evaluated: {error}"
            fix = f"Ask {module.owner}, who owns {module.path}; until then, set the rule to off."
        return Finding(
            rule=INTERNAL,
            pipeline=self.pipeline.name,
            result=Result.UNKNOWN,
            enforcement=Enforcement.BLOCK,
            severity=Severity.HIGH,
            message=f"rule {crashed!r} {what}; the others ran",
            span=self.pipeline.span,
            identity=(INTERNAL, self.pipeline.name, crashed, 0),
            fix=fix,
            docs=_docs(crashed),
        )

    def _slow(self, slow: str) -> Finding:
        return Finding(
            rule=LINT_BUDGET,
            pipeline=self.pipeline.name,
            result=Result.UNKNOWN,
            enforcement=Enforcement.WARN,
            severity=Severity.MEDIUM,
            message=f"rule {slow!r} took more than {RULE_SECONDS:g} s and was stopped; "
            "the others ran",
            span=self.pipeline.span,
            identity=(LINT_BUDGET, self.pipeline.name, slow, 0),
            fix="Please report this with the file; until then, set the rule to off.",
            docs=_docs(LINT_BUDGET),
        )


def _heard(
    rego: "Callable[[], Rego] | None",
    resolved: Resolved,
    pipeline: Pipeline,
    asked: Iterable[Effective],
    at: datetime,
) -> "Heard | None":
    """The answers of all custom rules about one pipeline; None where there is no such rule."""
    custom = [each for each in asked if each.rule.module]
    if not custom:
        return None
    # Imported here: few rulesets have custom rules, and lint must start fast for the others.
    from policies.engine.custom import ask_lint  # noqa: PLC0415 - see above

    return ask_lint(rego() if rego else None, resolved, pipeline, custom, at)


def _level(problem: Problem, effective: Effective) -> Enforcement:
    """How hard one problem is held against its pipeline; ``OFF`` leaves it out."""
    if problem.result is Result.UNKNOWN:
        means = effective.on_unknown_lint
        if means == "ignore":
            return Enforcement.OFF
        return min(effective.enforcement, Enforcement.of(means))
    if problem.inferred:
        return min(effective.enforcement, Enforcement.WARN)
    return effective.enforcement


def _unreadable(problem: Unreadable) -> Finding:
    rule, level = READABLE, Enforcement.BLOCK
    fix = "Correct the file, or leave it out of the paths to lint."
    if problem.templated:
        level = Enforcement.WARN
        fix = "Render the template and lint what comes out of it."
    elif problem.slow:
        rule, level = LINT_BUDGET, Enforcement.WARN
        fix = "Please report this with the file; until then, leave it out of the paths to lint."
    return Finding(
        rule=rule,
        pipeline="",
        result=Result.FAIL if rule == READABLE else Result.UNKNOWN,
        enforcement=level,
        severity=Severity.HIGH,
        message=problem.message,
        span=problem.span,
        identity=(rule, "", problem.span.path, 0),
        fix=fix,
        docs=_docs(rule),
    )


def _complaints(
    ignores: Ignores, forbidden: frozenset[str], known: AbstractSet[str], file: str
) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for ignore, message, fix in ignores.complaints(forbidden, known):
        names = ",".join(ignore.rules)
        occurrence = seen.get(names, 0)
        seen[names] = occurrence + 1
        yield Finding(
            rule=IGNORE_VALID,
            pipeline="",
            result=Result.FAIL,
            enforcement=Enforcement.WARN,
            severity=Severity.LOW,
            message=message,
            span=ignore.span,
            identity=(IGNORE_VALID, file, names, occurrence),
            fix=fix[0].upper() + fix[1:] + ".",
            docs=_docs(IGNORE_VALID),
        )


def _named(read: Read) -> str:
    """A name of a file that its path changes only where it has no pipeline."""
    return " ".join(sorted(each.name for each in read.pipelines)) or read.path


def _docs(rule: str) -> str:
    return f"bakegate explain {rule}"


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    span = finding.span
    return span.path, span.line, span.column, finding.rule, finding.message

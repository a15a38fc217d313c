"""Pipeline files of every known format, told apart by content and read into one model."""

from typing import Final

from policies.documents import DocumentError
from policies.fields import Calendars
from policies.findings import Span
from policies.formats.files import File, Files, Refused
from policies.formats.follower import Follower
from policies.formats.foreign import tool_of, tool_of_text
from policies.formats.model import Beside, Format, Read, Unreadable
from policies.overlay import Overlay, apply
from policies.pipeline import Pipeline
from policies.source import Source, SourceError, read

__all__ = [
    "FORMATS",
    "Beside",
    "File",
    "Files",
    "Format",
    "Read",
    "Refused",
    "Unreadable",
    "read_pipelines",
]

#: In the order in which they are asked; the first that knows a document reads it.
FORMATS: Final = (
    Format("bakegate", "Bakegate pipeline (bakegate/pipeline/v1)", "bakegate", key="schema"),
    Format("github-actions", "GitHub Actions workflow", "github_actions", key="jobs"),
    Format("codepipeline", "AWS CodePipeline", "codepipeline"),
    Format("argo-rollouts", "Argo Rollouts", "argo_rollouts"),
    Format("flagger", "Flagger Canary", "flagger"),
    Format("azure-pipelines", "Azure Pipelines", "azure_pipelines"),
    Format("gitlab-ci", "GitLab CI", "gitlab_ci"),
    Format("spinnaker", "Spinnaker pipeline", "spinnaker"),
)


def read_pipelines(
    text: bytes,
    path: str,
    overlay: Overlay | None = None,
    *,
    calendars: Calendars = None,
    files: Files | None = None,
) -> Read:
    """Read all pipelines of a file; whatever the bytes, what is wrong is a problem, never an error.

    ``path`` is as the overlay writes it: relative to the repository's root, with ``/``. ``files``
    gives the other files of the repository; without it what they would bring in is unknown.
    """
    try:
        sources = read(text, path)
    except SourceError as error:
        return Read(path, "", (), None, (_no_document(error, text),))
    follower = Follower(files)
    beside = Beside(tuple(sources), calendars, follower)
    pipelines: list[Pipeline] = []
    problems: list[Unreadable] = []
    name = ""
    for source in sources:
        known = next((each for each in FORMATS if each.detect(source)), None)
        if known is None:
            continue
        name = name or known.name
        try:
            read_here, found = known.reader.read(source, beside)
            problems.extend(found)
            pipelines.extend(apply(overlay, each, path) if overlay else each for each in read_here)
        except DocumentError as error:
            problems.extend(Unreadable(issue.span, issue.message) for issue in error.issues)
    if not name:
        problems.append(_unknown(sources[0]))
    problems.extend(_unreadable(each) for each in follower.problems)
    # Comments of later documents speak as well as those of the first.
    parts = (*sources[1:], *follower.parts.values())
    return Read(path, name, tuple(pipelines), sources[0], tuple(problems), parts)


def _unreadable(error: SourceError) -> Unreadable:
    return Unreadable(error.span, error.message, error.templated)


def _no_document(error: SourceError, text: bytes) -> Unreadable:
    tool = "" if error.templated else tool_of_text(text)
    return Unreadable(error.span, _foreign(tool)) if tool else _unreadable(error)


def _unknown(source: Source) -> Unreadable:
    start = source.root.span
    span = Span(source.path, start.line, start.column, start.line, start.column)
    return Unreadable(span, _foreign(tool_of(source)))


def _foreign(tool: str) -> str:
    what = (
        f"a file of {tool}, which is not read" if tool else "not a pipeline file of a known format"
    )
    return f"{what}; known are {', '.join(each.title for each in FORMATS)}"

"""What a GitHub Actions step can reach, and whether others than its authors decide what it runs."""

from typing import Final

from policies.facts import Fact
from policies.formats.github_workflow import Workflow, expressions, leaves
from policies.patterns import pattern
from policies.source import Mapping, Scalar

_SECRET: Final = pattern(r"\bsecrets(?:\.([A-Za-z_]\w*)|\[\s*'([^']+)'\s*\])")
#: Its rights are what ``permissions`` tells, so it is no secret of its own.
_OF_THE_RUN: Final = "GITHUB_TOKEN"
_CHANGE: Final = pattern(
    r"github\.event\.pull_request\.(?:head\b|number|merge_commit_sha)|github\.head_ref"
    r"|github\.event\.workflow_run\.head_|refs/pull/|github\.event\.issue\.number"
)
_FETCH: Final = pattern(r"\bgh pr checkout\b|\bgit fetch \S+ \+?(?:refs/)?pull/")
#: Words that anybody may write, and the events in which they come with rights or secrets.
_WRITTEN: Final = (
    (
        pattern(
            r"github\.head_ref\b|github\.event\.pull_request\."
            r"(?:title|body|head\.(?:ref|label|repo\.default_branch))\b"
        ),
        frozenset({"pull_request_target"}),
    ),
    (
        pattern(r"github\.event\.issue\.(?:title|body)\b"),
        frozenset({"issues", "issue_comment"}),
    ),
    (
        pattern(r"github\.event\.comment\.body\b"),
        frozenset({"issue_comment", "discussion_comment", "commit_comment"}),
    ),
    (
        pattern(r"github\.event\.discussion\.(?:title|body)\b"),
        frozenset({"discussion", "discussion_comment"}),
    ),
    (
        pattern(
            r"github\.event\.workflow_run\.(?:head_branch|display_title"
            r"|head_commit\.(?:message|author\.(?:name|email)))\b"
        ),
        frozenset({"workflow_run"}),
    ),
    (
        pattern(r"github\.event\.(?:head_commit|commits\S*)\.(?:message|author\.(?:name|email))\b"),
        frozenset({"push"}),
    ),
)


def secrets_in(workflow: Workflow, *nodes: object) -> tuple[str, ...]:
    """Names of the secrets that the nodes mention; ``*`` where all are handed on."""
    if not workflow.secrets:
        return ()
    found: dict[str, None] = {}
    for node in nodes:
        if not isinstance(node, (Mapping, Scalar)) or not workflow.names_secrets(node.span):
            continue
        for leaf in leaves(node):
            for expression in expressions(leaf.text) if "secrets" in leaf.text else ():
                for name in _SECRET.findall(expression):
                    found.setdefault(name[0] or name[1])
    return tuple(name for name in found if name != _OF_THE_RUN)


def untrusted(workflow: Workflow, step: Mapping) -> Fact[str | None] | None:
    """The construct by which content that nobody reviewed runs here with rights or secrets."""
    inputs, event = step.get("with"), workflow.privileged
    inner = inputs if isinstance(inputs, Mapping) else None
    ref = inner.get("ref") if event and inner else None
    if isinstance(ref, Scalar) and _CHANGE.search(ref.text):
        return Fact(f"a checkout of the change under {event}", ref.span)
    for script in (step.get("run"), inner.get("script") if inner else None):
        if not isinstance(script, Scalar):
            continue
        if event and _FETCH.search(script.text):
            return Fact(f"a checkout of the change under {event}", script.span)
        if words := _pasted(workflow, script.text):
            return Fact(f"${{{{ {words} }}}} inside a script", script.span)
    return None


def _pasted(workflow: Workflow, script: str) -> str:
    """The first words of anybody that the script takes in as they are written."""
    asked = [words for words, events in _WRITTEN if events & workflow.events]
    for expression in expressions(script) if asked else ():
        for words in asked:
            if found := words.search(expression):
                return found.group()
    return ""

"""The port of Rego engines: modules and a document in, one answer for each rule out."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from policies.documents import Issue
from policies.frozen import dataclass
from policies.rego.document import Document
from policies.rego.policies import PolicySet


class RegoError(Exception):
    """The engine as a whole did not answer: missing, unreachable, too slow, not authorized."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one rule answered, as plain JSON; ``error`` says why there is no answer."""

    value: Any = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """``engine`` is its name and version; ``said`` lacks a rule whose answer is undefined."""

    engine: str
    said: Mapping[str, Answer]


class Rego(Protocol):
    """An engine that evaluates custom rules. Two engines give the same answers."""

    def ask(self, policies: PolicySet, half: str, document: Document) -> Answers:
        """Evaluate ``half`` of the rules that the document names; raises RegoError."""
        ...

    def check(self, policies: PolicySet) -> Sequence[Issue]:
        """What the engine's compiler says against the modules; raises RegoError."""
        ...

    def name(self) -> str:
        """The engine's name and version, after asking whether it is well; raises RegoError."""
        ...

    def close(self) -> None:
        """Let go of connections and processes."""
        ...


def ask(rego: Rego, policies: PolicySet, half: str, document: Document) -> Answers:
    """The answer of every rule that the document names; a missing one is an error, never a pass."""
    asked = document.data["rules"]
    try:
        answers = rego.ask(policies, half, document)
    except RegoError as error:
        return Answers("", {name: Answer(error=str(error)) for name in asked})
    undefined = Answer(error=f"its `{half}` is undefined for this document")
    return Answers(answers.engine, {name: answers.said.get(name, undefined) for name in asked})

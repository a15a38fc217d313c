"""What a step is, and what an environment is for: tables as data, one classifier, a confidence.

Commands are looked up by their first word after splitting a script into commands, so that words in
comments, messages and paths say nothing. A name says less than a command, and never more than 0.75.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final

from policies.classify.data import table
from policies.frozen import dataclass
from policies.patterns import pattern
from policies.pipeline import StageKind, StepKind

#: What a name alone is worth, and what a script is worth of which nothing is known.
NAMED: Final = 0.7
GUESSED: Final = 0.5
#: A test runner whose name says which kind of test it runs.
REFINED: Final = 0.8

#: Each way begins with its character: ``re`` passes over all others much faster then.
_SPLIT: Final = pattern(r"\n|&&|\|\||;|\|(?<!\|\|)(?!\|)|\$\(")
#: A command that is only asked which version it is, or how it is used.
_ASKED: Final = pattern(r"--?(?:version|help)\b|-V\b")
#: Tests that a command leaves out say nothing of those that it runs.
_LEFT_OUT: Final = pattern(
    r"--?[\w-]*(?:ignore|exclude)[\w-]*[= ]\S+|[\"']not [^\"']*[\"']", re.IGNORECASE
)
_ASSIGNMENT: Final = pattern(r"[A-Za-z_][A-Za-z0-9_]*=\S*$")
_WORD: Final = pattern(r"[a-z]+|[0-9]+|[A-Z]+(?![a-z])|[A-Z][a-z]+")
#: An environment that a name says something happens in: its word says nothing of a test.
_TARGET: Final = pattern(r"(?:\s-|\b(?:to|on|in|for|from))\s+test\b", re.IGNORECASE)
_NOTHING: Final[frozenset[str]] = frozenset()
_SLICES: Final = frozenset({"canary", "onebox"})
#: Words that stand beside what is done, and not beside an environment's word.
_FOLLOWING: Final = frozenset({"and", "build", "deploy", "publish", "release", "lint", "push"})
_BESIDE: Final = frozenset({"and", "build", "lint", "continuous"})
#: Endings of scripts whose own name may say what they do.
_SCRIPTS: Final = (".sh", ".py", ".ps1", ".js", ".mjs", ".ts", ".rb")
#: Kinds that a generic test runner may turn out to run, told by the step's name.
_REFINABLE: Final = frozenset(
    {
        StepKind.INTEGRATION,
        StepKind.BROWSER,
        StepKind.CONTRACT,
        StepKind.LOAD,
        StepKind.FAULT,
        StepKind.SMOKE,
        StepKind.DAST,
        StepKind.SECURITY,
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the command table; ``match`` is asked about the words after the command.

    It is a pattern as text: compiling all of them costs more than classifying a file, so each is
    compiled when a command first asks for it, and kept by ``re``.
    """

    match: str | None
    kind: StepKind
    confidence: float


@dataclass(frozen=True, slots=True)
class Tables:
    priority: Mapping[StepKind, int]
    prefixes: frozenset[str]
    plain: frozenset[str]
    commands: Mapping[str, tuple[Row, ...]]
    actions: Mapping[str, tuple[StepKind, float]]
    constructs: Mapping[str, Mapping[str, StepKind]]
    preparing: re.Pattern[str]
    names: Mapping[tuple[str, ...], StepKind]
    environments: Mapping[str, StageKind]
    done: frozenset[str]
    places: re.Pattern[str]
    joined: Mapping[str, frozenset[str]]
    asides: Mapping[StepKind, frozenset[str]]


@cache
def tables() -> Tables:
    data = table("tables") | table("names")
    return Tables(
        priority={StepKind(kind): rank for rank, kind in enumerate(data["priority"])},
        prefixes=frozenset(data["prefixes"]),
        plain=frozenset(data["plain"]),
        commands={word: _rows(rows) for word, rows in data["commands"].items()},
        actions={
            name: (StepKind(row["kind"]), row["confidence"])
            for name, row in data["actions"].items()
        },
        constructs={
            tool: {name: StepKind(kind) for name, kind in rows.items()}
            for tool, rows in data["constructs"].items()
        },
        preparing=pattern(data["preparing"]),
        names={tuple(words.split()): StepKind(kind) for words, kind in data["names"].items()},
        environments={
            word: StageKind(kind) for kind, words in data["environments"].items() for word in words
        },
        done=frozenset(data["done"]),
        places=pattern(data["places"]),
        joined={word: frozenset(more) for word, more in data["joined"].items()},
        asides={StepKind(kind): frozenset(more) for kind, more in data["asides"].items()},
    )


def _rows(rows: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    return tuple(
        Row(
            row.get("match"),
            StepKind(row["kind"]),
            row["confidence"],
        )
        for row in rows
    )


def classify(name: str, run: str | None, uses: str | None) -> tuple[StepKind, float]:
    """What a step is, and how sure that is (0 to 1), from its name, script and action."""
    if uses:
        return _action(uses.lower(), name)
    if run:
        return _script(run, name)
    kind = named(name)
    return (kind, NAMED) if kind else (StepKind.OTHER, GUESSED)


def construct(tool: str, name: str) -> StepKind | None:
    """What a construct of a tool is by the tool's own definition, such as a manual judgment."""
    return tables().constructs[tool].get(name.lower())


@lru_cache(maxsize=2048)
def _action(uses: str, name: str) -> tuple[StepKind, float]:
    known = tables()
    path = uses.partition("@")[0].strip("/")
    parts = path.split("/")
    for key in (path, parts[-1], "/".join(parts[1:]), "/".join(parts[:2])):
        if key in known.actions:
            return known.actions[key]
    if known.preparing.search(path):
        return StepKind.OTHER, 0.95
    # A local action or an unknown one: its own name says what it does, else the step's name.
    kind = named(parts[-1].removesuffix(".yml").removesuffix(".yaml")) or named(name)
    return (kind, NAMED) if kind else (StepKind.OTHER, GUESSED)


@lru_cache(maxsize=2048)
def _script(run: str, name: str) -> tuple[StepKind, float]:
    known = tables()
    best: tuple[int, StepKind, float] | None = None
    sure = True
    for word, rest in commands(run):
        kind, confidence = _command(word, rest)
        if kind is StepKind.OTHER:
            sure = sure and confidence >= REFINED
        elif best is None or known.priority[kind] < best[0]:
            best = (known.priority[kind], kind, confidence)
    hint = named(name)
    if best and best[1] is StepKind.WAIT and not sure:
        # A script that sleeps between things of which nothing is known is no timer.
        best = None
    if best is None:
        if hint and not sure:
            return hint, NAMED
        return StepKind.OTHER, 0.95 if sure else GUESSED
    if best[1] is StepKind.UNIT and hint in _REFINABLE:
        return hint, REFINED
    return best[1], best[2]


def refined(name: str) -> StepKind | None:
    """The kind of test that a name tells, where it says more than that something is tested."""
    kind = named(name)
    return kind if kind in _REFINABLE else None


def commands(run: str) -> Iterator[tuple[str, str]]:
    """The commands of a script: first word without its path, and the rest of its line."""
    known = tables()
    for part in _SPLIT.split(run.replace("\\\n", " ")):
        words = part.split()
        start = 0
        while start < len(words) and _skipped(words[start], known.prefixes):
            # ``timeout 300 pip-audit`` and ``timeout 5m ./x`` name a time in front of the command.
            start += 2 if words[start] == "timeout" and _after_time(words, start) else 1
        if start < len(words) and not words[start].startswith("#"):
            word = words[start].strip("\"'()")
            yield word.rpartition("/")[2] or word, " ".join(words[start + 1 :])


def _after_time(words: list[str], at: int) -> bool:
    return at + 1 < len(words) and words[at + 1][0].isdigit()


def _skipped(word: str, prefixes: frozenset[str]) -> bool:
    return word in prefixes or word[:1] == "-" or ("=" in word and bool(_ASSIGNMENT.match(word)))


def _command(word: str, rest: str) -> tuple[StepKind, float]:
    known = tables()
    if rest[:1] == "-" and _ASKED.match(rest):
        return StepKind.OTHER, 0.9
    said = rest.lower()
    if "ignore" in said or "exclude" in said or "not " in said:
        rest = _LEFT_OUT.sub(" ", rest)
    for row in known.commands.get(word, ()):
        if row.match is None or re.search(row.match, rest):
            return row.kind, row.confidence
    if word in known.plain or word in known.commands:
        return StepKind.OTHER, 0.9
    if word.endswith(_SCRIPTS) and (kind := named(word.rpartition(".")[0])):
        return kind, NAMED
    return StepKind.OTHER, GUESSED


def words(text: str) -> list[str]:
    """Lower-case words of a name, camel case and separators split; ``pre-prod`` is one word."""
    if "e2e" in text.lower():
        text = re.sub("e2e", " endtoend ", text, flags=re.IGNORECASE)
    joined = tables().joined
    found: list[str] = []
    for word in map(str.lower, _WORD.findall(text)):
        if found and word in joined.get(found[-1], ()):
            found[-1] += word
        else:
            found.append("e2e" if word == "endtoend" else word)
    return found


@lru_cache(maxsize=4096)
def named(name: str) -> StepKind | None:
    """What a name says: the longest known run of words, of equally long ones the first."""
    if "${{" in name:
        name = re.sub(r"\$\{\{.*?\}\}", " ", name)
    found = words(_TARGET.sub(" ", name))
    known = tables().names
    for length in (3, 2, 1):
        for start in range(len(found) - length + 1):
            kind = known.get(tuple(found[start : start + length]))
            if kind and length == 1 and tables().asides.get(kind, _NOTHING) & set(found):
                return None
            if kind:
                return kind
    return None


@lru_cache(maxsize=4096)
def environment(name: str) -> StageKind | None:
    """What an environment's, job's or place's name says it is for; None where it says nothing."""
    known = tables().environments
    found = words(name)
    if "to" in found:
        # Of what is promoted from one environment to another, the other one is meant.
        after = found[len(found) - found[::-1].index("to") :]
        found = [*(_reaching(after) if "and" in after else after), *found]
    said = next(
        (known[word] for at, word in enumerate(found) if word in known and not _done(found, at)),
        None,
    )
    # A slice of customers is production, unless the name says of what else it is one.
    return said or (StageKind.PROD if _SLICES & set(found) else None)


def _reaching(places: list[str]) -> list[str]:
    """Of several places the ones that reach customers first: dev and prod."""
    return sorted(places, key=lambda word: tables().environments.get(word) is not StageKind.PROD)


def _done(found: list[str], at: int) -> bool:
    """Whether a word says what is done rather than where: build-test-deploy, stage 2."""
    after = found[at + 1] if at + 1 < len(found) else ""
    if found[at] == "stage":
        return after.isdecimal()
    before = found[at - 1] if at else ""
    return found[at] in tables().done and (after in _FOLLOWING or before in _BESIDE)


def places(name: str) -> bool:
    """Whether a name says where something is deployed: a region, a zone, a cell, a wave."""
    return any(tables().places.fullmatch(word) for word in words(name))

"""Writes the pages of the rules, ``docs/rules``, from the rules themselves (``make docs``).

Which formats can tell is written down nowhere: each rule is asked about the project's own files of
every format and about its own cases, and a format can tell where the rule once said more than that
it does not know. What an overlay or the past says counts for no format.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from cli.rule_words import evaluated_on, written
from policies.findings import Result
from policies.formats import FORMATS, Read, read_pipelines
from policies.rule import AnyRule, ParamSpec, Stricter, specs
from policies.rules import CATALOGUE
from tests.test_rules import GATED, LINT, whole_text

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "docs" / "rules"
EXAMPLES: Final = ROOT / "tests" / "golden" / "pipelines"
#: Which way a parameter tightens its rule.
TIGHTER: Final = {
    Stricter.MORE: "more",
    Stricter.LESS: "less",
    Stricter.SUPERSET: "naming more",
    Stricter.SUBSET: "naming fewer",
    Stricter.NEITHER: "neither way",
}
ABOUT: Final = (
    "`bakegate explain RULE` shows the same pages. A format can tell where the rule, asked about "
    "the project's own files and cases of that format, once said more than that it does not know; "
    "elsewhere the answer is `unknown`, unless an overlay, an observation or a record says more."
)
COLUMNS: Final = (
    "rule",
    "what must hold",
    "family",
    "evaluated on",
    "default enforcement",
    "formats that can tell",
)
WRITTEN: Final = "<!-- Written by make docs; change the rule instead. -->\n"


def pages() -> dict[str, str]:
    """Every page by its file name: one of each rule, and the table of them all."""
    rules = {f"{each.id}.md": page(each) for each in CATALOGUE}
    return {"README.md": table(), **rules}


def page(rule: AnyRule) -> str:
    title, _, rest = rule.docs.strip().partition("\n")
    facts = [
        ("family", rule.family.value),
        ("severity", rule.severity.value),
        ("evaluated on", evaluated_on(rule)),
        ("default enforcement", levels(rule)),
        ("formats that can tell", ", ".join(telling(rule)) or "none: facts come from elsewhere"),
    ]
    lines = [f"# {rule.id}", "", title, "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts]
    return WRITTEN + "\n".join([*lines, *parameters(rule), "", rest.strip(), ""])


def levels(rule: AnyRule) -> str:
    """From the first level to the one that an organization is meant to reach."""
    if rule.now is rule.target:
        return rule.now.word
    return f"{rule.now.word}, later {rule.target.word}"


def parameters(rule: AnyRule) -> Iterator[str]:
    known = specs(rule.params)
    if not known:
        return
    yield from ("", "## Parameters", "")
    yield "| name | unit | default | stricter is | what it says |"
    yield "|---|---|---|---|---|"
    for each in known:
        yield parameter(each)


def parameter(spec: ParamSpec) -> str:
    allowed = f" One of {', '.join(f'`{each}`' for each in spec.allowed)}." if spec.allowed else ""
    default = written(spec.unit, spec.default)
    shown = f"`{default}`" if default else "nothing"
    about = f"{spec.help}{allowed}".replace("|", "\\|")
    return f"| `{spec.name}` | {spec.unit.value} | {shown} | {TIGHTER[spec.stricter]} | {about} |"


def table() -> str:
    lines = [
        "# Rules",
        "",
        ABOUT,
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    lines += [
        f"| [{each.id}]({each.id}.md) | {each.title} | {each.family.value} | {evaluated_on(each)} "
        f"| {levels(each)} | {', '.join(telling(each))} |"
        for each in CATALOGUE
    ]
    return WRITTEN + "\n".join([*lines, ""])


def telling(rule: AnyRule) -> list[str]:
    """The names of the formats whose files alone let a rule say pass or fail."""
    if rule.lint is None:
        return []
    read = [*examples(), *cases().get(rule.id, ())]
    able = {each.format for each in read if tells(rule, each)}
    return [each.name for each in FORMATS if each.name in able]


def tells(rule: AnyRule, read: Read) -> bool:
    if rule.lint is None:
        return False
    found = [[each.result for each in rule.lint(one, rule.params())] for one in read.pipelines]
    return any(not results or Result.FAIL in results for results in found)


@cache
def examples() -> tuple[Read, ...]:
    """The project's own files, one or more of each format."""
    return tuple(
        read_pipelines(each.read_bytes(), each.name) for each in sorted(EXAMPLES.iterdir())
    )


@cache
def cases() -> Mapping[str, list[Read]]:
    """The pipelines of every rule's cases, without what its overlay says."""
    found = defaultdict(list)
    for id_, _, case in LINT:
        path = case.get("path", "bakegate/pipeline.yaml")
        text = whole_text(case.get("pipeline", GATED), path)
        found[id_].append(read_pipelines(text.encode(), path))
    return found


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    known = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in known:
            old.unlink()
    for name, text in known.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""The files of a new rule in a checkout of Bakegate: whole and running, for an author to change."""

import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cli.problems import Unusable
from policies.rules import CATALOGUE, rule

_ID: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_CATALOGUE: Final = Path("policies", "rules", "__init__.py")
_HEADINGS: Final = Path("tests", "headings.py")

_RULE: Final = '''"""{title}.

## Why it matters
Say what harms customers when this does not hold. As it stands, the rule asks every production stage
for a bake.

## Fails
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {{repository: ., branch: main, start: push}}
build:
  steps:
    - {{name: package, kind: build, run: ./package dist/app.tar.gz}}
  artifact: dist/app.tar.gz
deployers:
  hosts: {{type: local, hosts: 3}}
stages:
  - {{name: cell-1, kind: prod, wave: 1, deploy: hosts}}
```

## Passes
```yaml
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {{repository: ., branch: main, start: push}}
build:
  steps:
    - {{name: package, kind: build, run: ./package dist/app.tar.gz}}
  artifact: dist/app.tar.gz
deployers:
  hosts: {{type: local, hosts: 3}}
stages:
  - {{name: cell-1, kind: prod, wave: 1, deploy: hosts, bake: {{time: 1h}}}}
```

## Not reported
Stages that are not production. A file whose format cannot say a bake is unknown.

## Sources
Say who published this practice, or that its numbers are ours.
"""

from collections.abc import Iterator

from policies.findings import Enforcement, Problem, Severity
from policies.pipeline import Pipeline
from policies.rule import Family, Params, Rule
from policies.steps import unclear, without_production


def lint(pipeline: Pipeline, params: Params) -> Iterator[Problem]:  # noqa: ARG001 - has none yet
    if not pipeline.prod:
        yield from without_production(pipeline)
    for stage in pipeline.prod:
        where = f"stages/{{stage.name}}/bake"
        if stage.bake is None and stage.bake_known.known:
            told = f"{{stage.name}} has no bake"
            yield Problem(stage.span, where, told, f"Give {{stage.name}} a bake.")
        elif stage.bake is None:
            yield unclear(stage.span, where, f"how long {{stage.name}} bakes cannot be told")


RULE = Rule(
    id="{id}",
    number={number},
    title="{title}",
    family=Family.VALIDATING,
    severity=Severity.LOW,
    now=Enforcement.OBSERVE,
    target=Enforcement.OBSERVE,
    params=Params,
    docs=__doc__,
    lint=lint,
)
'''
_CASES: Final = """\
no-bake:
  pipeline: |
    stages:
      - {name: cell-1, kind: prod, wave: 1, deploy: hosts}  #! 12 cell-1 has no bake

each-stage-by-itself:
  pipeline: |
    stages:
      - {name: one-box, kind: prod, wave: 1, deploy: hosts}  #! 12 one-box has no bake
      - {name: cell-1, kind: prod, wave: 1, deploy: hosts}  #! 12 cell-1 has no bake

only-the-last-has-none:
  pipeline: |
    stages:
      - {name: one-box, kind: prod, wave: 1, deploy: hosts, bake: {time: 1h}}
      - {name: cell-1, kind: prod, wave: 1, deploy: hosts}  #! 12 cell-1 has no bake

a-bake:
  pipeline: |
    stages:
      - {name: cell-1, kind: prod, wave: 1, deploy: hosts, bake: {time: 1h}}

a-bake-everywhere:
  pipeline: |
    stages:
      - {name: one-box, kind: prod, wave: 1, deploy: hosts, bake: {time: 1h}}
      - {name: cell-1, kind: prod, wave: 1, deploy: hosts, bake: {time: 12h}}

stages-of-tests-need-none:
  pipeline: |
    stages:
      - {name: beta, kind: test, deploy: hosts}
      - {name: cell-1, kind: prod, wave: 1, deploy: hosts, bake: {time: 1h}}

no-production:
  result: not_applicable
  pipeline: |
    stages:
      - {name: beta, kind: test, deploy: hosts}

workflow-cannot-say:
  path: .github/workflows/deploy.yml
  overlay: |
    schema: bakegate/overlay/v1
    pipelines:
      .github/workflows/deploy.yml:
        stages: {eu: {kind: prod, wave: 1}}
  pipeline: |
    on: push
    jobs:
      eu:  #? 3 how long eu bakes cannot be told
        steps: [{run: ./deploy eu}]
"""


def scaffold(folder: Path, id_: str) -> list[Path]:
    """Write a rule into the checkout at ``folder``; gives every file written or changed.

    The rule runs and passes the project's checks: it asks production stages for a bake, until its
    author says what it is about. Raises Unusable for an id that cannot be one, or is one already.
    """
    root = _checkout(folder)
    _check(id_)
    module = id_.replace("-", "_")
    number = max(each.number for each in CATALOGUE) + 1
    title = id_.replace("-", " ").capitalize()
    texts = {
        root / "policies" / "rules" / f"{module}.py": _RULE.format(
            id=id_, title=title, number=number
        ),
        root / "tests" / "rules" / f"{id_}.yaml": _CASES,
        **dict(_changed(root, id_, number)),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


def _checkout(folder: Path) -> Path:
    for each in (folder, *folder.parents):
        if (each / _CATALOGUE).is_file() and (each / _HEADINGS).is_file():
            return each
    told = f"{folder} is no checkout of Bakegate; a rule of your own is written in Rego"
    raise Unusable(told)


def _check(id_: str) -> None:
    if not _ID.fullmatch(id_) or keyword.iskeyword(id_):
        told = f"{id_!r} is no id; it is words of a-z and 0-9 with - between, such as bake-time"
        raise Unusable(told)
    if rule(id_):
        told = f"there is a rule {id_!r} already: bakegate explain {id_}"
        raise Unusable(told)


def _changed(root: Path, id_: str, number: int) -> Iterator[tuple[Path, str]]:
    """The lists that name every rule, with a row more."""
    module = id_.replace("-", "_")
    text = (root / _CATALOGUE).read_text("utf-8")
    text = _with_row(text, "from policies.rules import (", r"    (\w+),", module, f"    {module},")
    row = f"    {module}.RULE,"
    yield root / _CATALOGUE, _with_row(text, "CATALOGUE: Final", r"    (\w+)\.RULE,", module, row)
    text = (root / _HEADINGS).read_text("utf-8")
    row = f'    "{id_}": ({number}, L, OBSERVE, OBSERVE),'
    yield root / _HEADINGS, _with_row(text, "HEADINGS: Final", r'    "([\w-]+)":', id_, row)
    for path in sorted((root / "rulesets").rglob("*.yaml")):
        text = path.read_text("utf-8")
        # A ruleset that changes a few rules leaves the others to those that it extends.
        if all(f"\n  {each.id}:" in text for each in CATALOGUE):
            yield path, _with_row(text, "rules:", r"  ([\w-]+):", id_, f"  {id_}: observe")


def _with_row(text: str, start: str, pattern: str, name: str, row: str) -> str:
    """The text with a row in the sorted list that begins below the line of ``start``."""
    lines = text.split("\n")
    at = next(number for number, line in enumerate(lines, 1) if line.startswith(start))
    last = at
    for number in range(at, len(lines)):
        if lines[number] and not lines[number].startswith(" "):
            break
        found = re.match(pattern, lines[number])
        if found and found[1] > name:
            break
        if lines[number] and not lines[number].lstrip().startswith("#"):
            last = number + 1
    return "\n".join([*lines[:last], row, *lines[last:]])

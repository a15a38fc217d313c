"""``bakegate lint`` on what cannot be used: one clear sentence, and exit code 2."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]


@pytest.mark.usefixtures("soft")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "bakegate lint: no such file or folder: nowhere"),
        (["empty"], "bakegate lint: no pipeline file in empty; name a file to be told why"),
        (
            [".", "--ruleset", "recomended"],
            (
                "bakegate lint: --ruleset recomended: no such file, and built in are only "
                "starter, recommended, strict; did you mean 'recommended'?"
            ),
        ),
        (
            [".", "--ruleset", "starter", "--org", "shop"],
            (
                "bakegate lint: --ruleset and --org exclude each other; "
                "the organization has its own rulesets"
            ),
        ),
        (
            [".", "--org", "shop"],
            (
                "bakegate lint: --org shop: no organization.yaml beside or above . or this folder; "
                "use --ruleset"
            ),
        ),
        (
            [".", "--at", "tomorrow"],
            "bakegate lint: 'tomorrow' is not a time that exists; write it like 2027-01-31T09:00Z",
        ),
        ([".", "--overlay", "none.yaml"], "bakegate lint: none.yaml: No such file or directory"),
        (
            [".", "--output", "sarif=x"],
            "bakegate lint: --output sarif=x: there is no format 'sarif'; there are json, text",
        ),
        (
            [".", "--output", "json=no/x"],
            "bakegate lint: no/x: No such file or directory",
        ),
    ],
)
def test_what_cannot_be_used_ends_with_2(
    bakegate: Bakegate, tmp_path: Path, words: list[str], told: str
) -> None:
    (tmp_path / "empty").mkdir()
    result = bakegate("lint", *words)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"{told}\n")


@pytest.mark.usefixtures("soft")
def test_every_error_of_a_ruleset_at_once(bakegate: Bakegate, write: Write) -> None:
    write(
        "ours.yaml",
        "schema: bakegate/ruleset/v1\nname: ours\nrules:\n"
        "  unit-test: block\n  bake-time: {enforcement: loud}\n",
    )
    result = bakegate("lint", ".", "--ruleset", "ours.yaml")
    assert result.exit_code == 2
    assert result.stderr == (
        "ours.yaml:4:3: there is no rule 'unit-test'; did you mean 'unit-tests'?\n"
        'ours.yaml:5:28: "loud" is not allowed; known are off, observe, warn, block\n'
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Error: Missing argument 'PATH...'."),
        ([".", "--loud"], "Error: No such option: --loud"),
        ([".", "--format", "xml"], "Error: Invalid value for '--format': "),
    ],
)
def test_wrong_usage_ends_with_2(bakegate: Bakegate, words: list[str], told: str) -> None:
    result = bakegate("lint", *words)
    assert result.exit_code == 2
    assert told in result.stderr

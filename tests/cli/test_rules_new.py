"""``bakegate rules new``: what it writes is a rule that passes the project's own checks."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Bakegate = Callable[..., Result]

ROOT = Path(__file__).resolve().parents[2]
CHECKS = ("tests/test_rules.py", "tests/test_rulesets.py")
CHANGED = """\
policies/rules/drills_rehearsed.py
tests/rules/drills-rehearsed.yaml
policies/rules/__init__.py
tests/headings.py
rulesets/examples/harbor/rulesets/harbor.yaml
rulesets/examples/ledgerline/rulesets/ledgerline.yaml
rulesets/examples/quanta/rulesets/quanta.yaml
rulesets/recommended.yaml
rulesets/starter.yaml
rulesets/strict.yaml
Then: say what the rule is about, write its cases, and run make docs.
"""


def passes(folder: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_new_rule_passes_the_checks_of_the_project(bakegate: Bakegate, tmp_path: Path) -> None:
    for name in ("policies", "service", "cli", "rulesets", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    made = bakegate("rules", "new", "drills-rehearsed")
    assert (made.exit_code, made.stdout) == (0, CHANGED)
    passes(tmp_path, "ruff", "check", "--no-cache", "policies/rules", "tests/headings.py")
    passes(
        tmp_path, "ruff", "format", "--no-cache", "--check", "policies/rules", "tests/headings.py"
    )
    passes(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", *CHECKS)


@pytest.mark.parametrize(
    ("id_", "told"),
    [
        ("Bake_Time", "'Bake_Time' is no id; it is words of a-z and 0-9 with - between"),
        ("class", "'class' is no id"),
        ("bake-time", "there is a rule 'bake-time' already: bakegate explain bake-time"),
    ],
)
def test_an_id_that_cannot_be_one_is_refused(
    bakegate: Bakegate, monkeypatch: pytest.MonkeyPatch, id_: str, told: str
) -> None:
    monkeypatch.chdir(ROOT)
    result = bakegate("rules", "new", id_)
    assert (result.exit_code, result.stderr.startswith(f"bakegate rules new: {told}")) == (2, True)


def test_elsewhere_than_in_a_checkout_nothing_is_written(
    bakegate: Bakegate, tmp_path: Path
) -> None:
    result = bakegate("rules", "new", "drills-rehearsed")
    assert result.exit_code == 2
    assert "is no checkout of Bakegate; a rule of your own is written in Rego" in result.stderr
    assert list(tmp_path.iterdir()) == []

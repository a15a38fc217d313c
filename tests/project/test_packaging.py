"""The wheel holds all that the program needs, and its import names belong to Bakegate alone."""

import os
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from hatchling.build import build_wheel

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("policies", "service", "cli", "rulesets")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the checkout, unpacked as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        name = build_wheel(str(folder))
    unpacked = folder / "unpacked"
    with zipfile.ZipFile(folder / name) as archive:
        archive.extractall(unpacked)
    return unpacked


def test_nobody_else_owns_our_import_names() -> None:
    owners = packages_distributions()
    # An editable install lists a name once per file that leads to it.
    assert {name: set(owners.get(name, ())) - {"bakegate"} for name in PACKAGES} == {
        name: set[str]() for name in PACKAGES
    }


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *PACKAGES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    files = [name for name in listed if (ROOT / name).is_file()]
    assert "policies/py.typed" in files
    assert [name for name in files if not (wheel / name).is_file()] == []


def test_the_wheel_adds_nothing_beside_the_packages(wheel: Path) -> None:
    others = {path.name for path in wheel.iterdir()} - set(PACKAGES)
    assert others == {"bakegate-0.1.0.dist-info"}
    licences = wheel / "bakegate-0.1.0.dist-info" / "licenses"
    assert sorted(path.name for path in licences.iterdir()) == ["LICENSE", "NOTICE"]


def test_the_program_starts_from_the_wheel_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    program = "import sys, cli.main; assert cli.main.__file__.startswith(sys.argv.pop(1))"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; cli.main.run()", str(wheel), "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "lint" in done.stdout

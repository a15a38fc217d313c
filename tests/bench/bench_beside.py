"""How long ``bakegate lint`` takes beside other tools on the same GitHub workflows; it never fails.

Run it as ``BAKEGATE_CORPUS=FOLDER python tests/bench/bench_beside.py``; without real files in
``FOLDER/github-actions`` there is nothing to compare. All start cold, with all their rules and no
network, on copies of the files in a ``.github/workflows``, because checkov looks nowhere else.
zizmor and actionlint are handed file names: zizmor audits nothing in a folder that is no
repository. None of them is a dependency: the bench installs them into ``.cache`` of the checkout,
and goes on without those that cannot be installed. They take turns, so that a busy moment of the
machine meets all of them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".cache" / "bench"
BAKEGATE = Path(sys.executable).parent / "bakegate"
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@latest"
RUNS = 5


class Run(NamedTuple):
    """Seconds of the clock and of processors, and the largest of its processes in MB."""

    wall: float
    processor: float
    memory: int


def main() -> None:
    """Print the wall time, the processor time and the memory of each, for all files and for one."""
    folder = os.environ.get("BAKEGATE_CORPUS")
    found = sorted(Path(folder, "github-actions").glob("*.y*ml")) if folder else []
    if not found:
        print(
            "BAKEGATE_CORPUS names no folder with workflows in github-actions; compared is nothing"
        )
        return
    tools = {"bakegate": _bakegate} | {name: tool for name, tool in OTHERS.items() if ready(name)}
    for files in (found, found[:1]):
        with TemporaryDirectory() as place:
            workflows = Path(place, ".github", "workflows")
            workflows.mkdir(parents=True)
            for file in files:
                shutil.copy(file, workflows)
            beside(tools, Path(place), sorted(map(str, workflows.iterdir())))


def _bakegate(files: list[str]) -> list[str]:
    return [str(BAKEGATE), "lint", "--ruleset", "strict", *files]


def _zizmor(files: list[str]) -> list[str]:
    return [str(TOOLS / "bin" / "zizmor"), "--offline", "--no-progress", *files]


def _actionlint(files: list[str]) -> list[str]:
    """By itself: the checkers of scripts that it can call are other programs."""
    return [str(TOOLS / "bin" / "actionlint"), "-shellcheck=", "-pyflakes=", *files]


def _checkov(files: list[str]) -> list[str]:
    where = str(Path(files[0]).parents[2])
    options = ["--framework", "github_actions", "--skip-download", "--quiet", "--compact"]
    return [str(TOOLS / "checkov" / "bin" / "checkov"), *options, "--directory", where]


OTHERS: dict[str, Callable[[list[str]], list[str]]] = {
    "zizmor": _zizmor,
    "actionlint": _actionlint,
    "checkov": _checkov,
}


def ready(name: str) -> bool:
    """Whether a tool is there, after an attempt to install it."""
    # checkov brings a hundred packages, so it has an environment of its own.
    place = TOOLS / "checkov" if name == "checkov" else TOOLS
    program = place / "bin" / name
    try:
        if name == "actionlint" and not program.exists():
            where = os.environ | {"GOBIN": str(program.parent)}
            subprocess.run(["go", "install", ACTIONLINT], env=where, check=True)
        elif not program.exists():
            subprocess.run([sys.executable, "-m", "venv", place], check=True)
            subprocess.run([place / "bin" / "pip", "install", "-q", name], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{name} could not be installed and is left out: {error}")
        return False
    return True


def beside(
    tools: dict[str, Callable[[list[str]], list[str]]], place: Path, files: list[str]
) -> None:
    taken: dict[str, list[Run]] = {name: [] for name in tools}
    for turn in range(RUNS + 1):
        for name, tool in tools.items():
            run = timed(tool(files), place)
            if turn:  # The first turn leaves bytecode behind.
                taken[name].append(run)
    ours = median(each.wall for each in taken["bakegate"])
    for name, runs in taken.items():
        wall = median(each.wall for each in runs)
        ratio = "" if name == "bakegate" else f"; bakegate takes {ours / wall:.2f} times its wall"
        print(
            f"{len(files)} files, {name}: wall {wall:.3f} s, "
            f"processor {median(each.processor for each in runs):.3f} s, "
            f"largest process {max(each.memory for each in runs)} MB{ratio}"
        )


def timed(command: list[str], place: Path) -> Run:
    """One run of a command, whatever it finds."""
    caches = {"PYTHONPYCACHEPREFIX": str(TOOLS / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    start = perf_counter()
    with subprocess.Popen(
        command,
        cwd=place,
        env=os.environ | caches,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Run(perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)


if __name__ == "__main__":
    main()

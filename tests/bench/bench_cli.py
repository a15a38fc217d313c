"""How fast ``bakegate lint`` starts, beside an import of two libraries; it never fails.

It needs PyYAML; all other commands need typer as well.

Run it as ``python tests/bench/bench_cli.py``. The runs take turns, so that a busy moment of the
machine meets every command, and a first turn leaves bytecode behind. Times are those of the
processor, so that a busy machine counts less.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

GOLDEN = Path(__file__).parents[1] / "golden"
BAKEGATE = str(Path(sys.executable).parent / "bakegate")
RUNS = 15
BASE = "import yaml, typer"
FILES = {
    "GitHub workflow": (".github/workflows/shop.yml", GOLDEN / "pipelines" / "shop.workflow.yml"),
    "own format": ("shop.yaml", GOLDEN / "output" / "shop.yaml"),
}


def main() -> None:
    """Print the least and the middle time of each command, and how many times the base it is."""
    with TemporaryDirectory() as place:
        commands = {BASE: [sys.executable, "-c", BASE]}
        for name, (path, golden) in FILES.items():
            file = Path(place, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(golden.read_bytes())
            commands[name] = [BAKEGATE, "lint", path, "--ruleset", "recommended"]
        taken = side_by_side(commands, Path(place))
    for name, times in taken.items():
        print(
            f"{name}: least {min(times):.3f} s, median {median(times):.3f} s; "
            f"{min(times) / min(taken[BASE]):.2f}x and {median(times) / median(taken[BASE]):.2f}x"
        )


def side_by_side(commands: dict[str, list[str]], place: Path) -> dict[str, list[float]]:
    caches = {"PYTHONPYCACHEPREFIX": str(place / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(RUNS + 1):
        for name, command in commands.items():
            start = processor()
            subprocess.run(
                command, cwd=place, env=os.environ | caches, capture_output=True, check=False
            )
            if turn:
                taken[name].append(processor() - start)
    return taken


def processor() -> float:
    """Seconds of processor time of all processes that this one started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()

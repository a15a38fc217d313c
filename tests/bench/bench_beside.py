"""How long ``bakegate lint`` takes beside zizmor on the same GitHub workflows; it never fails.

Run it as ``BAKEGATE_CORPUS=FOLDER python tests/bench/bench_beside.py``; without a folder of real
files there is nothing to compare. Both start cold, with all their rules and no network, and zizmor
is handed file names, because it audits nothing in a folder that is no repository. zizmor is no
dependency: the bench installs it into ``.cache`` of the checkout.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".cache" / "bench"
ZIZMOR = TOOLS / "bin" / "zizmor"
BAKEGATE = Path(sys.executable).parent / "bakegate"
RUNS = 5


def main() -> None:
    """Print the wall time and the processor time of each, for all files and for one."""
    folder = os.environ.get("BAKEGATE_CORPUS")
    if folder is None:
        print("BAKEGATE_CORPUS names no folder of real files; nothing is compared")
        return
    files = sorted(map(str, Path(folder, "github-actions").resolve().glob("*.y*ml")))
    if not ZIZMOR.exists():
        subprocess.run([sys.executable, "-m", "venv", TOOLS], check=True)
        subprocess.run([TOOLS / "bin" / "pip", "install", "-q", "zizmor"], check=True)
    beside(files)
    beside(files[:1])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"the largest process took {peak} MB")


def beside(files: list[str]) -> None:
    commands = {
        "bakegate": [str(BAKEGATE), "lint", "--ruleset", "strict", *files],
        "zizmor": [str(ZIZMOR), "--offline", "--no-progress", *files],
    }
    walls: dict[str, list[float]] = {name: [] for name in commands}
    processors: dict[str, list[float]] = {name: [] for name in commands}
    caches = {"PYTHONPYCACHEPREFIX": str(TOOLS / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    for turn in range(RUNS + 1):
        for name, command in commands.items():
            start, used = perf_counter(), processor()
            subprocess.run(command, env=os.environ | caches, capture_output=True, check=False)
            if turn:  # The first turn leaves bytecode behind.
                walls[name].append(perf_counter() - start)
                processors[name].append(processor() - used)
    for name, taken in walls.items():
        print(
            f"{len(files)} files, {name}: wall {median(taken):.3f} s, "
            f"processor {median(processors[name]):.3f} s; "
            f"{median(taken) / median(walls['zizmor']):.2f}x zizmor's wall time"
        )


def processor() -> float:
    """Seconds of processor time of all processes that this one started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()

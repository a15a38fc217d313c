"""Size budgets: no long files, no long functions, and few functions near the limit."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("policies", "service", "cli", "rulesets")
CHECKED = (*SHIPPED, "tests", "tools")

FILE_LINES = 400
FUNCTION_LINES = 50
FUNCTION_LINES_P90 = 25


class Function(NamedTuple):
    """A function with its length in lines: decorators and docstring not counted."""

    lines: int
    place: str


def sources(folders: tuple[str, ...]) -> list[Path]:
    """Python files that are in git or would be added to it."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *folders],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    # A file that git knows may be gone from the work tree.
    paths = {ROOT / name for name in listed if name.endswith(".py")}
    return sorted(path for path in paths if path.is_file())


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            place = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            yield Function(length(node), place)


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node, clean=False) is None:
        return lines
    docstring = node.body[0]
    assert docstring.end_lineno is not None
    return lines - (docstring.end_lineno - docstring.lineno + 1)


def test_length_leaves_out_decorators_and_the_docstring() -> None:
    source = '@cache\ndef f():\n    """One.\n\n    Two.\n    """\n    return 1\n'
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    assert length(node) == 2


def test_there_is_something_to_measure() -> None:
    assert ROOT / "policies" / "findings.py" in sources(SHIPPED)


def test_no_file_is_too_long() -> None:
    sizes = {path: len(path.read_bytes().splitlines()) for path in sources(CHECKED)}
    offenders = [
        f"{path.relative_to(ROOT)}: {size} lines"
        for path, size in sizes.items()
        if size > FILE_LINES
    ]
    assert offenders == []


def test_no_function_is_too_long() -> None:
    offenders = [
        f"{function.place}: {function.lines} lines"
        for path in sources(CHECKED)
        for function in functions(path)
        if function.lines > FUNCTION_LINES
    ]
    assert offenders == []


def test_nine_of_ten_shipped_functions_are_short() -> None:
    found = sorted(function for path in sources(SHIPPED) for function in functions(path))
    p90 = quantiles([function.lines for function in found], n=10, method="inclusive")[-1]
    longest = [f"{function.place}: {function.lines} lines" for function in found[-20:]]
    assert p90 <= FUNCTION_LINES_P90, longest


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources(CHECKED)
        if ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]
    assert silent == []

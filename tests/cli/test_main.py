"""The program as a whole: its help, its version, and how a defect of its own ends."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import Result

from cli.commands import COMMANDS
from cli.main import run

Bakegate = Callable[..., Result]

HELP = """\
Usage: bakegate [OPTIONS] COMMAND [ARGS]...

  Lint pipeline files, gate stages, promote releases, report to leaders.

Options:
  --version  Say which version.
  --help     Show this message and exit.

Commands:
  lint       Judge pipeline files before merge.
  baseline   Let the findings of today wait while lint is adopted.
  gate       Ask whether a release may enter a stage.
  inspect    Say what one pipeline file does, without judging it.
  explain    Say why a rule exists, or what a decision rests on.
  rules      List every rule.
  ruleset    Say what holds for an organization, and who set it.
  rego       Check, test and bundle custom rules in Rego.
  exception  Ask for exemptions and opt-outs, and decide about them.
  blocklist  Block bad packages, commits, artifacts and builders.
  window     Say when time is open for releases.
  schema     Print the JSON Schema of a file or message.
  sbom       List the packages inside a folder as CycloneDX.
  demo       Promote real releases of a small web service on this machine.
  pipeline   Give pipelines to a running service and see where each stands.
  release    Start, watch, approve, override, pause and roll back releases.
  alarm      Report alarms that another system judges.
  serve      Run the service: pages, API, executor.
  worker     Promote releases beside other processes, without pages.
  store      Remove artifacts and logs that nothing needs any more.
  adapters   List what deploys and what tells teams.
  report     Say which pipelines follow which rule.

  Start with:
    bakegate lint .github/workflows
    bakegate demo
"""


def test_help_lists_every_command_from_the_table(bakegate: Bakegate) -> None:
    result = bakegate("--help")
    assert (result.exit_code, result.stdout) == (0, HELP)


def test_help_loads_no_command(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from cli.commands import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert {name for name in loaded if name.partition(".")[0] in ("policies", "service")} == set()
    assert loaded & {module for module, _ in COMMANDS.values()} == set()


def test_every_command_has_its_module() -> None:
    assert [module for module, _ in COMMANDS.values() if find_spec(module) is None] == []


def test_version(bakegate: Bakegate) -> None:
    result = bakegate("--version")
    assert (result.exit_code, result.stdout) == (0, f"bakegate {version('bakegate')}\n")


def test_an_unknown_command_ends_with_2(bakegate: Bakegate) -> None:
    result = bakegate("lnt")
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: No such command 'lnt'.\n")


def test_a_defect_of_bakegate_ends_with_3_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A module that is not there stands for any defect: no command is known to have one.
    monkeypatch.setitem(COMMANDS, "rules", ("cli.absent", "Absent."))
    monkeypatch.setattr(sys, "argv", ["bakegate", "rules"])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 3
    assert capsys.readouterr().err == (
        "bakegate: internal error: ModuleNotFoundError: No module named 'cli.absent'\n"
        "This is a defect of Bakegate; please report it with the command.\n"
    )

"""``bakegate ruleset publish``: the organization's files to a running service."""

from pathlib import Path
from typing import Annotated, Final

import typer

from cli.client import URL_HELP, put
from cli.files import ORGANIZATION, elsewhere, found_upwards
from cli.problems import Unusable
from cli.ruleset_options import refusing
from policies.ruleset import Pinned
from policies.tree import read_tree

EPILOG: Final = """\b
Examples:
  bakegate ruleset publish
  bakegate ruleset publish --url http://127.0.0.1:8440

The service itself fetches nothing: rulesets elsewhere are sent along under their
reference, and the digest beside it is held to there as well.
"""


def publish(
    url: Annotated[str | None, typer.Option(metavar="URL", help=URL_HELP)] = None,
) -> None:
    """Give a running service the organization file and all that it names."""
    with refusing("ruleset publish"):
        found = found_upwards(Path.cwd(), ORGANIZATION)
        if found is None:
            raise Unusable(f"no {ORGANIZATION} here or above")
        files = collected(found)
        put(url, "/v1/organization", {"files": files})
    typer.echo(f"published {len(files)} files: {', '.join(files)}")


def collected(organization: Path) -> dict[str, str]:
    """Every text that the organization needs, by its path or reference; raises DocumentError."""
    files = {ORGANIZATION: organization.read_text(encoding="utf-8")}

    def load(path: str) -> str:
        files[path] = (organization.parent / path).read_text(encoding="utf-8")
        return files[path]

    def fetch(pinned: Pinned) -> bytes:
        found = elsewhere(pinned)
        files[pinned.text] = found.decode("utf-8", errors="replace")
        return found

    read_tree(files[ORGANIZATION], ORGANIZATION, load, fetch)
    return files

"""Who owns the path of a pipeline file, by the CODEOWNERS of its repository."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.files import absolute, repository_of
from policies.facts import Fact, Provenance
from policies.formats import Read
from policies.frozen import replace

if TYPE_CHECKING:
    from codeowners import CodeOwners

#: Where GitHub and GitLab look for the file, in their order.
_PLACES: Final = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")


def with_owners(read: Read, path: Path) -> Read:
    """The file with, for its pipelines, whether somebody owns it; unknown outside a repository."""
    root = repository_of(path)
    if root is None or not read.pipelines:
        return read
    owners = _owners(root)
    owned = bool(owners and owners.of(Path(absolute(path)).relative_to(root).as_posix()))
    # Rules of a branch may ask for reviews as well, so an absence is not the last word.
    provenance = Provenance.DECLARED if owned else Provenance.INFERRED
    return replace(
        read,
        pipelines=tuple(
            replace(each, owned_path=Fact(owned, each.span, provenance)) for each in read.pipelines
        ),
    )


@cache
def _owners(root: Path) -> "CodeOwners | None":
    found = next((root / each for each in _PLACES if (root / each).is_file()), None)
    if found is None:
        return None
    # Imported for the repositories that have such a file, so that others start faster.
    from codeowners import CodeOwners

    return CodeOwners(found.read_text(encoding="utf-8", errors="replace"))

"""Pipeline files of tools that are not read, told by their marks, so that a message names them."""

import re
from typing import Final

from policies.patterns import pattern
from policies.source import Mapping, Scalar, Source

#: API groups of Kubernetes resources.
_GROUPS: Final = (
    ("tekton.dev/", "Tekton"),
    ("kargo.akuity.io/", "Kargo"),
    ("argoproj.io/", "Argo CD or Argo Workflows"),
    ("flagger.app/", "Flagger (no Canary)"),
)
#: Keys that stand together at the top of a file.
_KEYS: Final = (
    (frozenset({"version", "jobs"}), "CircleCI"),
    (frozenset({"version", "workflows"}), "CircleCI"),
    (frozenset({"version", "orbs"}), "CircleCI"),
    (frozenset({"pipelines", "image"}), "Bitbucket Pipelines"),
    (frozenset({"phases", "version"}), "CodeBuild (buildspec)"),
)
#: Starts of lines in files that are no YAML at all.
_WORDS: Final = pattern(
    r"^\s*(?:pipeline\s*\{|node\s*(?:\([^)\n]*\)\s*)?\{|@Library\b)", re.MULTILINE
)


def tool_of(source: Source) -> str:
    """The tool that owns a readable document; empty where nothing tells it."""
    root = source.root
    if not isinstance(root, Mapping):
        return ""
    version = root.get("apiVersion")
    group = version.text if isinstance(version, Scalar) else ""
    for prefix, tool in _GROUPS:
        if group.startswith(prefix):
            return tool
    return next((tool for keys, tool in _KEYS if keys <= root.entries.keys()), "")


def tool_of_text(text: bytes) -> str:
    """The tool that owns a text which is no YAML; empty where nothing tells it."""
    return "Jenkins" if _WORDS.search(text.decode("utf-8", "replace")) else ""

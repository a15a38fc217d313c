"""The locks hold names, versions and hashes, agree with each other, and bring fit licences."""

import re
from email import message_from_string
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "requirements.lock"
DEV = ROOT / "requirements-dev.lock"

REQUIREMENT = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[0-9][A-Za-z0-9.+]*) \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")

PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT-0",
    "PSF-2.0",
}
# What packages wrote before there were licence expressions, and what they meant.
OLDER_WORDS = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD License": "BSD-3-Clause",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# What the licence text in the package says where its metadata say nothing.
UNSAID = {"axe-playwright-python": {"MIT", "MPL-2.0"}}
# Each of these is named in NOTICE.
WITH_CONDITIONS = {
    "axe-playwright-python": "MPL-2.0",
    "certifi": "MPL-2.0",
    "hypothesis": "MPL-2.0",
    "pathspec": "MPL-2.0",
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
    "recurring-ical-events": "LGPL-3.0-or-later",
    "x-wr-timezone": "LGPL-3.0-or-later",
}


def versions(lock: Path) -> dict[str, str]:
    matches = map(REQUIREMENT.fullmatch, lock.read_text(encoding="utf-8").splitlines())
    return {match["name"]: match["version"] for match in matches if match}


@pytest.mark.parametrize("lock", [RUNTIME, DEV], ids=lambda path: path.name)
def test_a_lock_holds_nothing_but_names_versions_and_hashes(lock: Path) -> None:
    strangers = [
        line
        for line in lock.read_text(encoding="utf-8").splitlines()
        if not REQUIREMENT.fullmatch(line) and not HASH.fullmatch(line)
    ]
    assert strangers == []
    assert len(versions(lock)) > 1


def test_the_dev_lock_holds_the_runtime_lock() -> None:
    runtime, dev = versions(RUNTIME), versions(DEV)
    assert {name: dev.get(name) for name in runtime} == runtime


def test_what_is_installed_is_what_is_locked() -> None:
    locked = versions(DEV)
    assert {name: distribution(name).version for name in locked} == locked


def test_every_licence_is_allowed() -> None:
    found = {name: licences(distribution(name)) for name in versions(DEV)}
    assert {
        name: words
        for name, words in found.items()
        if not words or not words <= PERMISSIVE | {WITH_CONDITIONS.get(name, "")}
    } == {}


def test_every_licence_with_conditions_is_in_the_notice() -> None:
    assert WITH_CONDITIONS.keys() <= versions(DEV).keys()
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert [name for name in WITH_CONDITIONS if not re.search(rf"\b{name}\b", notice)] == []


def licences(package: Distribution) -> set[str]:
    """Licence identifiers, from the first of the three metadata fields that names one."""
    metadata = message_from_string(package.read_text("METADATA") or "")
    classifiers = {
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier", [])
        # The bare word "OSI Approved" names no licence.
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    }
    texts = [metadata.get("License-Expression", ""), *sorted(classifiers)]
    if not any(texts):
        texts = [metadata.get("License", "")]
    words = {word for text in texts if text for word in re.split(r" (?:AND|OR) ", text)}
    said = {OLDER_WORDS.get(word, word) for word in words}
    return said or UNSAID.get(package.name, set())

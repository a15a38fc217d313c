"""Rulesets elsewhere: how they are named, and that only pinned bytes are read."""

from collections.abc import Mapping
from hashlib import sha256

import pytest

from policies.documents import DocumentError
from policies.ruleset import Pinned, Ruleset, read_ruleset
from policies.ruleset.references import parse_reference

COMMIT = "c0ffee" + "0" * 34
GIT = f"git+https://host.example/rules.git@{COMMIT}#rules/base.yaml"
WEB = "https://host.example/rules/base.yaml"
HEAD = "schema: bakegate/ruleset/v1\nname: "
BASE = HEAD + "base\nrules: {unit-tests: block}\n"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def read(extends: str, there: Mapping[str, str]) -> Ruleset:
    def fetch(pinned: Pinned) -> bytes:
        if pinned.text not in there:
            raise OSError(f"{pinned.url} answers 404")
        return there[pinned.text].encode()

    files = {"near.yaml": HEAD + "near\n"}
    return read_ruleset(f"{HEAD}retail\nextends: [{extends}]\n", "r.yaml", files.__getitem__, fetch)


def errors(extends: str, there: Mapping[str, str]) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        read(extends, there)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("reference", [GIT, WEB])
def test_a_pinned_ruleset_elsewhere_is_read(reference: str) -> None:
    own = read(f"{{from: '{reference}', sha256: {digest(BASE)}}}", {reference: BASE})
    assert [each.ruleset.name for each in own.extends] == ["base"]
    assert own.extends[0].ruleset.settings[0].span.path == reference


def test_other_bytes_than_the_pinned_ones_are_refused_at_the_entry() -> None:
    other = digest("other")
    assert errors(f"{{from: '{WEB}', sha256: {other}}}", {WEB: BASE}) == [
        (
            f"r.yaml:3:11: '{WEB}' has the digest {digest(BASE)}, not {other}; look at what changed"
            " before you pin it anew"
        )
    ]


def test_a_digest_beside_a_path_is_held_to() -> None:
    near = f"near.yaml, sha256: {digest('other')}"
    assert errors(f"{{from: {near}}}", {}) == [
        (
            f"r.yaml:3:11: 'near.yaml' has the digest {digest(HEAD + 'near' + chr(10))}, not"
            f" {digest('other')}; look at what changed before you pin it anew"
        )
    ]


def test_one_reference_with_two_digests_is_judged_twice() -> None:
    entries = ", ".join(f"{{from: '{WEB}', sha256: {digest(each)}}}" for each in (BASE, "other"))
    assert [each.split(" ", 1)[0] for each in errors(entries, {WEB: BASE})] == ["r.yaml:3:133:"]


def test_what_cannot_be_fetched_says_why() -> None:
    assert errors(f"{{from: '{WEB}', sha256: {digest(BASE)}}}", {}) == [
        f"r.yaml:3:11: '{WEB}' cannot be read ({WEB} answers 404)"
    ]


def test_a_fetched_file_names_no_paths() -> None:
    window = "{name: w, effect: deny, zone: UTC, calendar: holidays.ics}"
    text = f"{HEAD}base\nextends: [near.yaml, starter]\ntime_windows: [{window}]\n"
    told = errors(f"{{from: '{WEB}', sha256: {digest(text)}}}", {WEB: text})
    assert told[0] == (
        f"{WEB}:3:11: 'near.yaml' is a path in a file that was fetched; pin it as that file is"
    )
    assert f"it lies beside {WEB}, and only rulesets are fetched" in told[1]


def test_without_anybody_to_fetch_the_entry_is_an_error() -> None:
    text = f"{HEAD}retail\nextends: [{{from: '{WEB}', sha256: {digest(BASE)}}}]\n"
    with pytest.raises(DocumentError, match="nothing is fetched here"):
        read_ruleset(text, "r.yaml", str)


@pytest.mark.parametrize(
    ("reference", "url", "commit", "path"),
    [
        (GIT, "https://host.example/rules.git", COMMIT, "rules/base.yaml"),
        (
            f"git+ssh://git@host.example/rules@{COMMIT}#base.yaml",
            "ssh://git@host.example/rules",
            COMMIT,
            "base.yaml",
        ),
        (f"git+file:///srv/rules@{COMMIT}#a.yaml", "file:///srv/rules", COMMIT, "a.yaml"),
        (WEB, WEB, "", ""),
        ("http://127.0.0.1:8000/a.yaml", "http://127.0.0.1:8000/a.yaml", "", ""),
    ],
)
def test_a_reference_is_taken_apart(reference: str, url: str, commit: str, path: str) -> None:
    pinned = parse_reference(reference, "a" * 64)
    assert (pinned.url, pinned.commit, pinned.path) == (url, commit, path)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("git+https://host.example/rules@main#a.yaml", "full hash of the commit"),
        (f"git+https://host.example/rules@{COMMIT}", "names no file of a commit"),
        (f"git+http://host.example/rules@{COMMIT}#a.yaml", "names no file of a commit"),
        ("http://host.example/a.yaml", "no address that is read"),
        ("http://localhost.example/a.yaml", "no address that is read"),
        ("ftp://host.example/a.yaml", "no address that is read"),
    ],
)
def test_any_other_form_is_refused(reference: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_reference(reference, "a" * 64)

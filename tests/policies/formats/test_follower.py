"""Following references: within the repository, never in a circle, never without end."""

import pytest

from policies.findings import Span
from policies.formats import File, Files, Refused
from policies.formats.follower import MAX_CHAIN, MAX_FILES, Follower, NotFollowed
from tests.twins.tree import tree

PLACE = Span("ci.yml", 3, 10, 3, 20)


def refused(follower: Follower, reference: str, chain: tuple[str, ...] = ("ci.yml",)) -> str:
    with pytest.raises(NotFollowed) as caught:
        follower.follow(reference, PLACE, chain)
    return caught.value.note


def problems(follower: Follower) -> list[tuple[Span, str]]:
    return [(each.span, each.message) for each in follower.problems]


def test_a_file_is_found_from_the_root_and_read_once() -> None:
    follower = Follower(tree("ci.yml", {"ci/build.yml": "a: 1\n"}))
    part = follower.follow("/ci/./build.yml", PLACE, follower.chain)
    assert (part.path, part.chain) == ("ci/build.yml", ("ci.yml", "ci/build.yml"))
    assert part.source.path == "ci/build.yml"
    assert follower.follow("ci/build.yml", PLACE, follower.chain).source is part.source
    assert follower.problems == []


@pytest.mark.parametrize("reference", ["../secret.yml", "/../secret.yml", "a/../../secret.yml"])
def test_no_reference_leads_out_of_the_repository(reference: str) -> None:
    follower = Follower(tree("ci.yml", {"../secret.yml": "a: 1", "secret.yml": "a: 1"}))
    assert refused(follower, reference) == f"{reference} leads out of the repository"
    told = f"{reference} leads out of the repository; name a file in it"
    assert problems(follower) == [(PLACE, told)]


def test_a_circle_is_told_once_with_its_files() -> None:
    follower = Follower(tree("ci.yml", {"a.yml": "x: 1", "ci.yml": "x: 1"}))
    part = follower.follow("a.yml", PLACE, follower.chain)
    for _ in range(2):
        assert "circle" in refused(follower, "ci.yml", part.chain)
    told = "files name one another in a circle: ci.yml -> a.yml -> ci.yml; break it"
    assert problems(follower) == [(PLACE, told)]


def test_a_missing_file_is_a_problem_only_where_the_root_is_known() -> None:
    known = Follower(tree("ci.yml", {}))
    assert refused(known, "a.yml") == "there is no file a.yml in this repository"
    assert problems(known) == [(PLACE, "there is no file a.yml in this repository; correct it")]
    loose = Follower(tree("ci.yml", {}, rooted=False))
    assert refused(loose, "a.yml") == "a.yml is not beside this file"
    assert problems(loose) == []


def test_without_files_nothing_is_followed() -> None:
    follower = Follower(None)
    assert refused(follower, "a.yml", ()) == "a.yml is not read here"
    assert problems(follower) == []


def test_a_broken_file_is_told_at_its_own_place() -> None:
    follower = Follower(tree("ci.yml", {"a.yml": "a: b: c\n", "t.yml": "{{ if x }}\na: b\n"}))
    assert refused(follower, "a.yml") == "a.yml cannot be read"
    assert refused(follower, "t.yml") == "t.yml cannot be read"
    assert [(each.span.path, each.templated) for each in follower.problems] == [
        ("a.yml", False),
        ("t.yml", True),
    ]


def test_a_refusal_is_told_where_the_file_is_named() -> None:
    def load(_path: str) -> File | None:
        raise Refused("a link leads out of the repository")

    follower = Follower(Files("ci.yml", load))
    refused(follower, "a.yml")
    told = "a.yml cannot be read: a link leads out of the repository"
    assert problems(follower) == [(PLACE, told)]


def test_files_and_chains_are_bounded() -> None:
    many = Follower(tree("ci.yml", {"a.yml": "x: 1"}))
    for _ in range(MAX_FILES):
        many.follow("a.yml", PLACE, many.chain)
    assert "more than 150 files" in refused(many, "a.yml")
    deep = Follower(tree("ci.yml", {"a.yml": "x: 1"}))
    chain = tuple(f"{number}.yml" for number in range(MAX_CHAIN))
    assert "more than 100 files" in refused(deep, "a.yml", chain)

"""Exceptions files under review: what they say, and everything that is wrong with one at once."""

from datetime import UTC, datetime

import pytest

from policies.documents import DocumentError
from policies.exception_files import read_exceptions

FILE = """\
schema: bakegate/exceptions/v1
exemptions:
  - {id: ex-1, pipeline: shop, rule: bake-time, reason: moving, requested_by: kim,
     approved_by: lee, from: 2026-11-24, until: 2026-11-25}
opt_outs:
  - {id: oo-1, pipeline: tool, rule: canary-first, reason: internal, approved_by: lee,
     review_by: 2026-01-01}
blocklist:
  - {id: bl-1, package: pkg:pypi/left, versions: "vers:pypi/<2", reason: leaks, owner: sec,
     until: 2027-03-01}
"""


def test_a_date_is_the_start_of_that_day_in_the_zone() -> None:
    found = read_exceptions(FILE, "ex.yaml", "Europe/Berlin").exemptions[0]
    assert (found.start, found.until) == (
        datetime(2026, 11, 23, 23, tzinfo=UTC),
        datetime(2026, 11, 24, 23, tzinfo=UTC),
    )
    assert (found.requested_by, found.approved_by) == ("kim", "lee")


def test_an_entry_is_found_at_its_id() -> None:
    found = read_exceptions(FILE, "ex.yaml", "UTC")
    assert {name: (at.line, at.column) for name, at in found.places.items()} == {
        "ex-1": (3, 10),
        "oo-1": (6, 10),
        "bl-1": (9, 10),
    }


def test_the_blocklist_is_read_with_its_end() -> None:
    entry = read_exceptions(FILE, "ex.yaml", "UTC").blocklist[0]
    assert (entry.package, entry.versions) == ("pkg:pypi/left", "vers:pypi/<2")
    assert entry.until == datetime(2027, 3, 1, tzinfo=UTC)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = """\
schema: bakegate/exceptions/v1
exemptions:
  - id: ex-1
    pipeline: shop
    rule: bake-tim
    reason: moving
    requested_by: kim
    approved_by: lee
    from: 2026-11-24
    until: 2026-11-24
opt_outs:
  - {id: ex-1, pipeline: shop, rule: exemption-valid, reason: quiet, approved_by: lee,
     review_by: 2027-01-01}
"""
    with pytest.raises(DocumentError) as caught:
        read_exceptions(text, "ex.yaml", "UTC")
    assert str(caught.value).splitlines() == [
        "ex.yaml:5:11: there is no rule 'bake-tim'; did you mean 'bake-time'?",
        "ex.yaml:10:12: ends before it starts; `until` is exclusive",
        "ex.yaml:12:10: 'ex-1' stands already on line 3; ids are unique in a file",
        "ex.yaml:12:38: no exception reaches 'exemption-valid', which judges exceptions",
    ]

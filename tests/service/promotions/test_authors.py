"""Who made a change, however git writes it."""

import pytest

from service.promotions.authors import wrote

CHANGE = {"author": "Lee Miller", "email": "Lee@Retail.example"}


@pytest.mark.parametrize("person", ["lee", "Lee Miller", "lee@retail.example"])
def test_an_author_is_known_by_name_and_address(person: str) -> None:
    assert wrote(CHANGE, person)


@pytest.mark.parametrize("person", ["kim", "lee@other.example", "", "Lee"[:2]])
def test_somebody_else_is_not(person: str) -> None:
    assert not wrote(CHANGE, person)


def test_a_change_that_was_kept_without_an_address_has_a_name() -> None:
    assert wrote({"author": "lee"}, "lee")
    assert not wrote({"author": "Lee Miller"}, "lee")

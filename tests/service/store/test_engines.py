"""What engines do with what databases do not take."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from service.promotions.model import Outcome
from service.store.engines import open_engines


@pytest.mark.postgres
def test_a_nul_that_something_printed_is_written_all_the_same(
    postgres_url: Callable[[], str],
) -> None:
    """A build that failed with it would never be reported, and its release never end."""
    engines = open_engines(postgres_url())
    table = sa.Table(
        "said", sa.MetaData(), sa.Column("text", sa.String()), sa.Column("data", sa.JSON())
    )
    with engines.write.begin() as connection:
        table.create(connection)
        connection.execute(table.insert().values(text="it printed \0 there", data={"a": "\0"}))
        connection.execute(table.insert().values(text=Outcome.FAILED, data={"a": ["é"]}))
        asked = sa.select(table.c.text).where(table.c.text != "shop\0")
        assert set(connection.execute(asked).scalars()) == {"it printed \ufffd there", "failed"}
        rows = connection.execute(sa.select(table.c.data)).scalars()
        assert [each["a"] for each in rows] == ["\0", ["é"]]
    engines.dispose()

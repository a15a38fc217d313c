"""The PostgreSQL fixture: databases of their own, over a socket, as an unprivileged user."""

from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, text

pytestmark = pytest.mark.postgres


def test_each_call_gives_an_empty_database(postgres_url: Callable[[], str]) -> None:
    first, second = postgres_url(), postgres_url()
    assert first != second
    engine = create_engine(first)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE mark (id integer)"))
    engine.dispose()
    engine = create_engine(second)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT to_regclass('mark')")).scalar_one() is None
    engine.dispose()


def test_the_server_listens_on_no_port(postgres_url: Callable[[], str]) -> None:
    engine = create_engine(postgres_url())
    with engine.connect() as connection:
        assert connection.execute(text("SHOW listen_addresses")).scalar_one() == ""
        assert connection.execute(text("SELECT inet_server_addr()")).scalar_one() is None
    engine.dispose()

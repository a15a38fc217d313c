"""The service's database, opened by commands that only read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from cli.problems import Unusable
from service.settings import settings_with
from service.store.engines import open_engines


@contextmanager
def reading(url: str | None) -> Iterator[Session]:
    """A session on the given database, else on that of the service's settings.

    Raises Unusable where there is none: a report must not make an empty database and call it all.
    """
    try:
        database = url or settings_with().database
    except ValueError as error:
        raise Unusable(str(error)) from error
    try:
        parsed = make_url(database)
        if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
            told = f"there is no service database at {parsed.database}; name one with --database"
            raise Unusable(told)
        engines = open_engines(database)
        try:
            with engines.reading() as session:
                yield session
        finally:
            engines.dispose()
    except SQLAlchemyError as error:
        told = f"the database {database} cannot be read: {str(error).splitlines()[0]}"
        raise Unusable(told) from error

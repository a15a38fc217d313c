"""Bringing a database to the schema of this version."""

from importlib.resources import files
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

#: Serializes processes that start at once on one PostgreSQL; the number means nothing.
_LOCK: Final = 826_440


def upgrade(engine: sa.Engine) -> None:
    """Apply every change that is missing; does nothing on a database that is up to date."""
    config = Config()
    config.set_main_option("script_location", str(files("service.store") / "migrations"))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

"""Migrations and models agree, on both databases, and an up-to-date database is left alone."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.store.engines import open_engines
from service.store.every_table import METADATA
from service.store.schema import upgrade


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> sa.Engine:
    """The writing engine of an empty database of each kind."""
    if request.param == "sqlite":
        return open_engines(f"sqlite:///{tmp_path / 'bakegate.db'}").write
    fresh: Callable[[], str] = request.getfixturevalue("postgres_url")
    return open_engines(fresh()).write


def test_the_migrated_schema_is_the_one_of_the_models(engine: sa.Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()
    assert differences == []


def test_upgrading_twice_changes_nothing(engine: sa.Engine) -> None:
    upgrade(engine)
    upgrade(engine)
    names = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    assert names == {*METADATA.tables, "alembic_version"}


def test_the_migrations_are_one_line() -> None:
    config = Config()
    config.set_main_option("script_location", str(files("service.store") / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert len(scripts.get_heads()) == 1
    numbers = [each.revision for each in scripts.walk_revisions()]
    assert numbers == [f"{number:04}" for number in range(len(numbers), 0, -1)]

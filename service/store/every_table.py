"""Every table of the service, wherever it is described; migrations are compared with them."""

from typing import Final

from sqlmodel import SQLModel

from service.store import adoption, people_tables, tables

__all__ = ["METADATA", "adoption", "people_tables", "tables"]

METADATA: Final = SQLModel.metadata

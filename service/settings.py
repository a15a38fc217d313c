"""Settings of the service: from the environment (``BAKEGATE_...``), parsed once, then frozen."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """``database_url`` is ``sqlite:///FILE`` or ``postgresql+psycopg://...``."""

    model_config = SettingsConfigDict(env_prefix="BAKEGATE_", frozen=True, extra="forbid")

    database_url: str = Field(default="", description="Default: an SQLite file in the data folder.")
    data_folder: Path = Field(
        default=Path("bakegate-data"),
        description="Checkouts, artifacts, hosts and, by default, SQLite.",
    )
    host: str = Field(default="127.0.0.1", description="Where the service listens; loopback only.")
    port: int = Field(default=8440, ge=0, le=65535, description="0 takes a free one.")

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_folder.absolute() / 'bakegate.db'}"

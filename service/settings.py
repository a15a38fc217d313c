"""Settings of the service: from the environment (``BAKEGATE_...``), parsed once, then frozen."""

from pathlib import Path
from typing import Final

from pydantic import ByteSize, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from policies.rego.settings import Engine, Policies, RegoSettings

#: What no step can do without, in bytes: less of it was meant as another unit.
_LEAST: Final = 16 * 2**20


class Settings(BaseSettings):
    """``database_url`` is ``sqlite:///FILE`` or ``postgresql+psycopg://...``."""

    model_config = SettingsConfigDict(env_prefix="BAKEGATE_", frozen=True, extra="forbid")

    database_url: str = Field(default="", description="Default: an SQLite file in the data folder.")
    data_folder: Path = Field(
        default=Path("bakegate-data"),
        description="Checkouts, artifacts, hosts and, by default, SQLite.",
    )
    artifacts: str = Field(
        default="",
        description="Where workers share artifacts, such as s3://bucket/prefix; default: the data "
        "folder alone.",
    )
    step_memory: ByteSize = Field(
        default=ByteSize(4 * 2**30),
        ge=_LEAST,
        description="Memory of all processes of a build step or test together, such as 8GiB.",
    )
    step_disk: ByteSize = Field(
        default=ByteSize(10 * 2**30),
        ge=_LEAST,
        description="Disk that its folder may take, and each file anywhere.",
    )
    keep_days: int = Field(
        default=90, ge=0, description="How long artifacts and logs are kept; 0 keeps all for ever."
    )
    keep_good: int = Field(
        default=5, ge=1, description="Artifacts of each pipeline that stay however old they are."
    )
    hook_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Code forges sign with it what they send to /v1/hooks/PIPELINE.",
    )
    host: str = Field(default="127.0.0.1", description="Where the service listens; loopback only.")
    port: int = Field(default=8440, ge=0, le=65535, description="0 takes a free one.")

    rego_engine: Engine = Field(
        default=Engine.AUTO, description="Evaluates custom rules: auto, server, opa, embedded."
    )
    rego_url: str = Field(default="", description="Of an Open Policy Agent.")
    rego_token: SecretStr = Field(default=SecretStr(""), description="Bearer token for it.")
    rego_ca: str = Field(default="", description="PEM file of who signed its certificate.")
    rego_certificate: str = Field(default="", description="PEM file that says who we are.")
    rego_key: str = Field(default="", description="PEM file of its key.")
    rego_program: str = Field(default="", description="An opa program; default: on the PATH.")
    rego_timeout: float = Field(default=2, gt=0, le=60, description="Seconds for one question.")
    rego_policies: Policies = Field(
        default=Policies.UPLOAD, description="upload, or bundle where OPA fetches them itself."
    )

    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        description="Tells teams by mail: smtp://[user:password@]host[:port].",
    )
    mail_from: str = Field(default="", description="Sender of mail.")
    mail_to: str = Field(
        default="", description="Receiver of mail, such as {channel}@lists.example."
    )
    webhook_url: SecretStr = Field(
        default=SecretStr(""), description="Tells teams by JSON to this address."
    )
    notifiers: str = Field(
        default="", description="Tells teams in further ways, of installed packages: names."
    )
    builder: str = Field(
        default="", description="Builds in another way, of an installed package: its name."
    )
    tester: str = Field(default="", description="Tests in another way, likewise.")
    prober: str = Field(default="", description="Asks what runs in another way, likewise.")
    webhook_token: SecretStr = Field(default=SecretStr(""), description="Bearer token for it.")

    @property
    def rego(self) -> RegoSettings:
        return RegoSettings(
            engine=self.rego_engine,
            timeout=self.rego_timeout,
            program=self.rego_program,
            url=self.rego_url,
            token=self.rego_token.get_secret_value(),
            ca=self.rego_ca,
            certificate=self.rego_certificate,
            key=self.rego_key,
            policies=self.rego_policies,
        )

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_folder.absolute() / 'bakegate.db'}"


def settings_with(**given: object) -> Settings:
    """The settings of the environment, but for what is given and not None.

    Raises ValueError, which names every setting that cannot be used and says why.
    """
    said = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings.model_validate(Settings().model_dump() | said)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)
        raise ValueError("; ".join(_wrong(each["loc"], each["msg"]) for each in wrong)) from error


def _wrong(place: tuple[int | str, ...], message: str) -> str:
    told = message.removeprefix("Value error, ")
    return f"BAKEGATE_{str(place[0]).upper()}: {told}" if place else told

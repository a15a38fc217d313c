"""Settings of the service: what the environment says of the engine of custom rules."""

import pytest
from pydantic import ValidationError

from policies.rego.settings import Engine, Policies, RegoSettings
from service.adapters.kept import ROOM
from service.settings import Settings


def test_the_environment_names_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (
        ("ENGINE", "server"),
        ("URL", "https://opa:8181"),
        ("TOKEN", "open sesame"),
        ("CA", "ca.pem"),
        ("CERTIFICATE", "we.pem"),
        ("KEY", "we.key"),
        ("TIMEOUT", "0.5"),
        ("POLICIES", "bundle"),
    ):
        monkeypatch.setenv(f"BAKEGATE_REGO_{name}", text)
    settings = Settings()
    assert settings.rego == RegoSettings(
        engine=Engine.SERVER,
        timeout=0.5,
        url="https://opa:8181",
        token="open sesame",  # noqa: S106 - a word of this test
        ca="ca.pem",
        certificate="we.pem",
        key="we.key",
        policies=Policies.BUNDLE,
    )
    assert "sesame" not in repr(settings) + repr(settings.rego)


def test_nothing_said_is_the_nearest_engine() -> None:
    assert Settings().rego == RegoSettings()


def test_sizes_are_read_with_their_units(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Settings().step_memory, Settings().step_disk) == (ROOM.memory, ROOM.disk)
    monkeypatch.setenv("BAKEGATE_STEP_MEMORY", "8GiB")
    assert Settings().step_memory == 8 * 2**30


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("REGO_ENGINE", "oap"),
        ("REGO_TIMEOUT", "0"),
        ("REGO_TIMEOUT", "90"),
        ("STEP_MEMORY", "8"),
        ("STEP_DISK", "much"),
    ],
)
def test_what_means_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(f"BAKEGATE_{name}", text)
    with pytest.raises(ValidationError):
        Settings()

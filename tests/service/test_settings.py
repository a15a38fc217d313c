"""Settings of the service: what the environment says of the engine of custom rules."""

import pytest
from pydantic import ValidationError

from policies.rego.settings import Engine, Policies, RegoSettings
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


@pytest.mark.parametrize(("name", "text"), [("ENGINE", "oap"), ("TIMEOUT", "0"), ("TIMEOUT", "90")])
def test_what_means_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(f"BAKEGATE_REGO_{name}", text)
    with pytest.raises(ValidationError):
        Settings()

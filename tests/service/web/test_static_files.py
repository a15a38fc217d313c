"""Files under names that hold their hash, and vendored files that are what they claim to be."""

import re
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

import service.web
from service.web.static_files import address, served
from tests.twins.client import Client

WEB = Path(service.web.__file__).parent
VENDOR = WEB / "static" / "vendor"
LISTED = tomllib.loads((VENDOR / "vendor.toml").read_text("utf-8"))


def test_a_file_may_be_kept_for_ever_under_its_hash(client: Client) -> None:
    answer = client.get(address("bakegate.css"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("name", ["bakegate.css", "bakegate.000000000000.css", "vendor.toml"])
def test_another_name_is_not_a_file(client: Client, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_no_path_leads_out_of_the_folder(client: Client) -> None:
    assert client.get("/static/..%2f..%2fapp.py").status_code == 404


def test_the_name_holds_the_hash_of_the_content() -> None:
    for name, file in served().items():
        assert name.split(".")[-2] == sha256(file.content).hexdigest()[:12]


@pytest.mark.parametrize("name", LISTED)
def test_a_vendored_file_has_the_bytes_that_were_published(name: str) -> None:
    assert sha256((VENDOR / name).read_bytes()).hexdigest() == LISTED[name]["sha256"]
    assert (VENDOR / "licenses" / f"{LISTED[name]['package']}.txt").is_file()


def test_no_vendored_file_is_unlisted() -> None:
    present = {path.name for path in VENDOR.iterdir() if path.is_file()}
    assert present == {*LISTED, "vendor.toml"}


def test_no_page_and_no_style_names_another_site() -> None:
    ours = [*(WEB / "templates").rglob("*.html"), *(WEB / "static").glob("*.*")]
    assert len(ours) > 10
    found = [
        f"{path.name}: {match}"
        for path in ours
        for match in re.findall(r"https?:|[\"'(]//|\sstyle=", path.read_text("utf-8"))
    ]
    assert found == []

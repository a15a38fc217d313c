"""A PEP 517 backend that needs nothing but Python, so that the build works without a network."""

import tomllib
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final
from zipfile import ZipFile, ZipInfo

ROOT: Final = Path(__file__).parent
TAG: Final = "py3-none-any"


def build_wheel(
    wheel_directory: str,
    config_settings: object = None,
    metadata_directory: str | None = None,
) -> str:
    """Write the wheel to ``wheel_directory`` and return its file name (PEP 517)."""
    del config_settings, metadata_directory
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = project["name"].replace("-", "_")
    stem = f"{package}-{project['version']}"
    info = f"{stem}.dist-info"
    contents = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in sorted((ROOT / package).rglob("*.py"))
    }
    contents[f"{info}/METADATA"] = _metadata(project)
    contents[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: {package}\nRoot-Is-Purelib: true\nTag: {TAG}\n"
    ).encode()
    lines = [_record_line(name, data) for name, data in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    name = f"{stem}-{TAG}.whl"
    with ZipFile(Path(wheel_directory) / name, "w") as wheel:
        for path, data in contents.items():
            wheel.writestr(ZipInfo(path), data)  # a fixed date: equal sources, equal bytes
    return name


def _metadata(project: dict[str, str]) -> bytes:
    name, version, summary = project["name"], project["version"], project["description"]
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {summary}\n".encode()


def _record_line(name: str, data: bytes) -> str:
    digest = urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}"

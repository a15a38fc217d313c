"""What ``bakegate inspect`` answers about the one pipeline of a text."""

from typing import Any

from policies.formats import read_pipelines
from policies.inspect import inspect


def told(text: str, path: str) -> dict[str, Any]:
    pipeline: dict[str, Any]
    (pipeline,) = inspect(read_pipelines(text.encode(), path))["pipelines"]
    return pipeline


def kinds(text: str, path: str) -> dict[str, str]:
    return {each["stage"]: each["kind"] for each in told(text, path)["deploys"]}

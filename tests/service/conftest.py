"""The application in front of a working in-memory service, without a network."""

import pytest

from service.app import create_app
from tests.twins.backend import MemoryBackend
from tests.twins.client import Client


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend()


@pytest.fixture
def client(backend: MemoryBackend) -> Client:
    return Client(create_app(backend, lambda: "ada"))

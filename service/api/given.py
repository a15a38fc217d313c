"""What every endpoint is given: the backend and the name of the one who acts."""

from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, FastAPI, Request

from service.api.backend import Backend


def give(app: FastAPI, backend: Backend, actor: Callable[[], str]) -> None:
    """Hand the backend to an application's endpoints; ``actor`` is asked once for each write."""
    app.state.backend = backend
    app.state.actor = actor


def _backend(request: Request) -> Backend:
    return cast("Backend", request.app.state.backend)


def _actor(request: Request) -> str:
    return cast("Callable[[], str]", request.app.state.actor)()


GivenBackend = Annotated[Backend, Depends(_backend)]
GivenActor = Annotated[str, Depends(_actor)]

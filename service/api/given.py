"""What every endpoint is given: the backend and the name of the one who acts."""

from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, FastAPI, Request

from service.api.backend import Backend


def give(app: FastAPI, backend: Backend, actor: Callable[[], str], hook_secret: str) -> None:
    """Hand the backend to an application's endpoints; ``actor`` is asked once for each write.

    With ``hook_secret`` code forges sign their messages; empty, none is taken.
    """
    app.state.backend = backend
    app.state.actor = actor
    app.state.hook_secret = hook_secret


def _backend(request: Request) -> Backend:
    return cast("Backend", request.app.state.backend)


def _actor(request: Request) -> str:
    return cast("Callable[[], str]", request.app.state.actor)()


def _hook_secret(request: Request) -> str:
    return cast("str", request.app.state.hook_secret)


GivenBackend = Annotated[Backend, Depends(_backend)]
GivenActor = Annotated[str, Depends(_actor)]
GivenHookSecret = Annotated[str, Depends(_hook_secret)]

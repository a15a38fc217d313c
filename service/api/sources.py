"""What releases start from, sent by machines: pushes of code forges, artifacts built elsewhere."""

import hashlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from service.api.errors import PROBLEMS
from service.api.given import GivenBackend, GivenHookSecret
from service.api.schemas import Digest, Kept, Taken
from service.errors import Conflict
from service.promotions.pushes import Push, read_push

router = APIRouter(responses=PROBLEMS)

#: Bytes of a message; GitHub sends no larger one.
_MESSAGE: Final = 25 * 1024 * 1024
#: Bytes of an artifact that is pushed.
_ARTIFACT: Final = 4 * 1024**3


@router.post("/v1/hooks/{pipeline}", tags=["releases"])
async def push(
    pipeline: str, request: Request, backend: GivenBackend, secret: GivenHookSecret
) -> Taken:
    """Take a push as GitHub, GitLab, Gitea or Forgejo send it; a delivery starts one release.

    The message must be signed with the secret of the setting `BAKEGATE_HOOK_SECRET`, or carry it as
    GitLab's token. Pushes to other branches are answered and ignored.
    """
    body = b"".join([part async for part in _bounded(request, _MESSAGE, "a message")])
    told = read_push(request.headers, body, secret)
    if not isinstance(told, Push):
        return Taken(ignored=told)
    taken = await run_in_threadpool(backend.take_push, pipeline, told)
    return Taken(release=taken.release, ignored=taken.ignored)


@router.put("/v1/artifacts/{digest}", tags=["releases"])
async def artifact(digest: Digest, request: Request, backend: GivenBackend) -> Kept:
    """Keep the bytes of the body, if they are those of the digest, for a release to name them."""
    # A file without a name: whoever is killed meanwhile leaves nothing that fills the disk.
    with tempfile.TemporaryFile() as file:
        found = await _received(request, file)
        file.flush()
        path = Path(f"/proc/self/fd/{file.fileno()}")
        if found != digest:
            raise Conflict(f"the bytes that came are {found}, not {digest}; send them again")
        return Kept(digest=await run_in_threadpool(backend.keep_artifact, path))


async def _received(request: Request, file: IO[bytes]) -> str:
    """Write the body down; gives its digest."""
    sum_up = hashlib.sha256()
    async for part in _bounded(request, _ARTIFACT, "an artifact"):
        sum_up.update(part)
        await run_in_threadpool(file.write, part)
    return f"sha256:{sum_up.hexdigest()}"


async def _bounded(request: Request, most: int, what: str) -> AsyncIterator[bytes]:
    """The parts of the body, until it is larger than it may be."""
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise Conflict(f"{what} may have {most} bytes at most")
        yield part

"""Asks an application in its own process: requests and answers as over a network, without one."""

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI

ADDRESS = "http://127.0.0.1:8440"


class Client:
    """A browser without pages: it keeps cookies and does not follow redirects."""

    def __init__(self, app: FastAPI) -> None:
        # A server answers 500 where this transport would raise into the test.
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.cookies = httpx.Cookies()

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        return asyncio.run(self._ask(method, path, **given))

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.request("GET", path, **given)

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self.request("POST", path, **given)

    def put(self, path: str, **given: Any) -> httpx.Response:
        return self.request("PUT", path, **given)

    async def _ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        made = httpx.AsyncClient(transport=self._transport, base_url=ADDRESS, cookies=self.cookies)
        async with made as client:
            answer = await client.request(method, path, **given)
            self.cookies.update(answer.cookies)
            return answer

"""Fetch pixels, links and unsubscribe pages: a minimal HTTP/1.1 client that can only reach the sender's own web server."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

ANSWER_SECONDS = 20.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class UnreachableError(Exception):
    """No answer came, or the address is not one that the simulator goes to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; redirects are not followed, since they lead out of the house."""

    status: int
    location: str
    body: str


class Web:
    """All requests go to one host and port whatever the URL's host is, which is sent as Host; without one, to loopback only."""

    def __init__(self, connect: tuple[str, int] | None, *, connections: int = 8) -> None:
        self._connect = connect
        self._gate = asyncio.Semaphore(connections)

    async def get(self, url: str, *, agent: str, method: str = "GET") -> Answer:
        """Fetch a URL as a given user agent.

        Raises:
            UnreachableError: no answer.
        """
        return await self._ask(method, url, {"User-Agent": agent}, None)

    async def post(self, url: str, body: str, *, agent: str) -> Answer:
        """Post a form.

        Raises:
            UnreachableError: no answer.
        """
        headers = {"User-Agent": agent, "Content-Type": "application/x-www-form-urlencoded"}
        return await self._ask("POST", url, headers, body)

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> Answer:
        async with self._gate:
            try:
                return await asyncio.to_thread(self._talk, method, url, headers, body)
            except (OSError, http.client.HTTPException, ValueError) as fault:
                message = f"{method} {url}: {fault or type(fault).__name__}"
                raise UnreachableError(message) from fault

    def _talk(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> Answer:
        parts = urlsplit(url)
        host, port = self._target(parts.hostname or "", parts.port)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
        try:
            forwarded = {"Host": parts.netloc, "X-Forwarded-Proto": parts.scheme}
            connection.request(method, target, body, {**forwarded, **headers})
            response = connection.getresponse()
            return Answer(response.status, response.headers.get("Location", ""), response.read().decode("utf-8", "replace"))
        finally:
            connection.close()

    def _target(self, host: str, port: int | None) -> tuple[str, int]:
        if self._connect:
            return self._connect
        if host in LOOPBACK:
            return host, port or 80
        message = f"{host} is not on this machine and no web server is set"
        raise UnreachableError(message)

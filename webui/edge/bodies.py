"""Keeps some threads free of slow bodies: only so many requests may wait for the rest of theirs at the same time.

The server hands a request to a thread before its body is there, and a read can't be given up. Without a bound, as many
clients as there are threads, each sending a letter a minute, would stop pages, pixels and health alike (threat A11). A proxy
in front that takes bodies whole keeps this from being seen at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import BoundedSemaphore
from typing import Any

from flask import Flask
from werkzeug.exceptions import ServiceUnavailable

PATIENCE_SECONDS = 2.0
RETRY_SECONDS = 5

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]


class BodyGate:
    """The WSGI layer that lets at most `readers` requests read their bodies at once."""

    def __init__(self, inner: Wsgi, readers: int) -> None:
        self._inner = inner
        self._slots = BoundedSemaphore(max(1, readers))

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ.get("CONTENT_LENGTH", "") in {"", "0"} and "HTTP_TRANSFER_ENCODING" not in environ:
            return self._inner(environ, start_response)
        gated = _Gated(environ["wsgi.input"], self._slots)
        environ["wsgi.input"] = gated
        try:
            return self._inner(environ, start_response)
        finally:
            gated.end()


class _Gated:
    """A body; its first read takes a slot, its end gives it back, at the latest when the answer is there to be sent."""

    def __init__(self, source: Any, slots: BoundedSemaphore) -> None:
        self._source = source
        self._slots = slots
        self._inside = False
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Read on. Raises: ServiceUnavailable when too many others wait for theirs."""
        self._enter()
        part: bytes = self._source.read() if size < 0 else self._source.read(size)
        return self._seen(part, wanted=size)

    def readline(self, size: int = -1) -> bytes:
        """Read a line. Raises: ServiceUnavailable."""
        self._enter()
        part: bytes = self._source.readline() if size < 0 else self._source.readline(size)
        return self._seen(part, wanted=size)

    def _enter(self) -> None:
        if self._inside or self._ended:
            return
        if not self._slots.acquire(timeout=PATIENCE_SECONDS):
            raise ServiceUnavailable(retry_after=RETRY_SECONDS)
        self._inside = True

    def _seen(self, part: bytes, *, wanted: int) -> bytes:
        if wanted < 0 or (not part and wanted):
            self._leave()
        return part

    def end(self) -> None:
        """Give the slot back for good; what is still read later is not counted."""
        self._ended = True
        self._leave()

    def _leave(self) -> None:
        if self._inside:
            self._inside = False
            self._slots.release()


def install(app: Flask, *, threads: int) -> None:
    """Leave at least half of the threads to requests without a slow body."""
    app.wsgi_app = BodyGate(app.wsgi_app, threads // 2)  # type: ignore[method-assign]

"""Opens and clicks, answered before Flask's routing: verify the token, answer, remember; written later in groups.

Works with the database down: a link of a letter that is known here or in Redis still leads on, and what was seen waits in
memory. A forged or altered address gets a plain 404 and touches nothing.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from posthouse.platform import clock, logs
from posthouse.platform.db import transaction
from posthouse.platform.scope import public
from posthouse.sending.tokens import Mint
from posthouse.sending.tracking import services
from posthouse.sending.tracking.hits import Buffer, Hit
from posthouse.sending.tracking.rules import Request, machine_by_request
from posthouse.sending.tracking.targets import Targets
from posthouse.sending.tracking.urls import PIXEL, Visit, read

FLUSH_SECONDS = 1.0
Environ = dict[str, Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]
Answer = tuple[str, list[tuple[str, str]], bytes]

_COMMON = [
    ("Cache-Control", "no-store, max-age=0"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex"),
]
_NOT_FOUND: Answer = ("404 Not Found", [("Content-Type", "text/plain; charset=utf-8"), *_COMMON], b"There is nothing at this address.\n")
_NOT_ALLOWED: Answer = ("405 Method Not Allowed", [("Allow", "GET, HEAD"), ("Content-Type", "text/plain"), *_COMMON], b"")
_PIXEL: Answer = ("200 OK", [("Content-Type", "image/gif"), *_COMMON], PIXEL)


class FastPath:
    """The WSGI layer in front of the app."""

    def __init__(self, app: Flask, inner: Wsgi) -> None:
        self._app = app
        self._inner = inner
        self._mint = Mint(app.extensions["posthouse_keyring"])
        self._targets = Targets(app.extensions["posthouse_settings"].redis_url)
        self.buffer = Buffer(self._write)
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()
        self._ending = threading.Event()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if not path.startswith(("/t/o/", "/t/c/")):
            return self._inner(environ, start_response)
        status, headers, body = self._answer(environ, path)
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: Environ, path: str) -> Answer:
        method: str = environ["REQUEST_METHOD"]
        if method not in {"GET", "HEAD"}:
            return _NOT_ALLOWED
        visit = read(self._mint, path)
        if visit is None:
            return _NOT_FOUND
        if visit.kind == "open":
            self._remember(environ, visit)
            return _PIXEL
        return self._click(environ, visit)

    def _click(self, environ: Environ, visit: Visit) -> Answer:
        with self._app.app_context():
            target = self._targets.find(visit)
        if target is None or urlsplit(target).scheme not in {"http", "https"}:
            return _NOT_FOUND
        self._remember(environ, visit)
        headers = [("Location", _ascii(target)), ("Content-Type", "text/plain; charset=utf-8"), *_COMMON]
        return "302 Found", headers, b""

    def _remember(self, environ: Environ, visit: Visit) -> None:
        machine = machine_by_request(
            Request(
                method=environ["REQUEST_METHOD"],
                user_agent=environ.get("HTTP_USER_AGENT", "")[:500],
                prefetch=(environ.get("HTTP_SEC_PURPOSE", "") or environ.get("HTTP_PURPOSE", "") or environ.get("HTTP_X_MOZ", ""))[:50],
                ranged="HTTP_RANGE" in environ,
            )
        )
        claims = visit.claims
        self.buffer.add(Hit(claims.tenant_id, claims.message_id, visit.kind, clock.now(), visit.revision_id, visit.link, machine))
        if self._writer is None:
            self._start()

    def _start(self) -> None:
        """Start the writer with the first hit, so that it lives in the process that serves, not in its parent."""
        with self._starting:
            if self._writer is None:
                self._writer = threading.Thread(target=self._keep_writing, name="tracking", daemon=True)
                self._writer.start()
                atexit.register(self._finish)

    def _keep_writing(self) -> None:
        while not self._ending.wait(FLUSH_SECONDS):
            self.try_to_flush()

    def _finish(self) -> None:
        self._ending.set()
        self.try_to_flush()

    def try_to_flush(self) -> None:
        """Write what waits; what can't be written now stays for the next time."""
        try:
            self.buffer.flush()
        except Exception as problem:  # the database is away, or refuses: nothing is lost, the next turn tries again
            logs.get().warning("tracking.not_written", waiting=len(self.buffer), problem=type(problem).__name__)

    def _write(self, hits: Sequence[Hit]) -> None:
        scope = public("opens and clicks")
        with self._app.app_context(), transaction(scope):
            services.record_batch(scope, hits)


def _ascii(target: str) -> str:
    """Write an address so that a header can hold it; its parts were checked when the letter was compiled."""
    return "".join(letter if letter.isascii() and letter.isprintable() and letter != " " else _percent(letter) for letter in target)


def _percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "replace"))


def install(app: Flask) -> None:
    """Put the fast path in front of the app."""
    path = FastPath(app, app.wsgi_app)
    app.extensions["posthouse_tracking"] = path
    app.wsgi_app = path  # type: ignore[method-assign]

"""The double's HTTP server: threads of the standard library, the API under /v1, pages for people, control under /_double."""

from __future__ import annotations

import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from posthouse.billing.double.courier import RETRY_SECONDS, Courier
from posthouse.billing.double.house import Answer, House, Request, as_json
from posthouse.billing.double.pages import Page, show
from posthouse.billing.double.problems import Problem

MAX_BODY_BYTES = 1_000_000
IDLE_SECONDS = 30


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    house: House

    def version_string(self) -> str:
        return "nginx"

    def do_GET(self) -> None:
        self._work()

    def do_POST(self) -> None:
        self._work()

    def do_DELETE(self) -> None:
        self._work()

    def _work(self) -> None:
        where = urlsplit(self.path)
        body = self._body()
        if body is None:
            return
        if where.path[:3] in {"/c/", "/i/", "/p/"}:
            self._page(show(self.house, self.command, where.path, body))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._json(self.house.answer(Request(self.command, where.path, where.query, headers, body)))

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY_BYTES or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._json(Answer(413, Problem(413, "invalid_request_error", "Send a body of at most 1 MB with its Content-Length.").body()))
            return None
        return self.rfile.read(int(length))

    def _json(self, answer: Answer) -> None:
        request_id = "req_" + secrets.token_hex(7)
        self._send(answer.status, "application/json", as_json(answer), (("Request-Id", request_id), *answer.headers))

    def _page(self, page: Page) -> None:
        if page.location is not None:
            self._send(page.status, "text/html; charset=utf-8", b"", (("Location", page.location),))
            return
        self._send(page.status, "text/html; charset=utf-8", page.html.encode(), ())

    def _send(self, status: int, kind: str, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's word
        """Keep quiet: what was delivered and answered is read through the control addresses."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


class StripeDouble:
    """The whole double on one port; `with StripeDouble() as double:` runs it and stops it. Port 0 takes a free one."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, page: str | None = None, retry_seconds: tuple[float, ...] = RETRY_SECONDS
    ) -> None:
        handler = type("Handler", (_Handler,), {})
        self._server = _Server((host, port), handler)
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self.courier = Courier(retry_seconds=retry_seconds)
        self.house = House(page=page or self.url, courier=self.courier)
        handler.house = self.house  # type: ignore[attr-defined]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="stripe-double", daemon=True
        )

    def start(self) -> None:
        """Answer calls and deliver events from now on, in threads of this process."""
        self.courier.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and delivering."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.courier.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
